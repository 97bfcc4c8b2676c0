//! The shipped files, recognition, and what a user's file may say.

use std::collections::BTreeSet;

use super::*;

fn check(host: &str, greeting: &str, id: &str, capabilities: &str, prefix: &str, name: &str) {
    let id = [("name".to_owned(), id.to_owned())];
    let capabilities: Vec<&str> = capabilities.split_whitespace().collect();
    let facts = Facts { host, greeting, id: &id, capabilities: &capabilities, prefix };
    assert_eq!(recognised(&facts, &[]).name, name, "{greeting} {host}");
}

#[test]
fn servers_are_recognised_by_what_they_show() {
    check("imap.gmail.com", "", "", "", "", "gmail");
    check("10.0.0.1", "Gimap ready for requests from 192.0.2.1 a1mb2", "", "", "", "gmail");
    check("h", "hello", "", "IMAP4REV1 X-GM-EXT-1", "", "gmail");
    check("outlook.office365.com", "", "", "", "", "microsoft365");
    let online = "The Microsoft Exchange IMAP4 service is ready. [TABPADIAUAAyADYANQBDAEEAMAAwADcANAA=]";
    check("h", online, "", "", "", "microsoft365");
    check("h", "The Microsoft Exchange IMAP4 service is ready.", "", "", "", "exchange");
    check("h", "IMAP4rev1 imapgate-1.8.4_01.20231 imap407", "", "XYMHIGHESTMODSEQ", "", "yahoo");
    check("imap.mail.me.com", "", "", "", "", "icloud");
    check("h", "(2109B29-d3afe4d5aba6) pv33p00im-iscream021.me.com", "", "XAPPLEPUSHSERVICE", "", "icloud");
    check("h", "Dovecot ready.", "Dovecot", "IMAP4REV1 XAPPLEPUSHSERVICE", "", "dovecot");
    check("h", "mail.example.com Zimbra IMAP4rev1 server ready", "", "", "", "zimbra");
    check("h", "IMAP4rev1 proxy server ready", "Zimbra", "", "", "zimbra");
    check("h", "Dovecot ready.", "Dovecot", "", "", "dovecot");
    check("h", "Dovecot ready.", "Dovecot", "", "INBOX.", "cpanel");
    check("br12.hostgator.com.br", "Dovecot ready.", "Dovecot", "", "INBOX.", "hostgator_br");
    check("h", "Courier-IMAP ready. Copyright 1998-2022 Double Precision, Inc.", "", "", "INBOX.", "courier");
    check("h", "mail Cyrus IMAP 3.6.1-Debian server ready", "", "", "", "cyrus");
    check("h", "Stalwart IMAP4rev2 at your service.", "", "", "", "stalwart");
    check("email-ssl.com.br", "hi", "", "", "", "locaweb");
    check("imap.bol.com.br", "hi", "", "", "", "uol");
    check("imap.kinghost.net", "hi", "", "", "", "kinghost");
    check("imap.terra.com.br", "hi", "", "", "", "terra");
    check("notgmail.com", "hello", "something", "IMAP4REV1", "", "unknown");
}

#[test]
fn every_shipped_profile_can_be_read_and_says_why() {
    let mut names = BTreeSet::new();
    for profile in shipped() {
        assert!(names.insert(profile.name.clone()), "{} is there twice", profile.name);
        assert_eq!(named(&profile.name).as_ref(), Some(profile));
        let mut knobs = BTreeSet::new();
        for quirk in &profile.quirks {
            assert!(knobs.insert(quirk.knob.name()), "{}: {} twice", profile.name, quirk.knob.name());
            assert!(!quirk.server.is_empty() && quirk.deviation.len() > 10, "{quirk:?}");
        }
    }
    let unverified: Vec<&str> = shipped()
        .iter()
        .filter(|profile| profile.caution().is_some())
        .map(|profile| profile.name.as_str())
        .collect();
    let expected = ["locaweb", "uol", "kinghost", "hostgator_br", "terra", "titan", "zoho"];
    assert_eq!(unverified, expected);
}

