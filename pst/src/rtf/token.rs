//! Cuts RTF into groups, control words and text (RTF specification 1.9.1, "RTF syntax").
//! Never knows what a control word means, but for `\bin`, which hides octets that are none.

/// Longest control word that is read as one, in octets.
const WORD_OCTETS_MAX: usize = 32;

/// One piece of RTF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// `{`
    Open,
    /// `}`
    Close,
    /// A control word and its number.
    Word(&'a [u8], Option<i32>),
    /// A control symbol: a backslash before something that is no letter.
    Symbol(u8),
    /// `\'xx`: an octet of a code page.
    Hex(u8),
    /// Octets between all those; line ends are left out.
    Text(&'a [u8]),
}

/// Gives the tokens one by one.
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    /// Begins at the first octet.
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    fn skip(&mut self, octets: usize) {
        self.rest = self.rest.get(octets..).unwrap_or_default();
    }

    fn control(&mut self) -> Option<Token<'a>> {
        let first = *self.rest.first()?;
        if !first.is_ascii_alphabetic() {
            self.skip(1);
            return Some(if first == b'\'' { self.hex() } else { Token::Symbol(first) });
        }
        let word = |octet: &u8| !octet.is_ascii_alphabetic();
        let length = self.rest.iter().take(WORD_OCTETS_MAX).position(word);
        let (name, rest) = self.rest.split_at(length.unwrap_or(WORD_OCTETS_MAX.min(self.rest.len())));
        self.rest = rest;
        let number = self.number();
        if self.rest.first() == Some(&b' ') {
            self.skip(1);
        }
        if name == b"bin" {
            self.skip(number.and_then(|length| usize::try_from(length).ok()).unwrap_or(0));
        }
        Some(Token::Word(name, number))
    }

    fn number(&mut self) -> Option<i32> {
        let is_negative = self.rest.first() == Some(&b'-');
        let digits = self.rest.get(usize::from(is_negative)..)?;
        let length = digits.iter().take(10).take_while(|octet| octet.is_ascii_digit()).count();
        if length == 0 {
            return None;
        }
        let value = digits[..length]
            .iter()
            .fold(0_i32, |value, digit| value.saturating_mul(10).saturating_add(i32::from(digit - b'0')));
        self.skip(length + usize::from(is_negative));
        Some(if is_negative { -value } else { value })
    }

    /// An octet in hexadecimal; what is no such thing is passed over.
    fn hex(&mut self) -> Token<'a> {
        let digit = |place: usize| self.rest.get(place).and_then(|octet| char::from(*octet).to_digit(16));
        match (digit(0), digit(1)) {
            (Some(high), Some(low)) => {
                self.skip(2);
                Token::Hex(u8::try_from(high * 16 + low).unwrap_or(b'?'))
            }
            _ => Token::Text(&[]),
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let first = *self.rest.first()?;
            match first {
                b'{' | b'}' => {
                    self.skip(1);
                    return Some(if first == b'{' { Token::Open } else { Token::Close });
                }
                b'\\' => {
                    self.skip(1);
                    return self.control();
                }
                b'\r' | b'\n' | 0 => self.skip(1),
                _ => {
                    let is_special = |octet: &u8| matches!(octet, b'{' | b'}' | b'\\' | b'\r' | b'\n' | 0);
                    let length = self.rest.iter().position(is_special).unwrap_or(self.rest.len());
                    let (text, rest) = self.rest.split_at(length);
                    self.rest = rest;
                    return Some(Token::Text(text));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Token, Tokens};

    #[test]
    fn rtf_is_cut_into_tokens() {
        let rtf = b"{\\rtf1 a\r\nb\\'e7\\'x\\~\\u-3 ?\\bin3 {}{\\b}";
        let found: Vec<_> = Tokens::new(rtf).collect();
        let expected = [
            Token::Open,
            Token::Word(b"rtf", Some(1)),
            Token::Text(b"a"),
            Token::Text(b"b"),
            Token::Hex(0xE7),
            Token::Text(b""),
            Token::Text(b"x"),
            Token::Symbol(b'~'),
            Token::Word(b"u", Some(-3)),
            Token::Text(b"?"),
            Token::Word(b"bin", Some(3)),
            Token::Word(b"b", None),
            Token::Close,
        ];
        assert_eq!(found, expected);
    }
}
