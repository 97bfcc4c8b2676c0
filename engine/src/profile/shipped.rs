//! The profiles that come with Malote, and which of them a server is.
//! Never empty-handed: the last one fits every server.

use std::sync::{Arc, LazyLock};

use super::Profile;
use super::facts::Facts;

/// A file under `engine/profiles/`, by its name.
macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../profiles/", $name, ".toml")))),+]
    };
}

/// Every file, in the order in which they are asked: single hosters first, then services, then software.
const FILES: [(&str, &str); 19] = files![
    "locaweb",
    "uol",
    "kinghost",
    "hostgator_br",
    "terra",
    "titan",
    "zoho",
    "gmail",
    "microsoft365",
    "exchange",
    "yahoo",
    "icloud",
    "zimbra",
    "stalwart",
    "courier",
    "cyrus",
    "cpanel",
    "dovecot",
    "unknown",
];

static PROFILES: LazyLock<Vec<Arc<Profile>>> = LazyLock::new(|| {
    let read = |(name, text): &(&str, &str)| match Profile::read(text) {
        Ok(profile) => Arc::new(profile),
        Err(error) => panic!("the shipped profile {name}: {error}"),
    };
    FILES.iter().map(read).collect()
});

/// All of them, in the order in which they are asked.
#[must_use]
pub fn shipped() -> &'static [Arc<Profile>] {
    &PROFILES
}

/// The one of this name.
#[must_use]
pub fn named(name: &str) -> Option<Arc<Profile>> {
    PROFILES.iter().find(|profile| profile.name == name).cloned()
}

/// The first one that fits; `unknown` where none does. What an operator wrote goes before the shipped ones where its
/// name is its own, and stands in the place of the shipped one that has its name.
#[must_use]
pub fn recognised(facts: &Facts<'_>, written: &[Arc<Profile>]) -> Arc<Profile> {
    let own = |name: &str| written.iter().find(|profile| profile.name == name);
    let holds = |shipped: &Arc<Profile>| Arc::clone(own(&shipped.name).unwrap_or(shipped));
    let fits = |shipped: &&Arc<Profile>| {
        shipped.fits(facts) || own(&shipped.name).is_some_and(|written| written.fits(facts))
    };
    let new = written.iter().find(|profile| named(&profile.name).is_none() && profile.fits(facts)).cloned();
    let known = || PROFILES.iter().find(fits).map(holds);
    new.or_else(known).or_else(|| named("unknown").map(|unknown| holds(&unknown))).unwrap_or_default()
}

/// The text of a shipped file.
pub(super) fn text_of(name: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
