//! Prints medians and ratios as a Markdown table.

use std::io::Write as _;

use crate::measure::Figures;
use crate::rivals::Rival;

/// One table: a row for each rival that has figures, ratios against the first.
pub fn print(title: &str, messages: usize, octets: u64, rivals: &[Rival], figures: &[Vec<Figures>]) {
    let mut text = format!(
        "\n### {title} ({messages} messages, {:.1} MB)\n\n| who | time | times Malote's | messages/s | CPU | peak |\n\
         |---|---|---|---|---|---|\n",
        octets as f64 / 1e6
    );
    let median = |values: &[Figures], pick: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = values.iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let ours = figures.first().and_then(|values| median(values, |figures| figures.wall_s));
    for (rival, values) in rivals.iter().zip(figures) {
        let (Some(wall), Some(cpu), Some(peak), Some(ours)) = (
            median(values, |figures| figures.wall_s),
            median(values, |figures| figures.cpu_s),
            median(values, |figures| figures.peak_kib as f64),
            ours,
        ) else {
            continue;
        };
        text.push_str(&format!(
            "| {} | {wall:.2} s | {:.2} | {:.0} | {cpu:.2} s | {:.1} MiB |\n",
            rival.name(),
            wall / ours,
            messages as f64 / wall,
            peak / 1024.0
        ));
    }
    // A closed standard output leaves nobody to tell.
    let _written = std::io::stdout().write_all(text.as_bytes());
}
