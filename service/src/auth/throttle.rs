//! How long a name or an address has to wait after failed logins.
//! Never locks for good: whoever wants somebody locked out would have it easy.

/// So many failures cost nothing.
pub const FREE_FAILURES: i64 = 5;
/// The longest wait, in milliseconds: 15 minutes.
pub const WAIT_MILLIS_MAX: i64 = 900_000;
/// After so long without a failure the count begins anew, in milliseconds: a day.
pub const FORGET_MILLIS: i64 = 86_400_000;

/// The wait after so many failures in a row, in milliseconds: 1 s after the fifth, doubled by each further one.
pub fn wait_millis(failures: i64) -> i64 {
    let beyond = failures - FREE_FAILURES;
    if beyond < 0 { 0 } else { (1000_i64 << beyond.min(20)).min(WAIT_MILLIS_MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_from_a_second_to_a_quarter_of_an_hour() {
        for (failures, wait) in [
            (0, 0),
            (4, 0),
            (5, 1000),
            (6, 2000),
            (10, 32_000),
            (14, 512_000),
            (15, 900_000),
            (i64::MAX, 900_000),
        ] {
            assert_eq!(wait_millis(failures), wait, "{failures}");
        }
    }
}
