//! What a copy would do, for people.
//! Never promises: counts are upper bounds where messages may be found at the destination.

use malote_engine::run::{FolderForecast, Forecast};

use super::{Column, Look, Table, clean, counted, number, section, size};

/// Lines below one heading at most; the JSON form has them all.
const LINES_MAX: usize = 40;

/// The whole forecast.
pub fn forecast(forecast: &Forecast, look: Look) -> String {
    let mut out = look.strong("Plan: nothing was written, on no server and in no ledger");
    out.push('\n');
    if !forecast.folders.is_empty() {
        out.push('\n');
        out.push_str(&folders(forecast).render(look));
        if forecast.folders.iter().any(|folder| folder.may_adopt) {
            out.push_str("* the folder holds messages already: ");
            out.push_str("those found to be the same are adopted, not copied again\n");
        }
    }
    if let Some(store) = &forecast.store {
        super::store::store(&mut out, store, "to be sent", look);
    }
    let allowances = forecast.allowances.iter().map(|allowance| {
        format!(
            "the {} allows {} in a day, {} of it today: {} at least",
            allowance.side,
            size(allowance.bytes_per_day),
            size(allowance.bytes_left),
            counted(allowance.days, "day", "days")
        )
    });
    section(&mut out, &look.strong("Daily allowances"), allowances, LINES_MAX);
    let clashes = forecast.clashes.iter().map(|clash| clean(clash));
    section(&mut out, &look.bad("Clashes: decide with --map or --on-clash first"), clashes, LINES_MAX);
    let left_out =
        forecast.left_out.iter().map(|folder| clean(&format!("{}: {}", folder.folder, folder.reason)));
    section(&mut out, &look.strong("Left out"), left_out, LINES_MAX);
    section(&mut out, &look.strong("Warnings"), forecast.warnings.iter().map(|text| clean(text)), LINES_MAX);
    let errors = forecast.errors.iter();
    let errors = errors.map(|error| format!("{} [{}]: {}", error.side, error.class, clean(&error.message)));
    section(&mut out, &look.bad("Errors"), errors, LINES_MAX);
    out
}

fn folders(forecast: &Forecast) -> Table {
    let mut table = Table::new(vec![
        Column::text("Folder"),
        Column::text("At the destination"),
        Column::number("At source"),
        Column::number("To copy"),
        Column::number("Size"),
        Column::number("Already"),
        Column::number("Filtered"),
        Column::number("Quarantine"),
        Column::text("Note"),
    ]);
    for folder in &forecast.folders {
        let star = if folder.may_adopt { "*" } else { "" };
        table.row(vec![
            folder.source.clone(),
            if folder.destination == folder.source { "same".to_owned() } else { folder.destination.clone() },
            number(folder.source_messages),
            format!("{}{star}", number(folder.to_copy)),
            size(folder.to_copy_bytes),
            number(folder.already),
            number(folder.filtered),
            number(folder.quarantined),
            note(folder),
        ]);
    }
    let sum = |value: fn(&FolderForecast) -> u64| forecast.folders.iter().map(value).sum::<u64>();
    table.total(vec![
        counted(forecast.folders.len() as u64, "folder", "folders"),
        String::new(),
        number(sum(|folder| folder.source_messages)),
        number(sum(|folder| folder.to_copy)),
        size(sum(|folder| folder.to_copy_bytes)),
        number(sum(|folder| folder.already)),
        number(sum(|folder| folder.filtered)),
        number(sum(|folder| folder.quarantined)),
        String::new(),
    ]);
    table
}

fn note(folder: &FolderForecast) -> String {
    let created = folder.create.then_some("created");
    let renamed = (folder.renamed && folder.note.is_empty()).then_some("renamed");
    let notes: Vec<&str> = created.into_iter().chain(renamed).chain(Some(folder.note.as_str())).collect();
    notes.into_iter().filter(|note| !note.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use malote_engine::run::LeftOutFolder;

    use super::*;

    #[test]
    fn a_plan_shows_names_counts_and_what_stands_in_the_way() {
        let inbox = FolderForecast {
            source: "INBOX".to_owned(),
            destination: "INBOX".to_owned(),
            source_messages: 5,
            to_copy: 3,
            to_copy_bytes: 2048,
            already: 2,
            may_adopt: true,
            ..FolderForecast::default()
        };
        let work = FolderForecast {
            source: "Work/2024.Q1".to_owned(),
            destination: "Work/2024_Q1".to_owned(),
            renamed: true,
            create: true,
            ..FolderForecast::default()
        };
        let plan = Forecast {
            allowances: Vec::new(),
            schema: "malote.plan/1".to_owned(),
            folders: vec![inbox, work],
            left_out: vec![LeftOutFolder { folder: "Junk".to_owned(), reason: "excluded".to_owned() }],
            clashes: vec!["Sent and SENT would both become Sent".to_owned()],
            warnings: Vec::new(),
            errors: Vec::new(),
            store: None,
        };
        let expected = "\
Plan: nothing was written, on no server and in no ledger

Folder        At the destination  At source  To copy     Size  Already  Filtered  Quarantine  Note
INBOX         same                        5       3*  2.0 KiB        2         0           0
Work/2024.Q1  Work/2024_Q1                0        0      0 B        0         0           0  created; renamed
--------------------------------------------------------------------------------------------------------------
2 folders                                 5        3  2.0 KiB        2         0           0
* the folder holds messages already: those found to be the same are adopted, not copied again

Clashes: decide with --map or --on-clash first
  Sent and SENT would both become Sent

Left out
  Junk: excluded
";
        assert_eq!(forecast(&plan, Look::default()), expected);
    }
}
