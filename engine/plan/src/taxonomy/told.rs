//! Numbers that servers put into their words: how long to wait, how many connections they bear.
//! Never takes a number whose meaning the words around it do not tell.

/// Longest wait that is believed, in milliseconds: a day and an hour.
const WAIT_MS_MAX: u64 = 25 * 3_600_000;

/// Most connections that a text may name and be believed.
const CONNECTIONS_MAX: u32 = 10_000;

/// Added to a wait in milliseconds that a server names, so that its clock and ours need not agree to the tick.
const WAIT_MARGIN_MS: u64 = 100;

/// Numbers that stood in an answer's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// How long to wait, in milliseconds.
    pub wait_ms: Option<u64>,
    /// How many connections the server bears, of one user or from one address.
    pub connections_max: Option<u32>,
    /// How many messages one command may name (RFC 9738); the code's argument, which the caller fills in.
    pub uids_max: Option<u32>,
}

pub(super) fn told(text: &str) -> Told {
    Told { wait_ms: told_wait_ms(text), connections_max: connections_ceiling(text), uids_max: None }
}

/// The wait that a server names, in milliseconds, a tenth of a second added: Exchange's `Suggested Backoff Time:
/// 299961 milliseconds`, and `try again in 5 minutes` of others.
#[must_use]
pub fn told_wait_ms(text: &str) -> Option<u64> {
    const BEFORE: [&str; 6] =
        ["backoff time:", "try again in", "try again after", "retry after", "retry in", "wait for"];
    let text = text.to_ascii_lowercase();
    let after = BEFORE.iter().find_map(|before| Some(text.split_once(before)?.1))?.trim_start();
    let (number, rest) = leading_number(after)?;
    let unit = rest.trim_start();
    let ms = match unit {
        _ if unit.starts_with("ms") || unit.starts_with("millisecond") => 1,
        _ if unit.starts_with("min") => 60_000,
        _ if unit.starts_with("hour") => 3_600_000,
        _ if unit.starts_with('s') => 1_000,
        _ => return None,
    };
    let wait_ms = number.saturating_mul(ms).saturating_add(WAIT_MARGIN_MS);
    Some(wait_ms.min(WAIT_MS_MAX))
}

/// The number of connections that a refusal names: Dovecot's `Maximum number of connections from user+IP exceeded
/// (mail_max_userip_connections=10)`. Others of the same user may hold some of them, so that whoever uses the number
/// stays below it.
#[must_use]
pub fn connections_ceiling(text: &str) -> Option<u32> {
    const BEFORE: [&str; 8] =
        ["connections=", "limit is ", "limit of ", "limit: ", "maximum of ", "maximum is ", "max ", "("];
    let text = text.to_ascii_lowercase();
    let is_of_connections = text.contains("connection") || text.contains("session");
    let is_of_a_limit = ["too many", "maximum", "limit", "exceed"].iter().any(|word| text.contains(word));
    if !is_of_connections || !is_of_a_limit {
        return None;
    }
    let numbers = BEFORE.iter().filter_map(|before| leading_number(text.split_once(before)?.1));
    let number = numbers.map(|(number, _)| u32::try_from(number).unwrap_or(u32::MAX)).next()?;
    (1..=CONNECTIONS_MAX).contains(&number).then_some(number)
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_and_ceilings_are_read_where_the_words_tell_them() {
        for (text, wait_ms, connections) in [
            ("Request is throttled. Suggested Backoff Time: 299962 milliseconds", Some(300_062), None),
            ("Too many requests, try again in 5 minutes", Some(300_100), None),
            ("Rate limit hit, retry after 30 seconds", Some(30_100), None),
            ("Try again in a moment", None, None),
            ("retry after 99999999999999999999 seconds", None, None),
            ("retry after 9999999999 hours", Some(WAIT_MS_MAX), None),
            (
                "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
                None,
                Some(10),
            ),
            ("Too many open connections (30)", None, Some(30)),
            ("Too many connections, the limit is 4 per user", None, Some(4)),
            ("Too many simultaneous connections. (Failure)", None, None),
            ("Message exceeds limit of 50 MB", None, None),
            ("connections=0", None, None),
        ] {
            assert_eq!((told_wait_ms(text), connections_ceiling(text)), (wait_ms, connections), "{text}");
        }
    }
}
