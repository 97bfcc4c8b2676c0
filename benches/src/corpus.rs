//! A mailbox with the sizes of real ones: log-normal, median 6 KB, some attachments of megabytes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use acceptance::mail::{Chance, internal_date};
use anyhow::{Context as _, Result, ensure};

use crate::rivals::PASSWORD;

/// Folders with their share of the messages.
const FOLDERS: [(&str, usize); 10] = [
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

/// Appends in flight while filling.
const IN_FLIGHT_MAX: usize = 20;

/// One line in a synchronous conversation.
struct Wire {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Wire {
    fn login(port: u16, user: &str) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let mut wire = Self { lines: BufReader::new(stream.try_clone()?), stream };
        wire.line()?;
        wire.command(&format!("LOGIN {user} {PASSWORD}"))?;
        Ok(wire)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        self.lines.read_until(b'\n', &mut line)?;
        ensure!(!line.is_empty(), "the server closed the connection");
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// Sends a command and returns its untagged lines.
    fn command(&mut self, text: &str) -> Result<Vec<String>> {
        write!(self.stream, "a {text}\r\n")?;
        let mut untagged = Vec::new();
        loop {
            let line = self.line()?;
            if line.starts_with("a ") {
                ensure!(line.starts_with("a OK"), "{text}: {line}");
                return Ok(untagged);
            }
            untagged.push(line);
        }
    }

    fn append_answer(&mut self) -> Result<()> {
        loop {
            let line = self.line()?;
            if line.starts_with("c ") {
                ensure!(line.starts_with("c OK"), "APPEND: {line}");
                return Ok(());
            }
        }
    }
}

/// Fills an account with `messages` messages and returns their octets.
pub fn fill(port: u16, user: &str, messages: usize) -> Result<u64> {
    let mut wire = Wire::login(port, user)?;
    for (folder, _) in FOLDERS.iter().skip(1) {
        // The server may have made it by itself.
        let _made = wire.command(&format!("CREATE \"{folder}\""));
    }
    let (mut chance, mut octets, mut in_flight) = (Chance::new(1), 0, 0);
    let blob = chance.octets(4 << 20);
    for number in 0..messages {
        let message = message(&mut chance, number, &blob);
        octets += message.len() as u64;
        let (folder, date) = (folder(&mut chance), internal_date(1_600_000_000 + number as u64 * 5000));
        let flags = flags(&mut chance);
        let length = message.len();
        write!(wire.stream, "c APPEND \"{folder}\" ({flags}) \"{date}\" {{{length}+}}\r\n")?;
        wire.stream.write_all(&message)?;
        wire.stream.write_all(b"\r\n")?;
        in_flight += 1;
        while in_flight > IN_FLIGHT_MAX {
            wire.append_answer()?;
            in_flight -= 1;
        }
    }
    for _ in 0..in_flight {
        wire.append_answer()?;
    }
    Ok(octets)
}

/// The number of messages in all folders of an account.
pub fn count(port: u16, user: &str) -> Result<usize> {
    let mut wire = Wire::login(port, user)?;
    let mut total = 0;
    for line in wire.command("LIST \"\" *")? {
        if line.to_ascii_lowercase().contains("\\noselect") {
            continue;
        }
        let name = line.trim_end().rsplit_once("\"/\" ").context("LIST with another separator")?.1.to_owned();
        for status in wire.command(&format!("STATUS {name} (MESSAGES)"))? {
            let number = status.rsplit_once("MESSAGES ").map_or("0", |(_, rest)| rest);
            total += number.trim_end().trim_end_matches(')').parse::<usize>().unwrap_or(0);
        }
    }
    drop(wire.stream.shutdown(std::net::Shutdown::Write));
    // What the server still says is of no interest; reading it lets it end in peace.
    let _goodbye = wire.lines.read_to_end(&mut Vec::new());
    Ok(total)
}

fn folder(chance: &mut Chance) -> &'static str {
    let mut left = chance.below(FOLDERS.iter().map(|(_, share)| share).sum());
    for (name, share) in FOLDERS {
        if left < share {
            return name;
        }
        left -= share;
    }
    "INBOX"
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

fn message(chance: &mut Chance, number: usize, blob: &[u8]) -> Vec<u8> {
    let size = (8.7 + 1.3 * normal(chance)).exp().min(6_000_000.0) as usize;
    let mut text = format!(
        "Return-Path: <a{0}@example.net>\r\nMessage-ID: <{number}.{1:x}@example.net>\r\n\
         Date: Sun, 13 Sep 2020 12:26:40 +0000\r\nFrom: Pessoa {0} <a{0}@example.net>\r\nTo: u1@example.com\r\n\
         Subject: =?utf-8?q?Reuni=C3=A3o_{number}?=\r\nMIME-Version: 1.0\r\n\
         Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        number % 97,
        chance.number()
    )
    .into_bytes();
    let from = chance.below(blob.len() / 2);
    for line in blob[from..].iter().cycle().copied().take(size * 3 / 4).collect::<Vec<u8>>().chunks(57) {
        text.extend(line.iter().flat_map(|octet| [b'A' + (octet & 15), b'a' + (octet >> 4)]).take(76));
        text.extend_from_slice(b"\r\n");
    }
    text
}
