//! Every kind of message that a migration meets, well-formed and broken.

use super::{Chance, base64_lines};

const WORDS: [&str; 14] = [
    "proposta",
    "reunião",
    "contrato",
    "fatura",
    "entrega",
    "prazo",
    "cliente",
    "projeto",
    "relatório",
    "análise",
    "servidor",
    "migração",
    "orçamento",
    "atenção",
];
const PEOPLE: [&str; 5] = ["Ana Conceição", "João Araújo", "Bia Nóbrega", "Luís Brandão", "Inês Magalhães"];
const NESTED_PARTS: usize = 24;
const LONG_LINE_OCTETS: usize = 20_000;

/// What is particular about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// Text and a PDF in base64.
    Attachment,
    /// Text and HTML.
    Alternative,
    /// ISO-8859-1 text, quoted-printable.
    Latin1,
    /// Raw ISO-8859-1 octets in Subject and From.
    Latin1Headers,
    /// Raw windows-1252 text.
    Windows1252,
    /// ISO-2022-JP with its escapes.
    Iso2022Jp,
    /// Raw Shift_JIS text.
    ShiftJis,
    /// Raw KOI8-R text.
    Koi8R,
    /// Raw GB18030 text.
    Gb18030,
    /// No Message-ID.
    NoMessageId,
    /// No Date.
    NoDate,
    /// Neither Message-ID nor Date nor Received.
    NoIdentity,
    /// A blank line and a body.
    NoHeaders,
    /// Headers that run into the body.
    NoBlankLine,
    /// Text without anything like a header.
    OnlyBody,
    /// A header and nothing after the blank line.
    EmptyBody,
    /// One body line of 20,000 octets.
    LongLine,
    /// A header line of 20,000 octets.
    LongHeader,
    /// An mbox `From ` line on top.
    MboxFrom,
    /// A Message-ID that every message of this kind shares.
    SharedMessageId,
    /// Two Message-ID lines.
    TwoMessageIds,
    /// No line end after the last line.
    NoFinalLineEnd,
    /// Multiparts in multiparts.
    DeepNesting,
    /// A message in a message.
    Forwarded,
    /// Looks like S/MIME: any changed octet would break the signature.
    Signed,
    /// A header continued over many lines, some of them blank but for a tab.
    FoldedHeaders,
    /// A boundary that never closes.
    UnclosedBoundary,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 28] = [
        Self::Text,
        Self::Attachment,
        Self::Alternative,
        Self::Latin1,
        Self::Latin1Headers,
        Self::Windows1252,
        Self::Iso2022Jp,
        Self::ShiftJis,
        Self::Koi8R,
        Self::Gb18030,
        Self::NoMessageId,
        Self::NoDate,
        Self::NoIdentity,
        Self::NoHeaders,
        Self::NoBlankLine,
        Self::OnlyBody,
        Self::EmptyBody,
        Self::LongLine,
        Self::LongHeader,
        Self::MboxFrom,
        Self::SharedMessageId,
        Self::TwoMessageIds,
        Self::NoFinalLineEnd,
        Self::DeepNesting,
        Self::Forwarded,
        Self::Signed,
        Self::FoldedHeaders,
        Self::UnclosedBoundary,
    ];

    /// A message of this kind. All line ends are CRLF and no octet is NUL, so that any server takes it.
    pub(super) fn octets(self, chance: &mut Chance, id: &str, date: &str) -> Vec<u8> {
        let head = Head::of(chance, id, date);
        let text = sentences(chance);
        match self {
            Self::Text => head.with(UTF8_FIELDS, text),
            Self::Attachment => head.multipart("mixed", &[plain(&text), attachment(chance)]),
            Self::Alternative => head.multipart("alternative", &[plain(&text), html(&text)]),
            Self::Latin1 => head.with(
                "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n",
                "Reuni=E3o amanh=E3, or=E7amento em anexo.=20\r\n",
            ),
            Self::Latin1Headers => head.with_raw(LATIN1_FIELDS, text.as_bytes()),
            Self::Windows1252 => head.charset("windows-1252", b"\x93Or\xE7amento\x94 \x96 custa \x80 100\r\n"),
            Self::Iso2022Jp => head.charset("iso-2022-jp", b"\x1B$B%a!<%k\x1B(B desu\r\n"),
            Self::ShiftJis => head.charset("shift_jis", b"\x83\x81\x81[\x83\x8B\x82\xC5\x82\xB7\r\n"),
            Self::Koi8R => head.charset("koi8-r", b"\xF0\xD2\xC9\xD7\xC5\xD4, \xCB\xC1\xCB \xC4\xC5\xCC\xC1?\r\n"),
            Self::Gb18030 => head.charset("gb18030", b"\xC4\xE3\xBA\xC3\xA3\xAC\x84\x31\xA4\x37\r\n"),
            Self::NoMessageId => head.without(&["Message-ID"]).with("", text),
            Self::NoDate => head.without(&["Date"]).with("", text),
            Self::NoIdentity => head.without(&["Message-ID", "Date", "Received"]).with("", text),
            Self::EmptyBody => head.with("", ""),
            Self::LongLine => head.with("", format!("{}\r\n", "palavra ".repeat(LONG_LINE_OCTETS / 8))),
            Self::LongHeader => head.with(&format!("X-Longo: {}\r\n", "a".repeat(LONG_LINE_OCTETS)), text),
            Self::SharedMessageId => head.identified("<igual@example.net>").with("", text),
            Self::TwoMessageIds => head.with(&format!("Message-ID: <outro.{id}>\r\n"), text),
            Self::NoFinalLineEnd => head.with("", text.trim_end()),
            Self::FoldedHeaders => head.with("X-Dobra: um\r\n dois\r\n\t\r\n\ttr\u{ea}s\r\n", text),
            Self::DeepNesting => head.with(NESTING_START, nested(&text)),
            Self::Forwarded => {
                let inner = Head::of(chance, &format!("dentro.{id}"), date).with("", "Encaminhada.\r\n");
                head.with("Content-Type: message/rfc822\r\n", String::from_utf8_lossy(&inner))
            }
            Self::Signed => head.multipart(
                "signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256",
                &[plain("Assinado,  com dois espaços. \r\n"), signature(chance)],
            ),
            Self::UnclosedBoundary => {
                head.with("Content-Type: multipart/mixed; boundary=\"aberta\"\r\n", format!("--aberta\r\n\r\n{text}"))
            }
            Self::NoHeaders | Self::NoBlankLine | Self::OnlyBody | Self::MboxFrom => self.headless(&head, &text),
        }
    }

    /// Messages whose beginning is not a header.
    fn headless(self, head: &Head, text: &str) -> Vec<u8> {
        match self {
            Self::NoHeaders => format!("\r\n{text}").into_bytes(),
            Self::NoBlankLine => format!("{}{text}", head.lines()).into_bytes(),
            Self::MboxFrom => {
                [b"From ana@example.net Fri Jul 17 02:44:25 2020\r\n".as_slice(), &head.with("", text)]
                    .concat()
            }
            _ => format!("{text}Sem cabe\u{e7}alho algum.\r\n").into_bytes(),
        }
    }
}

