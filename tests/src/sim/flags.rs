//! Whether flags came over: only where nothing but Malote set them at the destination.
//! Never judges where both sides' users had a say: that is the merge's own test.

use malote_engine::plan::flags::keep;
use malote_engine::plan::message::Flags;
use malote_engine::policy::FlagPolicy;
use malote_engine::report::{Report, Status};

use super::check::{Flaw, groups, records};
use super::manner::AppendUids;
use super::schedule::{Refusal, Verb, What};
use super::server::Origin;
use super::state::State;
use super::story::Story;

/// Every copy that no user touched has the flags of its original, as far as the destination keeps them.
pub(super) fn in_line(story: &Story, state: &State, report: &Report) -> Result<(), Flaw> {
    let was_refused = story
        .troubles
        .iter()
        .any(|trouble| trouble.call.1 == Verb::Store && trouble.what == What::Refuse(Refusal::No));
    let cannot_tell = story.source_manner.frozen_modseq
        // Whoever names the UIDs of others has their flags changed.
        || story.destination_manner.append_uids == AppendUids::FromOne
        || story.destination_manner.keywords_max.is_some()
        || story.wishes.flags == FlagPolicy::Destination
        || report.status != Status::Success
        || was_refused;
    if cannot_tell {
        return Ok(());
    }
    // A copy whose answer was lost keeps the flags it was sent with beside those that its original has by then.
    let may_keep_more =
        story.troubles.iter().any(|trouble| !matches!(trouble.what, What::Deed(..) | What::Stall(_)));
    let (permanent, takes_new) = story.destination_manner.permanent_flags.unwrap_or_default();
    for (destination, sources) in groups(report) {
        let Some(shelf) = state.destination.shelves.get(destination) else { continue };
        for source in sources {
            let Some(originals) = state.source.shelves.get(source) else { continue };
            for record in records(state, source) {
                let copy = record.destination_uid.and_then(|uid| shelf.letters.get(&uid.get()));
                let original = originals.letters.get(&record.source_uid.get());
                let (Some(copy), Some(original)) = (copy, original) else { continue };
                let twins = originals.entered.iter().filter(|(content, _)| *content == original.content);
                if twins.count() > 1 {
                    // Which copy of twins is whose, nobody can tell where an answer was lost.
                    continue;
                }
                if copy.is_touched || !matches!(copy.origin, Origin::Appended { .. }) {
                    continue;
                }
                let kept = keep(&original.flags, &Flags::parse(permanent), takes_new).flags;
                if kept != copy.flags && !(may_keep_more && kept.0.is_subset(&copy.flags.0)) {
                    let uid = record.source_uid;
                    let sentence = format!("{source} UID {uid} has ({kept}) and its copy ({})", copy.flags);
                    return Err(Flaw::new("flags", sentence));
                }
            }
        }
    }
    Ok(())
}
