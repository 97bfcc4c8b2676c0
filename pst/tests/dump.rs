//! Temporary.
//! Never.
use malote_pst::{item::*, libpff::LibpffStore, store::*};
fn depth(a: &Attachment, sink: &mut Vec<String>, store: &mut LibpffStore) {
    match &a.content {
        Content::Octets(b) | Content::Ole(b) => {
            let mut v = vec![0; b.octets as usize];
            let mut at = 0;
            while at < v.len() {
                let e = (at + 65536).min(v.len());
                let mut buf = vec![0; e - at];
                match store.read_at(b, at as u64, &mut buf) {
                    Ok(n) => {
                        v[at..at + n].copy_from_slice(&buf[..n]);
                        at += n;
                        if n == 0 {
                            sink.push("ZERO".into());
                            break;
                        }
                    }
                    Err(e) => {
                        sink.push(format!("ERR {e}"));
                        break;
                    }
                }
            }
        }
        Content::Embedded(i) => {
            for d in &i.damage {
                sink.push(format!("emb {d:?}"))
            }
            for a in &i.attachments {
                depth(a, sink, store)
            }
        }
        _ => {}
    }
    for d in &a.damage {
        sink.push(format!("att {d:?}"))
    }
}
#[test]
fn dump() {
    let mut files: Vec<_> = std::fs::read_dir("/work/shared/corpus/pst")
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "pst" || e == "ost"))
        .collect();
    files.sort();
    for f in files {
        let name = f.file_name().unwrap().to_string_lossy().into_owned();
        let mut s = match LibpffStore::open(&f) {
            Ok(s) => s,
            Err(e) => {
                println!("{name}: {e}");
                continue;
            }
        };
        println!(
            "{name}: {:?} names {} props {} damage {:?}",
            s.summary().format,
            s.summary().names.0.len(),
            s.summary().properties.0.len(),
            s.summary().damage
        );
        let folders = match s.folders() {
            Ok(f) => f,
            Err(e) => {
                println!("  folders: {e}");
                println!("  recovered {:?}", s.recovered().map(|r| r.len()));
                continue;
            }
        };
        let mut items = 0;
        let mut lost = 0;
        for f in &folders {
            for d in &f.damage {
                println!("  folder {:#x} {d:?} {:?}", f.node.0, f.counts)
            }
            if f.counts.table_rows != f.counts.node_children || f.counts.claimed != f.counts.table_rows {
                println!("  counts {:#x} {:?}", f.node.0, f.counts)
            }
            for i in &f.items {
                match s.item(*i) {
                    Ok(i) => {
                        items += 1;
                        let mut sink = vec![];
                        for d in &i.damage {
                            sink.push(format!("{d:?}"))
                        }
                        let recs = i.recipients.len();
                        for a in &i.attachments {
                            depth(a, &mut sink, &mut s)
                        }
                        for x in sink {
                            println!("  item {:#x} recs {recs}: {x}", i.node.0)
                        }
                    }
                    Err(e) => {
                        lost += 1;
                        println!("  {e}")
                    }
                }
            }
        }
        println!(
            "  folders {} items {items} lost {lost} recovered {:?}",
            folders.len(),
            s.recovered().map(|r| r.len())
        );
    }
}
