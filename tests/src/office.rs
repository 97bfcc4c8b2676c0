//! The mailbox of an office: Portuguese folders in folders, special uses, every kind of mail.
//! Never knows a server: how each writes folder names is an argument.

use anyhow::{Result, ensure};

use crate::mail::{Mail, Postman};
use crate::reader::{Fingerprint, Reader};

/// Folders with their levels parted by `/`, each level in modified UTF-7.
pub const FOLDERS: [&str; 12] = [
    "INBOX",
    "Sent",
    "Drafts",
    "Junk",
    "Trash",
    "Archive",
    "Projetos",
    "Projetos/Or&AOc-amentos",
    "Projetos/Or&AOc-amentos/2024 - 1&ALo- semestre",
    "Jur&AO0-dico/A&AOcA4w-o",
    "Fam&AO0-lia/F&AOk-rias",
    "Notas &- Ideias",
];

/// How a server writes the names of the user's folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writing {
    /// What stands before every name but INBOX.
    pub prefix: &'static str,
    /// What parts the levels.
    pub separator: char,
}

impl Writing {
    /// No prefix and `/`: Dovecot's own way.
    pub const PLAIN: Self = Self { prefix: "", separator: '/' };
    /// Everything below INBOX, parted by `.`: Courier's way, and Cyrus's.
    pub const BELOW_INBOX: Self = Self { prefix: "INBOX.", separator: '.' };
    /// Everything below INBOX, parted by `/`.
    pub const BELOW_INBOX_WITH_SLASH: Self = Self { prefix: "INBOX/", separator: '/' };

    /// A folder's name on this server's wire.
    #[must_use]
    pub fn name(self, folder: &str) -> String {
        if folder == "INBOX" {
            return folder.to_owned();
        }
        format!("{}{}", self.prefix, folder.replace('/', &self.separator.to_string()))
    }

    /// The folder that a name on this server's wire means; as it stands where it is none of the user's.
    #[must_use]
    pub fn folder(self, name: &str) -> String {
        let own = name.strip_prefix(self.prefix).unwrap_or(name);
        own.replace(self.separator, "/")
    }
}

/// Spreads mail over all folders in turn.
#[must_use]
pub fn sorted(mails: Vec<Mail>) -> Vec<(&'static str, Mail)> {
    mails.into_iter().zip(FOLDERS.iter().cycle()).map(|(mail, folder)| (*folder, mail)).collect()
}

/// Every kind of mail and so many ordinary ones, in all folders.
#[must_use]
pub fn of_every_kind(seed: u64, ordinaries: usize) -> Vec<(&'static str, Mail)> {
    let mut postman = Postman::new(seed);
    let mut mails = postman.one_of_each();
    mails.extend(postman.ordinaries(ordinaries));
    sorted(mails)
}

/// Puts mail into an account, and gives the names of what its server refused.
///
/// # Errors
/// Where the account cannot be used, or refuses everything.
pub async fn move_in(
    reader: &mut Reader,
    writing: Writing,
    mails: &[(&'static str, Mail)],
) -> Result<Vec<String>> {
    let named: Vec<(String, &Mail)> =
        mails.iter().map(|(folder, mail)| (writing.name(folder), mail)).collect();
    let refused = reader.fill(named.iter().map(|(name, mail)| (name.as_str(), *mail))).await?;
    ensure!(refused.len() < mails.len(), "nothing was taken: {refused:?}");
    Ok(refused)
}

/// What an account holds, by folder and not by a server's name for it, sorted.
///
/// # Errors
/// Where it cannot be read.
pub async fn contents(reader: &mut Reader, writing: Writing) -> Result<Vec<Fingerprint>> {
    let mut all = reader.fingerprints().await?;
    for one in &mut all {
        one.folder = writing.folder(&one.folder);
    }
    all.sort();
    Ok(all)
}

/// What `left` and `right` have that the other has not, each as often as it is so; both are sorted.
#[must_use]
pub fn differences(left: &[Fingerprint], right: &[Fingerprint]) -> (Vec<Fingerprint>, Vec<Fingerprint>) {
    (less(left, right), less(right, left))
}

fn less(from: &[Fingerprint], what: &[Fingerprint]) -> Vec<Fingerprint> {
    let mut what = what.iter().peekable();
    let mut left = Vec::new();
    for one in from {
        while what.next_if(|other| *other < one).is_some() {}
        if what.next_if(|other| *other == one).is_none() {
            left.push(one.clone());
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_on_the_wire_leads_back_to_its_folder() {
        for writing in [Writing::PLAIN, Writing::BELOW_INBOX, Writing::BELOW_INBOX_WITH_SLASH] {
            for folder in FOLDERS {
                assert_eq!(writing.folder(&writing.name(folder)), folder, "{writing:?}");
            }
        }
        assert_eq!(Writing::BELOW_INBOX.name("Projetos/Um"), "INBOX.Projetos.Um");
    }

    #[test]
    fn differences_count_copies() {
        let one = |name: &str| Fingerprint {
            folder: name.to_owned(),
            sha256: String::new(),
            flags: std::collections::BTreeSet::new(),
            internal_date_s: None,
        };
        let (a, b, c) = (one("a"), one("b"), one("c"));
        let left = [a.clone(), a.clone(), b.clone()];
        let right = [a.clone(), b.clone(), b.clone(), c.clone()];
        assert_eq!(differences(&left, &right), (vec![a], vec![b, c]));
    }
}
