//! What the gate was, over time: one piece for each time that it changed.
//! Never a colour alone: each state has its own height, and its word in the table.

use std::fmt::Write as _;

use minijinja::value::Value;

use super::{empty, framed, safe};
use crate::console::format::Format;
use crate::console::texts;

/// The picture's width.
const WIDTH: f64 = 480.0;
/// Its height.
const HEIGHT: f64 = 40.0;

/// The picture of states, each with when it began, the oldest first.
pub fn strip(format: &Format, title: &str, states: &[(String, String)]) -> Value {
    if states.is_empty() {
        return empty(format, title);
    }
    let mut changes: Vec<&(String, String)> = Vec::new();
    for state in states {
        if changes.last().is_none_or(|last| last.1 != state.1) {
            changes.push(state);
        }
    }
    let moment = |at: &str| at.parse::<jiff::Timestamp>().map_or(format.now_ms, |at| at.as_millisecond());
    let begin = moment(&changes[0].0);
    let whole = (format.now_ms - begin).max(1) as f64;
    let mut svg = format!(
        "<svg class=\"strip\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        safe(title)
    );
    let mut table = vec![vec![texts::plain(format, "chart-when"), texts::plain(format, "chart-state")]];
    for (place, (at, state)) in changes.iter().enumerate() {
        let end = changes.get(place + 1).map_or(format.now_ms, |next| moment(&next.0));
        let left = (moment(at) - begin) as f64 / whole * WIDTH;
        let width = ((end - moment(at)) as f64 / whole * WIDTH).max(2.0);
        let (class, height) = match state.as_str() {
            "ready_for_dns" => ("good", HEIGHT),
            "warning" => ("warn", HEIGHT * 0.66),
            _ => ("bad", HEIGHT * 0.33),
        };
        // Writing into a string does not fail.
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>",
            HEIGHT - height
        );
        table.push(vec![format.exact(at), texts::word(format.language, "gate", state)]);
    }
    svg.push_str("</svg>");
    framed(format, title, &svg, &table)
}
