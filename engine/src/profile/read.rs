//! Reads a profile's file.
//! Never passes over a key that it does not know: a typing error would be a knob that is not turned.

use serde::Deserialize;
use toml::Value;

use super::facts::Recognised;
use super::knob::Knob;
use super::settings::Settings;
use super::{Profile, Quirk, shipped};

/// Longest file that is read, in octets.
const FILE_OCTETS_MAX: usize = 256 * 1024;

/// What is wrong with a profile's file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProfileError(pub(super) String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    title: String,
    #[serde(default)]
    verified: bool,
    #[serde(default)]
    note: String,
    extends: Option<String>,
    #[serde(default)]
    recognised: Recognised,
    #[serde(default)]
    quirk: Vec<FileQuirk>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileQuirk {
    knob: String,
    value: Value,
    server: Option<String>,
    deviation: String,
    handling: String,
    source: String,
}

pub(super) fn read(text: &str) -> Result<Profile, ProfileError> {
    if text.len() > FILE_OCTETS_MAX {
        return Err(ProfileError(format!("a profile of more than {FILE_OCTETS_MAX} octets")));
    }
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        ProfileError(format!("{place}{}", error.message()))
    })?;
    let is_name = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if file.name.is_empty() || !file.name.chars().all(is_name) {
        return Err(ProfileError(format!("the name \"{}\" is not of small letters, digits, _", file.name)));
    }
    let own = file.quirk.into_iter().map(|quirk| quirk.read(&file.title));
    let own: Vec<Quirk> = own.collect::<Result<_, _>>()?;
    let mut quirks = match &file.extends {
        Some(base) => base_quirks(base)?,
        None => Vec::new(),
    };
    quirks.retain(|quirk| own.iter().all(|own| own.knob.name() != quirk.knob.name()));
    quirks.extend(own);
    let settings = Settings::of(quirks.iter().map(|quirk| &quirk.knob));
    let (name, title, is_verified) = (file.name, file.title, file.verified);
    Ok(Profile { name, title, is_verified, note: file.note, quirks, settings, recognised: file.recognised })
}

fn base_quirks(base: &str) -> Result<Vec<Quirk>, ProfileError> {
    let found = shipped::text_of(base);
    let text =
        found.ok_or_else(|| ProfileError(format!("it extends \"{base}\", which is no shipped profile")))?;
    Ok(read(text)?.quirks)
}

impl FileQuirk {
    fn read(self, title: &str) -> Result<Quirk, ProfileError> {
        let knob = Knob::read(&self.knob, &self.value).map_err(ProfileError)?;
        let Self { deviation, handling, source, .. } = self;
        if [&deviation, &handling, &source].iter().any(|text| text.is_empty()) {
            return Err(ProfileError(format!("\"{}\" says nothing of its reason or source", self.knob)));
        }
        let server = self.server.unwrap_or_else(|| title.to_owned());
        Ok(Quirk { server, deviation, handling, source, knob })
    }
}
