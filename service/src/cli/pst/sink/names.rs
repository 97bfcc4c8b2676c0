//! Names of files for folders whose users called them anything: safe, and never the same for two folders.
//! Never lets a name lead out of its folder.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::Offset;
use malote_engine::plan::folder::{FolderPath, Naming};
use malote_engine::plan::folder_name;

/// Longest component, in octets: with a number and an extension it still fits into what file systems take.
const COMPONENT_OCTETS_MAX: usize = 200;

/// Components given so far, without regard to case: some file systems have none.
#[derive(Debug, Default)]
pub(super) struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// One component for each level.
    pub(super) fn levels(&mut self, path: &[String]) -> PathBuf {
        let safe: Vec<String> = path.iter().map(|name| component(name)).collect();
        PathBuf::from(self.free(safe.join("/")))
    }

    /// The mbox file of a folder, in a folder for each level above it: one called like a file gets another name.
    pub(super) fn mbox(&mut self, path: &[String]) -> PathBuf {
        let mut safe: Vec<String> = path.iter().map(|name| component(name)).collect();
        let above = safe.len().saturating_sub(1);
        for name in safe.iter_mut().take(above).filter(|name| name.to_lowercase().ends_with(".mbox")) {
            name.push('_');
        }
        PathBuf::from(self.free(safe.join("/"))).with_added_extension("mbox")
    }

    /// The folder of a Maildir++: its levels in modified UTF-7 (RFC 3501 §5.1.3), parted and begun by dots.
    pub(super) fn maildir(&mut self, path: &[String]) -> PathBuf {
        let levels: Vec<String> = path.iter().map(|name| component(name).replace('.', "_")).collect();
        let naming =
            Naming { delimiter: Some('.'), prefix: String::new(), is_utf8: false, ignores_case: false };
        let wire =
            FolderPath::new(levels).map(|path| folder_name::encode(&path, &naming).0).unwrap_or_default();
        PathBuf::from(self.free(format!(".{}", String::from_utf8_lossy(&wire))))
    }

    fn free(&mut self, wanted: String) -> String {
        let numbered = (2_u32..).map(|number| format!("{wanted} ({number})"));
        let mut candidates = std::iter::once(wanted.clone()).chain(numbered);
        let free = candidates.find(|name| !self.taken.contains(&name.to_lowercase())).unwrap_or(wanted);
        self.taken.insert(free.to_lowercase());
        free
    }
}

/// A name that is one component on every file system in use.
fn component(name: &str) -> String {
    let is_safe =
        |c: char| !c.is_control() && !matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    let safe: String = name.chars().map(|c| if is_safe(c) { c } else { '_' }).collect();
    let cut = &safe[..safe.floor_char_boundary(COMPONENT_OCTETS_MAX)];
    // "." and ".." lead elsewhere, a leading dot hides, a trailing one is lost on some systems.
    let trimmed = cut.trim_matches(|c: char| c == '.' || c.is_whitespace());
    if trimmed.is_empty() { "_".to_owned() } else { trimmed.to_owned() }
}

/// The line that begins a message in an mbox file (RFC 4155 §2), with its date in UTC.
pub(in crate::cli::pst) fn from_line(seconds: Option<i64>) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let date = Timestamp::from_second(seconds.unwrap_or(0)).unwrap_or(Timestamp::UNIX_EPOCH);
    // Not by a pattern, which would be read anew for every item.
    let date = Offset::UTC.to_datetime(date);
    let weekday = DAYS[date.weekday().to_monday_zero_offset() as usize % 7];
    let month = MONTHS[(date.month() - 1) as usize % 12];
    let (day, hour, minute, second) = (date.day(), date.hour(), date.minute(), date.second());
    let year = date.year();
    format!("From MAILER-DAEMON {weekday} {month} {day:2} {hour:02}:{minute:02}:{second:02} {year}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_in_their_folder_and_apart() {
        let mut names = Names::default();
        for (path, safe) in [
            (vec!["..", "..", "etc"], "_/_/etc"),
            (vec!["a/b"], "a_b"),
            (vec!["A/B"], "A_B (2)"),
            (vec!["\u{0}\n.hidden. "], "__.hidden"),
            (vec![""], "_"),
        ] {
            let path: Vec<String> = path.into_iter().map(str::to_owned).collect();
            assert_eq!(names.levels(&path), PathBuf::from(safe), "{path:?}");
        }
        let long = names.levels(&["ç".repeat(500)]);
        assert!(long.as_os_str().len() <= COMPONENT_OCTETS_MAX);
    }

    #[test]
    fn a_level_above_is_never_called_like_an_mbox_file() {
        let mut names = Names::default();
        for (path, safe) in [
            (vec!["A"], "A.mbox"),
            (vec!["A.mbox", "B"], "A.mbox_/B.mbox"),
            (vec!["A.mbox"], "A.mbox.mbox"),
            (vec!["A.MBOX", "c", "D.mbox"], "A.MBOX_/c/D.mbox.mbox"),
            (vec!["a.mbox_", "b"], "a.mbox_/b (2).mbox"),
        ] {
            let path: Vec<String> = path.into_iter().map(str::to_owned).collect();
            assert_eq!(names.mbox(&path), PathBuf::from(safe), "{path:?}");
        }
    }

    #[test]
    fn a_maildir_folder_is_named_as_imap_servers_name_it() {
        let mut names = Names::default();
        let path = ["Entwürfe".to_owned(), "v1.2".to_owned()];
        assert_eq!(names.maildir(&path), PathBuf::from(".Entw&APw-rfe.v1_2"));
    }

    #[test]
    fn the_line_before_a_message_has_the_date_in_the_old_form() {
        assert_eq!(from_line(Some(1_268_673_127)), "From MAILER-DAEMON Mon Mar 15 17:12:07 2010\n");
        assert_eq!(from_line(None), "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n");
    }
}
