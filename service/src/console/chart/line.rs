//! A line over time with the area below it, and what it should reach where that is known.
//! Never smooth: between two points nothing is claimed but a straight way.

use std::fmt::Write as _;

use minijinja::value::Value;

use super::{Unit, empty, framed, safe};
use crate::console::format::Format;
use crate::console::texts;

/// The picture's width.
const WIDTH: f64 = 480.0;
/// Its height.
const HEIGHT: f64 = 150.0;
/// What is left for numbers at its left.
const LEFT: f64 = 66.0;
/// And for times below it.
const BELOW: f64 = 24.0;
/// And above.
const ABOVE: f64 = 10.0;

/// A value at a time.
#[derive(Debug, Clone)]
pub struct Point {
    /// When, in RFC 3339.
    pub at: String,
    /// How much.
    pub value: f64,
    /// Of how much.
    pub of: Option<f64>,
}

fn seconds(at: &str) -> f64 {
    at.parse::<jiff::Timestamp>().map_or(0.0, |at| at.as_millisecond() as f64 / 1000.0)
}

/// The picture of values over time.
pub fn line(format: &Format, title: &str, points: &[Point], unit: Unit) -> Value {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return empty(format, title) };
    let (begin, end) = (seconds(&first.at), seconds(&last.at).max(seconds(&first.at) + 1.0));
    let tallest = points.iter().map(|point| point.of.unwrap_or(0.0).max(point.value)).fold(0.0_f64, f64::max);
    let tallest = if tallest > 0.0 { tallest } else { 1.0 };
    let x = |at: &str| LEFT + (seconds(at) - begin) / (end - begin) * (WIDTH - LEFT - 8.0);
    let y = |value: f64| ABOVE + (1.0 - value / tallest) * (HEIGHT - ABOVE - BELOW);
    let floor = y(0.0);
    let mut path = String::new();
    for (place, point) in points.iter().enumerate() {
        // Writing into a string does not fail.
        let _ =
            write!(path, "{}{:.1} {:.1}", if place == 0 { 'M' } else { 'L' }, x(&point.at), y(point.value));
    }
    let mut svg = format!(
        "<svg class=\"line\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        safe(title)
    );
    for share in [0.0, 0.5, 1.0] {
        let _ = write!(
            svg,
            "<line class=\"rule\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{1:.1}\" y2=\"{1:.1}\"/>\
             <text class=\"n\" x=\"{2}\" y=\"{3:.1}\" text-anchor=\"end\">{4}</text>",
            WIDTH - 8.0,
            y(tallest * share),
            LEFT - 8.0,
            y(tallest * share) + 4.0,
            safe(&unit.written(format, tallest * share))
        );
    }
    let _ = write!(
        svg,
        "<path class=\"area\" d=\"{path}L{:.1} {floor:.1}L{:.1} {floor:.1}z\"/><path class=\"stroke\" d=\"{path}\"/>\
         <circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>\
         <text x=\"{LEFT}\" y=\"{}\">{}</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text></svg>",
        x(&last.at),
        x(&first.at),
        x(&last.at),
        y(last.value),
        HEIGHT - 6.0,
        safe(&format.moment(&first.at)),
        WIDTH - 8.0,
        HEIGHT - 6.0,
        safe(&format.moment(&last.at)),
    );
    let mut table = vec![vec![texts::plain(format, "chart-when"), texts::plain(format, "chart-value")]];
    table.extend(points.iter().map(|point| vec![format.exact(&point.at), unit.written(format, point.value)]));
    framed(format, title, &svg, &table)
}
