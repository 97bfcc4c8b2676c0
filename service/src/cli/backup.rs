//! The commands `backup-state` and `restore-state`.
//! Never copies keys, uploads or messages.

use super::args::{BackupArgs, RestoreArgs};
use super::exit::{Exit, Stopped};
use super::output;
use super::render::{counted, size};
use crate::store::at;
use crate::store::state::{self, Manifest};

/// Copies the database and the ledgers of a data folder.
pub async fn back_up(args: BackupArgs) -> Result<Exit, Stopped> {
    let now = at(jiff::Timestamp::now().as_millisecond());
    let manifest = state::back_up(&args.data, &args.to, &now).await?;
    tell(&manifest, "backed up to", &args.to.display().to_string(), args.output.json)?;
    Ok(if manifest.left_out.is_empty() { Exit::Success } else { Exit::LeftOver })
}

/// Brings a backup back.
pub fn restore(args: &RestoreArgs) -> Result<Exit, Stopped> {
    let manifest = state::restore(&args.from, &args.data)?;
    tell(&manifest, "restored into", &args.data.display().to_string(), args.output.json)?;
    Ok(Exit::Success)
}

fn tell(manifest: &Manifest, done: &str, place: &str, is_json: bool) -> Result<(), Stopped> {
    if is_json {
        return output::print_json(manifest);
    }
    let bytes = manifest.files.iter().map(|file| file.size_bytes).sum();
    let files = counted(manifest.files.len() as u64, "file", "files");
    let mut text = format!("{files}, {}, {done} {place}\n", size(bytes));
    for left_out in &manifest.left_out {
        text.push_str(&format!("left out: {}: {}\n", left_out.path, left_out.reason));
    }
    output::print(&text)
}
