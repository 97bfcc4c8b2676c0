//! The table of refusals, for people: by class, each kind with what is seen, what follows and what to do.
//! Never decides: it shows the rows as they are.

use malote_engine::failure::{Class, Reach, Retry};
use malote_engine::plan::taxonomy::{Row, Verdict, rows};

use super::super::exit::Exit;
use super::super::help::stops;
use super::{Look, paragraph};

/// Columns where there is no edge.
const WIDTH: usize = 100;

const FOREWORD: &str = "How Malote judges what servers answer when they refuse. A response code decides before any \
    word; words are asked only where the server gave no code that is known. An answer that nothing here fits is \
    judged by what was being done, told as it came, and counted in the report's warnings. The class is what stands \
    in a report's errors; where a server names a wait, that wait is kept instead of the one given here.";

/// The whole table.
pub fn errors(look: Look) -> String {
    let width = look.width.unwrap_or(WIDTH).max(40);
    let mut out = paragraph(FOREWORD, "", width);
    let mut classes: Vec<Class> = Vec::new();
    for row in rows() {
        if !classes.contains(&row.verdict.class) {
            classes.push(row.verdict.class);
        }
    }
    classes.sort_by_key(|class| class.as_str());
    for class in classes {
        let status = Exit::of_class(class).code();
        out.push_str(&format!("\n{}  (exit status {status})\n", look.strong(class.as_str())));
        rows().filter(|row| row.verdict.class == class).for_each(|row| one(&mut out, row, look, width));
    }
    out
}

fn one(out: &mut String, row: &Row, look: Look, width: usize) {
    let doing: Vec<&str> = row.seen.doing.iter().map(|doing| doing.as_str()).collect();
    let mut place = if doing.is_empty() { "anywhere".to_owned() } else { format!("at {}", doing.join(", ")) };
    if let Some(side) = row.seen.side {
        place.push_str(&format!(", {} only", side.as_str()));
    }
    out.push_str(&format!("  {}  {place}; {}\n", look.good(row.id), row.source));
    out.push_str(&paragraph(&row.pattern(), "      ", width));
    out.push_str(&paragraph(&format!("as in: {}", row.sample), "      ", width));
    let next = if row.advice.is_empty() { String::new() } else { format!("; {}", row.advice) };
    out.push_str(&paragraph(&format!("-> {}{next}", follows(&row.verdict)), "      ", width));
}

/// What follows, in words.
fn follows(verdict: &Verdict) -> String {
    let stops = stops(verdict.reach);
    let article = if verdict.reach == Reach::Message { "this" } else { "the" };
    match verdict.retry {
        Retry::Never => format!("{article} {stops} stops there"),
        Retry::Again => format!("{article} {stops} is tried again at once"),
        Retry::After(wait_ms) => {
            let (first, longest) = (span(wait_ms), span(u64::from(verdict.wait_seconds_max) * 1_000));
            format!("{article} {stops} waits {first}, then longer, up to {longest}")
        }
    }
}

/// A wait of the table, all of which are round.
fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{} s", ms / 1_000),
        60_000..3_600_000 => format!("{} min", ms / 60_000),
        _ => format!("{} h", ms / 3_600_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_told_within_the_edge() {
        for width in [60, 100] {
            let text = errors(Look { width: Some(width), has_colour: false });
            for row in rows() {
                assert!(text.contains(row.id) && text.contains(row.verdict.class.as_str()), "{}", row.id);
            }
            let is_long_word = |line: &str| !line.trim_start().contains(' ') || line.starts_with("  ");
            let wide = text.lines().filter(|line| line.chars().count() > width && !is_long_word(line));
            assert_eq!(wide.collect::<Vec<_>>(), Vec::<&str>::new());
        }
    }
}
