//! What lies beside messages in a folder, a zip or a tar archive and is none: mail in other forms, what macOS adds.
//! Never takes a file for either by its name alone where its octets can tell.

use super::form::{self, Form};
use crate::source::archive::files::{self, Sentences};
use crate::source::maildir::name::Name;
use crate::source::mbox::from_line::{self, FromLine};

/// Octets at a file's beginning by which it is judged.
pub const BEGIN_OCTETS: usize = 512;

/// What a file begins with that macOS writes beside another for what its disk cannot hold (RFC 1740 §3).
const APPLE_DOUBLE: &[u8] = &[0, 5, 0x16, 7];

/// What the stores of Outlook begin with ([MS-PST] §2.2.2.6), and its single messages ([MS-CFB] §2.2).
const STORE: &[u8] = b"!BDN";
const COMPOUND: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0];

/// Endings of names under which other mail lies; `.olm` is Outlook's for macOS.
const MBOX_ENDINGS: [&[u8]; 2] = [b".mbox", b".mbx"];
const STORE_ENDINGS: [&[u8]; 3] = [b".pst", b".ost", b".olm"];
const MESSAGE_ENDING: &[u8] = b".msg";

/// Digits that a Maildir's names begin with at least: seconds since 1970.
const MAILDIR_DIGITS_MIN: usize = 9;

/// What was found beside the messages of one archive, and what its messages lose.
#[derive(Default)]
pub struct Beside {
    apples: u64,
    mail: Sentences,
    emlx: u64,
}

impl Beside {
    /// Takes a file that is known here, so that nobody else is to look at it. `begin` gives its first octets, nothing
    /// where they cannot be read; it is asked only where they matter.
    pub fn takes(&mut self, levels: &[Vec<u8>], begin: impl FnOnce() -> Option<Vec<u8>>) -> bool {
        let Some((file, above)) = levels.split_last() else { return false };
        let may_be_apples = file.starts_with(b"._") || above.iter().any(|level| level == b"__MACOSX");
        let may_be_mail = Form::of(file).is_none() && may_be_mail(file, above);
        if !may_be_apples && !may_be_mail {
            return false;
        }
        let begin = begin();
        if may_be_apples && begin.as_ref().is_some_and(|begin| begin.starts_with(APPLE_DOUBLE)) {
            self.apples += 1;
            return true;
        }
        let is_mail = may_be_mail && is_mail(file, above, begin.as_deref());
        if is_mail {
            self.mail.add(|| {
                format!(
                    "{} is mail in another form than .eml and is not read here; give it as a --from of its own",
                    files::readable(&levels.join(&b'/'))
                )
            });
        }
        is_mail
    }

    /// Takes note of a message that is read.
    pub fn note(&mut self, form: Form) {
        self.emlx += u64::from(form == Form::Apple);
    }

    /// Tells what was found in the archive of this name.
    pub fn tell(self, name: &str, remarks: &mut Vec<String>, damage: &mut Vec<String>) {
        if self.apples > 0 {
            remarks.push(format!(
                "{name}: {} files that macOS adds beside others (AppleDouble) are passed over",
                self.apples
            ));
        }
        if self.emlx > 0 {
            remarks.push(format!(
                "{name}: {} messages are .emlx files; whether they were read, answered or flagged is not carried over",
                self.emlx
            ));
        }
        self.mail.tell(name, damage, "files are mail in another form and are not read");
    }
}

/// True where a file's name alone says that it is mail in another form.
#[must_use]
pub fn is_called_mail(file: &[u8]) -> bool {
    let name = form::unpacked(file);
    MBOX_ENDINGS.iter().chain(&STORE_ENDINGS).any(|ending| name.ends_with(ending))
}

fn is_of_maildir(file: &[u8], above: &[Vec<u8>]) -> bool {
    let is_there = above.last().is_some_and(|level| level == b"cur" || level == b"new");
    let digits = file.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let is_named = digits >= MAILDIR_DIGITS_MIN && file.get(digits) == Some(&b'.');
    is_there && (is_named || Name::of(file).base.len() < file.len())
}

