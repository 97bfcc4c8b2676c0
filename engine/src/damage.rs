//! What of a source as a whole cannot be read, and a person's word that the rest is wanted all the same.
//! Never lets that word cover more than the person was told of.

use malote_plan::failure::{Class, Reach, Retry, Side};

use crate::failure::Failure;
use crate::source::Source;

/// Octets of a hash that make a code.
const CODE_OCTETS: usize = 6;

/// What a source's damage is to a run.
#[derive(Debug, Default)]
pub struct Judged {
    /// What keeps the run from being a success.
    pub failures: Vec<Failure>,
    /// What a person has accepted, as sentences for the report.
    pub accepted: Vec<String>,
}

/// Holds what is damaged of a source against the codes that people have accepted. What only another run can settle is
/// never accepted: nobody knows yet what it comes to.
pub fn judge(source: &dyn Source, codes: &[String]) -> Judged {
    let (damage, unsettled) = (source.damage(), source.unsettled());
    let unsettled = unsettled.into_iter().map(passing);
    if damage.is_empty() {
        return Judged { failures: unsettled.collect(), accepted: Vec::new() };
    }
    let code = code(&damage);
    if codes.contains(&code) {
        let accepted = damage.iter().map(|what| format!("damage accepted as {code}: {what}"));
        return Judged { failures: unsettled.collect(), accepted: accepted.collect() };
    }
    let advice = format!("; whoever has seen all of it and wants the rest may accept this damage as {code}");
    let told = damage
        .into_iter()
        .enumerate()
        .map(|(number, what)| unreadable(if number == 0 { what + &advice } else { what }));
    Judged { failures: told.chain(unsettled).collect(), accepted: Vec::new() }
}

/// The name of exactly this damage, in whatever order it was found: twelve hexadecimal digits of a BLAKE3 hash.
#[must_use]
pub fn code(damage: &[String]) -> String {
    let mut sorted: Vec<&String> = damage.iter().collect();
    sorted.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for what in sorted {
        hasher.update(&(what.len() as u64).to_le_bytes()).update(what.as_bytes());
    }
    hasher.finalize().as_bytes()[..CODE_OCTETS].iter().map(|octet| format!("{octet:02x}")).collect()
}

/// True for what can be a code.
#[must_use]
pub fn is_code(text: &str) -> bool {
    text.len() == 2 * CODE_OCTETS && text.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'))
}

fn passing(what: String) -> Failure {
    Failure::new(Side::Source, Class::ServerTemporary, Reach::Account, Retry::Again, what)
}

fn unreadable(what: String) -> Failure {
    Failure::new(Side::Source, Class::ItemUnreadable, Reach::Account, Retry::Never, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_stands_for_exactly_one_set_of_damage() {
        let of = |damage: &[&str]| code(&damage.iter().map(ToString::to_string).collect::<Vec<_>>());
        let one = of(&["a: cut off", "b: lost"]);
        assert!(is_code(&one), "{one}");
        assert_eq!(one, of(&["b: lost", "a: cut off"]), "in whatever order");
        for other in [&["a: cut off"][..], &["a: cut off", "b: lost", "b: lost"], &["a: cut offb: lost"], &[]]
        {
            assert_ne!(one, of(other), "{other:?}");
        }
        for wrong in ["", "0123456789a", "0123456789AB", "0123456789abc", "0123456789ax"] {
            assert!(!is_code(wrong), "{wrong}");
        }
    }
}