const LATIN1_FIELDS: &[u8] = b"X-Assunto: Or\xE7amento e reuni\xE3o\r\nReply-To: Jo\xE3o <j@example.net>\r\n";
const UTF8_FIELDS: &str = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n";
const NESTING_START: &str = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"n0\"\r\n";

/// A header in the making.
struct Head {
    fields: Vec<(&'static str, String)>,
}

impl Head {
    fn of(chance: &mut Chance, id: &str, date: &str) -> Self {
        let person = chance.pick(&PEOPLE);
        let address = format!("a{}@example.net", chance.below(97));
        let subject = format!("{} {}", chance.pick(&WORDS), chance.pick(&WORDS));
        let fields = vec![
            ("Return-Path", format!("<{address}>")),
            ("Received", format!("from mx.example.net by mail.example.com; {date}")),
            ("Message-ID", format!("<{id}>")),
            ("Date", date.to_owned()),
            ("From", format!("{} <{address}>", encoded_word(person))),
            ("To", "Bia <bia@example.com>".to_owned()),
            ("Subject", encoded_word(&subject)),
        ];
        Self { fields }
    }

    fn without(mut self, names: &[&str]) -> Self {
        self.fields.retain(|(name, _)| !names.contains(name));
        self
    }

    fn identified(mut self, id: &str) -> Self {
        for (_, value) in self.fields.iter_mut().filter(|(name, _)| *name == "Message-ID") {
            id.clone_into(value);
        }
        self
    }

