//! Sentences that the service says or wrote down in English, in the visitor's language: of fields, phases, approvals.
//! Never guesses: a sentence that the English catalogue does not have word for word is shown as it came, as English.

use std::sync::LazyLock;

use fluent_bundle::FluentValue;
use minijinja::HtmlEscape;

use super::language::Language;
use super::texts;

/// The beginning of the keys of sentences.
pub const FAMILY: &str = "phrase-";
/// Values that are numbers to be written as the language writes them; others stand as they came.
const COUNTS: [&str; 5] = ["most", "least", "count", "jobs", "mailboxes"];
/// What parts reasons that were written down together.
const JOINT: &str = "; ";

/// A sentence of the English catalogue: words, a name, words, and so on.
struct Pattern {
    key: String,
    words: Vec<String>,
    names: Vec<String>,
}

impl Pattern {
    fn read(line: &str) -> Option<Self> {
        let (key, text) = line.split_once(" = ")?;
        let (mut words, mut names, mut rest) = (Vec::new(), Vec::new(), text);
        while let Some((front, back)) = rest.split_once("{ $") {
            let (name, after) = back.split_once(" }")?;
            words.push(front.to_owned());
            names.push(name.to_owned());
            rest = after;
        }
        words.push(rest.to_owned());
        Some(Self { key: key.to_owned(), words, names })
    }

    /// The values of its names, where a text is this sentence.
    fn values<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        let mut rest = text.strip_prefix(self.words[0].as_str())?;
        if self.names.is_empty() {
            return rest.is_empty().then(Vec::new);
        }
        let mut values = Vec::with_capacity(self.names.len());
        for (place, word) in self.words.iter().enumerate().skip(1) {
            let is_last = place + 1 == self.words.len();
            let end = if is_last { rest.len().checked_sub(word.len())? } else { rest.find(word.as_str())? };
            if end == 0 || !rest.get(end..)?.starts_with(word.as_str()) {
                return None;
            }
            let is_counted = COUNTS.contains(&self.names[place - 1].as_str());
            if is_counted && number(&rest[..end]).is_none() {
                return None;
            }
            values.push(&rest[..end]);
            rest = &rest[end + word.len()..];
        }
        rest.is_empty().then_some(values)
    }
}

/// A whole number as the service writes it.
fn number(text: &str) -> Option<f64> {
    text.replace(',', "").parse::<u32>().ok().map(f64::from)
}

/// The sentences with the most words of their own first, so that the narrower one is found before the wider.
static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let lines = texts::sources(Language::English).into_iter().flat_map(str::lines);
    let mut all: Vec<Pattern> =
        lines.filter(|line| line.starts_with(FAMILY)).filter_map(Pattern::read).collect();
    all.sort_by_key(|pattern| {
        (!pattern.names.is_empty(), std::cmp::Reverse(pattern.words.iter().map(String::len).sum::<usize>()))
    });
    all
});

/// A sentence in a language; `None` for one that is not known.
pub fn said(language: Language, text: &str) -> Option<String> {
    // Several that were written down together come first: a value could reach over what parts them.
    if text.contains(JOINT) {
        let parts: Option<Vec<String>> = text.split(JOINT).map(|part| said(language, part)).collect();
        if let Some(parts) = parts {
            return Some(parts.join(JOINT));
        }
    }
    let found = PATTERNS.iter().find_map(|pattern| Some((pattern, pattern.values(text)?)));
    let (pattern, values) = found?;
    let value = |(name, value): (&String, &str)| {
        let counted = COUNTS.contains(&name.as_str()).then(|| number(value)).flatten();
        let value = match (counted, name.as_str()) {
            (Some(number), _) => FluentValue::from(number),
            (None, "phase" | "check") => FluentValue::from(texts::word(language, name, value)),
            // Why, where that is a sentence of its own.
            (None, "cause") => FluentValue::from(said(language, value).unwrap_or_else(|| value.to_owned())),
            _ => FluentValue::from(value.to_owned()),
        };
        (name.clone(), value)
    };
    let pairs: Vec<_> = pattern.names.iter().zip(values).map(value).collect();
    let values = texts::arguments(pairs.iter().map(|(name, value)| (name.as_str(), value.clone())));
    Some(texts::text(language, &pattern.key, Some(&values)))
}

/// The same as part of a page: what is not known is marked as English, for whoever has it read aloud.
pub fn html(language: Language, text: &str) -> String {
    match said(language, text) {
        Some(text) => HtmlEscape(&text).to_string(),
        None if text.is_empty() => String::new(),
        None => format!("<span lang=\"en\">{}</span>", HtmlEscape(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(said(Language::Portuguese, text).as_deref(), expected, "{text}");
        if expected.is_some() {
            assert!(said(Language::English, text).is_some(), "{text}");
        }
    }

    #[test]
    fn a_sentence_of_the_service_is_said_in_the_visitors_language_with_its_values() {
        check("say why", Some("informe o motivo"));
        check("at most 10000 characters", Some("no máximo 10.000 caracteres"));
        check("at most 2,000 characters", Some("no máximo 2.000 caracteres"));
        check("1 to 200 characters, none of control", Some("de 1 a 200 caracteres, nenhum de controle"));
        check(
            "approval void: count_ratio fails",
            Some("a aprovação caiu: falhou a verificação “Mensagens no destino”"),
        );
        check(
            "job 7 is in initial_sync; job 8 is paused",
            Some("a migração 7 está na fase “Cópia inicial”; a migração 8 está pausada"),
        );
        check(
            "\"/\" is no pattern of folders: the folder pattern begins or ends with `/` or has `//` in it; \
             write `Work/Old`",
            Some(
                "\"/\" não é um padrão de pastas: o padrão de pastas começa ou termina com `/` ou tem `//`; \
                 escreva `Trabalho/Antigas`",
            ),
        );
        check("write it as ana@example.com", Some("escreva assim: ana@exemplo.com.br"));
    }

    #[test]
    fn a_sentence_that_is_not_known_stays_as_it_came() {
        check("the customer said so", None);
        check("say why not", None);
        check("at most a few characters", None);
        check("", None);
        check("say why; the customer said so", None);
        let html = html(Language::Portuguese, "<b>the customer</b>");
        assert_eq!(html, "<span lang=\"en\">&lt;b&gt;the customer&lt;&#x2f;b&gt;</span>");
    }
}
