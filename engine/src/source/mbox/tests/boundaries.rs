//! Where messages begin and end, in the forms that programs write and texts that look like them.
//! Never a form that no program writes.

use super::*;

fn header(number: u32) -> String {
    format!("Message-ID: <{number}@x>\nDate: Mon, 1 Jul 2024 10:00:00 +0000\nSubject: {number}\n")
}

#[test]
fn separators_without_a_date_of_asctime_part_messages() {
    for separator in [
        "From user@x.example",
        "From user@x.example Mon, 1 Jul 2024 10:00:00 +0000",
        "From user@x.example 1 Jul 2024 10:00:00 GMT",
        "From user@x.example 2024-07-01 10:00:00",
        "From user@x.example 2024-07-01T10:00:00Z",
        "From user@x.example Mo Okt  7 10:00:00 2024",
        "From root",
        "From Ana Lima <ana@x.example>",
    ] {
        let one = |number| format!("{separator}\n{}\nbody {number}\n\n", header(number));
        let (messages, _, damage) = read(&(1..=5).map(one).collect::<String>());
        assert_eq!(messages.len(), 5, "{separator}");
        assert!(messages[4].ends_with("body 5\r\n"), "{separator}: {}", messages[4]);
        assert_eq!(damage, "", "{separator}");
    }
}

#[test]
fn an_address_behind_a_blank_line_and_before_a_header_is_a_separator_in_any_file() {
    let text = format!("From a@x {DATE}\n{}\nx\n\nFrom b@x\n{}\ny\n\n", header(1), header(2));
    assert_eq!(read(&text).0.len(), 2);
}

#[test]
fn text_that_begins_like_a_separator_stays_text() {
    for line in [
        "From Lisbon we leave on Monday Jul 1 10:00 2024 sharp, and",
        "From Lisbon we leave on Monday Jul 1 10:00 2024",
        "From our site",
        "From bob@x.example",
        "From root",
    ] {
        let text = format!("From a@x {DATE}\n{}\nDear all,\n\n{line}\nhttp://x.example\n\n", header(1));
        let (messages, remarks, damage) = read(&text);
        assert_eq!(messages.len(), 1, "{line}");
        assert!(remarks.contains("taken for text"), "{remarks}");
        assert_eq!(damage, "", "{line}");
    }
}

#[test]
fn what_may_be_a_separator_and_is_not_taken_for_one_is_damage() {
    let text = format!("From a@x {DATE}\n{}\nx\n\nFrom the archive\n{}\ny\n\n", header(1), header(2));
    let (messages, _, damage) = read(&text);
    assert_eq!(messages.len(), 1);
    assert!(damage.contains("Mail.mbox") && damage.contains("octet 104"), "{damage}");
}

#[test]
fn a_separator_with_no_header_behind_it_is_told() {
    let (messages, _, damage) = read(&format!("From a {DATE}\nA: 1\n\n\nFrom a {DATE}\n\0\0\0\0\n\n"));
    assert_eq!(messages.len(), 2);
    assert!(damage.contains("no header"), "{damage}");
}

#[test]
fn a_date_ends_its_line_but_for_what_programs_put_behind_it() {
    for behind in ["", " +0200", " CEST", " remote from host"] {
        let one = format!("From a@x {DATE}{behind}\nA: 1\n\nx\n\n");
        assert_eq!(read(&one.repeat(3)).0.len(), 3, "{behind}");
    }
}

#[test]
fn quoting_is_undone_only_where_nothing_proves_that_there_is_none() {
    let one = |body: &str, length: bool| {
        let length = if length { format!("Content-Length: {}\n", body.len()) } else { String::new() };
        format!("From a@x {DATE}\n{}{length}\n{body}\n", header(1))
    };
    for has_length in [true, false] {
        let bodies = ["Hi,\n\nFrom now on\n", "You wrote:\n>From now on\nFine.\n", "x\n"];
        let text: String = bodies.iter().map(|body| one(body, has_length)).collect();
        let (messages, remarks, _) = read(&text);
        assert_eq!(messages.len(), 3, "{has_length}");
        assert!(messages[1].contains("\r\n>From now on\r\n"), "{has_length}: {}", messages[1]);
        assert!(!has_length || remarks.contains("mboxcl2"), "{remarks}");
        assert!(has_length || remarks.contains("is left as it stands"), "{remarks}");
    }
}

#[test]
fn bare_lines_within_paragraphs_prove_nothing_of_those_behind_blank_lines() {
    // mail.local quotes behind a blank line alone.
    let one = |number, body: &str| format!("From a@x {DATE}\n{}\n{body}\n", header(number));
    let bodies = ["Hi,\n\n>From now on\n", "we went\nFrom Lisbon\n", "You wrote:\n>From now on\n"];
    let text: String = (1..).zip(bodies).map(|(number, body)| one(number, body)).collect();
    let (messages, remarks, damage) = read(&text);
    assert!(messages[0].ends_with("\r\n\r\nFrom now on\r\n"), "{}", messages[0]);
    assert!(messages[2].ends_with("\r\n>From now on\r\n"), "{}", messages[2]);
    assert!(remarks.contains("lines within a paragraph begin with `>From `"), "{remarks}");
    assert_eq!(damage, "");
    let (messages, remarks, _) = read(&text[..text.find("You wrote").unwrap()]);
    assert!(messages[0].ends_with("\r\n\r\nFrom now on\r\n"), "{}", messages[0]);
    assert!(!remarks.contains("left as it stands"), "{remarks}");
}

#[test]
fn what_malote_wrote_is_unquoted_whatever_others_leave_bare() {
    let flags = format!("Status: O \nX-Status:     \nX-Keywords: {:160}\n", "");
    let own = format!("From MAILER-DAEMON {DATE}\n{flags}{}\nx\n>From y\n\n>From z\n\n", header(1));
    let other = format!("From a@x {DATE}\n{}\nHi,\n\nFrom now on\n\n", header(2));
    let (messages, _, _) = read(&format!("{own}{other}"));
    assert!(messages[0].ends_with("x\r\nFrom y\r\n\r\nFrom z\r\n"), "{}", messages[0]);
}
