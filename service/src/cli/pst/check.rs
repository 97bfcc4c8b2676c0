//! `pst check`: reads every item as a copy would, and names what cannot be carried whole.
//! Never calls a file clean that only one reader has read.

use std::collections::BTreeMap;
use std::path::Path;

use malote_pst::both::{Asking, Comparison};
use malote_pst::loss::LossKind;
use malote_pst::mailbox::{Arithmetic, Mailbox};
use serde::Serialize;

use super::listing::Listing;
use super::{Elsewhere, Quarantined, Sums, items, walk};
use crate::cli::args::CheckArgs;
use crate::cli::exit::{Exit, Stopped};
use crate::cli::output;
use crate::cli::progress::Screen;
use crate::cli::render::{Column, Table, clean, counted, number};

/// The result's format.
const SCHEMA: &str = "malote.pst-check/1";

/// Disagreements that the text shows; all that are kept stand in the JSON.
const DISAGREEMENTS_SHOWN_MAX: usize = 20;

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    schema: &'static str,
    format: &'static str,
    items: u64,
    readable: u64,
    quarantined: Vec<Quarantined>,
    losses: BTreeMap<&'static str, u64>,
    arithmetic: Arithmetic,
    /// True where everything was read, nothing is damaged, and two readers agree on all of it.
    clean: bool,
    left_out: Vec<Elsewhere>,
    damage: Vec<String>,
    remarks: Vec<String>,
    second_reader: Option<Second>,
}

/// What the second reader said.
#[derive(Debug, Serialize)]
struct Second {
    items_compared: u64,
    items_alone: u64,
    items_rescued: u64,
    disagreements: u64,
    ended: Option<String>,
    told: Vec<Disagreed>,
}

/// One point that the readers do not agree on.
#[derive(Debug, Serialize)]
struct Disagreed {
    node: Option<String>,
    reason: String,
    used: &'static str,
}

/// Checks.
pub fn check(args: &CheckArgs) -> Result<Exit, Stopped> {
    let CheckArgs { pst: args, listing } = args;
    let screen = Screen::open(&args.output);
    let listing = Listing::wanted(listing, &args.file)?;
    let mut mailbox = super::open(&args.file, super::options(&args.store, Asking::Everything))?;
    let bar = screen.overall(items(&mailbox), "items read");
    let sums = walk(&mut mailbox, (None, listing.as_ref()), &|items| bar.inc(items))?;
    let list = listing.map(Listing::finish).transpose()?;
    bar.finish_and_clear();
    let found = Found::of(SCHEMA, &mailbox, sums);
    if args.output.json {
        output::print_json(&found)?;
    } else {
        output::print(&found.text(list.as_deref()))?;
    }
    Ok(found.exit())
}

impl Found {
    /// What a walk through `mailbox` came to.
    pub(super) fn of(schema: &'static str, mailbox: &Mailbox, sums: Sums) -> Self {
        let second = mailbox.comparison().map(Second::of);
        let agrees = mailbox.comparison().is_some_and(Comparison::is_clean);
        let damage = mailbox.damage();
        let arithmetic = sums.arithmetic;
        let clean = agrees && damage.is_empty() && sums.quarantined.is_empty() && arithmetic.balances();
        let items = arithmetic.listed + arithmetic.recovered;
        Self {
            schema,
            format: mailbox.summary().format.as_str(),
            items,
            readable: items - sums.quarantined.len() as u64,
            quarantined: sums.quarantined,
            losses: sums.losses,
            clean: clean && arithmetic.folders_uneven == 0,
            arithmetic,
            left_out: sums.elsewhere,
            damage,
            remarks: mailbox.tree().remarks.clone(),
            second_reader: second,
        }
    }

    /// The status: damage is told like a quarantined item, for something may be missing.
    pub(super) fn exit(&self) -> Exit {
        if !self.arithmetic.balances() {
            return Exit::Internal;
        }
        if self.quarantined.is_empty() && self.damage.is_empty() { Exit::Success } else { Exit::LeftOver }
    }

    /// For people; `list` is where it stands what each item lost.
    pub(super) fn text(&self, list: Option<&Path>) -> String {
        let mut text = String::new();
        if !self.quarantined.is_empty() {
            let columns = ["Item", "Folder", "Class", "Subject", "Why"].map(Column::text);
            let mut table = Table::new(columns.into());
            for item in &self.quarantined {
                let cells = [&item.node, &item.folder.join(" / "), &item.class, &item.subject, &item.reason];
                table.row(cells.map(|cell| clean(cell)).into());
            }
            text += &table.render(output::look());
        }
        let mut line = |words: String| {
            text += &clean(&words);
            text.push('\n');
        };
        for damage in &self.damage {
            line(format!("damaged: {damage}"));
        }
        for remark in &self.remarks {
            line(format!("note: {remark}"));
        }
        for folder in &self.left_out {
            let (path, items) = (folder.folder.join(" / "), counted(folder.items, "item", "items"));
            line(format!("left out: {path}, {items}: {}", folder.reason));
        }
        for kind in LossKind::all() {
            if let Some(count) = self.losses.get(kind.as_str()) {
                line(format!("not as it stood: {} {}: {}", kind.as_str(), number(*count), kind.meaning()));
            }
        }
        match list {
            Some(list) => line(format!("  item by item: {}", list.display())),
            None if self.losses.is_empty() => {}
            None => line("  item by item: --losses LIST".to_owned()),
        }
        if let Some(second) = &self.second_reader {
            line(second.sentence());
            for told in second.told.iter().take(DISAGREEMENTS_SHOWN_MAX) {
                let node = told.node.as_deref().unwrap_or("the file");
                line(format!("  {node}: {}; used: {}", told.reason, told.used));
            }
        }
        let sums = &self.arithmetic;
        let skipped = sums.skipped.values().sum::<u64>();
        line(format!(
            "{} listed + {} recovered = {} carried + {} quarantined + {} skipped by class",
            number(sums.listed),
            number(sums.recovered),
            number(sums.sent),
            number(sums.quarantined),
            number(skipped)
        ));
        if sums.folders_uneven > 0 {
            let folders = counted(sums.folders_uneven, "folder", "folders");
            line(format!(
                "in {folders} the contents table and the nodes do not count the same: {} rows, {} nodes",
                number(sums.table_rows),
                number(sums.node_children)
            ));
        }
        line(if self.clean {
            "clean: two readers agree on everything".to_owned()
        } else {
            "not proven clean".to_owned()
        });
        text
    }
}

impl Second {
    fn of(comparison: &Comparison) -> Self {
        // Several hands ask: in the order of nodes two checks of one file say the same.
        let mut in_order: Vec<_> = comparison.told.iter().collect();
        in_order.sort_by_key(|told| told.node);
        let told = in_order.into_iter().map(|told| Disagreed {
            node: told.node.map(|node| format!("{:#x}", node.0)),
            reason: told.reason.clone(),
            used: told.used,
        });
        Self {
            items_compared: comparison.items_compared,
            items_alone: comparison.items_alone,
            items_rescued: comparison.rescued.len() as u64,
            disagreements: comparison.unlike.len() as u64,
            ended: comparison.second_ended.clone(),
            told: told.collect(),
        }
    }

    fn sentence(&self) -> String {
        let ended =
            self.ended.as_ref().map_or(String::new(), |reason| format!("; asked no further: {reason}"));
        format!(
            "second reader: {} compared, {} read by one alone, {} by the second alone and kept back, \
             {} disagreements{ended}",
            number(self.items_compared),
            number(self.items_alone),
            number(self.items_rescued),
            number(self.disagreements)
        )
    }
}
