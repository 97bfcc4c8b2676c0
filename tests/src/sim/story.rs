//! A story: a world, what the operator wants of it, and what goes wrong; drawn from a seed, then plain data.
//! Never plays: whatever a story holds can be taken out and the rest played again.

use std::fmt;

use malote_engine::plan::folder::Role;
use malote_engine::policy::{Duplicates, FlagPolicy, Policy};

use super::chance::Chance;
use super::manner::Manner;
use super::schedule::{Trouble, flags};
use super::text::{Form, Text};

/// One message at the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// What it says.
    pub text: Text,
    /// Its flags.
    pub flags: &'static str,
    /// INTERNALDATE.
    pub date: Option<String>,
}

/// One folder at the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub name: &'static str,
    /// Its special use.
    pub special_use: Option<Role>,
    /// Its messages.
    pub letters: Vec<Start>,
}

/// What the operator wants, as far as stories differ in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wishes {
    /// `--flags`.
    pub flags: FlagPolicy,
    /// `--duplicates`.
    pub duplicates: Duplicates,
    /// `--connections`.
    pub connections: usize,
    /// `--mirror-deletes` with its ceiling in percent.
    pub mirror_percent: Option<u8>,
    /// `--since`, in seconds since the epoch.
    pub since: Option<i64>,
    /// `--max-size`.
    pub octets_max: Option<u64>,
    /// `--exclude`.
    pub exclude: Option<&'static str>,
}

/// A whole story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// Where it came from; small choices while it is played depend on it.
    pub seed: u64,
    /// The source's folders.
    pub source: Vec<Place>,
    /// The destination's folders.
    pub destination: Vec<Place>,
    /// What the source is like.
    pub source_manner: Manner,
    /// What the destination is like.
    pub destination_manner: Manner,
    /// What the operator wants.
    pub wishes: Wishes,
    /// Runs in which something may strike.
    pub runs: u32,
    /// What strikes.
    pub troubles: Vec<Trouble>,
    /// Source UID whose records the ledger drops: a mutant.
    pub forgotten_uid: Option<u32>,
}

const NAMES: [(&str, Option<Role>); 6] = [
    ("INBOX", None),
    ("Work", None),
    ("Sent", Some(Role::Sent)),
    ("Enviados", None),
    ("Work/Old", None),
    ("Empty", None),
];

/// 2024-07-10T00:00:00Z, in the midst of the dates that messages have.
const MIDDLE_UNIX_SECONDS: i64 = 1_720_569_600;

/// A text longer than any that is held in memory.
const LONG_OCTETS: u32 = 1_100_000;

/// Messages that make a folder worth several connections.
const MANY: u32 = 4200;

impl Story {
    /// The story of a seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut world = Chance::new(seed, "world");
        let mut texts = Vec::new();
        let source = source(&mut world, &mut texts);
        let destination = destination(&mut world, &source);
        let letters = source.iter().map(|place| place.letters.len() as u32).sum();
        let mut manners = Chance::new(seed, "manners");
        let (source_manner, destination_manner) =
            (Manner::source(&mut manners), Manner::destination(&mut manners));
        // Drawn apart, so that older seeds keep their stories.
        let mut labels = Chance::new(seed, "labels");
        let source_manner = Manner { labels: labels.is(30), ..source_manner };
        let destination_manner = Manner { copies: labels.is(80), ..destination_manner };
        let mut chance = Chance::new(seed, "schedule");
        let runs = chance.between(1, 3);
        let count = chance.pick(&[0, 1, 1, 2, 2, 3, 4, 6, 10]);
        let troubles = (0..count).map(|_| Trouble::draw(&mut chance, runs, letters, &texts)).collect();
        Self {
            seed,
            source,
            destination,
            source_manner,
            destination_manner,
            wishes: Wishes::draw(&mut Chance::new(seed, "wishes")),
            runs,
            troubles,
            forgotten_uid: None,
        }
    }

    /// Messages at the beginning, on both sides.
    #[must_use]
    pub fn letters(&self) -> usize {
        self.source.iter().chain(&self.destination).map(|place| place.letters.len()).sum()
    }
}

impl Wishes {
    /// Nothing in particular.
    #[must_use]
    pub fn none() -> Self {
        Self {
            flags: FlagPolicy::Merge,
            duplicates: Duplicates::Keep,
            connections: 1,
            mirror_percent: None,
            since: None,
            octets_max: None,
            exclude: None,
        }
    }

    fn draw(chance: &mut Chance) -> Self {
        Self {
            flags: chance.pick(&[
                FlagPolicy::Merge,
                FlagPolicy::Merge,
                FlagPolicy::Source,
                FlagPolicy::Destination,
            ]),
            duplicates: if chance.is(15) { Duplicates::Collapse } else { Duplicates::Keep },
            connections: chance.between(1, 4) as usize,
            mirror_percent: chance.is(20).then(|| chance.pick(&[10, 50, 100])),
            since: chance.is(10).then_some(MIDDLE_UNIX_SECONDS),
            octets_max: chance.is(6).then_some(3000),
            exclude: chance.is(5).then_some("Work"),
        }
    }

