//! What this program is and what it is built of, as it was when it was built.
//! Never asks a machine anything: it is all in the program.

/// What the build wrote down: name, version and licence of each crate, parted by tabs.
const PARTS: &str = include_str!(concat!(env!("OUT_DIR"), "/parts.tsv"));

/// What is in the program or beside it that is no crate of its own: name, where it is used, licence (SPDX).
pub const ASSETS: [(&str, &str, &str); 4] = [
    ("Noto Sans", "reports", "Apache-2.0"),
    ("SQLite", "database", "blessing"),
    ("libpff", "stores", "LGPL-3.0-or-later"),
    ("Malote", "pages", env!("CARGO_PKG_LICENSE")),
];

/// A crate that is in the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its licence (SPDX); empty where it names none.
    pub licence: &'static str,
}

/// Every crate that is in the program, by name; none where the build was not told of them.
pub fn parts() -> impl Iterator<Item = Part> {
    PARTS.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        Some(Part { name: fields.next()?, version: fields.next()?, licence: fields.next()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_knows_its_crates_each_once_with_a_licence_and_no_path() {
        let all: Vec<Part> = parts().collect();
        let mut names: Vec<_> = all.iter().map(|part| (part.name, part.version)).collect();
        names.dedup();
        assert_eq!(names.len(), all.len());
        for wanted in ["malote", "malote-engine", "axum", "sqlx", "minijinja"] {
            assert!(all.iter().any(|part| part.name == wanted), "{wanted} is not told");
        }
        assert!(all.len() > 100, "{}", all.len());
        for part in all {
            assert!(!part.licence.is_empty() && !part.licence.contains('/'), "{part:?}");
            assert!(part.version.starts_with(|letter: char| letter.is_ascii_digit()), "{part:?}");
        }
    }
}
