//! Counts messages and octets of both sides' folders, for imapsync's lists of sizes.
//! Never changes anything: folders are opened and their metadata is read.

use std::collections::BTreeMap;

use malote_engine::exchange::Survey;
use malote_engine::failure::Result;
use malote_engine::plan::folder::Folder;
use malote_engine::plan::uid_set::UidSet;
use malote_engine::source::Source;

use super::folders::{Taken, shown};

/// Messages whose metadata is held at once.
const WINDOW_MESSAGES: u64 = 2000;

/// A folder's size, or several folders' together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Messages.
    pub messages: u64,
    /// Octets, as the server claims.
    pub octets: u64,
    /// Octets of the largest message.
    pub largest: u64,
}

impl Size {
    fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.octets += other.octets;
        self.largest = self.largest.max(other.largest);
    }
}

/// Both sides.
#[derive(Debug, Clone, Default)]
pub struct Sizes {
    /// Each taken folder: here, and where it goes to; nothing where there is no folder yet.
    pub folders: Vec<(Size, Option<Size>)>,
    /// All of host1.
    pub host1: Size,
    /// All of host2, each folder once.
    pub host2: Size,
    /// Folders of host2 that lead to no other.
    pub host2_folders: usize,
}

/// Looks at every taken folder and where it goes to, on both sides by sources: nothing is opened for writing.
pub async fn measure(
    host1: &dyn Source,
    host2: &dyn Source,
    taken: &[Taken],
    destination: &Survey,
) -> Result<Sizes> {
    let one = async {
        let mut sizes = Vec::new();
        for one in taken {
            sizes.push(size_of(host1, &one.source).await?);
        }
        Ok(sizes)
    };
    let by_place: BTreeMap<String, &Folder> = destination
        .folders
        .iter()
        .filter(|folder| folder.is_selectable)
        .map(|folder| (folder.path.levels().join("/"), folder))
        .collect();
    let two = async {
        let mut sizes: BTreeMap<&str, Option<Size>> = BTreeMap::new();
        for one in taken {
            if sizes.contains_key(one.place.as_str()) {
                continue;
            }
            let size = match by_place.get(&one.place) {
                Some(folder) => Some(size_of(host2, folder).await?),
                None => None,
            };
            sizes.insert(&one.place, size);
        }
        Ok(sizes)
    };
    let (host1, host2): (Result<Vec<Size>>, Result<_>) = tokio::join!(one, two);
    let (host1, host2) = (host1?, host2?);
    let mut sizes = Sizes { host2_folders: host2.len(), ..Sizes::default() };
    host1.iter().for_each(|size| sizes.host1.add(*size));
    host2.values().flatten().for_each(|size| sizes.host2.add(*size));
    sizes.folders = taken
        .iter()
        .zip(host1)
        .map(|(one, size)| (size, host2.get(one.place.as_str()).copied().flatten()))
        .collect();
    Ok(sizes)
}

async fn size_of(side: &dyn Source, folder: &Folder) -> Result<Size> {
    let mut open = side.open(folder).await?;
    let uids = open.uids().await?;
    let mut size = Size::default();
    for window in windows(&uids) {
        for stub in open.stubs(&window).await? {
            size.add(Size { messages: 1, octets: stub.octets_claimed, largest: stub.octets_claimed });
        }
    }
    Ok(size)
}

fn windows(uids: &UidSet) -> Vec<UidSet> {
    uids.chunks(WINDOW_MESSAGES, usize::MAX)
}

impl Sizes {
    /// The lists as imapsync prints them.
    pub fn lines(&self, taken: &[Taken], seconds: f64) -> Vec<String> {
        let told = |size: Size| {
            format!("Size: {:>9} Messages: {:>5} Biggest: {:>9}", size.octets, size.messages, size.largest)
        };
        let mut lines = Vec::new();
        for (index, (one, (host1, host2))) in taken.iter().zip(&self.folders).enumerate() {
            let place = format!("{}/{}", index + 1, taken.len());
            lines.push(format!("Host1 folder {place:>7} {:<35} {}", shown(&one.name1), told(*host1)));
            let there = host2.map_or_else(|| " does not exist yet".to_owned(), told);
            lines.push(format!("Host2 folder {place:>7} {:<35} {there}", shown(&one.name2)));
            let host2 = host2.unwrap_or_default();
            lines.push(format!(
                "Host2-Host1  {:>7} {:<35}       {:>9}           {:>5}          {:>9}",
                "",
                "",
                difference(host2.octets, host1.octets),
                difference(host2.messages, host1.messages),
                difference(host2.largest, host1.largest)
            ));
            lines.push(String::new());
        }
        for (host, folders) in [("Host1", taken.len()), ("Host2", self.host2_folders)] {
            lines.push(format!("{host} Nb folders:           {folders:>11} folders"));
        }
        lines.push(String::new());
        let sides = [("Host1", self.host1), ("Host2", self.host2)];
        lines.extend(
            sides.map(|(host, size)| format!("{host} Nb messages:          {:>11} messages", size.messages)),
        );
        lines.push(String::new());
        lines.extend(sides.map(|(host, size)| {
            format!(
                "{host} Total size:           {:>11} bytes ({})",
                size.octets,
                readable(size.octets as i128)
            )
        }));
        lines.push(String::new());
        lines.extend(sides.map(|(host, size)| {
            format!(
                "{host} Biggest message:      {:>11} bytes ({})",
                size.largest,
                readable(size.largest as i128)
            )
        }));
        lines.push(String::new());
        lines.push(format!("Time spent on sizing: {seconds:>11.1} seconds"));
        lines
    }
}

/// What the first has more than the second.
pub fn difference(one: u64, other: u64) -> i128 {
    i128::from(one) - i128::from(other)
}

/// Octets as imapsync writes them beside the plain number: below a thousand of each unit, three decimals.
pub fn readable(octets: i128) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = octets as f64 / 1024.0;
    for unit in &UNITS[..4] {
        if value.abs() < 1000.0 {
            return format!("{value:.3} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.3} {}", UNITS[4])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_written_as_imapsync_writes_them() {
        for (octets, expected) in [
            (0, "0.000 KiB"),
            (1, "0.001 KiB"),
            (1_023_999, "999.999 KiB"),
            (1_024_000, "0.977 MiB"),
            (-3_000_000, "-2.861 MiB"),
            (5 << 40, "5.000 TiB"),
            (2000 << 50, "2000.000 PiB"),
        ] {
            assert_eq!(readable(octets), expected);
        }
    }
}
