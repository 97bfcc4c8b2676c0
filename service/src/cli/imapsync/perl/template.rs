//! The right side of a substitution: text, groups, and Perl's changes of case.
//! Never looks anything up but the groups of the find.

/// A replacement, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Group(usize),
    /// `\U` and `\L`; nothing for `\E`.
    Case(Option<Case>),
    /// `\u` and `\l`: the next character alone.
    Next(Case),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Upper,
    Lower,
}

impl Template {
    /// Reads it.
    ///
    /// # Errors
    /// The reason, where it would need Perl itself.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            let piece = match letter {
                '\\' => escape(letters.next())?,
                '$' => group(&mut letters)?,
                '@' if letters.peek().is_some_and(|next| begins_array(*next)) => {
                    return Err("@ begins a variable of Perl's; write \\@".to_owned());
                }
                plain => Piece::Text(plain.to_string()),
            };
            pieces.push(piece);
        }
        Ok(Self { pieces })
    }

    /// The highest group that is named.
    pub fn groups_max(&self) -> usize {
        let groups =
            self.pieces.iter().map(|piece| if let Piece::Group(number) = piece { *number } else { 0 });
        groups.max().unwrap_or(0)
    }

    /// The replacement for one find.
    pub fn fill<'a>(&self, group: impl Fn(usize) -> &'a str) -> String {
        let (mut filled, mut case, mut next) = (String::new(), None, None);
        for piece in &self.pieces {
            let text = match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Group(number) => group(*number),
                Piece::Case(wanted) => {
                    case = *wanted;
                    continue;
                }
                Piece::Next(wanted) => {
                    next = Some(*wanted);
                    continue;
                }
            };
            let text = cased(text, case);
            let Some(first) = text.chars().next() else { continue };
            match next.take() {
                Some(one) => {
                    filled.push_str(&cased(&first.to_string(), Some(one)));
                    filled.push_str(&text[first.len_utf8()..]);
                }
                None => filled.push_str(&text),
            }
        }
        filled
    }
}

/// True for what makes Perl see an array after `@`.
pub(super) fn begins_array(next: char) -> bool {
    next.is_ascii_alphanumeric() || "_{$:'+-".contains(next)
}

fn cased(text: &str, case: Option<Case>) -> String {
    match case {
        Some(Case::Upper) => text.to_uppercase(),
        Some(Case::Lower) => text.to_lowercase(),
        None => text.to_owned(),
    }
}

fn escape(next: Option<char>) -> Result<Piece, String> {
    match next {
        None => Err("it ends with a backslash".to_owned()),
        Some('U') => Ok(Piece::Case(Some(Case::Upper))),
        Some('L') => Ok(Piece::Case(Some(Case::Lower))),
        Some('E') => Ok(Piece::Case(None)),
        Some('u') => Ok(Piece::Next(Case::Upper)),
        Some('l') => Ok(Piece::Next(Case::Lower)),
        Some(digit @ '1'..='9') => Ok(Piece::Group(digit as usize - '0' as usize)),
        Some(letter) if letter.is_ascii_alphanumeric() => {
            Err(format!("\\{letter} in the replacement is Perl's own"))
        }
        Some(plain) => Ok(Piece::Text(plain.to_string())),
    }
}

/// `$1`, `${1}` or `$&`.
fn group(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Piece, String> {
    let own = "$ begins a variable of Perl's; only $1 to $99 and $& are known here";
    if letters.next_if_eq(&'&').is_some() {
        return Ok(Piece::Group(0));
    }
    let is_braced = letters.next_if_eq(&'{').is_some();
    let mut digits = String::new();
    while let Some(digit) = letters.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    if is_braced && letters.next_if_eq(&'}').is_none() {
        return Err(own.to_owned());
    }
    match digits.parse() {
        Ok(number @ 1..=99) => Ok(Piece::Group(number)),
        _ => Err(own.to_owned()),
    }
}
