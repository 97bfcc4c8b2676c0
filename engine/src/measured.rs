//! What a run measured beside its counts: a sample of contents, octets on both sides, messages twice, room.
//! Never part of the report's format: whoever runs the engine asks for it.

/// Messages that were read on both sides and compared octet by octet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// So many were compared.
    pub compared: u64,
    /// So many have the same text, and a header that the destination rewrote.
    pub rewritten: u64,
    /// So many have another text, or cannot be read at the destination.
    pub different: u64,
}

/// The octets of matched messages, as each side counts them with CRLF line ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Octets {
    /// At the source.
    pub source: u64,
    /// At the destination.
    pub destination: u64,
}

/// What a verification measured; each is nothing where one folder could not be looked through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measured {
    /// Contents.
    pub sample: Option<Sample>,
    /// Octets.
    pub octets: Option<Octets>,
    /// Messages at the destination that nobody's record names and that hold what a copy holds.
    pub duplicates: Option<u64>,
}

impl Measured {
    /// Both together; nothing stays nothing, because a part is no measure of the whole.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let sample = self.sample.zip(other.sample).map(|(one, two)| Sample {
            compared: one.compared + two.compared,
            rewritten: one.rewritten + two.rewritten,
            different: one.different + two.different,
        });
        let octets = self.octets.zip(other.octets).map(|(one, two)| Octets {
            source: one.source.saturating_add(two.source),
            destination: one.destination.saturating_add(two.destination),
        });
        let duplicates = self.duplicates.zip(other.duplicates).map(|(one, two)| one + two);
        Self { sample, octets, duplicates }
    }

    /// What an empty mailbox measures.
    #[must_use]
    pub const fn none_yet() -> Self {
        let sample = Sample { compared: 0, rewritten: 0, different: 0 };
        let octets = Octets { source: 0, destination: 0 };
        Self { sample: Some(sample), octets: Some(octets), duplicates: Some(0) }
    }
}

/// A destination's room for more (RFC 9208, resource STORAGE).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// The server keeps quotas, and none on this mailbox.
    Endless,
    /// The tightest of its quotas, in octets.
    Of {
        /// What it may hold.
        limit: u64,
        /// What it holds.
        used: u64,
    },
}

impl Room {
    /// The room that quotas leave, each a resource, its usage and its limit; STORAGE counts 1,024 octets a unit
    /// (RFC 9208 §5.1).
    #[must_use]
    pub fn of_quotas(quotas: &[(String, u64, u64)]) -> Self {
        let storage = quotas.iter().filter(|(resource, _, _)| resource.eq_ignore_ascii_case("STORAGE"));
        let tightest = storage.min_by_key(|(_, used, limit)| limit.saturating_sub(*used));
        tightest.map_or(Self::Endless, |(_, used, limit)| Self::Of {
            limit: limit.saturating_mul(1024),
            used: used.saturating_mul(1024),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tightest_quota_of_storage_is_the_room() {
        let quota = |resource: &str, used, limit| (resource.to_owned(), used, limit);
        for (quotas, expected) in [
            (vec![], Room::Endless),
            (vec![quota("MESSAGE", 9, 10)], Room::Endless),
            (vec![quota("storage", 3, 10)], Room::Of { limit: 10_240, used: 3_072 }),
            (
                vec![quota("STORAGE", 1, 100), quota("STORAGE", 9, 10)],
                Room::Of { limit: 10_240, used: 9_216 },
            ),
            (vec![quota("STORAGE", 11, 10)], Room::Of { limit: 10_240, used: 11_264 }),
        ] {
            assert_eq!(Room::of_quotas(&quotas), expected, "{quotas:?}");
        }
    }

    #[test]
    fn a_folder_that_was_not_measured_leaves_the_mailbox_unmeasured() {
        let whole = Measured::none_yet();
        let part = Measured { duplicates: None, ..whole };
        assert_eq!(whole.and(whole), whole);
        assert_eq!(whole.and(part).duplicates, None);
        assert_eq!(Measured::default().and(whole), Measured::default());
    }
}
