//! Times the pure parts that every message passes: scanning answers, recognising messages, arithmetic of UIDs.
//! Never opens a socket or a file.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use malote_engine::imap::response::answer;
use malote_engine::imap::split::{Splitter, Step};
use malote_engine::plan::flags::{FlagPolicy, merge};
use malote_engine::plan::identity;
use malote_engine::plan::matching::{Outline, by_header};
use malote_engine::plan::message::{Flags, Uid};
use malote_engine::plan::record::HeaderKey;
use malote_engine::plan::uid_set::UidSet;

/// Rows of the largest mailbox that anything here is held against.
const ROWS: u32 = 1_000_000;
/// What one read from a socket brings.
const READ_OCTETS: usize = 64 * 1024;

fn main() {
    divan::main();
}

/// Answers to a FETCH of metadata, as a census asks for it.
fn metadata(messages: u32) -> Vec<u8> {
    let line = |number: u32| {
        format!(
            "* {number} FETCH (UID {} FLAGS (\\Seen $Forwarded) INTERNALDATE \"13-Sep-2020 12:26:40 +0000\" \
             RFC822.SIZE {} MODSEQ ({number}))\r\n",
            number + 7,
            4000 + number
        )
    };
    (1..=messages).flat_map(|number| line(number).into_bytes()).collect()
}

/// Answers to a FETCH of bodies of so many octets each.
fn bodies(messages: u32, octets: usize) -> Vec<u8> {
    let mut text = Vec::new();
    for number in 1..=messages {
        text.extend(
            format!("* {number} FETCH (UID {number} FLAGS (\\Seen) BODY[] {{{octets}}}\r\n").into_bytes(),
        );
        text.extend(message(octets));
        text.extend_from_slice(b")\r\n");
    }
    text
}

/// A message of about so many octets, in lines of 78.
fn message(octets: usize) -> Vec<u8> {
    let mut text = b"Return-Path: <a@example.net>\r\nReceived: from mx1.example.net by mail.example.com\r\n\
        \twith ESMTPS id 0123456789; Sun, 13 Sep 2020 12:26:41 +0000 (UTC)\r\nMessage-ID: <1.2@example.net>\r\n\
        Date: Sun, 13 Sep 2020 12:26:40 +0000\r\nFrom: Pessoa <a@example.net>\r\nTo: u1@example.com\r\n\
        Subject: =?utf-8?q?Reuni=C3=A3o?=\r\nMIME-Version: 1.0\r\n\r\n"
        .to_vec();
    let line = [&[b'x'; 76][..], b"\r\n"].concat();
    text.extend(line.iter().cycle().take(octets.saturating_sub(text.len())));
    text.truncate(octets);
    text
}

/// Reads everything as a connection does: in pieces as they come from a socket.
fn scan(octets: &[u8], offers_literals: bool) -> usize {
    let (mut splitter, mut answers) = (Splitter::default(), 0);
    splitter.offer_literals(offers_literals);
    for piece in octets.chunks(READ_OCTETS) {
        splitter.push(piece);
        loop {
            match splitter.step().expect("the answers are well-formed") {
                Step::Response(response) => {
                    black_box(answer(&response));
                    answers += 1;
                }
                Step::Offered(_) => splitter.stream(),
                Step::NeedMore => {
                    while let Some(chunk) = splitter.chunk() {
                        black_box(chunk);
                    }
                    break;
                }
            }
            while let Some(chunk) = splitter.chunk() {
                black_box(chunk);
            }
        }
    }
    answers
}

#[divan::bench]
fn scan_metadata_of_10_000_messages(bencher: Bencher) {
    let octets = metadata(10_000);
    bencher.counter(ItemsCount::new(10_000_u32)).bench(|| scan(black_box(&octets), false));
}

