//! Whether deletions at the source may be mirrored.
//! Never lets a listing that lost most of its messages empty a destination.

/// So many deletions pass whatever the percentage, or a folder of nine messages could never lose one.
pub const FLOOR: u64 = 1;

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is gone.
    Nothing,
    /// Remove the copies of what is gone.
    Remove,
    /// Somebody has to confirm first.
    Ceiling {
        /// The ceiling, in percent.
        percent: u8,
    },
}

/// Decides for a folder of which `copied` messages were copied and `gone` of these are no longer at the source.
/// An emptied source is never mirrored below a ceiling of 100 percent.
#[must_use]
pub const fn decide(copied: u64, gone: u64, percent_max: u8) -> Verdict {
    if gone == 0 {
        return Verdict::Nothing;
    }
    let is_emptied = gone == copied && percent_max < 100;
    let is_within = gone * 100 <= copied * percent_max as u64 || (gone <= FLOOR && percent_max > 0);
    if is_within && !is_emptied { Verdict::Remove } else { Verdict::Ceiling { percent: percent_max } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_deletions_pass_and_many_need_a_word() {
        let ceiling = |percent| Verdict::Ceiling { percent };
        for (copied, gone, percent, expected) in [
            (100, 0, 10, Verdict::Nothing),
            (100, 10, 10, Verdict::Remove),
            (100, 11, 10, ceiling(10)),
            (5, 1, 10, Verdict::Remove),
            (5, 2, 10, ceiling(10)),
            (5, 5, 10, ceiling(10)),
            (5, 5, 100, Verdict::Remove),
            (1000, 900, 10, ceiling(10)),
            (20, 1, 0, ceiling(0)),
        ] {
            assert_eq!(decide(copied, gone, percent), expected, "{gone} of {copied} at {percent} %");
        }
    }
}
