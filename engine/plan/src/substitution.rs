//! What becomes of a folder name that the destination cannot hold.
//! Never loses which name it was: whoever substitutes keeps the original path beside the new one.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::folder::{FolderPath, INBOX, Naming, is_inbox_name};
use crate::folder_name::encode;

/// Levels that a path has at most, the prefix's included: Dovecot creates no deeper folder.
pub const LEVELS_MAX: usize = 16;

/// Octets of one level on the wire: a file system's 255, less room for a suffix.
pub const LEVEL_OCTETS_MAX: usize = 200;

/// Octets of a whole name on the wire.
pub const NAME_OCTETS_MAX: usize = 1000;

/// Stands for what cannot stay.
const SUBSTITUTE: char = '_';

/// What a destination holds beside what its delimiter tells; a refusal may teach more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRules {
    /// Characters that no level may have; the delimiter, `/` and control characters need not be named.
    pub refused: Vec<char>,
    /// True where blanks at either end, or several together, are refused.
    pub refuses_spare_blanks: bool,
    /// Names that no folder at the top may have, in any case of letters: the server keeps them for itself.
    pub reserved: Vec<String>,
    /// Levels of a path, the prefix's included.
    pub levels_max: usize,
    /// Octets of one level on the wire.
    pub level_octets_max: usize,
    /// Octets of a whole name on the wire.
    pub name_octets_max: usize,
}

impl Default for NameRules {
    fn default() -> Self {
        Self {
            refused: Vec::new(),
            refuses_spare_blanks: false,
            reserved: Vec::new(),
            levels_max: LEVELS_MAX,
            level_octets_max: LEVEL_OCTETS_MAX,
            name_octets_max: NAME_OCTETS_MAX,
        }
    }
}

/// Why a folder is not called at the destination what it is called at the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Characters that the destination cannot hold in a level.
    Characters,
    /// Blanks that the destination refuses.
    Blanks,
    /// The server keeps the name for itself.
    Reserved,
    /// The level or the whole name is too long.
    TooLong,
    /// The path has too many levels.
    TooDeep,
    /// The folder above takes no folders.
    NoChildren,
    /// Another folder's name became, or already was, what this one would be called.
    Taken,
    /// Two names that the destination cannot tell apart, and the operator wants both folders.
    Clash,
}

impl Reason {
    /// The reason as reports carry it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Characters => "characters",
            Self::Blanks => "blanks",
            Self::Reserved => "reserved",
            Self::TooLong => "too_long",
            Self::TooDeep => "too_deep",
            Self::NoChildren => "no_children",
            Self::Taken => "taken",
            Self::Clash => "clash",
        }
    }
}

/// One level as the destination can hold it. A server whose delimiter is not `/` keeps folders as files more often
/// than not, so `/` goes as well; so do the levels `.` and `..`.
#[must_use]
pub fn level(name: &str, naming: &Naming, rules: &NameRules) -> (String, Option<Reason>) {
    let is_refused = |character: char| {
        character.is_control()
            || character == '/'
            || naming.delimiter == Some(character)
            || rules.refused.contains(&character)
    };
    let mut reason = None;
    let is_dots = matches!(name, "." | "..");
    let mut level: String = name
        .chars()
        .map(|character| {
            if is_refused(character) || is_dots {
                reason = Some(Reason::Characters);
                // A destination that separates by `_` takes `-`.
                if is_refused(SUBSTITUTE) { '-' } else { SUBSTITUTE }
            } else {
                character
            }
        })
        .collect();
    if rules.refuses_spare_blanks {
        let tidy = level.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        if tidy != level {
            reason = reason.or(Some(Reason::Blanks));
            level = if tidy.is_empty() { SUBSTITUTE.to_string() } else { tidy };
        }
    }
    if level_octets(&level, naming) > rules.level_octets_max {
        reason = Some(Reason::TooLong);
        level = shortened(name, level, naming, rules.level_octets_max);
    }
    if reason.is_some() && is_inbox_name(&level) {
        level.push(SUBSTITUTE);
    }
    (level, reason)
}

/// A level at the top as the destination can hold it: as `level`, and none of the names that it keeps for itself.
#[must_use]
pub fn top_level(name: &str, naming: &Naming, rules: &NameRules) -> (String, Option<Reason>) {
    let (mut level, reason) = level(name, naming, rules);
    let folded = level.to_lowercase();
    if !rules.reserved.iter().any(|reserved| reserved.to_lowercase() == folded) {
        return (level, reason);
    }
    level.push(if naming.delimiter == Some(SUBSTITUTE) { '-' } else { SUBSTITUTE });
    (level, Some(Reason::Reserved))
}

/// A level on the wire, without the prefix.
fn level_octets(level: &str, naming: &Naming) -> usize {
    let bare = Naming { prefix: String::new(), ..naming.clone() };
    encode(&FolderPath::root(level), &bare).0.len()
}

