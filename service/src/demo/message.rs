//! Messages as a Brazilian office has them, made from a number alone: the same number gives the same octets.
//! Never holds a NUL; everything else that real mailboxes hold is here.

use std::fmt::Write as _;

/// How many kinds of messages there are.
const KINDS: u64 = 16;

/// Octets of the one message that is too long to be held in memory.
const LARGE_OCTETS: usize = 1_500_000;

/// 2024-01-01T00:00:00Z.
const FIRST_UNIX_SECONDS: i64 = 1_704_067_200;

const NAMES: [&str; 8] = [
    "João Conceição",
    "Inês Araújo",
    "Tomás Magalhães",
    "Conceição Brandão",
    "Zé da Silva",
    "Ana Paula",
    "Luís Gonçalves",
    "Bia",
];
const SUBJECTS: [&str; 8] = [
    "Orçamento revisado",
    "Reunião de segunda-feira",
    "Nota fiscal em anexo",
    "Férias",
    "Contrato e condições",
    "Re: Açaí para o evento",
    "Relatório mensal",
    "Fwd: atenção ao prazo",
];
const SENTENCES: [&str; 6] = [
    "Segue em anexo o orçamento que conversamos.",
    "A reunião ficou para segunda-feira às 10h, na sala de sempre.",
    "Por favor, confirme o recebimento até amanhã.",
    "O preço não inclui frete nem instalação.",
    "Obrigada pela atenção e até breve!",
    "Qualquer dúvida, estou à disposição.",
];

/// One message with what its server remembers of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The octets.
    pub octets: Vec<u8>,
    /// Flags, as an APPEND takes them.
    pub flags: String,
    /// INTERNALDATE, as an APPEND takes it.
    pub internal_date: String,
}

/// Numbers that look like chance and are always the same (splitmix64).
pub(super) struct Chance(u64);

impl Chance {
    /// Chance that begins with this number.
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// The message of a number.
pub fn message(number: u64) -> Message {
    let mut chance = Chance(number);
    let unix_seconds = FIRST_UNIX_SECONDS + number as i64 * 40_000 + chance.below(30_000) as i64;
    let moment = jiff::Timestamp::from_second(unix_seconds).unwrap_or_default();
    let octets = match number % KINDS {
        // The same as the two before it: people send things twice, and servers deliver them thrice.
        14 | 15 => return message(number - number % KINDS + 13),
        _ if number == 40 => large(&mut chance, number),
        kind => octets(kind, &mut chance, number, moment),
    };
    let mut flags = vec![r"\Seen"; usize::from(chance.below(4) > 0)];
    flags.extend((chance.below(8) == 0).then_some(r"\Flagged"));
    flags.extend((chance.below(6) == 0).then_some(r"\Answered"));
    flags.extend((chance.below(12) == 0).then_some("$Forwarded"));
    flags.extend((chance.below(20) == 0).then_some("Cliente-VIP"));
    let internal_date = moment.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(-3)));
    let internal_date = internal_date.strftime("%d-%b-%Y %H:%M:%S %z").to_string();
    Message { octets, flags: flags.join(" "), internal_date }
}

fn octets(kind: u64, chance: &mut Chance, number: u64, moment: jiff::Timestamp) -> Vec<u8> {
    let text = text(chance);
    let date = moment.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string();
    let id = format!("<{number}.{}@exemplo.com.br>", chance.below(1_000_000));
    let header =
        |with_date: bool, with_id: bool| header(number, with_date.then_some(&date), with_id.then_some(&id));
    match kind {
        // Octets over 127 in the header, which RFC 5322 does not know and many programs send.
        1 => format!("Subject: {}\r\n{}\r\n{text}", SUBJECTS[(number % 8) as usize], header(true, true))
            .into_bytes(),
        2 => in_charset("iso-8859-1", &header(true, true), &text),
        3 => in_charset("windows-1252", &header(true, true), &text),
        4 | 5 => with_attachment(&header(true, true), &text, chance),
        6 => in_charset("utf-8", &header(true, false), &text),
        7 => in_charset("utf-8", &header(false, true), &text),
        8 => in_charset("utf-8", &header(false, false), &text),
        // No header at all: the first line is text.
        9 if number % 64 == 9 => format!("\r\n{number}: {text}").into_bytes(),
        10 => format!("{}\r\n{}\r\n", header(true, true), "linha comprida ".repeat(400)).into_bytes(),
        11 => format!("{}\r\n", header(true, true)).into_bytes(),
        12 => html(&header(true, true), &text),
        // ISO-2022-JP: escape sequences, all below 128.
        0 if number.is_multiple_of(64) => {
            let mut octets =
                format!("{}Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n", header(true, true))
                    .into_bytes();
            octets.extend_from_slice(b"\x1b$B$3$s$K$A$O\x1b(B\r\n");
            octets
        }
        _ => in_charset("utf-8", &header(true, true), &text),
    }
}

