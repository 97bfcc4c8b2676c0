//! Mailboxes of a given shape, the same octets on every machine; mixed ones have the sizes of real mail.
//! Never talks to a server: `fill` does.

use acceptance::mail::{Chance, internal_date};

/// Folders with their share of the messages, in percent.
pub const FOLDERS: [(&str, usize); 10] = [
    ("INBOX", 40),
    ("Sent", 20),
    ("Archive/2023", 10),
    ("Archive/2024", 10),
    ("Projetos/Ligbox", 5),
    ("Or&AOc-amentos", 4),
    ("Lixeira", 4),
    ("Notas &- Ideias", 3),
    ("Junk", 3),
    ("Drafts", 1),
];

const FIRST_DATE_S: u64 = 1_600_000_000;
const STEP_S: u64 = 5000;
/// Random octets that all bodies are cut from.
const BLOB_OCTETS: usize = 4 << 20;
/// A line of base64 with its line end.
const LINE_OCTETS: usize = 78;

/// How large the messages of a mailbox are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// 1 KiB each.
    Tiny,
    /// 4 KiB each.
    Small,
    /// Log-normal with a median of 6 KB, some of several megabytes.
    Mixed,
    /// 5 MB each.
    Large,
    /// So many octets each.
    Exactly(usize),
}

impl Shape {
    fn octets(self, chance: &mut Chance) -> usize {
        match self {
            Self::Tiny => 1024,
            Self::Small => 4096,
            Self::Mixed => (8.7 + 1.3 * normal(chance)).exp().min(6_000_000.0) as usize,
            Self::Large => 5_000_000,
            Self::Exactly(octets) => octets,
        }
    }
}

/// One message, and how it lies in its folder.
pub struct Letter {
    /// Modified UTF-7.
    pub folder: &'static str,
    /// As APPEND takes them, without parentheses.
    pub flags: String,
    /// As APPEND takes it, without quotes.
    pub date: String,
    /// The message.
    pub octets: Vec<u8>,
}

/// Writes letters for ever; the same ones for the same seed.
pub struct Writer {
    shape: Shape,
    is_one_folder: bool,
    chance: Chance,
    text: Vec<u8>,
    number: usize,
}

impl Writer {
    /// Begins at a seed; different seeds never write the same Message-ID.
    pub fn new(shape: Shape, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let text = base64_lines(&Chance::new(1).octets(BLOB_OCTETS));
        let _parted = chance.number();
        Self { shape, is_one_folder: false, chance, text, number: 0 }
    }

    /// Everything into INBOX.
    pub fn into_one_folder(self) -> Self {
        Self { is_one_folder: true, ..self }
    }

    /// The next letter.
    pub fn letter(&mut self) -> Letter {
        let (number, chance) = (self.number, &mut self.chance);
        self.number += 1;
        let size = self.shape.octets(chance);
        let mut octets = header(chance, number);
        let lines = self.text.len() / LINE_OCTETS;
        let mut at = chance.below(lines) * LINE_OCTETS;
        let mut left = size.saturating_sub(octets.len()).max(LINE_OCTETS);
        while left > 0 {
            let cut = left.min(self.text.len() - at);
            octets.extend_from_slice(&self.text[at..at + cut]);
            left -= cut;
            at = 0;
        }
        // The last line is cut anywhere; it still ends as lines do.
        let end = octets.len();
        octets[end - 2..].copy_from_slice(b"\r\n");
        let folder = if self.is_one_folder { FOLDERS[0].0 } else { folder(chance) };
        let date = internal_date(FIRST_DATE_S + number as u64 * STEP_S);
        Letter { folder, flags: flags(chance), date, octets }
    }
}

fn header(chance: &mut Chance, number: usize) -> Vec<u8> {
    let (person, key) = (number % 97, chance.number());
    format!(
        "Return-Path: <a{person}@example.net>\r\n\
         Received: from mx1.example.net (mx1.example.net [192.0.2.{person}])\r\n\
         \tby mail.example.com (Postfix) with ESMTPS id {key:016X}\r\n\
         \tfor <u1@example.com>; Sun, 13 Sep 2020 12:26:41 +0000 (UTC)\r\n\
         Message-ID: <{number}.{key:x}@example.net>\r\nDate: Sun, 13 Sep 2020 12:26:40 +0000\r\n\
         From: Pessoa {person} <a{person}@example.net>\r\nTo: u1@example.com\r\n\
         Subject: =?utf-8?q?Reuni=C3=A3o_{number}?=\r\nMIME-Version: 1.0\r\n\
         Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    .into_bytes()
}

fn base64_lines(octets: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::with_capacity(octets.len() / 3 * 4);
    for line in octets.chunks_exact(57) {
        for three in line.chunks_exact(3) {
            let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
            text.extend([18, 12, 6, 0].map(|shift| ALPHABET[(bits >> shift & 63) as usize]));
        }
        text.extend_from_slice(b"\r\n");
    }
    text
}

fn folder(chance: &mut Chance) -> &'static str {
    let mut left = chance.below(FOLDERS.iter().map(|(_, share)| share).sum());
    for (name, share) in FOLDERS {
        if left < share {
            return name;
        }
        left -= share;
    }
    FOLDERS[0].0
}

fn flags(chance: &mut Chance) -> String {
    let drawn = [("\\Seen", 80), ("\\Answered", 20), ("\\Flagged", 5), ("$Forwarded", 5)];
    let kept: Vec<&str> =
        drawn.iter().filter(|(_, of)| chance.below(100) < *of).map(|(flag, _)| *flag).collect();
    kept.join(" ")
}

/// A normal deviate, by the sum of twelve uniform ones.
fn normal(chance: &mut Chance) -> f64 {
    (0..12).map(|_| chance.below(1_000_000) as f64 / 1e6).sum::<f64>() - 6.0
}
