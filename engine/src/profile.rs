//! Server profiles: what a family of servers is known to do otherwise than promised, and what is done about it.
//! Never proof: a profile is a beginning, and what a server shows at run time goes before it.
//!
//! Profiles are data, one file per family under `engine/profiles/`; a user's own file has the same form.

mod facts;
mod knob;
mod read;
mod settings;
mod shipped;

#[cfg(test)]
mod tests;

pub use facts::Facts;
pub use knob::Knob;
pub use read::ProfileError;
pub use settings::Settings;
pub use shipped::{named, recognised, shipped};

use facts::Recognised;

/// One family of servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Its name on the command line: `gmail`.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// False while nobody has held its values against the real server.
    pub is_verified: bool,
    /// What an operator should know before the first login; empty for most.
    pub note: String,
    /// What is known of it, knob by knob.
    pub quirks: Vec<Quirk>,
    /// The same, gathered for those who act on it.
    pub settings: Settings,
    recognised: Recognised,
}

/// One deviation, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quirk {
    /// Which server: the family, or some releases of it.
    pub server: String,
    /// What it does otherwise than a client may expect.
    pub deviation: String,
    /// What is done about it.
    pub handling: String,
    /// Where it is laid down or was seen.
    pub source: String,
    /// What it turns.
    pub knob: Knob,
}

impl Profile {
    /// Reads a profile's file; `extends` may name a shipped one.
    ///
    /// # Errors
    /// Says which line or key is wrong.
    pub fn read(text: &str) -> Result<Self, ProfileError> {
        read::read(text)
    }

    /// True where this profile is the one of a server that shows these facts.
    #[must_use]
    pub fn fits(&self, facts: &Facts<'_>) -> bool {
        self.recognised.fits(facts)
    }

    /// The sentence for warnings about a profile that nobody has confirmed; nothing for the others.
    #[must_use]
    pub fn caution(&self) -> Option<String> {
        let is_worth_a_word = !self.is_verified && !self.quirks.is_empty();
        is_worth_a_word
            .then(|| format!("the profile of {} is unverified: its values are careful guesses", self.title))
    }
}
