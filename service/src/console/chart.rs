//! Pictures as inline SVG, drawn on the server, each with its numbers as a table.
//! Never with a colour alone, a script or an inline style.

mod bars;
mod bullet;
mod line;
mod strip;

use minijinja::value::Value;

pub use bars::{Bar, bars};
pub use bullet::{Use, bullets};
pub use line::{Point, line};
pub use strip::strip;

use super::format::{self, Format};
use super::texts;

/// What the numbers of a picture are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A plain count.
    Count,
    /// Octets.
    Bytes,
    /// A share of a hundred.
    Percent,
    /// Seconds.
    Seconds,
}

impl Unit {
    fn written(self, format: &Format, value: f64) -> String {
        match self {
            Self::Count => format::plain(format.language, value),
            Self::Bytes => format::bytes(format.language, value),
            Self::Percent => format::percent(format.language, value),
            Self::Seconds => format::span(value as i64),
        }
    }
}

/// Text as it may stand in markup.
fn safe(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A picture with its title and its table; `rows` are the table's cells, the heads first.
fn framed(format: &Format, title: &str, svg: &str, rows: &[Vec<String>]) -> Value {
    let mut html = format!("<figure class=\"chart\"><figcaption>{}</figcaption>{svg}", safe(title));
    html.push_str("<details><summary>");
    html.push_str(&safe(&texts::plain(format, "chart-table")));
    html.push_str("</summary><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
    html.push_str(&safe(title));
    html.push_str("\"><table>");
    for (place, row) in rows.iter().enumerate() {
        html.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let (open, close) = match (place, column) {
                (0, _) => ("<th scope=\"col\">", "</th>"),
                (_, 0) => ("<th scope=\"row\">", "</th>"),
                _ => ("<td class=\"n\">", "</td>"),
            };
            html.push_str(open);
            html.push_str(&safe(cell));
            html.push_str(close);
        }
        html.push_str("</tr>");
    }
    html.push_str("</table></div></details></figure>");
    Value::from_safe_string(html)
}

/// An honest word where there is nothing to draw.
fn empty(format: &Format, title: &str) -> Value {
    Value::from_safe_string(format!(
        "<figure class=\"chart\"><figcaption>{}</figcaption><p class=\"quiet\">{}</p></figure>",
        safe(title),
        safe(&texts::plain(format, "chart-empty"))
    ))
}
