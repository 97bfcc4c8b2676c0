//! Lying bars, each with its name and its number.
//! Never a bar without a number beside it.

use std::fmt::Write as _;

use minijinja::value::Value;

use super::{Unit, empty, framed, safe};
use crate::console::format::Format;
use crate::console::texts;

/// The height of a row, in units of the picture.
const ROW: usize = 26;
/// The width of the picture.
const WIDTH: usize = 480;
/// What of it is left for names.
const NAMES: usize = 196;
/// And for numbers.
const NUMBERS: usize = 84;

/// One bar.
#[derive(Debug, Clone)]
pub struct Bar {
    /// What it counts.
    pub name: String,
    /// How much of it.
    pub value: f64,
}

impl Bar {
    /// A bar of this name and size.
    pub fn new(name: String, value: f64) -> Self {
        Self { name, value }
    }
}

/// The picture of some bars.
pub fn bars(format: &Format, title: &str, rows: &[Bar], unit: Unit) -> Value {
    let most = rows.iter().map(|row| row.value).fold(0.0_f64, f64::max);
    if most <= 0.0 {
        return empty(format, title);
    }
    let height = rows.len() * ROW;
    let mut svg = format!(
        "<svg class=\"bars\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">",
        safe(title)
    );
    let mut table = vec![vec![texts::plain(format, "chart-what"), texts::plain(format, "chart-value")]];
    for (place, row) in rows.iter().enumerate() {
        let width = row.value / most * (WIDTH - NAMES - NUMBERS) as f64;
        let (top, written) = (place * ROW, unit.written(format, row.value));
        // Writing into a string does not fail.
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect class=\"track\" x=\"{NAMES}\" y=\"{}\" width=\"{}\" height=\"14\" rx=\"3\"/>\
             <rect class=\"bar\" x=\"{NAMES}\" y=\"{}\" width=\"{width:.1}\" height=\"14\" rx=\"3\"/>\
             <text class=\"n\" x=\"{}\" y=\"{}\">{}</text>",
            NAMES - 10,
            top + 17,
            safe(&short(&row.name)),
            top + 6,
            WIDTH - NAMES - NUMBERS,
            top + 6,
            WIDTH - NUMBERS + 10,
            top + 17,
            safe(&written)
        );
        table.push(vec![row.name.clone(), written]);
    }
    svg.push_str("</svg>");
    framed(format, title, &svg, &table)
}

/// A name that fits; the whole one stands in the table.
fn short(name: &str) -> String {
    const LETTERS_MAX: usize = 24;
    if name.chars().count() <= LETTERS_MAX {
        return name.to_owned();
    }
    name.chars().take(LETTERS_MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::language::Language;

    #[test]
    fn bars_have_names_numbers_and_a_table_and_no_markup_of_others() {
        let format = Format::new(Language::English, "UTC", 0);
        let rows = [Bar::new("<b>auth.failed</b>".into(), 3.0), Bar::new("network".into(), 1500.0)];
        let html = bars(&format, "Errors", &rows, Unit::Count).to_string();
        assert!(html.contains("&lt;b&gt;auth.failed&lt;/b&gt;") && html.contains("1,500"), "{html}");
        assert!(html.contains("<table>") && !html.contains("style="), "{html}");
        assert!(bars(&format, "Errors", &[], Unit::Count).to_string().contains("quiet"));
    }
}
