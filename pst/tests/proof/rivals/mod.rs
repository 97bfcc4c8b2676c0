//! Four readers of every store: no other one may find an item, a body, a file or a person that ours does not.
//! Never takes a disagreement for agreement: each is printed with who is right, and why.

mod harvest;
mod ours;
mod outlook;
mod programs;

use std::fmt::Write as _;

use anyhow::Result;

use crate::stores;
use harvest::{Harvest, beyond, size};

/// What another reader may give beyond ours, by file and reader, with the reason why ours is right.
const EXPLAINED: [(&str, &str, &str, &str); 0] = [];

/// One row of the table: a reader's harvest of one store, nothing where it refuses it.
type Row = [Option<Harvest>; 4];

const READERS: [&str; 4] = ["Malote", "libpff", "readpst", "outlook-pst"];

/// What `theirs` has that `ours` has not: what it is, and how many.
fn surplus(theirs: &Harvest, ours: &Harvest) -> Vec<(&'static str, usize)> {
    let strangers =
        theirs.people.iter().filter(|one| !ours.people.contains(*one) && !ours.fields.contains(one.as_str()));
    let found = [
        ("items", theirs.items.saturating_sub(ours.items).max(theirs.nodes.difference(&ours.nodes).count())),
        ("bodies", beyond(&theirs.bodies, &ours.bodies)),
        ("files", beyond(&theirs.files, &ours.files)),
        ("people", strangers.count()),
    ];
    found.into_iter().filter(|(_, count)| *count > 0).collect()
}

fn counts(harvest: Option<&Harvest>) -> String {
    harvest.map_or("refused".to_owned(), |one| {
        format!("{} / {} / {} / {}", one.items, size(&one.bodies), size(&one.files), one.recipients)
    })
}

#[test]
fn no_other_reader_finds_more() -> Result<()> {
    if !programs::are_there() {
        return Ok(());
    }
    let (mut table, mut unexplained) = (String::new(), Vec::new());
    let mut totals: [Harvest; 4] = Default::default();
    let mut sums = [[0_usize; 4]; 4];
    for subject in &stores::all()?.all {
        let row: Row = [
            ours::harvest(subject)?,
            programs::pffexport(subject)?,
            programs::readpst(subject)?,
            outlook::harvest(subject),
        ];
        let name = &subject.name;
        write!(table, "| {name} |")?;
        for (reader, one) in row.iter().enumerate() {
            write!(table, " {} |", counts(one.as_ref()))?;
            let Some(one) = one else { continue };
            let own = [one.items, size(&one.bodies), size(&one.files), one.recipients];
            own.iter().zip(&mut sums[reader]).for_each(|(count, sum)| *sum += count);
            totals[reader].items += one.items;
        }
        table.push('\n');
        let nothing = Harvest::default();
        let ours = row[0].as_ref().unwrap_or(&nothing);
        for (reader, theirs) in READERS.iter().zip(&row).skip(1) {
            let theirs_or_none = theirs.as_ref().unwrap_or(&nothing);
            for (what, count) in surplus(ours, theirs_or_none) {
                eprintln!(
                    "{name}: {reader} lacks {count} {what}; right: Malote, the store's octets hold them"
                );
            }
            for (what, count) in surplus(theirs_or_none, ours) {
                let known = EXPLAINED
                    .iter()
                    .find(|(file, who, which, _)| *file == name && who == reader && *which == what);
                match known {
                    Some((.., why)) => {
                        eprintln!("{name}: {reader} has {count} {what} more; right: Malote, {why}")
                    }
                    None => {
                        unexplained.push(format!("{name}: {reader} has {count} {what} that ours has not"))
                    }
                }
            }
        }
    }
    let total = sums.map(|[items, bodies, files, people]| format!("{items} / {bodies} / {files} / {people}"));
    eprintln!(
        "| store | {} |\n|---|---|---|---|---|\n{table}| total | {} |",
        READERS.join(" | "),
        total.join(" | ")
    );
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    Ok(())
}
