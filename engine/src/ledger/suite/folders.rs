//! Whose a ledger is, its folders and their tokens.
//! Never looks at messages.

use malote_plan::folder::{FolderPath, WireName};
use malote_plan::message::ModSeq;

use super::{key, row, set, uid, validity};
use crate::failure::{Class, Side};
use crate::ledger::{FolderId, FolderKey, Ledger, PairIdentity, Tokens};
use malote_plan::record::State;

pub(super) async fn a_ledger_belongs_to_the_first_pair_that_claims_it(ledger: &impl Ledger) {
    let pair = |name: &str| PairIdentity {
        source: format!("imaps://{name}@old.example.org:993"),
        destination: format!("imaps://{name}@new.example.org:993"),
    };
    ledger.claim(&pair("ada")).await.unwrap();
    ledger.claim(&pair("ada")).await.unwrap();
    let failure = ledger.claim(&pair("bob")).await.unwrap_err();
    assert_eq!((failure.side, failure.class), (Side::Local, Class::LedgerForeign));
    for name in ["ada@old", "ada@new", "bob@old", "bob@new"] {
        assert!(failure.message.contains(name), "{name} is not in: {}", failure.message);
    }
    let half = PairIdentity { source: pair("ada").source, destination: pair("bob").destination };
    assert_eq!(ledger.claim(&half).await.unwrap_err().class, Class::LedgerForeign);
    ledger.claim(&pair("ada")).await.unwrap();
}

pub(super) async fn a_pair_of_folders_is_made_once_and_its_destination_follows(ledger: &impl Ledger) {
    assert_eq!(ledger.folders().await.unwrap(), []);
    let first = ledger.folder(&key("A", "X")).await.unwrap();
    let second = ledger.folder(&key("B", "X")).await.unwrap();
    assert_eq!((&first.key, first.tokens), (&key("A", "X"), Tokens::default()));
    assert_ne!(first.id, second.id);
    assert_eq!(ledger.folder(&key("A", "X")).await.unwrap(), first);
    let tokens = Tokens { source_messages: 3, ..Tokens::default() };
    ledger.set_tokens(first.id, &tokens).await.unwrap();
    let moved = ledger.folder(&key("A", "Y")).await.unwrap();
    assert_eq!((moved.id, &moved.key, moved.tokens), (first.id, &key("A", "Y"), tokens));
    assert_eq!(ledger.folders().await.unwrap(), [moved, second]);
}

pub(super) async fn tokens_come_back_as_they_were_set(ledger: &impl Ledger) {
    let row = ledger.folder(&key("A", "X")).await.unwrap();
    let full = Tokens {
        source_uid_validity: Some(validity(u32::MAX)),
        destination_uid_validity: Some(validity(1)),
        source_uid_next: u32::MAX,
        source_messages: 2,
        source_modseq: ModSeq::new(u64::MAX),
        destination_uid_next: 4,
        destination_messages: u32::MAX,
        destination_modseq: ModSeq::new(1),
        is_complete: true,
        is_modseq_distrusted: true,
    };
    for tokens in [full, Tokens::default(), full] {
        ledger.set_tokens(row.id, &tokens).await.unwrap();
        assert_eq!(ledger.folders().await.unwrap()[0].tokens, tokens);
        assert_eq!(ledger.folder(&row.key).await.unwrap().tokens, tokens);
    }
}

pub(super) async fn a_folder_that_was_never_made_is_refused(ledger: &impl Ledger) {
    let nowhere = FolderId(ledger.folder(&key("A", "X")).await.unwrap().id.0 + 1_000);
    assert!(ledger.set_tokens(nowhere, &Tokens::default()).await.is_err());
    assert!(ledger.recorded(nowhere).await.is_err());
    assert!(ledger.records(nowhere, &set("1:9")).await.is_err());
    assert!(ledger.record(nowhere, &[row(1, State::Copied, 1)]).await.is_err());
    assert!(ledger.set_flags(nowhere, &[]).await.is_err());
    assert!(ledger.forget(nowhere, &set("1")).await.is_err());
    assert!(ledger.rebase_source(nowhere, validity(2), &[(uid(1), uid(2))]).await.is_err());
    assert!(ledger.rebase_destination(nowhere, validity(2), &[]).await.is_err());
    assert!(ledger.open_intent(nowhere, &set("1"), validity(1), 1).await.is_err());
    assert!(ledger.intents(nowhere).await.is_err());
    assert!(ledger.quarantine_notes(nowhere).await.is_err());
    assert_eq!(ledger.folders().await.unwrap().len(), 1, "the ledger still works");
}

pub(super) async fn names_of_any_octets_and_letters_survive(ledger: &impl Ledger) {
    let levels = ["Gesendet/Entwürfe", "日本語 \u{1f4ec}", "[\"x\",\\]", "a\nb\0c", " "];
    let path =
        |count: usize| FolderPath::new(levels[..count].iter().map(|level| (*level).to_owned()).collect());
    let odd = FolderKey {
        source_wire: WireName((0..=255).collect()),
        source_path: path(5).expect("five levels"),
        destination_path: path(2).expect("two levels"),
        destination_wire: WireName(Vec::new()),
    };
    let row = ledger.folder(&odd).await.unwrap();
    assert_eq!(row.key, odd);
    assert_eq!(ledger.folders().await.unwrap(), [row]);
}

pub(super) async fn a_closed_ledger_refuses(ledger: &impl Ledger) {
    ledger.folder(&key("A", "X")).await.unwrap();
    ledger.close().await;
    assert!(ledger.folders().await.is_err());
    assert!(ledger.folder(&key("A", "X")).await.is_err());
    ledger.close().await;
}