fn header(number: u64, date: Option<&String>, id: Option<&String>) -> String {
    let mut chance = Chance(number ^ 0xa5a5);
    let from = chance.one_of(&NAMES);
    let subject = chance.one_of(&SUBJECTS);
    let mut header = format!(
        "From: {} <{}@cliente.com.br>\r\nTo: =?utf-8?q?Ana?= <ana@exemplo.com.br>\r\nSubject: {}\r\n",
        encoded_word(from),
        chance.below(500),
        encoded_word(&format!("{subject} {number}"))
    );
    for (name, value) in [("Date", date), ("Message-ID", id)] {
        if let Some(value) = value {
            // Writing to a String cannot fail.
            let _ = write!(header, "{name}: {value}\r\n");
        }
    }
    header.push_str("X-Mailer: Malote demo\r\nMIME-Version: 1.0\r\n");
    header
}

fn text(chance: &mut Chance) -> String {
    let lines = 2 + chance.below(20);
    let mut text = String::new();
    for _ in 0..lines {
        text.push_str(chance.one_of(&SENTENCES));
        text.push_str("\r\n");
    }
    text
}

fn in_charset(charset: &str, header: &str, text: &str) -> Vec<u8> {
    let start = format!(
        "{header}Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    );
    let mut octets = start.into_bytes();
    if charset == "utf-8" {
        octets.extend_from_slice(text.as_bytes());
    } else {
        // All letters used here have the same number in Latin-1 and in Unicode.
        octets.extend(text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?')));
    }
    octets
}

fn with_attachment(header: &str, text: &str, chance: &mut Chance) -> Vec<u8> {
    let mut message = format!(
        "{header}Content-Type: multipart/mixed; boundary=\"parte\"\r\n\r\n--parte\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n--parte\r\n\
         Content-Type: application/pdf; name=\"=?utf-8?q?or=C3=A7amento.pdf?=\"\r\n\
         Content-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename*=utf-8''or%C3%A7amento.pdf\r\n\r\n"
    );
    let lines = 20 + chance.below(1500);
    base64_lines(&mut message, lines, chance);
    message.push_str("--parte--\r\n");
    message.into_bytes()
}

fn html(header: &str, text: &str) -> Vec<u8> {
    let html = text.replace("\r\n", "<br>\r\n");
    format!(
        "{header}Content-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>{html}</p></body></html>\r\n"
    )
    .into_bytes()
}

fn large(chance: &mut Chance, number: u64) -> Vec<u8> {
    let mut message = format!("{}Content-Transfer-Encoding: base64\r\n\r\n", header(number, None, None));
    base64_lines(&mut message, (LARGE_OCTETS / 78) as u64, chance);
    message.into_bytes()
}

fn base64_lines(message: &mut String, lines: u64, chance: &mut Chance) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for _ in 0..lines {
        message.extend((0..76).map(|_| char::from(chance.one_of(LETTERS))));
        message.push_str("\r\n");
    }
}

/// RFC 2047, quoted.
fn encoded_word(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut word = "=?utf-8?q?".to_owned();
    for octet in text.bytes() {
        match octet {
            b' ' => word.push('_'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => word.push(char::from(octet)),
            other => {
                let _ = write!(word, "={other:02X}");
            }
        }
    }
    word.push_str("?=");
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_always_gives_the_same_message_of_a_kind_that_mailboxes_hold() {
        let all: Vec<Message> = (0..200).map(message).collect();
        assert_eq!(all, (0..200).map(message).collect::<Vec<_>>());
        let has = |test: &dyn Fn(&[u8]) -> bool| all.iter().any(|message| test(&message.octets));
        assert!(!has(&|octets| octets.contains(&0)));
        assert!(has(&|octets| octets.len() > 1_400_000));
        assert!(has(&|octets| octets.starts_with(b"\r\n")));
        assert!(has(&|octets| std::str::from_utf8(octets).is_err()));
        assert!(has(&|octets| !octets.windows(11).any(|name| name == b"Message-ID:")));
        assert!(has(&|octets| octets.split(|octet| *octet == b'\n').any(|line| line.len() > 998)));
        assert_eq!(all[13], all[14]);
        assert_eq!(all[13], all[15]);
        let distinct: std::collections::BTreeSet<&[u8]> =
            all.iter().map(|message| message.octets.as_slice()).collect();
        assert!(distinct.len() > 165, "{}", distinct.len());
        assert!(all.iter().all(|message| message.internal_date.ends_with(" -0300")));
    }
}
