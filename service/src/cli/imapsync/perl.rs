//! Perl's regular expressions, substitutions and transliterations, as far as folder names need them.
//! Never runs Perl: what would need its interpreter is refused with the reason.

mod template;

use fancy_regex::Regex;
use template::Template;

/// Longest expression that is read, in octets.
const EXPRESSION_OCTETS_MAX: usize = 4_096;

/// Characters that mean something in a pattern, so that a delimiter among them cannot be escaped unmistakably.
const META: &str = "\\|.*+?^$()[]{}";

/// A pattern that a name is held against.
#[derive(Debug)]
pub struct Pattern {
    regex: Regex,
    text: String,
}

impl Pattern {
    /// Reads a pattern as Perl has it between two slashes.
    ///
    /// # Errors
    /// The reason, where it cannot be understood as Perl would.
    pub fn read(text: &str) -> Result<Self, String> {
        Ok(Self { regex: compile(text, "")?, text: text.to_owned() })
    }

    /// True where it finds something in the name.
    ///
    /// # Errors
    /// The reason, where it tries too long.
    pub fn finds(&self, name: &str) -> Result<bool, String> {
        self.regex.is_match(name).map_err(|error| format!("`{}` on `{name}`: {error}", self.text))
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// `s/…/…/` or `tr/…/…/`.
#[derive(Debug)]
pub enum Change {
    /// A substitution.
    Substitute {
        /// What is looked for.
        regex: Box<Regex>,
        /// What comes in its place.
        template: Template,
        /// Every find, or the first alone.
        is_global: bool,
    },
    /// A transliteration.
    Transliterate {
        /// Each character and what becomes of it; the first that fits counts.
        pairs: Vec<(char, Option<char>)>,
        /// Runs of one and the same new character are squeezed.
        is_squeezed: bool,
    },
}

impl Change {
    /// Reads one `s` or `tr` (also `y`).
    ///
    /// # Errors
    /// The reason, where it cannot be understood as Perl would.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.len() > EXPRESSION_OCTETS_MAX {
            return Err(format!("it is longer than {EXPRESSION_OCTETS_MAX} octets"));
        }
        let text = text.trim_start();
        let is_operator =
            |rest: &str| rest.starts_with(|next: char| !next.is_ascii_alphanumeric() && next != '_');
        for (operator, is_transliteration) in [("tr", true), ("y", true), ("s", false)] {
            if let Some(rest) = text.strip_prefix(operator).filter(|rest| is_operator(rest)) {
                let Parts { left, right, flags, delimiter } = parts(rest)?;
                return if is_transliteration {
                    transliteration(&left, &right, &flags)
                } else {
                    substitution(&left, &right, &flags, delimiter)
                };
            }
        }
        Err("only s/…/…/ and tr/…/…/ can be carried out; anything else would need Perl itself".to_owned())
    }

    /// The name after the change.
    ///
    /// # Errors
    /// The reason, where the pattern tries too long.
    pub fn apply(&self, name: &str) -> Result<String, String> {
        match self {
            Self::Substitute { regex, template, is_global } => substitute(regex, template, *is_global, name),
            Self::Transliterate { pairs, is_squeezed } => Ok(transliterate(pairs, *is_squeezed, name)),
        }
    }
}

struct Parts {
    left: String,
    right: String,
    flags: String,
    delimiter: char,
}

/// What stands between the delimiters, and after them.
fn parts(text: &str) -> Result<Parts, String> {
    let unended = || "it does not end: a delimiter is missing".to_owned();
    let delimiter = text.chars().next().filter(|letter| !letter.is_whitespace()).ok_or_else(unended)?;
    if delimiter == '\'' {
        return Err(
            "with ' as delimiter Perl reads it otherwise; take another delimiter, such as ,".to_owned()
        );
    }
    let (left, rest) = until_delimiter(text)?;
    let (right, flags) = if closing(delimiter) == delimiter {
        // The middle delimiter ends the one part and begins the other.
        let (right, rest) = until_delimiter(&format!("{delimiter}{rest}"))?;
        (right, rest)
    } else {
        until_delimiter(rest.trim_start())?
    };
    let flags = flags.trim().trim_end_matches(';').trim().to_owned();
    if !flags.chars().all(|flag| flag.is_ascii_alphabetic()) {
        return Err(format!("`{flags}` after it would need Perl itself"));
    }
    Ok(Parts { left, right, flags, delimiter })
}

