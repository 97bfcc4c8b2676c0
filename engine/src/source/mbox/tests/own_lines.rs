//! Which header lines are the file's own and which the message's, whoever wrote them.
//! Never lets a sender's line hide a message or go missing.

use super::*;

fn told_of(text: &str) -> Vec<Told> {
    let (_folder, mut archive) = archive(text, None);
    told(shelf_of(&mut archive, 0).as_mut())
}

fn separated(header: &str) -> String {
    format!("From - {DATE}\n{header}\nx\n\n")
}

#[test]
fn a_sender_can_neither_hide_a_message_nor_mark_it_deleted() {
    for lines in [
        "X-Mozilla-Status: 0009\n",
        "X-Mozilla-Status: 0008\n",
        "Status: RD\n",
        "X-Status: D\n",
        "X-UID: 7\n",
        "X-IMAP: 1720000000 0000000004\nSubject: DON'T TOUCH THIS MESSAGE -- FOLDER INTERNAL DATA\n",
    ] {
        let plain = separated("Subject: a\nTo: b\n");
        let text = format!("{plain}{}{plain}", separated(&format!("A: 1\n{lines}B: 2\n")));
        let messages = told_of(&text);
        assert_eq!(messages.len(), 3, "{lines}");
        let expected = format!("A: 1\r\n{}B: 2\r\n\r\nx\r\n", lines.replace('\n', "\r\n"));
        assert_eq!(messages[1].0, expected);
        assert!(!messages[1].2 && !messages[1].1.contains("Deleted"), "{lines}: {:?}", messages[1]);
    }
}

#[test]
fn lines_that_readers_put_at_the_end_of_every_header_are_theirs() {
    // mutt, UW-imap and Dovecot write their lines before the blank line.
    let one = |number: u32, status: &str| separated(&format!("Subject: {number}\n{status}X-UID: {number}\n"));
    let text =
        [one(1, "Status: RO\nX-Status: AD\n"), one(2, "Status: O\nX-Keywords: k\n"), one(3, "")].concat();
    let messages = told_of(&text);
    let flags: Vec<&str> = messages.iter().map(|one| one.1.as_str()).collect();
    assert_eq!(flags, ["\\Answered \\Seen", "k", ""]);
    assert!(messages.iter().all(|one| one.0.ends_with("\r\n\r\nx\r\n") && one.0.lines().count() == 3));
}

#[test]
fn a_senders_last_line_stays_where_the_file_has_none_of_its_kind() {
    let plain = separated("Subject: a\n");
    let messages = told_of(&format!("{plain}{}{plain}", separated("Subject: b\nStatus: RD\n")));
    assert_eq!(messages[1].0, "Subject: b\r\nStatus: RD\r\n\r\nx\r\n");
    assert!(!messages[1].1.contains("Deleted"));
}

#[test]
fn thunderbirds_own_lines_may_follow_its_accounts() {
    let lines = "X-Account-Key: account2\nX-UIDL: 5\nX-Mozilla-Status: 0009\nX-Mozilla-Status2: 00000000\n";
    let messages = told_of(&separated(&format!("{lines}Subject: a\n")));
    assert!(messages[0].2, "its user deleted it");
}

#[test]
fn behind_malotes_own_lines_all_is_the_messages() {
    let own = format!("Status: O \nX-Status:     \nX-Keywords: {:160}\n", "k");
    let message = "Status: RO\nX-Mozilla-Status: 0009\nSubject: a\nX-UID: 3\n";
    let messages = told_of(&separated(&format!("{own}{message}")));
    let expected = format!("{}\r\nx\r\n", message.replace('\n', "\r\n"));
    assert_eq!(messages[0], (expected, "k".to_owned(), false));
    let quoted = told_of(&separated(&format!("{own}>From a@x\n>>From b@x\nSubject: a\n")));
    assert_eq!(
        quoted[0].0, "From a@x\r\n>From b@x\r\nSubject: a\r\n\r\nx\r\n",
        "Malote quotes in headers too"
    );
    let folded = told_of(&separated(&format!("{own} odd\nSubject: a\n")));
    assert_eq!(folded[0].0, " odd\r\nSubject: a\r\n\r\nx\r\n");
}

#[test]
fn the_counters_of_uw_imap_are_left_out_where_they_stand_and_nowhere_else() {
    let note = "From MAILER-DAEMON Mon Jul  1 10:00:00 2024\nDate: 1 Jul 2024 10:00:00 +0000\n\
                From: Mail System Internal Data <MAILER-DAEMON@x>\n\
                Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n\
                X-IMAP: 1720000000 0000000004\nStatus: RO\n\n\
                This text is part of the internal format of your mail folder, and is not\na real message.\n\n";
    let plain = separated("Subject: a\n");
    let left_out = |text: &str| told_of(text).into_iter().map(|one| one.2).collect::<Vec<_>>();
    assert_eq!(left_out(&format!("{note}{plain}")), [true, false]);
    assert_eq!(left_out(&format!("{plain}{note}")), [false, false]);
    assert_eq!(left_out(&note.replace("This text is part", "Pay at once")), [false]);
}

#[test]
fn a_line_too_long_to_be_looked_at_whole_is_the_messages() {
    let long = format!("Status: {}!\nSubject: a\n", "R".repeat(70_000));
    let (messages, ..) = read(&separated(&long));
    assert_eq!(messages[0], format!("{}\r\nx\r\n", long.replace('\n', "\r\n")));
}

#[test]
fn a_senders_length_says_nothing_of_what_malote_wrote() {
    let malotes = format!("From MAILER-DAEMON {DATE}\nStatus: O \nX-Status:     \nX-Keywords: {:160}\n", "");
    let quoting = format!("{malotes}A: 1\nContent-Length: 9\n\n>>From y\n\n");
    let next = format!("{malotes}A: 2\nContent-Length: 2\n\nz\n\n");
    // Its own length, one that takes the next message for its text, and one that goes on beyond the file's end.
    for length in [2, 2 + next.len(), 9_999] {
        let long = format!("{malotes}Content-Length: {length}\nA: 3\n\nx\n\n");
        let expected = [
            "A: 1\r\nContent-Length: 9\r\n\r\n>From y\r\n",
            &format!("Content-Length: {length}\r\nA: 3\r\n\r\nx\r\n"),
            "A: 2\r\nContent-Length: 2\r\n\r\nz\r\n",
        ];
        check(&format!("{quoting}{long}{next}"), &expected, "mboxrd");
        check(&format!("{quoting}{long}{next}").repeat(6), &expected.repeat(6), "mboxrd");
    }
}
