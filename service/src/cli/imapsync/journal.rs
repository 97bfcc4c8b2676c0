//! What imapsync prints, on standard output and in its log file alike.
//! Never decides what is printed, and never fails a run because a log cannot be written.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Zoned;

use super::super::output;
use super::super::render::clean;
use super::wish::Wish;

/// The folder of log files that nobody named.
const FOLDER: &str = "LOG_imapsync";

/// Standard output, and the log file where there is one. Clones write to the same.
#[derive(Debug, Clone)]
pub struct Journal {
    file: Arc<Mutex<Option<File>>>,
    path: Option<PathBuf>,
}

impl Journal {
    /// Standard output alone.
    pub fn without_file() -> Self {
        Self { file: Arc::default(), path: None }
    }

    /// With the log file that the options ask for.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn open(wish: &Wish, now: &Zoned) -> Result<Self, String> {
        if wish.switch("log") == Some(false) {
            return Ok(Self::without_file());
        }
        let path = path(wish, now);
        let fail = |cause: std::io::Error| format!("making the log file {}: {cause}", path.display());
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).create(folder).map_err(fail)?;
        }
        let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path).map_err(fail)?;
        Ok(Self { file: Arc::new(Mutex::new(Some(file))), path: Some(path) })
    }

    /// Writes one line. What a server said cannot steer a terminal.
    pub fn line(&self, text: &str) {
        let line = format!("{}\n", clean(text));
        // A reader that has gone away, or a full disk, does not end a migration.
        let _ = output::print(&line);
        if let Some(file) = self.file.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            let _ = file.write_all(line.as_bytes());
        }
    }

    /// Writes several lines.
    pub fn lines(&self, lines: impl IntoIterator<Item = String>) {
        lines.into_iter().for_each(|line| self.line(&line));
    }

    /// The log file.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Where the log is, as imapsync says it at the beginning and at the end.
    pub fn announcement(&self) -> String {
        match &self.path {
            Some(path) => format!(
                "Log file is {} ( to change it, use --logfile path ; or use --nolog to turn off logging )",
                path.display()
            ),
            None => "No log file because of option --nolog".to_owned(),
        }
    }
}

/// `LOG_imapsync/2026_11_21_12_38_52_761_ana_bia.txt`, by local time.
fn path(wish: &Wish, now: &Zoned) -> PathBuf {
    let folder = wish.text("logdir").unwrap_or(FOLDER);
    let name = wish.text("logfile").map_or_else(
        || {
            let (user1, user2) = (wish.text("user1").unwrap_or(""), wish.text("user2").unwrap_or(""));
            format!(
                "{}_{:03}_{}_{}.txt",
                now.strftime("%Y_%m_%d_%H_%M_%S"),
                now.millisecond(),
                harmless(user1),
                harmless(user2)
            )
        },
        str::to_owned,
    );
    Path::new(folder).join(name)
}

/// A user's name as a part of a file's.
fn harmless(name: &str) -> String {
    let plain = |letter: char| {
        let is_harmful = "*|?:\"<>' /\\".contains(letter) || !letter.is_ascii() || letter.is_ascii_control();
        if is_harmful { '_' } else { letter }
    };
    name.chars().map(plain).collect()
}

/// A moment as imapsync writes it.
pub fn moment(at: &Zoned) -> String {
    at.strftime("%A %d %B %Y-%m-%d %H:%M:%S %z %Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_has_imapsyncs_name() {
        let now: Zoned = "2026-11-21T12:38:52.761[UTC]".parse().unwrap();
        for (words, expected) in [
            ("--user1 ana@x.org --user2 b/c", "LOG_imapsync/2026_11_21_12_38_52_761_ana@x.org_b_c.txt"),
            ("", "LOG_imapsync/2026_11_21_12_38_52_761__.txt"),
            ("--logdir /var/log", "/var/log/2026_11_21_12_38_52_761__.txt"),
            ("--logfile x.txt", "LOG_imapsync/x.txt"),
            ("--logdir . --logfile /x/y.txt", "/x/y.txt"),
        ] {
            let wish = Wish::read(words.split_whitespace().map(str::to_owned).collect()).unwrap();
            assert_eq!(path(&wish, &now), Path::new(expected), "{words}");
        }
        assert_eq!(moment(&now), "Saturday 21 November 2026-11-21 12:38:52 +0000 UTC");
        assert_eq!(harmless("a'b \\é"), "a_b___");
    }
}
