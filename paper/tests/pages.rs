//! Whole documents, read back by a program that is not ours (poppler), and their octets held against each other.
//! Never looks at our own idea of a page.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made ends its test")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use malote_paper::{Bar, Block, Cell, Column, PAGES_MAX, Paper, PaperError, Point, Table, Tone, write};

fn paper() -> Paper {
    Paper {
        title: "Relatório de migração · exemplo.com.br".into(),
        subject: "O que foi feito".into(),
        language: "pt-BR".into(),
        producer: "Malote".into(),
        identity: "sha256:0".into(),
        head_left: "Relatório de migração".into(),
        head_right: "exemplo.com.br".into(),
        foot: "Horários em America/Sao_Paulo".into(),
        page_words: "Página {n} de {m}".into(),
    }
}

/// What a program of poppler says of a document; nothing, told loudly, where it is not installed.
fn read(program: &str, arguments: &[&str], octets: &[u8]) -> Option<String> {
    let child =
        Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok();
    let Some(mut child) = child else {
        eprintln!("SKIPPED: {program} (package poppler-utils) is not installed");
        return None;
    };
    let mut input = child.stdin.take().unwrap();
    let octets = octets.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&octets));
    let output = child.wait_with_output().unwrap();
    // A reader that has seen enough closes its end.
    let _ = writer.join().unwrap();
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn table(rows: usize, name: impl Fn(usize) -> String) -> Block {
    Block::Table(Table {
        columns: vec![Column::text("Pasta", 1.0), Column::number("Mensagens"), Column::number("Faltam")],
        rows: (0..rows)
            .map(|row| {
                vec![Cell::from(name(row)), Cell::from(format!("{}", 1_000_000 + row)), Cell::from("0")]
            })
            .collect(),
    })
}

#[test]
fn a_long_table_repeats_its_heads_and_counts_its_pages() {
    let blocks = vec![
        Block::Title("Relatório".into()),
        Block::Heading(1, "Pastas".into()),
        table(200, |row| format!("Pasta {row}")),
    ];
    let octets = write(&paper(), blocks).unwrap();
    let Some(info) = read("pdfinfo", &["-enc", "UTF-8", "-"], &octets) else { return };
    for line in ["Tagged:          yes", "Title:           Relatório de migração · exemplo.com.br"] {
        assert!(info.contains(line), "{info}");
    }
    let pages: usize =
        info.lines().find_map(|line| line.strip_prefix("Pages:")).unwrap().trim().parse().unwrap();
    assert!(pages > 3, "{info}");
    let text = read("pdftotext", &["-layout", "-", "-"], &octets).unwrap();
    assert_eq!(text.matches("Mensagens").count(), pages, "each page has the head of the table");
    for page in 1..=pages {
        assert!(text.contains(&format!("Página {page} de {pages}")), "{text}");
    }
    for row in 0..200 {
        let line = text.lines().find(|line| line.trim_start().starts_with(&format!("Pasta {row} "))).unwrap();
        assert!(line.contains(&format!("{}", 1_000_000 + row)), "{line}");
    }
}

#[test]
fn names_of_any_kind_and_length_come_through_whole() {
    let names = [
        "a".repeat(3_000),
        "Arquivo/Clientes antigos/2019/".repeat(60),
        "日本語/漢字".into(),
        "\u{202e}exe.cod\u{0}\u{feff}\u{fffe}".into(),
        "🙂".repeat(200),
        "e\u{301}\u{302}".repeat(100),
        String::new(),
        " ".repeat(500),
    ];
    let count = names.len();
    let long = names.clone();
    let blocks = vec![
        table(count, move |row| long[row].clone()),
        Block::Heading(2, names[1].clone()),
        Block::Text(names[0].clone()),
        Block::Verdict(Tone::Bad, names[1][..200].into(), vec![names[3].clone(), String::new()]),
        Block::Facts(names.iter().map(|name| (name.clone(), name.clone())).collect()),
        Block::Bars(
            "Tamanhos".into(),
            "Barras".into(),
            names.iter().map(|name| Bar { name: name.clone(), value: 1.0, words: name.clone() }).collect(),
        ),
    ];
    let octets = write(&paper(), blocks).unwrap();
    let Some(text) = read("pdftotext", &["-raw", "-", "-"], &octets) else { return };
    let bare: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    assert!(text.matches('a').count() >= 9_000, "every letter of a name that fills a page is there");
    assert!(bare.contains(r"\u{65e5}\u{672c}\u{8a9e}"), "{bare}");
    assert!(bare.contains(r"\u{202e}exe.cod\u{0}\u{feff}\u{fffe}"), "{bare}");
}

#[test]
fn the_same_blocks_are_the_same_octets() {
    let blocks = || {
        let points = (0..20).map(|at| Point {
            at: f64::from(at),
            value: f64::from(at * at),
            words: format!("{at}.11.2026"),
        });
        vec![
            Block::Verdict(Tone::Good, "Pronto".into(), vec!["12 de 12".into()]),
            Block::Line("Progresso".into(), "Sobe".into(), points.collect(), "100%".into()),
            table(5, |row| row.to_string()),
            Block::Break,
            Block::Break,
            Block::Note("Fim".into()),
        ]
    };
    let (one, other) = (write(&paper(), blocks()).unwrap(), write(&paper(), blocks()).unwrap());
    assert!(one == other, "two writings of the same differ");
    let Some(info) = read("pdfinfo", &["-enc", "UTF-8", "-"], &one) else { return };
    assert!(info.contains("Pages:           2"), "two breaks in a row make no empty page: {info}");
}

#[test]
fn an_empty_document_is_a_page_and_an_endless_one_is_refused() {
    assert!(write(&paper(), Vec::new()).unwrap().starts_with(b"%PDF-1.7"));
    let blocks = (0..=PAGES_MAX).flat_map(|_| [Block::Text("x".into()), Block::Break]).collect();
    assert!(matches!(write(&paper(), blocks), Err(PaperError::TooLong)));
}

#[test]
fn a_heading_without_words_is_a_dash() {
    for text in ["", "  "] {
        assert!(write(&paper(), vec![Block::Heading(2, text.into())]).is_ok(), "{text:?}");
    }
}
