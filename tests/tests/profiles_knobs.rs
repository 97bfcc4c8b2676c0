//! Knobs that change what a run does with messages, each against a server that needs it.
//! Never a knob that only bounds commands and connections: `profiles` has those.

use std::sync::Arc;

use acceptance::pair::{Pair, told};
use acceptance::play::pairs;
use acceptance::scripted::gmail::{self, Labelled};
use acceptance::scripted::{Act, Dialect, Letter, Script, When};
use anyhow::Result;
use malote_engine::event::Event;
use malote_engine::policy::Content;
use malote_engine::profile::{Profile, named};
use malote_engine::report::Status;

fn own(knob: &str, value: &str) -> Result<Option<Arc<Profile>>> {
    let text = format!(
        "name = \"own\"\ntitle = \"Own\"\n[[quirk]]\nknob = \"{knob}\"\nvalue = {value}\ndeviation = \"d\"\n\
         handling = \"h\"\nsource = \"s\"\n"
    );
    Ok(Some(Arc::new(Profile::read(&text)?)))
}

/// A destination that needs a knob, with the profile that turns it.
fn to(knob: &str, value: &str, destination: Script) -> Result<Pair> {
    let mut pair = Pair::of(Script::new(), destination)?;
    pair.migration.profiles.1 = own(knob, value)?;
    Ok(pair)
}

/// A source that needs a knob, with the profile that turns it.
fn from(knob: &str, value: &str, source: Script) -> Result<Pair> {
    let mut pair = Pair::of(source, Script::new())?;
    pair.migration.profiles.0 = own(knob, value)?;
    Ok(pair)
}

fn flags_there(pair: &Pair) -> Vec<String> {
    let sorted = |mut flags: Vec<String>| {
        flags.sort();
        flags.join(" ")
    };
    pair.there().messages().into_iter().map(|stored| sorted(stored.letter.flags)).collect()
}

