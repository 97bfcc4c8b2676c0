//! Files that were changed since they were copied: one of several folders that cannot be looked at, messages that are
//! gone where deletions are mirrored. Never lets a run say that all is done when it is not.

use malote_engine::failure::{Class, Failure, Reach, Retry, Side};
use malote_engine::plan::folder::{Folder, WireName};
use malote_engine::report::Status;
use malote_engine::source::{OpenSource, Survey};
use malote_engine::store_sums::StoreSums;

use super::*;

/// A source of which one folder cannot be opened.
struct Barred {
    inner: Arc<dyn Source>,
    folder: &'static str,
    reach: Reach,
}

#[async_trait]
impl Source for Barred {
    async fn survey(&self) -> Result<Survey> {
        self.inner.survey().await
    }

    async fn open(&self, folder: &Folder) -> Result<Box<dyn OpenSource>> {
        if folder.path.to_string() == self.folder {
            let message = format!("{}: cannot be opened", self.folder);
            return Err(Failure::new(Side::Source, Class::FolderRefused, self.reach, Retry::Never, message));
        }
        self.inner.open(folder).await
    }

    fn remarks(&self) -> Vec<String> {
        self.inner.remarks()
    }

    fn damage(&self) -> Vec<String> {
        self.inner.damage()
    }

    fn unsettled(&self) -> Vec<String> {
        self.inner.unsettled()
    }

    fn sums(&self) -> Option<StoreSums> {
        self.inner.sums()
    }

    fn remakes(&self) -> bool {
        self.inner.remakes()
    }

    fn former_wire(&self, wire: &WireName) -> Option<WireName> {
        self.inner.former_wire(wire)
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

#[tokio::test]
async fn folders_of_one_destination_wait_for_one_that_cannot_be_looked_at() {
    let scenario = CHANGED_PLACES;
    for (folder, other) in [("Kunden", "INBOX"), ("INBOX", "Kunden")] {
        for reach in [Reach::Folder, Reach::Account] {
            let world = World::new(Kind::Store, &scenario).await;
            let before = world.destination.content();
            assert_eq!(world.stored(), scenario.stored);
            for again in 0..2 {
                let place = format!("{folder} barred, {reach:?}, again: {again}");
                let inner = world.kind.open(world.top.path(), &world.path);
                let barred = Arc::new(Barred { inner, folder, reach });
                let report = world.run_from(barred, &Steps::counting()).await.expect("nothing strikes");
                assert_eq!(world.destination.content(), before, "{place}: something was doubled or lost");
                assert!(report.balances(), "{place}: {report:#?}");
                assert_ne!(report.status, Status::Success, "{place}: {report:#?}");
                let named: Vec<_> = report.errors.iter().map(|error| error.message.as_str()).collect();
                assert!(named.iter().any(|what| what.contains("cannot be opened")), "{place}: {named:?}");
                let totals = (report.totals.copied, report.totals.adopted);
                assert_eq!(totals, (0, 0), "{place}: {report:#?}");
                let waits = format!("{other}: waits for {folder}");
                let is_told = report.warnings.iter().any(|warning| warning.contains(&waits));
                assert_eq!(is_told, reach == Reach::Folder, "{place}: {:?}", report.warnings);
            }
            let report = world.run(&Steps::counting()).await.expect("nothing strikes");
            judge(&scenario, &report, folder);
            assert_eq!(report.totals.copied, 0, "{folder} opens again: {report:#?}");
            assert_eq!(world.destination.content(), before, "{folder} opens again");
            settled(&scenario, &world, folder).await;
        }
    }
}

#[tokio::test]
async fn mirroring_removes_what_is_gone_from_an_mbox_and_nothing_for_a_store_which_every_run_says() {
    for kind in [Kind::Store, Kind::Mbox] {
        let scenario = Scenario {
            policy: |policy| (policy.mirror_deletes, policy.delete_percent_max) = (true, 100),
            ..PLAIN
        };
        let world = World::new(kind, &scenario).await;
        let says = |report: &Report| {
            report.warnings.iter().any(|warning| warning.contains("--mirror-deletes removes nothing"))
        };
        let first = world.run(&Steps::counting()).await.expect("nothing strikes");
        assert_eq!((world.stored(), says(&first)), (6, kind == Kind::Store), "{:?}", first.warnings);
        kind.write(world.top.path(), &MAILS[..5]);
        for again in 0..2 {
            let report = world.run(&Steps::counting()).await.expect("nothing strikes");
            assert!(report.errors.is_empty() && report.balances(), "{again}: {report:#?}");
            let (removed, left) = match (kind, again) {
                (Kind::Store, _) => (0, 6),
                (Kind::Mbox, 0) => (1, 5),
                (Kind::Mbox, _) => (0, 5),
            };
            assert_eq!((report.totals.deleted, world.stored()), (removed, left), "{again}: {report:#?}");
            assert_eq!(says(&report), kind == Kind::Store, "{again}: {:?}", report.warnings);
        }
    }
}
