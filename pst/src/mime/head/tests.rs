//! Tests of header fields: folding, encoding, quoting, and what must not pass.
//! Never looks at a whole message.

use super::*;

fn field(name: &str, value: &str) -> String {
    let mut out = Vec::new();
    text(&mut out, name, value);
    String::from_utf8(out).expect("headers are ASCII")
}

fn parameter(value: &str, is_for_old: bool) -> String {
    let mut out = Vec::new();
    let mut field = Field::begin(&mut out, "Content-Disposition");
    field.word("attachment");
    field.parameter("filename", value, is_for_old);
    field.end();
    String::from_utf8(out).expect("headers are ASCII")
}

#[test]
fn free_text_is_sent_plain_where_it_is_safe() {
    for (value, expected) in [
        ("hello", "Subject: hello\r\n"),
        ("", "Subject: \r\n"),
        ("a  b", "Subject: a  b\r\n"),
        ("café de Sol", "Subject: =?utf-8?Q?caf=C3=A9_de_Sol?=\r\n"),
        (" lead", "Subject: =?utf-8?Q?_lead?=\r\n"),
        ("=?utf-8?Q?x?=", "Subject: =?utf-8?B?PT91dGYtOD9RP3g/PQ==?=\r\n"),
        ("a\r\nBcc: x@y\0", "Subject: =?utf-8?Q?a_Bcc=3A_x=40y_?=\r\n"),
        ("日本語", "Subject: =?utf-8?B?5pel5pys6Kqe?=\r\n"),
    ] {
        assert_eq!(field("Subject", value), expected, "{value:?}");
    }
}

#[test]
fn long_values_fold_before_the_limit() {
    for value in ["word ".repeat(400) + "end", "é".repeat(3_000), "x".repeat(5_000), "日".repeat(999)] {
        let text = field("Subject", &value);
        assert!(text.split("\r\n").all(|line| line.len() <= 78), "{text}");
    }
    let text = field("X-Very-Long-Name-That-Leaves-No-Room-For-An-Encoded-Word-Of-Any-Length-At-All", "é");
    assert!(text.ends_with("\r\n =?utf-8?B?w6k=?=\r\n"), "{text}");
}

#[test]
fn mailboxes_are_quoted_encoded_and_folded() {
    let mailbox = |name: &'static str| Mailbox {
        name: Cow::Borrowed(name),
        address: Cow::Borrowed("ana@exemplo.pt"),
        is_encapsulated: false,
    };
    for (name, expected) in [
        ("Ana Gomes", "To: Ana Gomes <ana@exemplo.pt>\r\n"),
        ("Gomes, Ana", "To: \"Gomes, Ana\" <ana@exemplo.pt>\r\n"),
        ("A \"q\" \\", "To: \"A \\\"q\\\" \\\\\" <ana@exemplo.pt>\r\n"),
        ("Ana Gonçalves", "To: =?utf-8?Q?Ana_Gon=C3=A7alves?= <ana@exemplo.pt>\r\n"),
        ("", "To: ana@exemplo.pt\r\n"),
        (" Ana\t", "To: Ana <ana@exemplo.pt>\r\n"),
        ("\u{A0}Ana", "To: =?utf-8?B?wqBBbmE=?= <ana@exemplo.pt>\r\n"),
        ("\u{A0}", "To: ana@exemplo.pt\r\n"),
        ("'ana@exemplo.pt'", "To: ana@exemplo.pt\r\n"),
        ("x\r\nBcc: y", "To: \"x Bcc: y\" <ana@exemplo.pt>\r\n"),
    ] {
        let mut out = Vec::new();
        mailboxes(&mut out, "To", [&mailbox(name)]);
        assert_eq!(String::from_utf8_lossy(&out), expected, "{name:?}");
    }
    let many = vec![mailbox("Ana Gomes"); 650];
    let mut out = Vec::new();
    mailboxes(&mut out, "To", &many);
    let text = String::from_utf8_lossy(&out);
    assert!(text.split("\r\n").all(|line| line.len() <= 78), "{text}");
    assert_eq!(text.matches("ana@exemplo.pt").count(), 650);
}

#[test]
fn names_of_files_travel_in_any_script() {
    for (value, expected) in [
        ("a b.txt", "Content-Disposition: attachment; filename=\"a b.txt\"\r\n"),
        ("ação.txt", "Content-Disposition: attachment; filename*=utf-8''a%C3%A7%C3%A3o.txt\r\n"),
    ] {
        assert_eq!(parameter(value, false), expected, "{value:?}");
    }
    assert_eq!(
        parameter("ç", true),
        "Content-Disposition: attachment;\r\n filename=\"=?utf-8?B?w6c=?=\"\r\n"
    );
    let long = parameter(&"日本".repeat(60), false);
    assert!(
        long.contains("filename*0*=utf-8''") && long.split("\r\n").all(|line| line.len() <= 78),
        "{long}"
    );
    let long = parameter(&"日本".repeat(60), true);
    assert!(long.split("\r\n").all(|line| line.len() <= 78), "{long}");
}