fn closing(opening: char) -> char {
    match opening {
        '{' => '}',
        '(' => ')',
        '[' => ']',
        '<' => '>',
        other => other,
    }
}

/// The part that begins with a delimiter, and what follows it. An escaped delimiter loses its backslash.
fn until_delimiter(text: &str) -> Result<(String, String), String> {
    let mut letters = text.chars();
    let opening = letters.next().ok_or("it does not end: a delimiter is missing")?;
    let closing = closing(opening);
    let (mut part, mut depth) = (String::new(), 1);
    while let Some(letter) = letters.next() {
        if letter == '\\' {
            match letters.next() {
                Some(next) if next == closing && closing == opening && META.contains(next) => {
                    return Err(format!(
                        "`\\{next}` can be read in two ways; take another delimiter, such as ,"
                    ));
                }
                Some(next) if next == closing && closing == opening => part.push(next),
                Some(next) => part.extend(['\\', next]),
                None => break,
            }
            continue;
        }
        if letter == closing {
            depth -= 1;
            if depth == 0 {
                return Ok((part, letters.collect()));
            }
        } else if letter == opening {
            depth += 1;
        }
        part.push(letter);
    }
    Err("it does not end: a delimiter is missing".to_owned())
}

fn substitution(left: &str, right: &str, flags: &str, delimiter: char) -> Result<Change, String> {
    if let Some(flag) = flags.chars().find(|flag| !"gimsxo".contains(*flag)) {
        return Err(format!("the modifier {flag} would need Perl itself"));
    }
    if left.is_empty() {
        return Err("an empty pattern stands for another one in Perl".to_owned());
    }
    if let Some(variable) = variable_in(left) {
        return Err(format!("the variable {variable} is Perl's own"));
    }
    let inner: String = flags.chars().filter(|flag| "imsx".contains(*flag)).collect();
    let regex = compile(left, &inner).map_err(|error| format!("the pattern between {delimiter}: {error}"))?;
    let template = Template::read(right)?;
    if template.groups_max() >= regex.captures_len() {
        return Err(format!("${} names no group of the pattern", template.groups_max()));
    }
    Ok(Change::Substitute { regex: Box::new(regex), template, is_global: flags.contains('g') })
}

/// A variable that Perl would put in: `$name`, `${name}`, `@name`, `$,`. A `$` is the end of the name only at the
/// pattern's end, before `)` and before `|` (perlop, "Gory details of parsing quoted constructs").
fn variable_in(pattern: &str) -> Option<String> {
    let mut letters = pattern.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        let is_variable = match (letter, next) {
            ('\\', _) => {
                letters.next();
                false
            }
            ('$', Some(next)) => next != ')' && next != '|',
            ('@', Some(next)) => template::begins_array(next),
            _ => false,
        };
        if is_variable {
            return Some(pattern[at..].to_owned());
        }
    }
    None
}

/// A Perl pattern as the regex crate takes it: `\Q…\E`, horizontal space and brackets in classes are written
/// otherwise there.
fn compile(pattern: &str, flags: &str) -> Result<Regex, String> {
    if pattern.len() > EXPRESSION_OCTETS_MAX {
        return Err(format!("it is longer than {EXPRESSION_OCTETS_MAX} octets"));
    }
    let mut written = if flags.is_empty() { String::new() } else { format!("(?{flags})") };
    let mut letters = pattern.chars().peekable();
    let (mut is_in_class, mut is_class_start) = (false, false);
    while let Some(letter) = letters.next() {
        let was_start = std::mem::take(&mut is_class_start);
        match letter {
            '\\' => match letters.next() {
                Some('Q') => {
                    let mut literal = String::new();
                    while let Some(quoted) = letters.next() {
                        if quoted == '\\' && letters.next_if_eq(&'E').is_some() {
                            break;
                        }
                        literal.push(quoted);
                    }
                    written.push_str(&fancy_regex::escape(&literal));
                }
                // The crate takes these for the borders of a word.
                Some(plain @ ('<' | '>')) => written.push(plain),
                Some('h') if is_in_class => written.push_str(" \\t"),
                Some('h') => written.push_str("[ \\t]"),
                Some(code) if "UuLlEFCXNRG".contains(code) => {
                    return Err(format!("\\{code} in a pattern is Perl's own"));
                }
                Some(next) => written.extend(['\\', next]),
                None => return Err("it ends with a backslash".to_owned()),
            },
            '[' if !is_in_class => {
                (is_in_class, is_class_start) = (true, true);
                written.push('[');
                if letters.next_if_eq(&'^').is_some() {
                    written.push('^');
                }
            }
            '[' if letters.peek() == Some(&':') => written.push('['),
            '[' | '&' | '~' if is_in_class => written.extend(['\\', letter]),
            // `[:alpha:]` ends with its own bracket.
            ']' if is_in_class && written.ends_with(':') && written.contains("[:") => written.push(']'),
            ']' if is_in_class && was_start => written.push_str("\\]"),
            ']' if is_in_class => {
                is_in_class = false;
                written.push(']');
            }
            other => written.push(other),
        }
    }
    Regex::new(&written).map_err(|error| error.to_string())
}

