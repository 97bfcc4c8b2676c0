//! By what a server is recognised.
//! Never by its mail: greeting, ID, capabilities, prefix and host are all that is looked at.

use serde::Deserialize;

/// What a server has shown of itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// The host's name, in small letters.
    pub host: &'a str,
    /// The greeting's words.
    pub greeting: &'a str,
    /// ID, keys and values (RFC 2971).
    pub id: &'a [(String, String)],
    /// Capabilities in capitals.
    pub capabilities: &'a [&'a str],
    /// The prefix of the user's own folders (RFC 2342).
    pub prefix: &'a str,
}

/// The signs of one family. Any sign is enough, save `prefix`, without which none is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Recognised {
    /// Hosts, and what lies below a name that begins with a dot.
    hosts: Vec<String>,
    /// Words that stand in the greeting, in any case of letters.
    greetings: Vec<String>,
    /// Words that stand in a value of ID, in any case of letters.
    ids: Vec<String>,
    /// Capabilities that no other server has.
    capabilities: Vec<String>,
    /// The prefix that has to be there besides.
    prefix: Option<String>,
}

impl Recognised {
    pub(super) fn fits(&self, facts: &Facts<'_>) -> bool {
        if self.prefix.as_ref().is_some_and(|prefix| prefix != facts.prefix) {
            return false;
        }
        let holds =
            |text: &str, words: &String| text.to_ascii_lowercase().contains(&words.to_ascii_lowercase());
        let is_host = |host: &String| {
            host == facts.host || host.starts_with('.') && facts.host.ends_with(host.as_str())
        };
        self.hosts.iter().any(is_host)
            || self.greetings.iter().any(|words| holds(facts.greeting, words))
            || self.ids.iter().any(|words| facts.id.iter().any(|(_, value)| holds(value, words)))
            || self.capabilities.iter().any(|name| facts.capabilities.contains(&name.as_str()))
    }
}
