//! A report as a picture: one bar for each rival and case, as long as the logarithm of its times Malote's.
//! Never colours that vanish on a dark page: the picture asks what it is shown on.

use std::fmt::Write as _;

use crate::result::{Report, Row};

const WIDTH: f64 = 760.0;
const LABELS: f64 = 150.0;
const VALUES: f64 = 90.0;
const BAR_HEIGHT: f64 = 16.0;
const STEP: f64 = 22.0;
const HEAD: f64 = 70.0;

const STYLE: &str = "
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .group { font-weight: 600 }
  .quiet { fill: #59636e }
  .grid { stroke: #d1d9e0 }
  .one { stroke: #1f2328 }
  .bar { fill: #8c959f }
  .ours { fill: #1a7f37 }
  .faster { fill: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .quiet { fill: #9198a1 }
    .grid { stroke: #3d444d }
    .one { stroke: #f0f6fc }
    .bar { fill: #656c76 }
    .ours { fill: #3fb950 }
    .faster { fill: #db6d28 }
  }
";

/// The chart; it scales with the page that shows it.
pub fn svg(report: &Report) -> String {
    let groups: Vec<(String, Vec<&Row>)> = report
        .cases
        .iter()
        .flat_map(|case| case.tables.iter().map(move |table| (case, table)))
        .map(|(case, table)| {
            let rows =
                table.rows.iter().filter(|row| row.median.is_some_and(|median| median.ratio.is_some()));
            (format!("{}: {}", case.title, table.phase.title()), rows.collect())
        })
        .collect();
    let ratios = groups.iter().flat_map(|(_, rows)| rows.iter().map(|row| ratio(row)));
    let (low, high) =
        ratios.fold((0.5_f64, 10.0_f64), |(low, high), ratio| (low.min(ratio), high.max(ratio)));
    let scale = Scale { low: low.log10().floor().max(-2.0), high: high.log10().ceil() };
    let mut body = String::new();
    let mut y = HEAD;
    for (title, rows) in &groups {
        put(&mut body, &format!("<text class=\"group\" x=\"0\" y=\"{y:.0}\">{}</text>", escaped(title)));
        y += 8.0;
        for row in rows {
            bar(&mut body, row, y, &scale);
            y += STEP;
        }
        y += 24.0;
    }
    let grid = grid(&scale, y - 24.0);
    let label = "Time for the same work, as a multiple of Malote's";
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-10 -10 {:.0} {y:.0}\" role=\"img\" \
         aria-label=\"{label}\">\n<style>{STYLE}</style>\n<text class=\"title\" x=\"0\" y=\"12\">{label}</text>\n\
         {grid}{body}</svg>\n",
        WIDTH + 20.0
    )
}

/// Powers of ten between the labels and the values.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn x(&self, ratio: f64) -> f64 {
        let part = (ratio.log10().max(self.low) - self.low) / (self.high - self.low);
        LABELS + part * (WIDTH - LABELS - VALUES)
    }
}

fn ratio(row: &Row) -> f64 {
    row.median.and_then(|median| median.ratio).unwrap_or(1.0)
}

fn bar(body: &mut String, row: &Row, y: f64, scale: &Scale) {
    let (ratio, start) = (ratio(row), scale.x(10_f64.powf(scale.low)));
    let end = scale.x(ratio).max(start + 1.0);
    let class = match row.who {
        "malote" => "ours",
        _ if ratio < 1.0 => "faster",
        _ => "bar",
    };
    let (middle, width) = (y + BAR_HEIGHT - 3.5, end - start);
    let (name, value) = (escaped(row.who), format!("{ratio:.2}"));
    put(body, &format!("<text class=\"quiet\" x=\"12\" y=\"{middle:.1}\">{name}</text>"));
    put(
        body,
        &format!(
            "<rect class=\"{class}\" x=\"{start:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR_HEIGHT}\" \
             rx=\"2\"/>"
        ),
    );
    put(body, &format!("<text x=\"{:.1}\" y=\"{middle:.1}\">{value}</text>", end + 6.0));
}

fn grid(scale: &Scale, bottom: f64) -> String {
    let mut text = String::new();
    let mut power = scale.low;
    while power <= scale.high {
        let (x, class) = (scale.x(10_f64.powf(power)), if power == 0.0 { "one" } else { "grid" });
        put(
            &mut text,
            &format!("<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"44\" y2=\"{bottom:.0}\"/>"),
        );
        let name = 10_f64.powf(power);
        put(
            &mut text,
            &format!("<text class=\"quiet\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"38\">{name} ×</text>"),
        );
        power += 1.0;
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn put(text: &mut String, addition: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{addition}");
}
