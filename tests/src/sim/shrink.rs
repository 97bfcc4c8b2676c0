//! Makes a story that fails smaller, as long as it fails in the same way.
//! Never plays a story more often than it must to be read by a person.

use super::manner::Manner;
use super::play::play;
use super::story::{Story, Wishes};

/// Plays that one shrinking may cost.
const PLAYS_MAX: u32 = 1500;

/// The smallest story found that shows a flaw of the same kind.
#[must_use]
pub fn shrunk(story: &Story) -> Story {
    let Some(flaw) = play(story, false).flaw else { return story.clone() };
    let mut best = story.clone();
    let mut plays = 0;
    loop {
        let before = best.clone();
        for attempt in 0.. {
            let Some(smaller) = candidate(&best, attempt) else { break };
            if smaller == best {
                continue;
            }
            plays += 1;
            if plays > PLAYS_MAX {
                return best;
            }
            if play(&smaller, false).flaw.is_some_and(|found| found.kind == flaw.kind) {
                best = smaller;
            }
        }
        if best == before {
            return best;
        }
    }
}

/// The story less one thing, by a running number; nothing beyond the last.
fn candidate(story: &Story, attempt: usize) -> Option<Story> {
    let mut smaller = story.clone();
    let mut left = attempt;
    let mut turn = |count: usize| {
        let index = left;
        left = left.wrapping_sub(count);
        (index < count).then_some(index)
    };
    if let Some(index) = turn(story.troubles.len()) {
        smaller.troubles.remove(index);
        return Some(smaller);
    }
    if turn(1).is_some() {
        smaller.runs = smaller.troubles.iter().map(|trouble| trouble.run).max().unwrap_or(1);
        return Some(smaller);
    }
    if let Some(index) = turn(4) {
        match index {
            0 => smaller.source_manner = Manner::decent(),
            1 => smaller.destination_manner = Manner::decent(),
            2 => smaller.wishes = Wishes::none(),
            _ => smaller.destination.clear(),
        }
        return Some(smaller);
    }
    for is_source in [true, false] {
        for mend in MENDINGS {
            if turn(1).is_some() {
                let manner =
                    if is_source { &mut smaller.source_manner } else { &mut smaller.destination_manner };
                mend(manner, &Manner::decent());
                return Some(smaller);
            }
        }
    }
    for is_source in [true, false] {
        let places = if is_source { &mut smaller.source } else { &mut smaller.destination };
        for index in (0..places.len()).rev() {
            if turn(1).is_some() {
                places.remove(index);
                return Some(smaller);
            }
            let count = places[index].letters.len();
            let part = count.div_ceil(4).max(1);
            for start in (0..count).step_by(part) {
                if turn(1).is_some() {
                    places[index].letters.drain(start..count.min(start + part));
                    return Some(smaller);
                }
            }
            if count <= 12
                && let Some(letter) = turn(count)
            {
                places[index].letters.remove(letter);
                return Some(smaller);
            }
        }
    }
    None
}

type Mending = fn(&mut Manner, &Manner);

/// Each takes one bad habit away.
const MENDINGS: [Mending; 22] = [
    |manner, decent| manner.condstore = decent.condstore,
    |manner, decent| manner.frozen_modseq = decent.frozen_modseq,
    |manner, decent| manner.list_status = decent.list_status,
    |manner, decent| manner.hides_uid_next = decent.hides_uid_next,
    |manner, decent| manner.hides_validity = decent.hides_validity,
    |manner, decent| manner.batch_messages_max = decent.batch_messages_max,
    |manner, decent| manner.refuses_batches = decent.refuses_batches,
    |manner, decent| manner.append_uids = decent.append_uids,
    |manner, decent| (manner.refused, manner.refuses_every) = (decent.refused, decent.refuses_every),
    |manner, decent| manner.tears_batches = decent.tears_batches,
    |manner, decent| manner.shuffles = decent.shuffles,
    |manner, decent| manner.slow_sessions = decent.slow_sessions,
    |manner, decent| manner.misjudges_every = decent.misjudges_every,
    |manner, decent| manner.hides_every = decent.hides_every,
    |manner, decent| manner.labels = decent.labels,
    |manner, decent| manner.copies = decent.copies,
    |manner, decent| manner.append_octets_max = decent.append_octets_max,
    |manner, decent| manner.quota_messages = decent.quota_messages,
    |manner, decent| manner.permanent_flags = decent.permanent_flags,
    |manner, decent| (manner.rewrites, manner.keywords_max) = (decent.rewrites, decent.keywords_max),
    |manner, decent| manner.connections_max = decent.connections_max,
    |manner, _| (manner.call_ms_max, manner.late_ms_max) = (0, 0),
];
