//! The buckets that every source message sits in, and the equation that must hold.
//! Never counts a message twice: whoever adds to a bucket does so once per message and run.

/// Counts of one folder, or of all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Buckets {
    /// Messages that the source lists, less those that vanished meanwhile.
    pub source_messages: u64,
    /// Appended in this run.
    pub copied: u64,
    /// Found at the destination without a record.
    pub adopted: u64,
    /// Recorded by an earlier run.
    pub already: u64,
    /// Byte-identical twins left out by choice.
    pub collapsed: u64,
    /// Left out by the operator's filters.
    pub filtered: u64,
    /// Refused or unreadable, kept with reason and octets.
    pub quarantined: u64,
    /// Not settled yet: to be copied by a later run, or awaiting a decision.
    pub pending: u64,
    /// Listed, then removed at the source by its user; outside the sum.
    pub vanished: u64,
}

impl Buckets {
    /// True when every source message sits in exactly one bucket.
    #[must_use]
    pub const fn balances(&self) -> bool {
        self.source_messages
            == self.copied
                + self.adopted
                + self.already
                + self.collapsed
                + self.filtered
                + self.quarantined
                + self.pending
    }

    /// Adds another folder's counts.
    pub const fn add(&mut self, other: &Self) {
        self.source_messages += other.source_messages;
        self.copied += other.copied;
        self.adopted += other.adopted;
        self.already += other.already;
        self.collapsed += other.collapsed;
        self.filtered += other.filtered;
        self.quarantined += other.quarantined;
        self.pending += other.pending;
        self.vanished += other.vanished;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vanished_messages_are_outside_the_sum() {
        let mut buckets =
            Buckets { source_messages: 3, copied: 2, pending: 1, vanished: 4, ..Buckets::default() };
        assert!(buckets.balances());
        buckets.add(&Buckets { source_messages: 1, ..Buckets::default() });
        assert!(!buckets.balances());
    }
}