#[divan::bench(args = [(2_000, 4_096), (1_000, 65_536), (10, 5_000_000)])]
fn scan_bodies(bencher: Bencher, (messages, octets): (u32, usize)) {
    let octets = bodies(messages, octets);
    bencher.counter(BytesCount::new(octets.len())).bench(|| scan(black_box(&octets), true));
}

#[divan::bench(args = [4_096, 65_536, 5_000_000])]
fn recognise_a_message(bencher: Bencher, octets: usize) {
    let message = message(octets);
    bencher.counter(BytesCount::new(octets)).bench(|| {
        let mut hasher = identity::Hasher::new();
        black_box(&message).chunks(READ_OCTETS).for_each(|chunk| hasher.update(chunk));
        hasher.finish()
    });
}

#[divan::bench]
fn recognise_a_header(bencher: Bencher) {
    let message = message(1_024);
    bencher.counter(BytesCount::new(message.len())).bench(|| identity::header_keys(black_box(&message)));
}

fn uids(numbers: impl Iterator<Item = u32>) -> UidSet {
    numbers.filter_map(Uid::new).collect()
}

/// A folder in which one message of a hundred is new and one in five hundred is gone.
fn listed_and_recorded(step: u32) -> (UidSet, UidSet) {
    let listed = uids((1..=ROWS).map(|row| row * step).filter(|uid| uid % 500 != 0));
    let recorded = uids((1..=ROWS - ROWS / 100).map(|row| row * step));
    (listed, recorded)
}

/// What is new and what is gone. With a step of 2 no two UIDs are neighbours: the worst that ranges can meet.
#[divan::bench(args = [1, 2])]
fn delta_over_1_000_000_rows(bencher: Bencher, step: u32) {
    let (listed, recorded) = listed_and_recorded(step);
    bencher.counter(ItemsCount::new(ROWS)).bench(|| {
        let new = black_box(&listed).difference(black_box(&recorded));
        let gone = recorded.difference(&listed);
        (new.len(), gone.len())
    });
}

#[divan::bench(args = [1, 2])]
fn gather_1_000_000_uids(bencher: Bencher, step: u32) {
    bencher.counter(ItemsCount::new(ROWS)).bench(|| uids((1..=ROWS).map(|row| black_box(row) * step)));
}

#[divan::bench]
fn cut_1_000_000_scattered_uids_into_commands(bencher: Bencher) {
    let scattered = uids((1..=ROWS).map(|row| row * 2));
    bencher.counter(ItemsCount::new(ROWS)).bench(|| black_box(&scattered).chunks(2_000, 4_000));
}

#[divan::bench(sample_count = 5)]
fn merge_flags_of_1_000_000_rows(bencher: Bencher) {
    let (base, source) = (Flags::parse("\\Seen $Forwarded"), Flags::parse("\\Seen \\Flagged $Forwarded"));
    bencher.counter(ItemsCount::new(ROWS)).bench(|| {
        for _ in 0..ROWS {
            black_box(merge(black_box(&base), black_box(&source), black_box(&base), FlagPolicy::Merge));
        }
    });
}

/// A lost ledger: every message is found again by its header.
#[divan::bench(sample_count = 5, args = [2_000, 200_000])]
fn adopt_by_headers(bencher: Bencher, messages: u32) {
    let outlines = |above: u32| -> Vec<Outline> {
        let outline = |number: u32| {
            let mut key = [0; 16];
            key[..4].copy_from_slice(&number.wrapping_mul(0x9E37_79B9).to_be_bytes());
            Some(Outline {
                uid: Uid::new(number + above)?,
                strong: Some(HeaderKey(key)),
                loose: None,
                octets: u64::from(number),
                internal_unix_seconds: Some(i64::from(number)),
            })
        };
        (1..=messages).filter_map(outline).collect()
    };
    let (wanted, present) = (outlines(0), outlines(7));
    bencher.counter(ItemsCount::new(messages)).bench(|| by_header(black_box(&wanted), black_box(&present)));
}
