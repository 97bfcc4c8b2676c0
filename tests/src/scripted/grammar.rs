//! Splits a client's command into tokens.
//! Never answers: what a token means is the session's business.

/// A piece of a command as it came: text, or the octets of a literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(Vec<u8>),
    Literal(Vec<u8>),
}

/// A whole command.
#[derive(Clone, Debug, Default)]
pub(super) struct Command {
    pub(super) tag: String,
    /// Upper case; `UID` is joined with the word after it.
    pub(super) verb: String,
    pub(super) arguments: Vec<Token>,
}

/// What a command is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A bare word; section brackets and what they hold belong to it.
    Atom(Vec<u8>),
    /// Quoted string or literal.
    Octets(Vec<u8>),
    List(Vec<Token>),
}

impl Token {
    /// The octets of a string or atom; a list has none.
    pub(super) fn octets(&self) -> &[u8] {
        match self {
            Self::Atom(octets) | Self::Octets(octets) => octets,
            Self::List(_) => &[],
        }
    }

    /// An atom or string as upper-case text.
    pub(super) fn upper(&self) -> String {
        String::from_utf8_lossy(self.octets()).to_ascii_uppercase()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(self.octets()).into_owned()
    }

    /// The members of a list; an atom or string is a list of itself.
    pub(super) fn members(&self) -> &[Self] {
        match self {
            Self::List(members) => members,
            single => std::slice::from_ref(single),
        }
    }
}

/// Reads a command, or says nothing when it has no tag and verb.
pub(super) fn command(parts: &[Part]) -> Option<Command> {
    let mut tokens = tokens(parts).into_iter();
    let tag = tokens.next()?.text();
    let mut verb = tokens.next()?.upper();
    if verb == "UID" {
        verb = format!("UID {}", tokens.next()?.upper());
    }
    Some(Command { tag, verb, arguments: tokens.collect() })
}

/// The length announced at the end of a line, and whether the client waits for a continuation.
pub(super) fn announced_literal(line: &[u8]) -> Option<(u64, bool)> {
    let inner = line.strip_suffix(b"}")?;
    let start = inner.iter().rposition(|octet| *octet == b'{')?;
    let digits = inner.get(start + 1..)?;
    let (digits, waits) = match digits.strip_suffix(b"+") {
        Some(digits) => (digits, false),
        None => (digits, true),
    };
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, waits))
}

fn tokens(parts: &[Part]) -> Vec<Token> {
    let mut stack = vec![Vec::new()];
    for part in parts {
        match part {
            Part::Text(text) => text_tokens(text, &mut stack),
            Part::Literal(octets) => push(&mut stack, Token::Octets(octets.clone())),
        }
    }
    while stack.len() > 1 {
        close(&mut stack);
    }
    stack.pop().unwrap_or_default()
}

fn text_tokens(text: &[u8], stack: &mut Vec<Vec<Token>>) {
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        match first {
            b' ' => rest = tail,
            b'(' => {
                stack.push(Vec::new());
                rest = tail;
            }
            b')' => {
                close(stack);
                rest = tail;
            }
            b'"' => {
                let (token, tail) = quoted(tail);
                push(stack, token);
                rest = tail;
            }
            _ => {
                let (token, tail) = atom(rest);
                // The announcement of a literal is not an argument: the literal itself comes as the next part.
                if !(tail.is_empty() && announced_literal(token.octets()).is_some()) {
                    push(stack, token);
                }
                rest = tail;
            }
        }
    }
}

fn quoted(mut rest: &[u8]) -> (Token, &[u8]) {
    let mut octets = Vec::new();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'"' => break,
            b'\\' => {
                if let Some((escaped, tail)) = rest.split_first() {
                    octets.push(*escaped);
                    rest = tail;
                }
            }
            octet => octets.push(*octet),
        }
    }
    (Token::Octets(octets), rest)
}

fn atom(text: &[u8]) -> (Token, &[u8]) {
    let mut depth = 0_u32;
    let end = text.iter().position(|octet| {
        match octet {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && matches!(octet, b' ' | b'(' | b')')
    });
    let (word, rest) = text.split_at(end.unwrap_or(text.len()).max(1));
    (Token::Atom(word.to_vec()), rest)
}

fn push(stack: &mut [Vec<Token>], token: Token) {
    if let Some(top) = stack.last_mut() {
        top.push(token);
    }
}

fn close(stack: &mut Vec<Vec<Token>>) {
    if stack.len() > 1 {
        let members = stack.pop().unwrap_or_default();
        push(stack, Token::List(members));
    }
}

/// Whether `number` lies in a sequence set; `last` is what `*` means.
pub(super) fn in_set(set: &str, number: u32, last: u32) -> bool {
    let value = |text: &str| if text == "*" { Some(last) } else { text.parse().ok() };
    set.split(',').any(|range| {
        let (from, to) = range.split_once(':').unwrap_or((range, range));
        match (value(from), value(to)) {
            (Some(from), Some(to)) => (from.min(to)..=from.max(to)).contains(&number),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_falls_into_words_strings_lists_and_literals() {
        let parts = [
            Part::Text(
                b"a1 uid fetch 1:* (UID BODY.PEEK[HEADER.FIELDS (DATE FROM)]<0.9>) \"a\\\"b\" {3+}".to_vec(),
            ),
            Part::Literal(b"x\r\n".to_vec()),
            Part::Text(b")".to_vec()),
        ];
        let command = command(&parts).unwrap();
        assert_eq!((command.tag.as_str(), command.verb.as_str()), ("a1", "UID FETCH"));
        let section = Token::Atom(b"BODY.PEEK[HEADER.FIELDS (DATE FROM)]<0.9>".to_vec());
        assert_eq!(command.arguments[1], Token::List(vec![Token::Atom(b"UID".to_vec()), section]));
        assert_eq!(
            command.arguments[2..],
            [Token::Octets(b"a\"b".to_vec()), Token::Octets(b"x\r\n".to_vec())]
        );
    }

    #[test]
    fn a_set_holds_ranges_in_either_order_and_the_star() {
        for (set, number, expected) in
            [("1,3", 2, false), ("5:2", 3, true), ("7:*", 4, true), ("*", 4, true), ("x", 1, false)]
        {
            assert_eq!(in_set(set, number, 4), expected, "{set} {number}");
        }
    }
}
