//! How flags of both sides meet, what a destination keeps of them, and which STOREs bring them there.
//! Never sends one.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::message::{Flag, Flags, Uid};
use crate::uid_set::UidSet;

/// How flag changes meet on later runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FlagPolicy {
    /// Three-way, from the last synced value.
    #[default]
    Merge,
    /// The destination is made like the source.
    Source,
    /// The destination is left alone.
    Destination,
}

/// The flags that the destination shall have. `base` is what the source had when they were last carried over: with
/// `Merge` a flag that the source has changed since then follows the source, any other stays as the destination has
/// it, so what a user did there is never undone.
#[must_use]
pub fn merge(base: &Flags, source: &Flags, destination: &Flags, policy: FlagPolicy) -> Flags {
    match policy {
        FlagPolicy::Source => source.clone(),
        FlagPolicy::Destination => destination.clone(),
        FlagPolicy::Merge => {
            let all = destination.0.union(&source.0);
            all.filter(|flag| {
                let is_at_source = source.0.contains(flag);
                if is_at_source == base.0.contains(flag) {
                    destination.0.contains(flag)
                } else {
                    is_at_source
                }
            })
            .cloned()
            .collect()
        }
    }
}

/// What a destination folder keeps of a message's flags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// The flags to send.
    pub flags: Flags,
    /// The flags that the folder would refuse or forget, in their fixed order.
    pub dropped: Vec<Flag>,
}

/// Parts flags into those that the folder keeps and the others. `takes_new` is `\*` in PERMANENTFLAGS: any keyword
/// is taken. A server that gave no PERMANENTFLAGS keeps them all (RFC 3501 §6.3.1, RFC 9051 §6.3.2).
#[must_use]
pub fn keep(flags: &Flags, permanent: &Flags, takes_new: bool) -> Kept {
    let keeps_all = permanent.is_empty() && !takes_new;
    let mut kept = Kept::default();
    for flag in flags.iter() {
        if keeps_all || permanent.0.contains(flag) || (takes_new && !flag.is_system()) {
            kept.flags.0.insert(flag.clone());
        } else {
            kept.dropped.push(flag.clone());
        }
    }
    kept
}

/// The flags to add and the flags to remove so that `from` becomes `to`.
#[must_use]
pub fn change(from: &Flags, to: &Flags) -> (Flags, Flags) {
    let missing = |all: &Flags, some: &Flags| all.0.difference(&some.0).cloned().collect();
    (missing(to, from), missing(from, to))
}

/// One change of flags for several messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Which messages.
    pub uids: UidSet,
    /// The flags to add.
    pub add: Flags,
    /// The flags to remove.
    pub remove: Flags,
}

/// Gathers the messages whose flags change in the same way; those that do not change are left out.
#[must_use]
pub fn group(changes: impl IntoIterator<Item = (Uid, Flags, Flags)>) -> Vec<Store> {
    let mut uids_by_change: BTreeMap<(Flags, Flags), Vec<Uid>> = BTreeMap::new();
    for (uid, add, remove) in changes {
        if !add.is_empty() || !remove.is_empty() {
            uids_by_change.entry((add, remove)).or_default().push(uid);
        }
    }
    uids_by_change
        .into_iter()
        .map(|((add, remove), uids)| Store { uids: uids.into_iter().collect(), add, remove })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn flags(text: &str) -> Flags {
        Flags::parse(text)
    }

    /// Every set of the two flags.
    const WORLDS: [&str; 4] = ["", "\\Seen", "$a", "\\Seen $a"];

    #[test]
    fn each_flag_follows_the_source_where_it_changed_and_the_destination_else() {
        for base in WORLDS.map(flags) {
            for source in WORLDS.map(flags) {
                for destination in WORLDS.map(flags) {
                    let merged = merge(&base, &source, &destination, FlagPolicy::Merge);
                    for name in ["\\Seen", "$a"] {
                        let [base, source, destination] =
                            [&base, &source, &destination].map(|flags| flags.contains(name));
                        let expected = match (base, source, destination) {
                            (false, true, _) => true,
                            (true, false, _) => false,
                            (false, false, kept) | (true, true, kept) => kept,
                        };
                        assert_eq!(merged.contains(name), expected, "{base} {source} {destination}");
                    }
                    assert_eq!(merge(&base, &source, &destination, FlagPolicy::Source), source);
                    assert_eq!(merge(&base, &source, &destination, FlagPolicy::Destination), destination);
                    let (add, remove) = change(&destination, &merged);
                    let changed: Flags = destination.0.difference(&remove.0).cloned().chain(add.0).collect();
                    assert_eq!(changed, merged);
                }
            }
        }
    }

    #[test]
    fn what_a_user_did_at_the_destination_is_not_undone() {
        for (base, source, destination, expected) in [
            ("", "\\Flagged", "\\Seen", "\\Flagged \\Seen"),
            ("\\Seen", "\\Seen", "", ""),
            ("\\Seen", "\\SEEN", "", ""),
            ("$MDNSent", "$mdnsent", "$MDNSENT", "$MDNSENT"),
            ("", "\\Deleted", "", "\\Deleted"),
        ] {
            let merged = merge(&flags(base), &flags(source), &flags(destination), FlagPolicy::Merge);
            assert_eq!(merged.to_string(), expected);
        }
    }

    #[test]
    fn a_flag_the_destination_cannot_keep_is_dropped_and_named() {
        let source = "\\Seen \\Flagged $Forwarded NonJunk custom1";
        for (permanent, takes_new, kept, dropped) in [
            ("\\Seen \\Flagged", false, "\\Flagged \\Seen", "$Forwarded custom1 NonJunk"),
            ("\\Seen", true, "$Forwarded \\Seen custom1 NonJunk", "\\Flagged"),
            ("\\SEEN nonjunk", false, "\\Seen NonJunk", "$Forwarded \\Flagged custom1"),
            ("", false, "$Forwarded \\Flagged \\Seen custom1 NonJunk", ""),
            ("", true, "$Forwarded custom1 NonJunk", "\\Flagged \\Seen"),
        ] {
            let result = keep(&flags(source), &flags(permanent), takes_new);
            let found: Flags = result.dropped.into_iter().collect();
            assert_eq!((result.flags.to_string(), found.to_string()), (kept.into(), dropped.into()));
        }
    }

    #[test]
    fn messages_that_change_alike_share_a_store() {
        let change = |uid, add, remove| (Uid::new(uid).unwrap(), flags(add), flags(remove));
        let stores = group([
            change(3, "\\Seen", ""),
            change(1, "\\Seen", ""),
            change(2, "", ""),
            change(4, "", "\\Seen"),
        ]);
        let texts: Vec<_> = stores
            .iter()
            .map(|store| (store.uids.to_string(), store.add.to_string(), store.remove.to_string()))
            .collect();
        let expected = [("4", "", "\\Seen"), ("1,3", "\\Seen", "")];
        assert_eq!(texts, expected.map(|(a, b, c)| (a.to_string(), b.to_string(), c.to_string())));
    }
}
