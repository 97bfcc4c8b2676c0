//! The two languages of the console, and how a visitor's is found.
//! Never guesses beyond what the visitor said: the choice, then the browser's wish, then Portuguese.

use axum::http::{HeaderMap, header};

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Portuguese of Brazil.
    Portuguese,
    /// English.
    English,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Portuguese, Self::English];

    /// The tag (BCP 47), as `lang` has it.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Portuguese => "pt-BR",
            Self::English => "en",
        }
    }

    /// The language of this tag.
    pub fn tagged(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// What a browser wishes, the dearest first (RFC 9110 §12.5.4); Portuguese where it wishes neither.
    pub fn wished(headers: &HeaderMap) -> Self {
        let told =
            headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut best = (0_u16, Self::Portuguese);
        for wish in told.split(',').take(20) {
            let (tag, weight) = wish.split_once(';').unwrap_or((wish, "q=1"));
            let weight =
                weight.trim().strip_prefix("q=").and_then(|text| text.parse::<f32>().ok()).unwrap_or(0.0);
            let tag = tag.trim().to_ascii_lowercase();
            let language = match tag.split('-').next() {
                Some("pt") => Self::Portuguese,
                Some("en") => Self::English,
                _ => continue,
            };
            // Thousandths are as fine as weights may be.
            let weight = (weight.clamp(0.0, 1.0) * 1000.0) as u16;
            if weight > best.0 {
                best = (weight, language);
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dearest_known_language_is_taken_and_portuguese_without_one() {
        for (told, expected) in [
            ("", Language::Portuguese),
            ("en", Language::English),
            ("en-GB,en;q=0.9", Language::English),
            ("fr,de", Language::Portuguese),
            ("fr,en;q=0.4,pt-BR;q=0.8", Language::Portuguese),
            ("pt;q=0.1,en;q=0.2", Language::English),
            ("en;q=nonsense", Language::Portuguese),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, told.parse().unwrap());
            assert_eq!(Language::wished(&headers), expected, "{told}");
        }
    }
}
