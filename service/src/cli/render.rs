//! Results as text for people: plain functions from values to strings.
//! Never prints, and never lets a server's control characters through to a terminal.

mod errors;
mod forecast;
mod probe;
mod report;
mod store;
mod table;
mod units;

pub use errors::errors;
pub use forecast::forecast;
pub use probe::probe;
pub use report::report;
pub use table::{Column, Table};
pub use units::{duration, number, size};

/// How the place looks that text is made for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    /// Columns, where there is an edge.
    pub width: Option<usize>,
    /// Whether colours are understood and wanted.
    pub has_colour: bool,
}

impl Look {
    /// A heading.
    pub fn strong(self, text: &str) -> String {
        self.dressed(text, "1")
    }

    /// All is well.
    pub fn good(self, text: &str) -> String {
        self.dressed(text, "32")
    }

    /// Somebody should read this.
    pub fn warn(self, text: &str) -> String {
        self.dressed(text, "33")
    }

    /// Somebody must act.
    pub fn bad(self, text: &str) -> String {
        self.dressed(text, "31")
    }

    fn dressed(self, text: &str, code: &str) -> String {
        if self.has_colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Text from outside with every control character and every mark that turns the direction of writing replaced.
pub fn clean(text: &str) -> String {
    let is_unsafe = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_unsafe(c) { '\u{fffd}' } else { c }).collect()
}

/// `1 message`, `2 messages`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// Text in lines of at most `width` columns, each behind `indent`; a word that is longer stands alone.
fn paragraph(text: &str, indent: &str, width: usize) -> String {
    let (mut out, mut line) = (String::new(), indent.to_owned());
    for word in text.split_whitespace() {
        let is_begun = line.len() > indent.len();
        if is_begun && line.chars().count() + word.chars().count() >= width {
            out.push_str(&line);
            out.push('\n');
            line = indent.to_owned();
        }
        if line.len() > indent.len() {
            line.push(' ');
        }
        line.push_str(word);
    }
    out + &line + "\n"
}

/// Lines below a heading, at most `most` of them, with a line that counts the others.
fn section(out: &mut String, heading: &str, lines: impl ExactSizeIterator<Item = String>, most: usize) {
    let total = lines.len();
    if total == 0 {
        return;
    }
    out.push('\n');
    out.push_str(heading);
    out.push('\n');
    for line in lines.take(most) {
        out.push_str("  ");
        out.push_str(&line);
        out.push('\n');
    }
    if total > most {
        out.push_str(&format!("  and {} more; --json lists them all\n", number((total - most) as u64)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_cannot_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[31mb\r\n\u{202e}c\u{e9}"), "a\u{fffd}[31mb\u{fffd}\u{fffd}\u{fffd}cé");
        assert_eq!(Look::default().bad("x"), "x");
        assert_eq!(Look { has_colour: true, width: None }.bad("x"), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(counted(1, "message", "messages"), "1 message");
        assert_eq!(counted(1200, "message", "messages"), "1,200 messages");
    }
}
