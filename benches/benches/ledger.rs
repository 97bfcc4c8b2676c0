//! Times the ledger: 200,000 records written, read back and changed, each call durable when it returns.
//! Never a database that is not its own: PostgreSQL only where `MALOTE_BENCH_POSTGRES` names one for it.

use std::future::Future;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use divan::Bencher;
use divan::counter::ItemsCount;
use malote_engine::ledger::sql::{PostgresLedger, SqliteLedger};
use malote_engine::ledger::{FolderId, FolderKey, Ledger, PairIdentity, Tokens};
use malote_engine::plan::folder::{FolderPath, WireName};
use malote_engine::plan::message::{ContentHash, Flags, Uid, UidValidity};
use malote_engine::plan::record::{HeaderKey, Keys, Record, State};
use malote_engine::plan::uid_set::UidSet;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const ROWS: u32 = 200_000;
/// Records that one call writes: what one batch of appends brings.
const BATCH_ROWS: usize = 128;
const POSTGRES: &str = "MALOTE_BENCH_POSTGRES";
const WHY: &str = "the ledger works";

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts")
});

fn main() {
    if std::env::var_os(POSTGRES).is_none() {
        eprintln!("PostgreSQL is left out: {POSTGRES} names no database");
    }
    divan::main();
}

/// Where a ledger lies.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Sqlite,
    Postgres,
}

/// A ledger with one folder, and the file's folder where it is a file.
struct Book {
    ledger: Box<dyn Ledger>,
    folder: FolderId,
    _kept: Option<TempDir>,
}

fn kinds() -> Vec<Kind> {
    let postgres = std::env::var_os(POSTGRES).map(|_| Kind::Postgres);
    std::iter::once(Kind::Sqlite).chain(postgres).collect()
}

fn now<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(future)
}

fn empty(kind: Kind) -> Book {
    let (ledger, kept): (Box<dyn Ledger>, _) = match kind {
        Kind::Sqlite => {
            let kept = tempfile::tempdir().expect("there is room for a file");
            let ledger = now(SqliteLedger::open(&kept.path().join("bench.malote")));
            (Box::new(ledger.map_err(|_| WHY).expect(WHY)), Some(kept))
        }
        Kind::Postgres => {
            let url = std::env::var(POSTGRES).expect("this kind is listed only with a database");
            let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
            let ledger = now(PostgresLedger::connect(&url, &format!("bench {nanos}")));
            (Box::new(ledger.map_err(|_| WHY).expect(WHY)), None)
        }
    };
    let key = FolderKey {
        source_wire: WireName(b"INBOX".to_vec()),
        source_path: FolderPath::root("INBOX"),
        destination_path: FolderPath::root("INBOX"),
        destination_wire: WireName(b"INBOX".to_vec()),
    };
    let side = |name: &str| format!("imap://ana@{name}.example.com:143");
    let identity = PairIdentity { source: side("old"), destination: side("new") };
    let folder = now(async {
        ledger.claim(&identity).await.expect(WHY);
        let folder = ledger.folder(&key).await.expect(WHY).id;
        let generation = UidValidity::new(1);
        let (source_uid_validity, destination_uid_validity) = (generation, generation);
        let tokens = Tokens { source_uid_validity, destination_uid_validity, ..Tokens::default() };
        ledger.set_tokens(folder, &tokens).await.expect(WHY);
        folder
    });
    Book { ledger, folder, _kept: kept }
}

fn records() -> Vec<Record> {
    let record = |number: u32| {
        let octet = number.to_le_bytes()[0];
        let uid = Uid::new(number)?;
        Some(Record {
            source_uid: uid,
            state: State::Copied,
            destination_uid: Some(uid),
            keys: Keys {
                content: Some(ContentHash([octet; 32])),
                body: Some(HeaderKey([octet; 16])),
                strong: Some(HeaderKey([octet; 16])),
                loose: Some(HeaderKey([octet; 16])),
                imprint: None,
            },
            octets: 4096,
            internal_unix_seconds: Some(1_600_000_000),
            flags: Flags::parse("\\Seen $Forwarded"),
        })
    };
    (1..=ROWS).filter_map(record).collect()
}

fn write(book: &Book, records: &[Record]) {
    for batch in records.chunks(BATCH_ROWS) {
        now(book.ledger.record(book.folder, batch)).expect(WHY);
    }
}

fn full(kind: Kind) -> Book {
    let book = empty(kind);
    write(&book, &records());
    book
}

#[divan::bench(sample_count = 3, args = kinds())]
fn record_200_000_rows_in_batches_of_128(bencher: Bencher, kind: Kind) {
    let records = records();
    bencher
        .counter(ItemsCount::new(ROWS))
        .with_inputs(|| empty(kind))
        .bench_local_refs(|book| write(book, &records));
}

#[divan::bench(sample_count = 10, args = kinds())]
fn read_which_of_200_000_are_there(bencher: Bencher, kind: Kind) {
    let book = full(kind);
    bencher
        .counter(ItemsCount::new(ROWS))
        .bench_local(|| now(book.ledger.recorded(book.folder)).expect(WHY).copied.len());
}

#[divan::bench(sample_count = 10, args = kinds())]
fn read_a_window_of_2_000_records(bencher: Bencher, kind: Kind) {
    let book = full(kind);
    let window = UidSet::from_ranges(vec![(100_001, 102_000)]);
    bencher
        .counter(ItemsCount::new(2_000_u32))
        .bench_local(|| now(book.ledger.records(book.folder, &window)).expect(WHY).len());
}

#[divan::bench(sample_count = 3, args = kinds())]
fn change_the_flags_of_200_000_records(bencher: Bencher, kind: Kind) {
    let book = full(kind);
    let flags = |text: &str| -> Vec<(Uid, Flags)> {
        (1..=ROWS).filter_map(|number| Some((Uid::new(number)?, Flags::parse(text)))).collect()
    };
    let forms = [flags("\\Seen \\Flagged"), flags("\\Seen")];
    let mut turns = forms.iter().cycle();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let changed = turns.next().expect("a cycle has no end");
        now(book.ledger.set_flags(book.folder, changed)).expect(WHY);
    });
}
