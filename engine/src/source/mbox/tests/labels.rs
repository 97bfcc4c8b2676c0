//! Files with Gmail's labels: when they are Takeout's, and what becomes of each label.
//! Never loses a message over the question whether a file is one.

use super::*;

fn message(number: u32, labels: Option<&str>) -> String {
    let labels =
        labels.map_or(String::new(), |labels| format!("X-GM-THRID: {number}\nX-Gmail-Labels: {labels}\n"));
    format!("From {number}@xxx Mon Jul 01 10:00:00 +0000 2024\n{labels}Subject: {number}\n\nx\n\n")
}

/// Folder and flags of each message, folder by folder.
fn folders(text: &str) -> Vec<(String, Vec<Told>)> {
    let (_folder, mut archive) = archive(text, None);
    let contents = archive.survey().unwrap();
    let told = |one: &Folder| (one.path.to_string(), told(archive.open(one).unwrap().as_mut()));
    contents.folders.iter().map(told).collect()
}

fn named(text: &str) -> Vec<(String, usize)> {
    folders(text).into_iter().map(|(name, messages)| (name, messages.len())).collect()
}

#[test]
fn a_long_header_before_the_first_labels_loses_no_message() {
    let report = format!("X-Spam-Report: {}\n", vec!["x".repeat(70); 1000].join("\n "));
    let first = format!("From a@x {DATE}\n{report}X-Gmail-Labels: Inbox\nSubject: 1\n\nx\n\n");
    let text = format!("{first}{}", (2..=5).map(|number| message(number, None)).collect::<String>());
    assert_eq!(named(&text), [("Mail".to_owned(), 5)]);
}

#[test]
fn a_takeout_file_is_one_whose_messages_mostly_have_labels() {
    let text =
        format!("{}{}{}", message(1, None), message(2, Some("Kunden,Unread")), message(3, Some("Kunden")));
    assert_eq!(named(&text), [("Archive".to_owned(), 1), ("Kunden".to_owned(), 2)]);
    assert_eq!(folders(&text)[0].1[0].1, "", "no label says that it was read");
}

#[test]
fn a_senders_labels_are_nothing_but_text() {
    let rest = (2..=4).map(|number| message(number, None)).collect::<String>();
    let all = folders(&format!("{}{rest}", message(1, Some("Spam"))));
    assert_eq!(all[0].0, "Mail");
    assert_eq!(all[0].1.len(), 4);
    assert!(all[0].1[0].0.contains("X-Gmail-Labels: Spam\r\n"), "{:?}", all[0].1[0]);
    assert!(all[0].1.iter().all(|one| one.1.is_empty()), "{all:?}");
}

#[test]
fn a_comma_within_quotes_parts_no_label() {
    let text = message(1, Some("\"Smith, John\",Opened,\"a \"\"b\"\"\"")).repeat(2);
    assert_eq!(named(&text), [("Smith, John".to_owned(), 2)]);
}

#[test]
fn a_folder_that_was_listed_and_is_not_found_again_is_no_empty_one() {
    let text = format!("{}{}", message(1, Some("Kunden")), message(2, Some("Kunden")));
    let (folder, mut archive) = archive(&text, None);
    let contents = archive.survey().unwrap();
    write(&folder.path().join("Mail.mbox"), text.replace("Kunden", "Other").as_bytes());
    assert!(archive.open(&contents.folders[0]).is_err());
}