#[test]
fn a_file_extends_a_shipped_one_and_its_own_knobs_go_before() {
    let text = "name = \"ours\"\ntitle = \"Our Gmail\"\nextends = \"gmail\"\n[[quirk]]\n\
        knob = \"connections_per_mailbox\"\nvalue = 3\ndeviation = \"d\"\nhandling = \"h\"\nsource = \"s\"\n";
    let profile = Profile::read(text).unwrap();
    assert_eq!(profile.settings.connections_per_mailbox, Some(3));
    assert_eq!(profile.settings.octets_down_per_day, Some(2_400_000_000));
    assert_eq!(profile.quirks.len(), named("gmail").unwrap().quirks.len());
    assert!(profile.settings.name_rules().refuses_spare_blanks);
    assert_eq!(profile.settings.name_rules().refused, ['^']);
}

#[test]
fn a_wrong_file_is_refused_with_what_is_wrong() {
    let quirk = |knob: &str, value: &str| {
        format!(
            "name = \"x\"\ntitle = \"X\"\n[[quirk]]\nknob = \"{knob}\"\nvalue = {value}\n\
             deviation = \"d\"\nhandling = \"h\"\nsource = \"s\"\n"
        )
    };
    for (text, words) in [
        ("name = ".to_owned(), "line 1"),
        ("name = \"x\"\ntitle = \"X\"\nhost = \"h\"\n".to_owned(), "line 3"),
        ("name = \"A b\"\ntitle = \"X\"\n".to_owned(), "small letters"),
        ("name = \"x\"\ntitle = \"X\"\nextends = \"nobody\"\n".to_owned(), "no shipped profile"),
        (quirk("conections", "1"), "there is no knob \"conections\""),
        (quirk("connections_per_mailbox", "0"), "cannot have the value"),
        (quirk("connections_per_mailbox", "\"two\""), "cannot have the value"),
        (quirk("command_octets", "100"), "cannot have the value"),
        (quirk("avoid_multiappend", "false"), "cannot have the value"),
        (quirk("latest_date", "\"2038-13-01\""), "cannot have the value"),
        (quirk("views", "[]"), "cannot have the value"),
        (quirk("views", "[\"\\\\All\"]").replace("source = \"s\"", "source = \"\""), "reason or source"),
        ("#".repeat(300_000), "more than"),
    ] {
        let error = Profile::read(&text).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn the_page_beside_the_files_names_every_knob_and_whether_it_is_acted_on() {
    let page = include_str!("../../profiles/README.md");
    for profile in shipped() {
        for Quirk { knob, .. } in &profile.quirks {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", knob.name())));
            let acted = if knob.is_acted_on() { "| yes |" } else { "| told |" };
            assert!(row.is_some_and(|row| row.ends_with(acted)), "{}: {row:?}", knob.name());
        }
    }
    assert_eq!(page.lines().filter(|line| line.starts_with("| `")).count(), knob::KNOBS.len());
    assert!(knob::KNOBS.iter().all(|(name, _)| page.contains(&format!("| `{name}` |"))));
}

#[test]
fn every_knob_is_read_back_by_its_name() {
    let every = [
        ("connections_per_host", "5", "5"),
        ("errors_per_connection", "8", "8"),
        ("message_octets", "10_000_000_000", "10000000000"),
        ("appends_per_second", "4", "4"),
        ("avoid_multiappend", "true", ""),
        ("distrust_condstore", "true", ""),
        ("latest_date", "\"2038-01-18\"", "2038-01-18"),
        ("flags_after_append", "[\"\\\\Flagged\", \"$x\"]", "\\Flagged, $x"),
    ];
    for (name, value, shown) in every {
        let value = toml::from_str::<toml::Table>(&format!("v = {value}")).unwrap()["v"].clone();
        let knob = Knob::read(name, &value).unwrap();
        assert_eq!((knob.name(), knob.value().as_str()), (name, shown));
    }
}
