//! What the gate wants to know of a destination once a run is over.
//! Never fails a run: what cannot be asked is not known.

use std::time::Duration;

use malote_engine::destination::Destination;
use malote_engine::measured::Room;
use tokio::time::timeout;

use crate::store::measures::QuotaFound;

/// How long a server may take to tell its quota.
const ASK_MAX: Duration = Duration::from_secs(20);

/// The destination's room; nothing where it does not say.
pub(super) async fn quota(destination: &dyn Destination) -> Option<QuotaFound> {
    let whole = |octets: u64| i64::try_from(octets).unwrap_or(i64::MAX);
    match timeout(ASK_MAX, destination.room()).await.ok()?.ok()?? {
        Room::Endless => Some(QuotaFound::Endless),
        Room::Of { limit, used } => Some(QuotaFound::Limited(whole(limit), whole(used))),
    }
}