fn substitute(regex: &Regex, template: &Template, is_global: bool, name: &str) -> Result<String, String> {
    let (mut result, mut copied_to, mut from) = (String::new(), 0, 0);
    while from <= name.len() {
        let found = regex.captures_from_pos(name, from).map_err(|error| format!("on `{name}`: {error}"))?;
        let Some(found) = found else { break };
        let Some(whole) = found.get(0) else { break };
        result.push_str(&name[copied_to..whole.start()]);
        result.push_str(&template.fill(|group| found.get(group).map_or("", |part| part.as_str())));
        copied_to = whole.end();
        // An empty find moves on by one character, or it would be found for ever.
        let step = if whole.end() > whole.start() {
            0
        } else {
            name[whole.end()..].chars().next().map_or(1, char::len_utf8)
        };
        from = whole.end() + step;
        if !is_global {
            break;
        }
    }
    result.push_str(name.get(copied_to..).unwrap_or_default());
    Ok(result)
}

fn transliteration(left: &str, right: &str, flags: &str) -> Result<Change, String> {
    if let Some(flag) = flags.chars().find(|flag| !"ds".contains(*flag)) {
        return Err(format!("the modifier {flag} of tr is not carried out"));
    }
    let (left, right) = (spelt_out(left)?, spelt_out(right)?);
    let deletes = flags.contains('d');
    let becomes = |at: usize, letter: char| match right.get(at).copied() {
        Some(new) => Some(new),
        None if deletes => None,
        None => Some(right.last().copied().unwrap_or(letter)),
    };
    let pairs = left.iter().enumerate().map(|(at, &letter)| (letter, becomes(at, letter))).collect();
    Ok(Change::Transliterate { pairs, is_squeezed: flags.contains('s') })
}

/// The characters of one side of `tr`, ranges written out.
fn spelt_out(text: &str) -> Result<Vec<char>, String> {
    let mut spelt: Vec<char> = Vec::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(next) if next.is_ascii_punctuation() => spelt.push(next),
                Some(next) => return Err(format!("\\{next} in tr is not understood")),
                None => return Err("it ends with a backslash".to_owned()),
            },
            '-' if !spelt.is_empty() && !letters.as_str().is_empty() => {
                let (from, to) = (spelt.pop().unwrap_or('-'), letters.next().unwrap_or('-'));
                if from > to || to == '\\' {
                    return Err(format!("the range {from}-{to} is none"));
                }
                spelt.extend(from..=to);
            }
            other => spelt.push(other),
        }
    }
    Ok(spelt)
}

fn transliterate(pairs: &[(char, Option<char>)], is_squeezed: bool, name: &str) -> String {
    let (mut result, mut last) = (String::new(), None);
    for letter in name.chars() {
        let Some((_, becomes)) = pairs.iter().find(|(from, _)| *from == letter) else {
            result.push(letter);
            last = None;
            continue;
        };
        let Some(new) = becomes else { continue };
        if !(is_squeezed && last == Some(*new)) {
            result.push(*new);
        }
        last = Some(*new);
    }
    result
}

#[cfg(test)]
mod tests;
