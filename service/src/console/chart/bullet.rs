//! How much of a limit is used: a bar in its track for each row, the track being the whole limit.
//! Never a bar beyond its track: what is over is told by its number and its mark.

use std::fmt::Write as _;

use minijinja::value::Value;

use super::{Unit, empty, framed, safe};
use crate::console::format::Format;
use crate::console::texts;

/// The height of a row, in units of the picture.
const ROW: usize = 40;
/// The width of the picture.
const WIDTH: usize = 480;
/// From this share on a row is marked.
const NEAR: f64 = 0.8;

/// What is used of a limit.
#[derive(Debug, Clone)]
pub struct Use {
    /// Whose limit.
    pub name: String,
    /// How much is used.
    pub value: f64,
    /// The limit, above 0.
    pub of: f64,
}

/// The picture of some limits; rows without one are left to the table of their page.
pub fn bullets(format: &Format, title: &str, rows: &[Use], unit: Unit) -> Value {
    let rows: Vec<&Use> = rows.iter().filter(|row| row.of > 0.0).collect();
    if rows.is_empty() {
        return empty(format, title);
    }
    let mut svg = format!(
        "<svg class=\"bars\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{}\">",
        rows.len() * ROW,
        safe(title)
    );
    let heads = ["chart-what", "chart-value", "chart-limit", "chart-share"];
    let mut table: Vec<Vec<String>> = vec![heads.map(|key| texts::plain(format, key)).into()];
    for (place, row) in rows.iter().enumerate() {
        let (top, share) = (place * ROW, row.value / row.of);
        let (used, limit) = (unit.written(format, row.value), unit.written(format, row.of));
        let class = if share >= NEAR { "bad" } else { "bar" };
        let mark = if share >= NEAR { " ▲" } else { "" };
        // Writing into a string does not fail.
        let _ = write!(
            svg,
            "<text x=\"0\" y=\"{words}\">{name}{mark}</text>\
             <text class=\"n\" x=\"{WIDTH}\" y=\"{words}\" text-anchor=\"end\">{used} / {limit}</text>\
             <rect class=\"track\" x=\"0\" y=\"{bar}\" width=\"{WIDTH}\" height=\"10\" rx=\"3\"/>\
             <rect class=\"{class}\" x=\"0\" y=\"{bar}\" width=\"{width:.1}\" height=\"10\" rx=\"3\"/>\
             <line class=\"rule\" x1=\"{near:.1}\" x2=\"{near:.1}\" y1=\"{}\" y2=\"{}\"/>",
            top + 18,
            top + 34,
            words = top + 14,
            name = safe(&row.name),
            bar = top + 21,
            width = share.clamp(0.0, 1.0) * WIDTH as f64,
            near = NEAR * WIDTH as f64,
        );
        table.push(vec![row.name.clone(), used, limit, Unit::Percent.written(format, share * 100.0)]);
    }
    svg.push_str("</svg>");
    framed(format, title, &svg, &table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::language::Language;

    #[test]
    fn what_is_over_its_limit_stays_in_its_track_and_is_told_exactly() {
        let format = Format::new(Language::English, "UTC", 0);
        let row = |value, of| Use { name: "<gmail>".into(), value, of };
        let html = bullets(&format, "Budget", &[row(3e9, 2e9), row(1.0, 0.0)], Unit::Bytes).to_string();
        assert!(html.contains("width=\"480.0\"") && html.contains("150%"), "{html}");
        assert!(html.contains("&lt;gmail&gt; ▲") && !html.contains("style="), "{html}");
        assert_eq!(html.matches("<tr>").count(), 2, "what has no limit is no row: {html}");
        assert!(bullets(&format, "Budget", &[], Unit::Bytes).to_string().contains("quiet"));
    }
}