    fn lines(&self) -> String {
        self.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
    }

    fn with(&self, more: &str, body: impl AsRef<str>) -> Vec<u8> {
        self.with_raw(more.as_bytes(), body.as_ref().as_bytes())
    }

    fn with_raw(&self, more: &[u8], body: &[u8]) -> Vec<u8> {
        [self.lines().as_bytes(), more, b"\r\n", body].concat()
    }

    fn charset(&self, charset: &str, body: &[u8]) -> Vec<u8> {
        let more = format!("MIME-Version: 1.0\r\nContent-Type: text/plain; charset={charset}\r\n");
        self.with_raw(more.as_bytes(), body)
    }

    fn multipart(&self, subtype_and_parameters: &str, parts: &[String]) -> Vec<u8> {
        let (subtype, parameters) =
            subtype_and_parameters.split_once(';').unwrap_or((subtype_and_parameters, ""));
        let parameters = if parameters.is_empty() { String::new() } else { format!(";{parameters}") };
        let more = format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/{subtype}; boundary=\"=_parte\"{parameters}\r\n"
        );
        let body: String = parts.iter().map(|part| format!("--=_parte\r\n{part}\r\n")).collect();
        self.with(&more, format!("{body}--=_parte--\r\n"))
    }
}

fn encoded_word(text: &str) -> String {
    let encoded: String = text
        .bytes()
        .map(|octet| match octet {
            b' ' => "_".to_owned(),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(octet).to_string(),
            _ => format!("={octet:02X}"),
        })
        .collect();
    format!("=?utf-8?q?{encoded}?=")
}

fn sentences(chance: &mut Chance) -> String {
    let lines = 1 + chance.below(30);
    (0..lines)
        .map(|_| {
            let words: Vec<&str> = (0..4 + chance.below(8)).map(|_| chance.pick(&WORDS)).collect();
            format!("{}.\r\n", words.join(" "))
        })
        .collect()
}

fn plain(text: &str) -> String {
    format!("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}")
}

fn html(text: &str) -> String {
    format!("Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<p>{text}</p>")
}

fn attachment(chance: &mut Chance) -> String {
    let size = 1_000 + chance.below(60_000);
    format!(
        "Content-Type: application/pdf; name=\"proposta.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"proposta.pdf\"\r\n\r\n{}",
        base64_lines(&chance.octets(size))
    )
}

fn signature(chance: &mut Chance) -> String {
    format!(
        "Content-Type: application/pkcs7-signature; name=\"smime.p7s\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        base64_lines(&chance.octets(900))
    )
}

fn nested(text: &str) -> String {
    let mut opening = String::new();
    let mut closing = format!("--n{NESTED_PARTS}--\r\n");
    for depth in 0..NESTED_PARTS {
        let inner = depth + 1;
        opening
            .push_str(&format!("--n{depth}\r\nContent-Type: multipart/mixed; boundary=\"n{inner}\"\r\n\r\n"));
    }
    for depth in (0..NESTED_PARTS).rev() {
        closing.push_str(&format!("--n{depth}--\r\n"));
    }
    format!("{opening}--n{NESTED_PARTS}\r\n\r\n{text}{closing}")
}