/// True for a name as MH and the spools of Cyrus give it: a number, with a dot behind it there.
fn is_numbered(file: &[u8]) -> bool {
    let number = file.strip_suffix(b".").unwrap_or(file);
    !number.is_empty() && number.iter().all(u8::is_ascii_digit)
}

/// True where a line is a header field (RFC 5322 §2.2): a name of printable letters, and a colon.
fn is_field(line: &[u8]) -> bool {
    let name = line.iter().take_while(|octet| octet.is_ascii_graphic() && **octet != b':').count();
    name > 0 && line.get(name) == Some(&b':')
}

/// True where a file's name says that it is worth a look.
fn may_be_mail(file: &[u8], above: &[Vec<u8>]) -> bool {
    let name = form::unpacked(file);
    // Mail programs call an mbox like its folder.
    !name.contains(&b'.')
        || is_numbered(file)
        || is_of_maildir(file, above)
        || is_called_mail(file)
        || name.ends_with(MESSAGE_ENDING)
}

fn is_mail(file: &[u8], above: &[Vec<u8>], begin: Option<&[u8]>) -> bool {
    let is_named = is_of_maildir(file, above) || is_called_mail(file);
    let Some(begin) = begin else { return is_named };
    let line = begin.split(|octet| *octet == b'\n').next().unwrap_or_default();
    from_line::judge(line) != FromLine::Text
        || begin.starts_with(STORE)
        || (is_numbered(file) && is_field(line))
        || (!begin.is_empty() && is_named)
        || (begin.starts_with(COMPOUND) && form::unpacked(file).ends_with(MESSAGE_ENDING))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a file: a remark, damage, or nothing.
    #[track_caller]
    fn check(path: &str, begin: &[u8], expected: &str) {
        let levels: Vec<Vec<u8>> = path.split('/').map(Vec::from).collect();
        let (mut beside, mut remarks, mut damage) = (Beside::default(), Vec::new(), Vec::new());
        let is_taken = beside.takes(&levels, || Some(begin.to_vec()));
        beside.tell("x", &mut remarks, &mut damage);
        let found = match (is_taken, remarks.len(), damage.len()) {
            (false, 0, 0) => "nothing",
            (true, 1, 0) => "remark",
            (true, 0, 1) => "damage",
            other => panic!("{path}: {other:?}"),
        };
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn what_macos_adds_is_told_from_messages_of_such_names() {
        let double = [APPLE_DOUBLE, &[0; 40]].concat();
        check("Inbox/._1.eml", &double, "remark");
        check("__MACOSX/Inbox/._1.eml", &double, "remark");
        check("__MACOSX/x/1.eml", &double, "remark");
        check("Inbox/._1.eml", b"Subject: x", "nothing");
        check("Inbox/1.eml", &double, "nothing");
    }

    #[test]
    fn mail_in_other_forms_is_told() {
        let separator = b"From ana@x.org Mon Jul  1 10:00:00 2024\nSubject: x\n";
        for name in ["All.mbox", "Mail/Inbox", "Mail/INBOX.mbx"] {
            check(name, separator, "damage");
        }
        check("All.mbox.gz", &[0x1f, 0x8b, 8], "damage");
        check("archive.pst", b"!BDN", "damage");
        check("a.msg", COMPOUND, "damage");
        for name in ["inbox/1", "user/ana/17."] {
            check(name, b"Return-Path: <ana@x.org>\r\nSubject: x\r\n", "damage");
            check(name, b"1,2,3\n", "nothing");
        }
        check("inbox/.mh_sequences", b"unseen: 1-3\n", "nothing");
        for name in ["cur/1719828000.M1P2.host,S=5:2,S", "a/new/1719828000.M1P2.host", "cur/x;2,"] {
            check(name, b"Subject: x\n", "damage");
        }
        for name in ["All.mbox", "notes.txt", "README", "cur/2024.pdf", "1719828000.M1P2.host", "a.msg"] {
            check(name, b"", "nothing");
        }
        check("README", b"From here on it rains\n", "nothing");
        check("a.msg", b"msgid \"x\"", "nothing");
    }
}