#[tokio::test]
async fn a_flag_that_an_append_does_not_keep_is_set_afterwards() -> Result<()> {
    let forgets = When::verb("APPEND").containing(r"\Flagged");
    let destination = Script::new().rule(forgets, Act::Answer("NO [CANNOT] not with an APPEND".into()));
    let pair = to("flags_after_append", r#"["\\Flagged"]"#, destination)?;
    pair.deliver([Letter::simple("a").flagged(r"\Seen \Flagged"), Letter::simple("b")]);
    assert_eq!(told(&pair.copy().await?), "success: 2 copied");
    assert_eq!(flags_there(&pair), [r"\Flagged \Seen", ""]);
    assert_eq!(told(&pair.copy().await?), "success: 2 already");
    let uid = pair.there().messages()[0].uid;
    pair.there().set_flags(uid, r"\Seen");
    assert_eq!(told(&pair.copy().await?), "success: 2 already", "what its user took away is not put back");
    Ok(())
}

#[tokio::test]
async fn a_keyword_that_would_become_something_else_is_left_out_and_counted() -> Result<()> {
    let pair = to("unwanted_keywords", r#"["$MDNSent"]"#, Script::new())?;
    pair.deliver([Letter::simple("a").flagged(r"\Seen $mdnsent $Forwarded"), Letter::simple("b")]);
    let report = pair.copy().await?;
    assert_eq!(
        (told(&report).as_str(), report.dropped_flags.values().sum::<u64>()),
        ("success: 2 copied", 1)
    );
    assert_eq!(flags_there(&pair), [r"$Forwarded \Seen", ""]);
    let uid = pair.inbox().messages()[1].uid;
    pair.inbox().set_flags(uid, r"$MDNSent \Answered");
    pair.copy().await?;
    assert_eq!(flags_there(&pair)[1], r"\Answered");
    let uid = pair.there().messages()[0].uid;
    pair.there().set_flags(uid, r"\Seen $MDNSent");
    pair.copy().await?;
    assert_eq!(flags_there(&pair)[0], r"$MDNSent \Seen", "what its own user set is his");
    Ok(())
}

#[tokio::test]
async fn a_date_beyond_the_last_is_the_last_and_told() -> Result<()> {
    let refuse = When::verb("APPEND").containing("-2040 ");
    let destination = Script::new().rule(refuse, Act::Answer("NO [CANNOT] invalid date".into()));
    let pair = to("latest_date", "\"2038-01-18\"", destination)?;
    pair.deliver([Letter::simple("a").dated("17-Jul-2040 02:44:25 -0300"), Letter::simple("b")]);
    let report = pair.copy().await?;
    assert_eq!(told(&report), "success: 2 copied");
    assert!(report.warnings.iter().any(|warning| warning.contains("1 messages have a date")), "{report:#?}");
    let dates: Vec<String> =
        pair.there().messages().iter().map(|stored| format!("{:?}", stored.letter.date)).collect();
    assert!(dates[0].contains("18-Jan-2038 23:59:59 +0000") && dates[1].contains("17-Jul-2020"), "{dates:?}");
    Ok(())
}

#[tokio::test]
async fn a_message_without_a_last_line_end_gets_one_before_it_is_sent() -> Result<()> {
    let pair = Pair::of(Script::new(), Dialect::Yahoo.script())?;
    let open = |name: &str| {
        let mut letter = Letter::simple(name);
        letter.octets.truncate(letter.octets.len() - 2);
        letter
    };
    pair.deliver([Letter::simple("a"), open("b"), Letter::simple("c"), open("d")]);
    let report = pair.copy().await?;
    assert_eq!((told(&report).as_str(), report.repairs.len()), ("success: 4 copied", 2), "{report:#?}");
    assert_eq!(pair.destination.transcript().count("APPEND"), 4, "none was refused");
    let report = pair.migration.verify(Content::Full).await?;
    assert_eq!(report.status, Status::Success, "{:#?}", report.errors);
    Ok(())
}

#[tokio::test]
async fn what_the_destination_merges_is_counted_as_collapsed() -> Result<()> {
    let pair = Pair::of(Script::new(), Dialect::Gmail.script())?;
    let one = Letter::simple("a");
    pair.deliver([one.clone(), Letter::simple("b"), one.clone(), one]);
    let report = pair.copy().await?;
    assert_eq!(told(&report), "success: 2 copied, 2 collapsed", "{:#?}", report.errors);
    assert_eq!(told(&pair.copy().await?), "success: 2 already, 2 collapsed");
    assert_eq!(told(&pair.migration.verify(Content::Full).await?), "success: 2 already, 2 collapsed");
    let (mut pair, swallowed) = (Pair::of(Script::new(), Script::new())?, "OK [APPENDUID 1 1] thanks");
    pair.migration.profiles.1 = own("merges_duplicates", "true")?;
    let pair = Pair {
        destination: Script::new().rule(When::verb("APPEND"), Act::Answer(swallowed.into())).start()?,
        ..pair
    };
    let mut migration = pair.migration;
    migration.to = pair.destination.url("ana");
    pair.source.world().folder("INBOX").push(Letter::simple("a"));
    let report = migration.copy().await?;
    assert_ne!(report.status, Status::Success, "what has no equal there is lost, not merged");
    Ok(())
}

#[tokio::test]
async fn a_lost_connection_is_waited_for_longer_where_silence_means_too_fast() -> Result<()> {
    for (knob, is_long) in [("silence_is_throttle", true), ("avoid_multiappend", false)] {
        let drop = Act::EndBefore(Default::default());
        let mut pair = from(knob, "true", Script::new().rule(When::verb("UID FETCH").nth(1), drop))?;
        pair.migration.policy.connections = 1;
        pair.deliver([Letter::simple("a")]);
        assert_eq!(told(&pair.copy().await?), "success: 1 copied");
        let pauses: Vec<u64> = pair
            .migration
            .events()
            .iter()
            .filter_map(|event| match event {
                Event::Retrying { pause_ms, .. } => Some(*pause_ms),
                _ => None,
            })
            .collect();
        assert_eq!((pauses.len(), pauses[0] > 1_000), (1, is_long), "{pauses:?}");
    }
    Ok(())
}

#[tokio::test]
async fn views_and_folders_without_mail_are_left_out_unless_they_are_asked_for() -> Result<()> {
    let fill = |pair: &Pair| {
        let world = pair.source.world();
        let _ = world.folder("Shown").with_attributes(r"\Archive").holding([Letter::simple("a")]);
        let _ = world.folder("Calendário".replace('á', "&AOE-")).holding([Letter::simple("b")]);
        let _ = world.folder("Calendar work").holding([Letter::simple("c")]);
    };
    let pair = from("views", r#"["\\Archive"]"#, Script::new())?;
    fill(&pair);
    let report = pair.copy().await?;
    let names: Vec<&str> = pairs(&report).into_iter().map(|pair| pair.0).collect();
    assert_eq!(names, ["Calendar work", "Calendário", "INBOX"]);
    let mut pair = from("folders_without_mail", r#"["calendário", "Calendar"]"#, Script::new())?;
    fill(&pair);
    let report = pair.copy().await?;
    let names: Vec<&str> = pairs(&report).into_iter().map(|pair| pair.0).collect();
    assert_eq!(names, ["Calendar work", "INBOX", "Shown"]);
    assert!(report.warnings.iter().any(|warning| warning.contains("Calendário")), "{:#?}", report.warnings);
    pair.migration.policy.folders = vec!["Calendário".to_owned()];
    let report = pair.copy().await?;
    assert_eq!(pairs(&report), [("Calendário", "Calendário")]);
    pair.migration.policy.folders = Vec::new();
    let report = pair.copy().await?;
    assert_eq!(pairs(&report).len(), 4, "what was taken once is taken again");
    Ok(())
}

#[tokio::test]
async fn labels_are_folders_only_where_the_profile_says_so() -> Result<()> {
    let mut pair = Pair::of(Dialect::Gmail.script(), Script::new())?;
    pair.migration.profiles.0 = named("unknown");
    let mut mail = Labelled::new(pair.source.world());
    mail.deliver(Letter::simple("a"), &["INBOX", "Casa"]);
    let report = pair.copy().await?;
    assert_eq!(told(&report), "success: 2 copied");
    assert_eq!(pair.bodies_read(), 2, "nothing is known of their being one");
    assert!(!pairs(&report).iter().any(|(source, _)| *source == gmail::ALL));
    Ok(())
}
