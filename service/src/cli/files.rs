//! Locations that are files: `mbox:`, `eml:`, `maildir:`, `tgz:` and `pst:`, as sources and, where so, destinations.
//! Never opens one: what is wrong with a file is told by the run.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use malote_engine::destination::Destination;
use malote_engine::destination::maildir::MaildirDestination;
use malote_engine::destination::mbox::MboxDestination;
use malote_engine::failure::Side;
use malote_engine::source::Source;
use malote_engine::source::archive::ArchiveSource;
use malote_engine::source::archive::book::Book;
use malote_engine::source::eml::EmlArchive;
use malote_engine::source::eml::zipped::ZipOfEml;
use malote_engine::source::maildir::MaildirArchive;
use malote_engine::source::mbox::MboxArchive;
use malote_engine::source::mbox::letter::Variant;
use malote_engine::source::pst::PstArchive;
use malote_engine::source::tgz::TgzArchive;
use malote_pst::both::Asking;

use super::args::StoreArgs;
use super::assemble::option;
use super::exit::Stopped;
use super::pst;

/// What stands behind an mbox path where its variant is not to be found out.
const VARIANT_MARK: &str = "?variant=";

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An mbox file or a tree of them.
    Mbox(Option<Variant>),
    /// A folder or a zip of `.eml` files.
    Eml,
    /// A tree of Maildirs.
    Maildir,
    /// A tar archive, compressed or not.
    Tgz,
    /// A personal store of Outlook.
    Pst,
}

/// Mail in files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    format: Format,
    /// Absolute, so that the same files are the same mailbox wherever the program is called.
    path: PathBuf,
}

impl fmt::Display for Files {
    /// What a ledger knows the files by; how they are read is no part of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.format.scheme(), self.path.display())
    }
}

impl Format {
    const fn scheme(self) -> &'static str {
        match self {
            Self::Mbox(_) => "mbox",
            Self::Eml => "eml",
            Self::Maildir => "maildir",
            Self::Tgz => "tgz",
            Self::Pst => "pst",
        }
    }
}

impl Files {
    /// Reads a location; nothing where it does not name files.
    ///
    /// # Errors
    /// Where it names files of a kind that cannot be what it is to be, or no path.
    pub fn parse(side: Side, text: &str) -> Result<Option<Self>, Stopped> {
        let Some((scheme, path)) = text.split_once(':') else { return Ok(None) };
        let option = option(side);
        let scheme = scheme.to_ascii_lowercase();
        let (format, path) = match scheme.as_str() {
            "mbox" => variant(option, path)?,
            "eml" => (Format::Eml, path),
            "maildir" => (Format::Maildir, path),
            "tgz" => (Format::Tgz, path),
            "pst" => (Format::Pst, path),
            _ => return Ok(None),
        };
        if side == Side::Destination && !matches!(format, Format::Mbox(_) | Format::Maildir) {
            let what = format!("{option} {scheme}: is read and not written; mbox: and maildir: are written");
            return Err(Stopped::usage(what));
        }
        if path.is_empty() {
            return Err(Stopped::usage(format!("{option} {scheme}: names no path")));
        }
        let path = absolute(Path::new(path))
            .map_err(|cause| Stopped::usage(format!("{option} {scheme}:{path}: {cause}")))?;
        Ok(Some(Self { format, path }))
    }

