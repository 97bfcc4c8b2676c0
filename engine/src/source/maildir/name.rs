//! File names of a Maildir: what stands before and behind `:2,`.
//! Never loses a letter: one without a meaning is told as nothing, not as another flag.

use malote_plan::message::{Flag, Flags};

/// Letters of the standard and what they are.
pub const LETTERS: [(u8, &str); 6] = [
    (b'D', "\\Draft"),
    (b'F', "\\Flagged"),
    (b'P', "$Forwarded"),
    (b'R', "\\Answered"),
    (b'S', "\\Seen"),
    (b'T', "\\Deleted"),
];

/// Keywords that have letters: `a` to `z`, by their number in `dovecot-keywords`.
pub const KEYWORDS_MAX: usize = 26;

/// A name's parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    /// What stays while flags come and go.
    pub base: &'a [u8],
    /// The letters behind `2,`.
    pub letters: &'a [u8],
}

impl<'a> Name<'a> {
    /// Takes a name apart. Some systems put `;` or `!` where `:` cannot be.
    #[must_use]
    pub fn of(name: &'a [u8]) -> Self {
        let is_mark = |part: &[u8]| matches!(part, [b':' | b';' | b'!', b'2', b',']);
        match name.windows(3).rposition(is_mark) {
            Some(at) => Self { base: &name[..at], letters: &name[at + 3..] },
            None => Self { base: name, letters: &[] },
        }
    }

    /// The message's length with CRLF line ends, where the name tells it: `W=`.
    #[must_use]
    pub fn wire_octets(&self) -> Option<u64> {
        self.told(b"W=")
    }

    /// The message's length as its file has it, before it was compressed, where the name tells it: `S=`.
    #[must_use]
    pub fn stored_octets(&self) -> Option<u64> {
        self.told(b"S=")
    }

    /// Either length: that of the wire first.
    #[must_use]
    pub fn octets(&self) -> Option<u64> {
        self.wire_octets().or_else(|| self.stored_octets())
    }

    fn told(&self, mark: &[u8]) -> Option<u64> {
        let part =
            self.base.split(|octet| *octet == b',').skip(1).find_map(|part| part.strip_prefix(mark))?;
        std::str::from_utf8(part).ok()?.parse().ok()
    }

    /// The flags of the letters; keywords by their numbers.
    #[must_use]
    pub fn flags(&self, keywords: &[Option<String>]) -> Flags {
        self.letters.iter().filter_map(|letter| flag(*letter, keywords)).collect()
    }

    /// The same message's name with these flags; letters without a meaning stay among the others, in their order.
    #[must_use]
    pub fn with_flags(&self, flags: &Flags, keywords: &[Option<String>]) -> Vec<u8> {
        let others = self.letters.iter().copied().filter(|letter| flag(*letter, keywords).is_none());
        let mut letters: Vec<u8> =
            letters(flags, keywords).0.into_bytes().into_iter().chain(others).collect();
        letters.sort_unstable();
        [self.base, b":2,", &letters].concat()
    }
}

/// What a letter means.
fn flag(letter: u8, keywords: &[Option<String>]) -> Option<Flag> {
    match letter {
        b'a'..=b'z' => Flag::new(keywords.get(usize::from(letter - b'a'))?.as_deref()?),
        letter => Flag::new(LETTERS.iter().find(|(known, _)| *known == letter)?.1),
    }
}

/// The letters of these flags in their order, and the keywords that have none.
#[must_use]
pub fn letters(flags: &Flags, keywords: &[Option<String>]) -> (String, Vec<Flag>) {
    let (mut letters, mut without) = (Vec::new(), Vec::new());
    for flag in flags.iter() {
        let standard = LETTERS.iter().find(|(_, name)| flag.as_str().eq_ignore_ascii_case(name));
        let is_own = |keyword: &Option<String>| {
            keyword.as_deref().is_some_and(|keyword| flag.as_str().eq_ignore_ascii_case(keyword))
        };
        let number = keywords.iter().take(KEYWORDS_MAX).position(is_own);
        match (standard, number.and_then(|number| u8::try_from(number).ok())) {
            (Some((letter, _)), _) => letters.push(*letter),
            (None, Some(number)) => letters.push(b'a' + number),
            (None, None) => without.push(flag.clone()),
        }
    }
    letters.sort_unstable();
    (letters.into_iter().map(char::from).collect(), without)
}

/// Reads `dovecot-keywords`: a number and a name on each line.
#[must_use]
pub fn keywords(text: &str) -> Vec<Option<String>> {
    let mut keywords = vec![None; KEYWORDS_MAX];
    for line in text.lines() {
        let Some((number, name)) = line.split_once(' ') else { continue };
        let number = number.parse::<usize>().ok().filter(|number| *number < KEYWORDS_MAX);
        if let (Some(number), false) = (number, name.is_empty()) {
            keywords[number] = Some(name.to_owned());
        }
    }
    keywords
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_without_a_meaning_stay_where_flags_change() {
        let known = keywords("0 $label1\n");
        for (name, flags, expected) in [
            ("9.b:2,Zq", "\\Seen", "9.b:2,SZq"),
            ("9.b:2,SZaq", "$label1", "9.b:2,Zaq"),
            ("9.b", "\\Seen", "9.b:2,S"),
            ("9.b;2,Q", "", "9.b:2,Q"),
        ] {
            let written = Name::of(name.as_bytes()).with_flags(&Flags::parse(flags), &known);
            assert_eq!(String::from_utf8(written).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn names_are_read_and_letters_written_again() {
        let known = keywords("0 $label1\n2 NonJunk\n99 x\nbad\n");
        for (name, base, octets, flags) in [
            (
                "1719.M1P2.host,S=10,W=12:2,FSac",
                "1719.M1P2.host,S=10,W=12",
                Some(12),
                "$label1 \\Flagged \\Seen NonJunk",
            ),
            ("1719.x,S=10", "1719.x,S=10", Some(10), ""),
            ("1719.x;2,RPTD", "1719.x", None, "$Forwarded \\Answered \\Deleted \\Draft"),
            ("1719.x:2,Zz", "1719.x", None, ""),
            ("1719.x,S=no:2,", "1719.x,S=no", None, ""),
        ] {
            let read = Name::of(name.as_bytes());
            assert_eq!(read.base, base.as_bytes());
            assert_eq!((read.octets(), read.flags(&known)), (octets, Flags::parse(flags)), "{name}");
            let (written, without) = letters(&Flags::parse(flags), &known);
            assert_eq!(Name { base: b"", letters: written.as_bytes() }.flags(&known), Flags::parse(flags));
            assert!(without.is_empty());
        }
        assert_eq!(letters(&Flags::parse("\\Seen other"), &known).1, [Flag::new("other").unwrap()]);
    }
}
