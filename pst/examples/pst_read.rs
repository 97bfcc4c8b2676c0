//! Reads every octet of a store that the native reader reaches, and tells how long it took.
//! Never prints what it read, unless it is asked for the outline of the folders.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use malote_pst::item::{Content, Item};
use malote_pst::native::NativeStore;
use malote_pst::property::{Properties, Value};
use malote_pst::store::{Blob, Blobs, NodeId, Store};

/// What was read.
#[derive(Debug, Default)]
struct Totals {
    items: u64,
    damaged: u64,
    unreadable: u64,
    properties: u64,
    recipients: u64,
    attachments: u64,
    octets: u64,
    failed_reads: u64,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pst_read: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let path =
        PathBuf::from(arguments.next().context("usage: pst_read FILE [threads | outline | recovered]")?);
    let mode = arguments.next().unwrap_or_default();
    let threads = mode.to_string_lossy().parse().unwrap_or(1_usize).max(1);
    let begun = Instant::now();
    let mut store = NativeStore::open(&path)?;
    let opened = begun.elapsed();
    let folders = store.folders()?;
    let listed = begun.elapsed();
    if mode == "outline" {
        for folder in &folders {
            eprintln!(
                "{:#x} in {:#x}: {} items, {:?}",
                folder.node.0,
                folder.parent.0,
                folder.items.len(),
                folder.damage
            );
        }
        eprintln!("{:?}", store.summary().damage);
    }
    let mut nodes: Vec<NodeId> = folders.iter().flat_map(|folder| folder.items.iter().copied()).collect();
    if mode == "recovered" {
        nodes = store.recovered()?;
    }
    let shares = nodes.chunks(nodes.len().div_ceil(threads).max(1));
    let mut totals = Totals::default();
    std::thread::scope(|scope| -> Result<()> {
        let handles: Vec<_> = shares
            .map(|share| {
                let store = store.try_clone();
                scope.spawn(move || read(store, share))
            })
            .collect();
        for handle in handles {
            let share = handle.join().map_err(|_| anyhow::anyhow!("a thread failed"))?;
            totals.add(&share);
        }
        Ok(())
    })?;
    let read = begun.elapsed();
    let size = std::fs::metadata(&path)?.len();
    let rate = size as f64 / read.as_secs_f64() / 1e6;
    eprintln!("{totals:?}");
    eprintln!(
        "{} folders, {size} octets: opened {opened:.3?}, listed {listed:.3?}, read {read:.3?}, {rate:.0} MB/s",
        folders.len()
    );
    Ok(())
}

fn read(mut store: NativeStore, nodes: &[NodeId]) -> Totals {
    let mut totals = Totals::default();
    for node in nodes {
        match store.item(*node) {
            Ok(item) => {
                totals.items += 1;
                totals.damaged += u64::from(item.is_damaged());
                totals.item(&mut store, &item);
            }
            Err(_) => totals.unreadable += 1,
        }
    }
    totals
}

impl Totals {
    fn add(&mut self, other: &Self) {
        self.items += other.items;
        self.damaged += other.damaged;
        self.unreadable += other.unreadable;
        self.properties += other.properties;
        self.recipients += other.recipients;
        self.attachments += other.attachments;
        self.octets += other.octets;
        self.failed_reads += other.failed_reads;
    }

    fn item(&mut self, store: &mut NativeStore, item: &Item) {
        self.properties(store, &item.properties);
        self.recipients += item.recipients.len() as u64;
        item.recipients.iter().for_each(|recipient| self.properties(store, recipient));
        for attachment in &item.attachments {
            self.attachments += 1;
            self.properties(store, &attachment.properties);
            match &attachment.content {
                Content::Octets(blob) | Content::Ole(blob) => self.blob(store, blob),
                Content::Embedded(embedded) => self.item(store, embedded),
                Content::None | Content::Reference | Content::Unreadable => {}
            }
        }
    }

    fn properties(&mut self, store: &mut NativeStore, properties: &Properties) {
        self.properties += properties.0.len() as u64;
        for value in properties.0.values() {
            match value {
                Value::String(text) => self.octets += text.len() as u64,
                Value::String8(octets) | Value::Binary(octets) => self.octets += octets.len() as u64,
                Value::Long(_, blob) => self.blob(store, blob),
                _ => {}
            }
        }
    }

    fn blob(&mut self, store: &mut NativeStore, blob: &Blob) {
        let mut buffer = vec![0; 64 * 1024];
        let mut at = 0;
        while at < blob.octets {
            match store.read_at(blob, at, &mut buffer) {
                Ok(count) if count > 0 => at += count as u64,
                _ => return self.failed_reads += 1,
            }
        }
        self.octets += at;
    }
}
