//! The audit log as a file: every row that fits the filters, however many, each once and in order.
//! Never a row of others: who sees a part is given that part.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use malote_service::binds;

use super::visitor::Visitor;
use crate::world::World;

/// Numbers of the rows of a file, with how often the names of the columns stand in it.
fn rows(text: &str) -> (Vec<i64>, usize) {
    let names = text.lines().filter(|line| line.starts_with("action,")).count();
    let place = text.lines().next().map(|line| line.split(',').position(|name| name == "seq").unwrap_or(0));
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let of = |row: csv::StringRecord| row.get(place.unwrap_or(0))?.parse().ok();
    (reader.records().filter_map(|row| of(row.ok()?)).collect(), names)
}

#[tokio::test]
async fn the_file_has_every_row_that_fits_and_each_once() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["admin"], &[]).await?;
    for number in 0..640 {
        let entry = malote_service::audit::Entry {
            actor_kind: "system",
            action: format!("tick {}", number % 2),
            resource_kind: "clock".to_owned(),
            resource_id: number.to_string(),
            outcome: "success",
            ..malote_service::audit::Entry::default()
        };
        world.app.audit.write(&entry, world.now()).await?;
    }
    let mut visitor = Visitor::new(&world);
    visitor.log_in("ana").await?;
    let file = visitor.open("/console/audit.csv?resource_kind=clock&actor=").await?.with(200);
    assert!(file.header("content-disposition").contains("malote-audit.csv"), "{:?}", file.headers);
    let (found, names) = rows(&file.text);
    assert_eq!((found.len(), names), (640, 1));
    assert!(found.windows(2).all(|pair| pair[0] > pair[1]), "rows are not the newest first");
    let half = visitor.open("/console/audit.csv?resource_kind=clock&action_part=tick+1").await?.with(200);
    assert_eq!(rows(&half.text).0.len(), 320);
    // By the API, in small parts: the same rows, and the names once.
    let (mut all, mut path, mut whole) =
        (Vec::new(), "/audit-logs/export.csv?resource_kind=clock&limit=99".to_owned(), String::new());
    for _ in 0..10 {
        let part = world.get(&ana, &path).await?.with(200);
        whole.push_str(&part.text);
        let next = part.header("x-next-cursor");
        if next.is_empty() {
            break;
        }
        path = format!("/audit-logs/export.csv?resource_kind=clock&limit=99&cursor={next}");
    }
    let (parts, names) = rows(&whole);
    all.extend(parts);
    assert_eq!((all, names), (found, 1));
    for wrong in ["limit=0", "limit=10001", "cursor=x"] {
        world.get(&ana, &format!("/audit-logs/export.csv?{wrong}")).await?.with(400);
    }
    let none = visitor.open("/console/audit.csv?resource_kind=nothing").await?.with(200);
    assert_eq!(rows(&none.text).0, [0_i64; 0]);
    visitor.open("/console/audit.csv?resource_kind=clock&from=2027-01-15").await?.with(200);
    Ok(())
}

#[tokio::test]
async fn who_sees_a_part_of_the_house_is_given_that_part_and_others_nothing() -> Result<()> {
    let world = World::new().await?;
    let far = world.user("far", &["admin"], &[2]).await?;
    let ana = world.user("ana", &["admin"], &[]).await?;
    world.job(&ana, 1, "example.org").await?;
    world.job(&ana, 2, "example.net").await?;
    let told = world.get(&far, "/audit-logs?limit=200").await?.with(200).json();
    let listed = told["items"].as_array().context("no rows")?.iter().filter_map(|row| row["seq"].as_i64());
    let (found, _) = rows(&world.get(&far, "/audit-logs/export.csv").await?.with(200).text);
    // Asking is written down too: the file may have rows that the list had not yet.
    let listed: BTreeSet<i64> = listed.collect();
    let found: BTreeSet<i64> = found.into_iter().collect();
    assert!(listed.is_subset(&found), "{listed:?} {found:?}");
    let others = "SELECT COUNT(*) FROM audit_logs WHERE seq = $1 AND tenant_id = 1";
    for seq in found {
        let row = world.app.store.one("asking", others, binds![seq]).await?.context("no count")?;
        assert_eq!(row.int(0)?, 0, "row {seq} is of another tenant");
    }
    world.make_user("olga", &["operator"], &[1]).await?;
    let mut olga = Visitor::new(&world);
    olga.log_in("olga").await?;
    let refused = olga.open("/console/audit.csv").await?.with(403);
    assert!(refused.text.contains("<!doctype html>"), "{}", refused.text);
    Ok(())
}