    /// The engine's policy.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            // The checkers hold every octet against the source's: what a repair may change is tested elsewhere.
            repairs: false,
            flags: self.flags,
            duplicates: self.duplicates,
            connections: self.connections,
            mirror_deletes: self.mirror_percent.is_some(),
            delete_percent_max: self.mirror_percent.unwrap_or(10),
            since_unix_seconds: self.since,
            octets_max: self.octets_max,
            excludes: self.exclude.map(str::to_owned).into_iter().collect(),
            ..Policy::default()
        }
    }
}

fn source(chance: &mut Chance, texts: &mut Vec<Text>) -> Vec<Place> {
    let is_large = chance.is(1);
    let folders = if is_large { 1 } else { chance.between(1, 4) };
    let mut places = Vec::new();
    for (name, special_use) in NAMES.into_iter().take(1 + folders as usize) {
        let count = match chance.below(100) {
            _ if is_large && name == "INBOX" => MANY,
            0..15 => 0,
            15..80 => chance.between(1, 8),
            80..95 => chance.between(8, 20),
            _ => chance.between(20, 70),
        };
        let letters = (0..count).map(|_| letter(chance, texts)).collect();
        places.push(Place { name, special_use: special_use.filter(|_| chance.is(50)), letters });
    }
    places
}

/// A message: a new one, a twin of an earlier one, or one with the header of an earlier one and another text.
fn letter(chance: &mut Chance, texts: &mut Vec<Text>) -> Start {
    let text = match chance.below(100) {
        0..14 if !texts.is_empty() => chance.pick(texts),
        14..20 if !texts.is_empty() => {
            let twin = chance.pick(texts);
            Text { variant: twin.variant + 1, ..twin }
        }
        20..22 if texts.len() < 30 => Text {
            number: texts.len() as u32 + 1,
            form: Form::Whole,
            variant: 0,
            filling_octets: if chance.is(20) { LONG_OCTETS } else { 9000 },
        },
        _ => Text::draw(texts.len() as u32 + 1, chance),
    };
    texts.push(text.clone());
    let day = 1 + (text.number * 7 + if chance.is(5) { 1 } else { 0 }) % 28;
    let date = match chance.below(100) {
        0..3 => None,
        3..5 => Some("00-Jan-0000 00:00:00 +0000".to_owned()),
        _ => Some(format!("{day:2}-Jul-2024 02:44:25 -0300")),
    };
    Start { text, flags: flags(chance), date }
}

/// A destination that is empty, that somebody has partly filled, or that holds things of its own.
fn destination(chance: &mut Chance, source: &[Place]) -> Vec<Place> {
    if chance.is(50) {
        return Vec::new();
    }
    let is_other_tool = chance.is(50);
    let mut places = Vec::new();
    for place in source {
        if chance.is(30) {
            continue;
        }
        let mut letters = Vec::new();
        for start in &place.letters {
            if chance.is(if is_other_tool { 60 } else { 10 }) {
                let date = if chance.is(80) {
                    start.date.clone()
                } else {
                    Some("01-Aug-2024 00:00:00 +0000".to_owned())
                };
                letters.push(Start { flags: flags(chance), date, text: start.text.clone() });
            } else if chance.is(4) {
                // A draft that was saved again elsewhere: the same header, another text and date.
                let text = Text { variant: 9, ..start.text.clone() };
                letters.push(Start {
                    text,
                    date: Some("02-Aug-2024 00:00:00 +0000".to_owned()),
                    ..start.clone()
                });
            }
        }
        for number in 0..chance.below(4) {
            let text = Text::draw(5000 + number, chance);
            letters.push(Start { text, flags: flags(chance), date: None });
        }
        places.push(Place { letters, ..place.clone() });
    }
    places
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, {} runs, {:?}", self.seed, self.runs, self.wishes)?;
        let sides = [
            ("source", &self.source, &self.source_manner),
            ("destination", &self.destination, &self.destination_manner),
        ];
        for (name, places, manner) in sides {
            writeln!(f, "{name}: {}", differences(manner))?;
            for place in places {
                writeln!(f, "  {} {:?}", place.name, place.special_use)?;
                for letter in place.letters.iter().take(40) {
                    writeln!(f, "    {} ({}) {:?}", letter.text, letter.flags, letter.date)?;
                }
            }
        }
        self.troubles.iter().try_for_each(|trouble| writeln!(f, "{trouble}"))
    }
}

/// Where a manner is other than a decent server's, field by field.
fn differences(manner: &Manner) -> String {
    let (found, usual) = (format!("{manner:#?}"), format!("{:#?}", Manner::decent()));
    let usual: Vec<&str> = usual.lines().collect();
    let lines = found.lines().filter(|line| !usual.contains(line)).map(str::trim);
    lines.collect::<Vec<_>>().join(" ")
}
