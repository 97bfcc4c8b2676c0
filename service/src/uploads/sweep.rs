//! Clears away what nobody needs: uploads whose time is over, files without a row, links without a run.
//! Never touches a file that a mailbox has.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::disk::{path_of, remove};
use super::{UploadError, place};
use crate::app::App;

/// A file that no row knows may be that of an upload which begins at this moment: it stays for an hour.
const STRAY_AGE: Duration = Duration::from_secs(3_600);

/// Sweeps once; how many files went.
///
/// # Errors
/// What the database or the disk says; what is left is taken up next time.
pub async fn sweep(app: &App) -> Result<u64, UploadError> {
    let (folder, mut gone) = (app.config.uploads(), 0);
    let now_ms = app.now_ms();
    for (id, _) in app.store.overdue_uploads(now_ms).await? {
        if app.store.expire_upload(&id, "nobody went on with it", now_ms).await?
            && let Some(path) = path_of(&folder, &id)
        {
            remove(&path)?;
            gone += 1;
        }
    }
    // What is there is listed before anybody is asked for it: an upload that began in between would seem nobody's.
    let linked = place::linked(&folder)?;
    let entries = std::fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(UploadError::disk("listing uploads"))?;
    let living: BTreeSet<String> = app.store.living_uploads().await?.into_iter().collect();
    for id in linked.into_iter().filter(|id| !living.contains(id)) {
        place::clear(&folder, &id)?;
    }
    place::forget_looks(&folder, &living)?;
    for entry in entries {
        let Some(id) = entry.file_name().to_str().map(str::to_owned) else { continue };
        let Some(path) = path_of(&folder, &id).filter(|_| !living.contains(&id)) else { continue };
        let changed = entry.metadata().and_then(|metadata| metadata.modified());
        let age = changed.ok().and_then(|changed| SystemTime::now().duration_since(changed).ok());
        if age.is_some_and(|age| age > STRAY_AGE) {
            remove(&path)?;
            gone += 1;
        }
    }
    if gone > 0 {
        tracing::info!(files = gone, "{gone} uploaded files that nobody needs were removed");
    }
    Ok(gone)
}