    /// True where one lies within the other: what is written would be read again.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.path.starts_with(&other.path) || other.path.starts_with(&self.path)
    }

    /// The files as a source. UIDs are kept in `book`, where the files have none of their own; `store` says how
    /// personal stores are read.
    #[must_use]
    pub fn source(&self, book: Book, store: &StoreArgs) -> Arc<dyn Source> {
        let path = self.path.clone();
        Arc::new(match self.format {
            Format::Mbox(variant) => ArchiveSource::new(MboxArchive::new(path, variant, book)),
            Format::Eml if path.is_file() => ArchiveSource::new(ZipOfEml::new(path, book)),
            Format::Eml => ArchiveSource::new(EmlArchive::new(path, book)),
            Format::Maildir => ArchiveSource::new(MaildirArchive::new(path, book)),
            Format::Tgz => ArchiveSource::new(TgzArchive::new(path, book)),
            Format::Pst => ArchiveSource::new(PstArchive::new(path, pst::options(store, Asking::Damaged))),
        })
    }

    /// The files as a destination, where their format is written; one that only reads (`writes` false) leaves every
    /// file as it is.
    #[must_use]
    pub fn destination(&self, writes: bool) -> Option<Arc<dyn Destination>> {
        let path = self.path.clone();
        match self.format {
            Format::Mbox(_) if writes => Some(Arc::new(MboxDestination::new(path))),
            Format::Mbox(_) => Some(Arc::new(MboxDestination::new(path).reading())),
            Format::Maildir if writes => Some(Arc::new(MaildirDestination::new(path))),
            Format::Maildir => Some(Arc::new(MaildirDestination::new(path).reading())),
            Format::Eml | Format::Tgz | Format::Pst => None,
        }
    }
}

/// Takes the variant off an mbox path.
fn variant<'a>(option: &str, path: &'a str) -> Result<(Format, &'a str), Stopped> {
    let Some((path, name)) = path.rsplit_once(VARIANT_MARK) else { return Ok((Format::Mbox(None), path)) };
    match Variant::named(name) {
        Some(variant) => Ok((Format::Mbox(Some(variant)), path)),
        None => {
            let what = format!("{option} mbox: knows mboxo, mboxrd, mboxcl and mboxcl2, not `{name}`");
            Err(Stopped::usage(what))
        }
    }
}

/// The path with its links resolved; of one that is not there yet, those of what is.
fn absolute(path: &Path) -> std::io::Result<PathBuf> {
    match path.canonicalize() {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            let whole = std::path::absolute(path)?;
            let (Some(parent), Some(name)) = (whole.parent(), whole.file_name()) else { return Ok(whole) };
            Ok(parent.canonicalize().unwrap_or_else(|_| parent.to_owned()).join(name))
        }
        found => found,
    }
}

#[cfg(test)]
mod tests {
    use super::super::exit::Exit;
    use super::*;

    #[test]
    fn a_location_names_files_or_a_server() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().canonicalize().unwrap();
        let text = |scheme: &str, rest: &str| format!("{scheme}:{}{rest}", path.display());
        for (given, expected) in [
            (text("mbox", "/Inbox"), Some(text("mbox", "/Inbox"))),
            (text("MBOX", "/x?variant=mboxcl2"), Some(text("mbox", "/x"))),
            (text("mbox", "/./x"), Some(text("mbox", "/x"))),
            (text("maildir", ""), Some(text("maildir", ""))),
            (text("eml", "/new"), Some(text("eml", "/new"))),
            (text("tgz", "/a.tgz"), Some(text("tgz", "/a.tgz"))),
            ("imaps://a@h".to_owned(), None),
            ("a@h".to_owned(), None),
        ] {
            let files = Files::parse(Side::Source, &given).unwrap();
            assert_eq!(files.map(|files| files.to_string()), expected, "{given}");
        }
    }

    #[test]
    fn what_cannot_be_is_a_usage_error() {
        for (side, text, word) in [
            (Side::Destination, "pst:mail.pst", "read and not written"),
            (Side::Source, "mbox:", "names no path"),
            (Side::Source, "mbox:x?variant=mmdf", "not `mmdf`"),
            (Side::Destination, "tgz:x", "read and not written"),
            (Side::Destination, "eml:x", "--to"),
        ] {
            let stopped = Files::parse(side, text).unwrap_err();
            assert_eq!(stopped.exit, Exit::Usage);
            assert!(stopped.message.contains(word), "{}", stopped.message);
        }
    }

    #[test]
    fn files_within_files_are_found_out() {
        let files = |text: &str| Files::parse(Side::Source, text).unwrap().unwrap();
        assert!(files("maildir:/a/b").overlaps(&files("mbox:/a")));
        assert!(files("mbox:/a").overlaps(&files("mbox:/a")));
        assert!(!files("mbox:/a").overlaps(&files("mbox:/ab")));
    }
}