/// As much of the start as fits, and a mark that tells the name from others with the same start.
fn shortened(name: &str, mut level: String, naming: &Naming, octets_max: usize) -> String {
    let hash = blake3::hash(name.as_bytes()).to_hex();
    let mark = format!("~{}", &hash[..8]);
    while !level.is_empty() && level_octets(&format!("{level}{mark}"), naming) > octets_max {
        level.pop();
    }
    level + &mark
}

/// Why a path whose levels are sound is still none that the destination can hold.
#[must_use]
pub fn misfit(path: &FolderPath, naming: &Naming, rules: &NameRules) -> Option<Reason> {
    let prefix_levels = naming
        .delimiter
        .map_or(0, |delimiter| naming.prefix.split(delimiter).filter(|level| !level.is_empty()).count());
    if path.levels().len() > 1 && naming.delimiter.is_none() {
        Some(Reason::NoChildren)
    } else if path.levels().len() > 1 && path.levels().len() + prefix_levels > rules.levels_max {
        Some(Reason::TooDeep)
    } else if path.levels().len() > 1 && encode(path, naming).0.len() > rules.name_octets_max {
        Some(Reason::TooLong)
    } else {
        None
    }
}

/// `Above/name` as a folder beside `Above` instead of below it: `Above_name`.
#[must_use]
pub fn beside(above: &FolderPath, name: &str, naming: &Naming, rules: &NameRules) -> FolderPath {
    let (name, _) = level(&format!("{}{SUBSTITUTE}{name}", above.name()), naming, rules);
    above.parent().map_or_else(|| FolderPath::root(&name), |parent| parent.child(&name))
}

/// The path with ` (2)` or a higher number behind its name; INBOX itself becomes a folder of that name.
#[must_use]
pub fn numbered(path: &FolderPath, number: usize) -> FolderPath {
    let name = format!("{} ({number})", if path.is_inbox() { INBOX } else { path.name() });
    path.parent().map_or_else(|| FolderPath::root(&name), |parent| parent.child(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naming(delimiter: Option<char>) -> Naming {
        Naming { delimiter, prefix: String::new(), is_utf8: false, ignores_case: false }
    }

    #[test]
    fn a_level_changes_only_where_it_must() {
        let spare =
            NameRules { refuses_spare_blanks: true, refused: "^".chars().collect(), ..NameRules::default() };
        let lax = NameRules::default();
        for (name, delimiter, rules, expected, reason) in [
            ("2024.Q1", '.', &lax, "2024_Q1", Some(Reason::Characters)),
            ("2024.Q1", '/', &lax, "2024.Q1", None),
            ("a/b", '.', &lax, "a_b", Some(Reason::Characters)),
            ("a_b", '_', &lax, "a-b", Some(Reason::Characters)),
            ("a\tb", '/', &lax, "a_b", Some(Reason::Characters)),
            ("..", '/', &lax, "__", Some(Reason::Characters)),
            (" a  b ", '/', &lax, " a  b ", None),
            (" a  b ", '/', &spare, "a b", Some(Reason::Blanks)),
            ("  ", '/', &spare, "_", Some(Reason::Blanks)),
            (" INBOX", '/', &spare, "INBOX_", Some(Reason::Blanks)),
            ("a^b", '/', &spare, "a_b", Some(Reason::Characters)),
            ("\"\\*%{10}", '/', &lax, "\"\\*%{10}", None),
        ] {
            assert_eq!(level(name, &naming(Some(delimiter)), rules), (expected.into(), reason), "{name}");
        }
    }

    #[test]
    fn a_name_that_the_server_keeps_for_itself_is_changed_at_the_top_alone() {
        let rules = NameRules { reserved: alloc::vec!["Files".into()], ..NameRules::default() };
        let slash = naming(Some('/'));
        assert_eq!(top_level("files", &slash, &rules), ("files_".into(), Some(Reason::Reserved)));
        assert_eq!(top_level("Files", &naming(Some('_')), &rules), ("Files-".into(), Some(Reason::Reserved)));
        assert_eq!(top_level("Filesets", &slash, &rules), ("Filesets".into(), None));
        assert_eq!(level("Files", &slash, &rules), ("Files".into(), None));
    }

    proptest! {
        #[test]
        fn every_level_becomes_one_that_fits(name in "(.|[あé./]){1,300}", max in 20_usize..60) {
            let (naming, rules) = (naming(Some('.')), NameRules { level_octets_max: max, ..NameRules::default() });
            let (fitting, reason) = level(&name, &naming, &rules);
            prop_assert!(!fitting.is_empty() && !fitting.contains(['.', '/']));
            prop_assert!(level_octets(&fitting, &naming) <= max);
            prop_assert_eq!(reason.is_none(), fitting == name);
            prop_assert_eq!(level(&fitting, &naming, &rules), (fitting, None));
        }
    }
}
