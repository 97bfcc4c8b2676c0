//! Experiment.
//! Never committed.
use malote_pst::{
    both::Asking, item::Content, libpff::ChildLimits, mailbox::*, mime::*, native::NativeStore, store::*,
};
use std::{io::Write, sync::Arc, time::*};
struct Null(u64, crc32fast::Hasher, bool);
impl Write for Null {
    fn write(&mut self, o: &[u8]) -> std::io::Result<usize> {
        self.0 += o.len() as u64;
        if self.2 {
            self.1.update(o);
        }
        Ok(o.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
fn main() -> anyhow::Result<()> {
    let a: Vec<String> = std::env::args().collect();
    let began = Instant::now();
    let clock = Arc::new(move || began.elapsed());
    match a[1].as_str() {
        "read" => {
            let mut s = NativeStore::open(a[2].as_ref())?;
            let f = s.folders()?;
            let (mut n, mut o) = (0u64, 0u64);
            let mut buf = vec![0; 64 * 1024];
            for node in f.iter().flat_map(|f| f.items.clone()) {
                let item = s.item(node)?;
                n += 1;
                for at in &item.attachments {
                    if let Content::Octets(b) = &at.content {
                        let mut p = 0;
                        while p < b.octets {
                            p += s.read_at(b, p, &mut buf)? as u64;
                        }
                        o += p;
                    }
                }
            }
            eprintln!("{n} items {o} octets {:?}", began.elapsed());
        }
        w => {
            let options = Options {
                reader: ReaderChoice::Native,
                command: None,
                limits: ChildLimits::default(),
                asking: Asking::Damaged,
                budget: Duration::from_secs(1),
                stopwatch: clock,
                items: Items::All,
                unreadable: Unreadable::Quarantine,
                code_page: None,
                recovered: false,
                now: u64::MAX / 4,
            };
            let mut m = Mailbox::open(a[2].as_ref(), options)?;
            eprintln!("open {:?}", began.elapsed());
            let mut null = Null(0, crc32fast::Hasher::new(), w == "sum");
            let all: Vec<_> = m.tree().folders.iter().map(|f| (f.role, f.items.clone())).collect();
            for (role, items) in all {
                for node in items {
                    if let Outcome::Carried(c) = m.read(node, role) {
                        if let Some(x) = &c.message {
                            x.write(m.blobs(), &mut null)?;
                        }
                    }
                }
            }
            eprintln!("{} octets {:08x} {:?}", null.0, null.1.finalize(), began.elapsed());
        }
    }
    Ok(())
}
