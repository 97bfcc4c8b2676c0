//! What a probe found that makes a migration different, and what is done about each.
//! Never a guess: capabilities and numbers of this server, and the quirks of its profile.

use serde::Serialize;

use super::capability::Capabilities;
use crate::profile::Profile;

/// The part of a quota, in percent, from which it is worth a word.
const QUOTA_PERCENT_WORTH: u64 = 90;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about: a knob of the profile, a capability, a resource.
    pub about: String,
    /// The value, where there is one.
    pub value: String,
    /// What the server does.
    pub finding: String,
    /// What is done about it.
    pub handling: String,
    /// True where this version does so by itself; else it is told so that an operator can.
    pub is_acted_on: bool,
    /// Where it is known from.
    pub source: String,
}

/// The profile that a server was recognised by, or that the operator named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbedProfile {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// False while nobody has held its values against the real server.
    pub verified: bool,
    /// What an operator should know; empty for most.
    pub note: String,
}

impl From<&Profile> for ProbedProfile {
    fn from(profile: &Profile) -> Self {
        let Profile { name, title, note, .. } = profile;
        Self { name: name.clone(), title: title.clone(), verified: profile.is_verified, note: note.clone() }
    }
}

/// What the profile knows, then what the server itself has shown.
pub(super) fn findings(
    profile: &Profile,
    offered: &Capabilities,
    quota: &[(String, u64, u64)],
) -> Vec<Finding> {
    let known = profile.quirks.iter().map(|quirk| Finding {
        about: quirk.knob.name().to_owned(),
        value: quirk.knob.value(),
        finding: quirk.deviation.clone(),
        handling: quirk.handling.clone(),
        is_acted_on: quirk.knob.is_acted_on(),
        source: quirk.source.clone(),
    });
    let mut findings: Vec<Finding> = known.collect();
    findings.extend(missing(offered));
    findings.extend(numbers(offered));
    let full = quota.iter().filter(|(_, used, most)| {
        *most > 0 && used.saturating_mul(100) >= most.saturating_mul(QUOTA_PERCENT_WORTH)
    });
    findings.extend(full.map(|(resource, used, most)| {
        let value = format!("{used} of {most}");
        let finding = "the mailbox is nearly full".to_owned();
        shown(resource, value, finding, "make room, or the copy stops where it is full")
    }));
    findings
}

fn shown(about: &str, value: String, finding: String, handling: &str) -> Finding {
    let (about, handling, source) = (about.to_owned(), handling.to_owned(), "this probe".to_owned());
    Finding { about, value, finding, handling, is_acted_on: true, source }
}

/// Capabilities whose absence changes the way of working; any one of a group is enough.
fn missing(offered: &Capabilities) -> impl Iterator<Item = Finding> {
    const USED: [(&[&str], &str, &str); 7] = [
        (
            &["UIDPLUS", "IMAP4REV2"],
            "the UID of an appended message is not told",
            "each is searched for afterwards; --mirror-deletes removes nothing there",
        ),
        (&["MULTIAPPEND"], "one message to an APPEND", "the next ones are sent while answers are awaited"),
        (
            &["LITERAL+", "LITERAL-", "IMAP4REV2"],
            "each message waits for the server's leave: one round trip more",
            "more connections make up for it (--connections)",
        ),
        (
            &["CONDSTORE", "QRESYNC"],
            "changed flags cannot be asked for alone",
            "each run lists the flags of every message anew",
        ),
        (
            &["SPECIAL-USE", "XLIST"],
            "folders do not tell what they are for",
            "a table of names in many languages decides; --map goes before it",
        ),
        (
            &["NAMESPACE", "IMAP4REV2"],
            "the place of the user's own folders is not told",
            "it is read off the names of the folders",
        ),
        (
            &["LIST-STATUS"],
            "counters are not given with the list of folders",
            "each folder is asked for its own",
        ),
    ];
    let absent = USED.into_iter().filter(|(names, ..)| !names.iter().any(|name| offered.has(name)));
    absent.map(|(names, finding, handling)| {
        shown(&format!("no {}", names[0]), String::new(), finding.to_owned(), handling)
    })
}

/// Limits that the server announces.
fn numbers(offered: &Capabilities) -> impl Iterator<Item = Finding> {
    let limit = |name: &'static str, finding: &'static str, handling: &'static str| {
        let number = offered.number(name)?;
        Some(shown(name, number.to_string(), finding.to_owned(), handling))
    };
    let append = limit(
        "APPENDLIMIT",
        "octets of the largest message that it takes",
        "larger ones are quarantined as too_large, unread where the source tells their size",
    );
    let message = limit(
        "MESSAGELIMIT",
        "messages that one command may name",
        "commands are cut so that none names more",
    );
    append.into_iter().chain(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::named;

    #[test]
    fn what_is_absent_limited_or_known_is_told_with_what_is_done() {
        let offered = "IMAP4REV1 UIDPLUS LITERAL- CONDSTORE APPENDLIMIT=1000 MESSAGELIMIT=5 NAMESPACE";
        let offered = Capabilities::new(offered.split(' ').map(str::to_owned).collect());
        let quota = [("STORAGE".to_owned(), 95, 100), ("MESSAGE".to_owned(), 1, 100)];
        let zimbra = named("zimbra").unwrap();
        let findings = findings(&zimbra, &offered, &quota);
        let about: Vec<&str> = findings.iter().map(|finding| finding.about.as_str()).collect();
        let own = zimbra.quirks.len();
        assert_eq!(
            about[own..],
            ["no MULTIAPPEND", "no SPECIAL-USE", "no LIST-STATUS", "APPENDLIMIT", "MESSAGELIMIT", "STORAGE"]
        );
        assert!(about[..own].contains(&"creates_between_noops"));
        assert!(findings.iter().all(|finding| !finding.handling.is_empty() && !finding.source.is_empty()));
        let is_acted_on = |name: &str, about: &str| {
            let findings = super::findings(&named(name).unwrap(), &offered, &quota);
            findings.iter().find(|finding| finding.about == about).map(|finding| finding.is_acted_on)
        };
        assert_eq!(is_acted_on("zimbra", "silence_is_throttle"), Some(true));
        assert_eq!(is_acted_on("exchange", "message_octets"), Some(false));
    }
}
