//! The arithmetic of a store, for people.
//! Never leaves out a sum that is not nought.

use malote_engine::store_sums::StoreSums;

use super::{Look, clean, number, section};

/// Lines below the heading at most; the JSON report has them all.
const LINES_MAX: usize = 30;

/// The store's items as an equation, and what stands behind its sums. `sent` is what those are called that are carried.
pub(super) fn store(out: &mut String, store: &StoreSums, sent: &str, look: Look) {
    let left_out: u64 = store.left_out.iter().map(|folder| folder.items).sum();
    let sums = [
        (store.sent, sent),
        (store.quarantined, "quarantined"),
        (store.skipped.values().sum(), "no mail"),
        (left_out, "outside of the mailbox"),
        (store.filtered, "filtered"),
        (store.pending, "pending"),
        (store.not_opened, "in folders that were not opened"),
    ];
    let parts: Vec<String> = (sums.iter().filter(|(count, _)| *count > 0))
        .map(|(count, name)| format!("{} {name}", number(*count)))
        .collect();
    let sum = if parts.is_empty() { "0".to_owned() } else { parts.join(" + ") };
    let recovered = match store.recovered {
        0 => String::new(),
        items => format!(" + {} recovered", number(items)),
    };
    let sign = if store.balances { "=" } else { "IS NOT" };
    let mut lines = vec![
        format!("{} items listed{recovered} {sign} {sum}", number(store.listed)),
        format!(
            "contents tables have {} rows, the node tree {} items{}",
            number(store.table_rows),
            number(store.node_children),
            if store.folders_uneven == 0 { ": every folder agrees" } else { "; see the warnings" }
        ),
    ];
    lines.extend(store.skipped.iter().map(|(class, items)| {
        let class = if class.is_empty() { "of no class" } else { class };
        clean(&format!("no mail: {} items {class}", number(*items)))
    }));
    lines.extend(store.left_out.iter().map(|folder| {
        clean(&format!("outside: {} items in {}: {}", number(folder.items), folder.folder, folder.reason))
    }));
    section(out, &look.strong("The store"), lines.into_iter(), LINES_MAX);
}

#[cfg(test)]
mod tests {
    use malote_engine::store_sums::StoreLeftOut;

    use super::*;

    #[test]
    fn a_store_is_told_as_one_equation() {
        let folder = StoreLeftOut { folder: "IPM_VIEWS".to_owned(), reason: "views".to_owned(), items: 2 };
        let sums = StoreSums {
            table_rows: 1008,
            node_children: 1008,
            listed: 1010,
            recovered: 1,
            sent: 1000,
            quarantined: 3,
            skipped: [("IPM.Contact".to_owned(), 6)].into(),
            left_out: vec![folder],
            balances: true,
            ..StoreSums::default()
        };
        let mut out = String::new();
        store(&mut out, &sums, "sent", Look::default());
        let expected = "
The store
  1,010 items listed + 1 recovered = 1,000 sent + 3 quarantined + 6 no mail + 2 outside of the mailbox
  contents tables have 1,008 rows, the node tree 1,008 items: every folder agrees
  no mail: 6 items IPM.Contact
  outside: 2 items in IPM_VIEWS: views
";
        assert_eq!(out, expected);
    }
}
