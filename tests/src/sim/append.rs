//! What the simulated destination does with a batch: stores it, refuses it, or breaks the rules.
//! Never answers: that is the open folder's part.

use bytes::Bytes;
use malote_engine::destination::Within;
use malote_engine::plan::message::{Uid, UidValidity};
use malote_engine::plan::uid_set::UidSet;

use super::manner::{AppendUids, Mutant, Refused};
use super::server::{Flight, Letter, Origin, Outcome, is_chosen};
use super::state::State;

/// Field that a rewriting server puts before a header.
const ADDED_FIELD: &[u8] = b"Received: by sim; Wed, 17 Jul 2024 02:44:25 -0300\r\n";

/// Decides on a batch and stores what is to be stored.
pub fn store_flight(state: &mut State, flight: &Flight) -> Outcome {
    let manner = state.destination.manner.clone();
    let is_calm = state.destination.is_calm;
    if state.destination.shelves.get(&flight.folder).is_none_or(|shelf| shelf.validity != flight.validity) {
        return Outcome::NoFolder;
    }
    let room = manner
        .quota_messages
        .filter(|_| !is_calm)
        .map(|quota| quota.saturating_sub(state.destination.appended));
    if room.is_some_and(|room| (room as usize) < flight.parcels.len()) {
        return Outcome::Full;
    }
    let is_bad = |state: &State, parcel: &(_, Bytes, _, _)| {
        let number = state.contents.number(parcel.0);
        let is_long = manner.append_octets_max.is_some_and(|max| parcel.1.len() as u64 > max);
        if is_long {
            Some(Outcome::TooLarge)
        } else {
            is_chosen(number, manner.refuses_every).then_some(Outcome::Refused)
        }
    };
    let bad = flight.parcels.iter().enumerate();
    let bad = bad.filter_map(|(index, parcel)| is_bad(state, parcel).map(|outcome| (index, outcome))).next();
    let bad = bad.or((manner.refuses_batches && flight.parcels.len() > 1).then_some((0, Outcome::Refused)));
    let Some((index, outcome)) = bad else {
        let uids = flight.parcels.iter().flat_map(|parcel| store_one(state, flight, parcel)).collect();
        return Outcome::Stored(uids);
    };
    let kept = match manner.refused {
        Refused::Nothing => 0,
        Refused::Before => index,
        Refused::All => flight.parcels.len(),
    };
    for parcel in flight.parcels.iter().take(kept) {
        store_one(state, flight, parcel);
    }
    outcome
}

type Parcel = (super::text::Content, Bytes, malote_engine::plan::message::Flags, Option<String>);

/// Stores one message and returns its UID.
fn store_one(state: &mut State, flight: &Flight, parcel: &Parcel) -> Option<u32> {
    let (content, octets, flags, date) = parcel.clone();
    let (run, since, server) = (state.run, state.steps, &mut state.destination);
    server.appended += 1;
    let turn = server.appended == 2;
    let mutant = server.manner.mutant.filter(|_| turn);
    let mut shown = octets.clone();
    if server.manner.rewrites {
        shown = [ADDED_FIELD, &octets].concat().into();
    }
    let mut letter = Letter {
        content,
        octets: shown,
        flags,
        date,
        modseq: 0,
        origin: Origin::Appended { run },
        since,
        is_touched: false,
        is_named_double: false,
    };
    let shelf = server.shelf(&flight.folder);
    match mutant {
        Some(Mutant::LosesOne) => {
            shelf.uid_next += 1;
            return Some(shelf.uid_next - 1);
        }
        Some(Mutant::DoublesOne) => {
            shelf.push(letter.clone());
        }
        Some(Mutant::AltersOne) => {
            let mut altered = letter.octets.to_vec();
            let last = altered.len().saturating_sub(3);
            altered[last] ^= 1;
            letter.octets = altered.into();
        }
        Some(Mutant::RemovesStranger) => {
            let stranger = shelf.letters.iter().find(|(_, letter)| letter.origin == Origin::Initial);
            if let Some(uid) = stranger.map(|(uid, _)| *uid) {
                shelf.letters.remove(&uid);
            }
        }
        Some(Mutant::MarksRead) | None => {}
    }
    let uid = shelf.push(letter);
    *state.work.appended.entry(flight.folder.clone()).or_default() += 1;
    let named = state.contents.named(content);
    if state.contents.text(content).is_none() {
        state.violations.push(format!("{}: octets were appended that no message has", flight.folder));
    }
    state.trace.note(|| format!("    stored {named} in {} as UID {uid}", flight.folder));
    Some(uid)
}

/// Copies messages from one folder into another; nothing where the server does not do that.
pub fn copy(
    state: &mut State,
    (from, generation): (&str, UidValidity),
    uids: &UidSet,
    to: &str,
) -> Option<Within> {
    let (manner, run, since) = (state.destination.manner.clone(), state.run, state.steps);
    let tells = manner.append_uids != AppendUids::Untold && !manner.hides_validity;
    let shelf = state.destination.shelves.get(from).filter(|shelf| shelf.validity == generation.get());
    let letters: Vec<(Uid, Letter)> = shelf
        .filter(|_| manner.copies && tells && state.destination.shelves.contains_key(to))?
        .letters
        .iter()
        .filter_map(|(uid, letter)| Some((Uid::new(*uid)?, letter.clone())))
        .filter(|(uid, _)| uids.contains(*uid))
        .collect();
    let mut pairs = Vec::new();
    for (uid, letter) in letters {
        state.destination.appended += 1;
        let letter = Letter {
            origin: Origin::Appended { run },
            since,
            is_touched: false,
            is_named_double: false,
            ..letter
        };
        let named = state.contents.named(letter.content);
        let copy = state.destination.shelf(to).push(letter);
        *state.work.appended.entry(to.to_owned()).or_default() += 1;
        state.trace.note(|| format!("    copied {named} from {from} into {to} as UID {copy}"));
        pairs.extend(Uid::new(copy).map(|copy| (uid, copy)));
    }
    let validity = state.destination.shelf(to).validity;
    let told = match manner.append_uids {
        AppendUids::OtherValidity => validity + 1,
        _ => validity,
    };
    if manner.append_uids == AppendUids::FromOne {
        pairs.iter_mut().zip(1..).for_each(|(pair, low)| pair.1 = Uid::new(low).unwrap_or(pair.1));
    }
    UidValidity::new(told).map(|uid_validity| Within { uid_validity, pairs })
}
