//! Scenarios 27 to 30 and 34 to 36: cut, resumed, limited, full, mirrored; and what the operator filters.

use std::time::Duration;

use acceptance::migration::{Migration, PASSWORD};
use acceptance::pair::{Pair, classes, texts, told};
use acceptance::reader::Reader;
use acceptance::scripted::{Act, Cut, End, FolderHandle, Letter, Script, Way, When, World, added_received};
use acceptance::servers::{Dovecot, DovecotOptions, DovecotUser};
use anyhow::Result;
use futures_util::future::try_join_all;
use malote_engine::event::Event;
use malote_engine::run::copy;

/// Different points at which the destination's stream is cut, each way; half as many for the source's.
const CUTS: u64 = 50;

fn numbered(count: usize) -> impl Iterator<Item = Letter> {
    (1..=count).map(|number| Letter::simple(&format!("proposta {number}")))
}

/// Nine messages in two folders, among them twins, and two without any identity.
fn fill(pair: &Pair) {
    pair.deliver(numbered(4));
    pair.deliver([Letter::simple("gemea"), Letter::simple("gemea"), Letter::new("sem cabe\u{e7}alho\r\n")]);
    let _ =
        pair.source.world().folder("Sent").holding([Letter::new("\r\nNada.\r\n"), Letter::simple("enviada")]);
}

/// Waits until a folder holds so many messages.
async fn has(folder: &FolderHandle, messages: usize) {
    while folder.messages().len() < messages {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn all_bear(pair: &Pair, flag: &str) -> bool {
    pair.there().messages().iter().all(|stored| stored.has_flag(flag))
}

fn is_whole(pair: &Pair) -> bool {
    let sent = |server: &acceptance::scripted::Scripted| texts(&server.world().folder("Sent"));
    pair.is_twin() && sent(&pair.source) == sent(&pair.destination)
}

#[tokio::test]
async fn s27_an_append_that_was_obeyed_and_never_answered_is_found_and_not_repeated() -> Result<()> {
    for (nth, end) in [(1, End::Close), (2, End::Reset), (5, End::Close), (7, End::Reset)] {
        let rule = When::verb("APPEND").nth(nth);
        let destination = Script::new().without("MULTIAPPEND").rule(rule, Act::EndUnanswered(end));
        let mut pair = Pair::of(Script::new(), destination)?;
        fill(&pair);
        pair.migration.policy.attempts_max = 0;
        let report = pair.copy().await?;
        assert_eq!(classes(&report), ["net"], "APPEND {nth}");
        let report = pair.copy().await?;
        assert!(told(&report).starts_with("success"), "APPEND {nth}: {report:?}");
        assert!(report.totals.adopted >= 1 && is_whole(&pair), "APPEND {nth}: {report:?}");
    }
    Ok(())
}

#[tokio::test]
async fn s27_an_append_that_is_obeyed_only_after_it_was_repeated_is_told_as_a_double() -> Result<()> {
    let late = |world: &World| {
        world.folder("INBOX").push(Letter::simple("um"));
    };
    let destination = Script::new()
        .rule(When::verb("APPEND").nth(1), Act::EndBefore(End::Reset))
        .meanwhile(When::verb("APPEND"), late);
    let mut pair = Pair::of(Script::new(), destination)?;
    pair.deliver([Letter::simple("um")]);
    pair.migration.policy.pause_ms = 1;
    let report = pair.copy().await?;
    assert_eq!(classes(&report), ["verify.duplicate"], "{report:?}");
    assert_eq!(told(&report), "partial: 1 copied");
    assert!(report.errors[0].message.contains("UID 1 "), "{:?}", report.errors);
    Ok(())
}

#[tokio::test]
async fn a_destination_that_rewrites_what_it_stores_is_told_after_the_first_copy() -> Result<()> {
    let destination = Script::new().rewriting(added_received);
    let pair = Pair::of(Script::new(), destination)?;
    pair.deliver(numbered(3));
    let report = pair.copy().await?;
    let warned = report.warnings.iter().filter(|warning| warning.contains("changed 3 of 3 messages"));
    assert_eq!((told(&report).as_str(), warned.count()), ("success: 3 copied", 1), "{:?}", report.warnings);
    Ok(())
}

#[tokio::test]
async fn a_source_that_gives_nothing_for_most_of_a_folder_is_not_believed() -> Result<()> {
    let pair = Pair::plain()?;
    pair.deliver(numbered(60).map(Letter::unanswered));
    let report = pair.copy().await?;
    assert_eq!((told(&report).as_str(), classes(&report)), ("partial: 60 pending", vec!["item.unreadable"]));
    Ok(())
}

/// The first connection of one side is cut, the run gives up as if killed, and is started again.
async fn cut_and_resume(is_source: bool, way: Way, after_octets: u64) -> Result<()> {
    let cut = Cut { connection: Some(1), way, after_octets, end: End::Reset };
    let (source, destination) = if is_source {
        (Script::new().cut(cut), Script::new())
    } else {
        (Script::new(), Script::new().cut(cut))
    };
    let mut pair = Pair::of(source, destination)?;
    fill(&pair);
    pair.migration.policy.attempts_max = 0;
    pair.copy().await?;
    let report = pair.copy().await?;
    let place = format!("{} {way:?} after {after_octets}", if is_source { "source" } else { "destination" });
    assert!(told(&report).starts_with("success"), "{place}: {report:?}");
    assert!(is_whole(&pair), "{place}: {report:?}");
    Ok(())
}

#[tokio::test]
async fn s27_cut_at_fifty_points_of_each_stream_every_message_is_there_exactly_once() -> Result<()> {
    let undisturbed = Pair::plain()?;
    fill(&undisturbed);
    assert_eq!(told(&undisturbed.copy().await?), "success: 9 copied");
    let (heard, said) = undisturbed.destination.transcript().octets();
    let (_, read) = undisturbed.source.transcript().octets();
    for (is_source, way, octets, cuts) in
        [(false, Way::In, heard, CUTS), (false, Way::Out, said, CUTS), (true, Way::Out, read, CUTS / 2)]
    {
        let points: Vec<u64> = (1..=cuts).map(|step| step * octets / (cuts + 1)).collect();
        for some in points.chunks(10) {
            try_join_all(some.iter().map(|point| cut_and_resume(is_source, way, *point))).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn s28_a_new_uidvalidity_on_either_side_moves_the_records_and_nothing_else() -> Result<()> {
    for (is_source_new, is_destination_new) in [(true, false), (false, true), (true, true)] {
        let mut pair = Pair::plain()?;
        pair.migration.policy.mirror_deletes = true;
        pair.deliver(numbered(300));
        pair.deliver([
            Letter::simple("gemea"),
            Letter::simple("gemea"),
            Letter::new("sem cabe\u{e7}alho\r\n"),
        ]);
        assert_eq!(told(&pair.copy().await?), "success: 303 copied");
        if is_source_new {
            pair.inbox().renumber();
        }
        if is_destination_new {
            pair.there().renumber();
        }
        let report = pair.copy().await?;
        assert_eq!((told(&report).as_str(), pair.writes()), ("success: 303 already", 0));
        assert!(report.warnings.iter().any(|line| line.contains("UIDVALIDITY changed")), "{report:?}");
        let is_told = |event: &Event| matches!(event, Event::Warning(line) if line.contains("UIDVALIDITY"));
        assert!(pair.migration.events().iter().any(is_told), "no event was raised");
        assert_eq!(told(&pair.copy().await?), "success: 303 already");
        assert_eq!((pair.writes(), pair.bodies_read()), (0, 0));
    }
    Ok(())
}

#[tokio::test]
async fn s29_a_message_removed_between_listing_and_reading_has_vanished_and_is_no_error() -> Result<()> {
    for connections in [1, 4] {
        let reading = When::verb("UID FETCH").containing("BODY.PEEK[]").nth(1);
        let source = Script::new().meanwhile(reading, |world| world.folder("INBOX").remove(2));
        let mut pair = Pair::of(source, Script::new())?;
        pair.migration.policy.connections = connections;
        pair.deliver(numbered(5));
        assert_eq!(told(&pair.copy().await?), "success: 4 copied, 1 vanished", "{connections} connections");
        assert!(pair.is_twin());
        assert_eq!(told(&pair.copy().await?), "success: 4 already");
    }
    Ok(())
}

#[tokio::test]
async fn s29_a_message_that_is_listed_and_never_given_is_unreadable_and_not_vanished() -> Result<()> {
    for connections in [1, 4] {
        let mut pair = Pair::plain()?;
        pair.migration.policy.connections = connections;
        pair.deliver([Letter::simple("um"), Letter::simple("dois").unanswered(), Letter::simple("tres")]);
        let report = pair.copy().await?;
        assert_eq!(told(&report), "partial: 2 copied, 1 quarantined", "{connections} connections");
        assert_eq!((report.quarantine[0].uid, report.quarantine[0].reason.as_str()), (2, "unreadable"));
    }
    Ok(())
}

#[tokio::test]
async fn s30_a_run_that_is_stopped_at_once_and_resumed_reads_only_what_had_not_arrived() -> Result<()> {
    let mut pair = Pair::plain()?;
    pair.migration.policy.connections = 4;
    pair.deliver(numbered(5_000).map(|letter| letter.flagged(r"\Seen projeto")));
    let job = pair.migration.job().await?;
    let stop = async {
        has(&pair.there(), 200).await;
        job.stop.cancel();
    };
    let (report, ()) = tokio::join!(copy(&job), stop);
    assert!(report.balances() && classes(&report) == ["cancelled"], "{report:?}");
    let copied = report.totals.copied;
    assert!((200..5_000).contains(&copied) && report.totals.pending == 5_000 - copied, "{report:?}");
    drop(job);
    let arrived = texts(&pair.there());
    assert_eq!(told(&pair.copy().await?), format!("success: {} copied, {copied} already", 5_000 - copied));
    let mut asked = pair.source.transcript().bodies_asked();
    asked.sort_unstable();
    let inbox = pair.inbox().messages();
    let missing = inbox.iter().filter(|stored| arrived.binary_search(&stored.letter.octets).is_err());
    assert_eq!(asked, missing.map(|stored| stored.uid).collect::<Vec<u32>>());
    let octets = |folder: FolderHandle| folder.messages().into_iter().map(|stored| stored.letter.octets);
    assert!(
        octets(pair.there()).eq(octets(pair.inbox())),
        "webmail that sorts by arrival shows another order"
    );
    assert!(pair.is_twin() && all_bear(&pair, "projeto"));
    Ok(())
}

#[tokio::test]
async fn s30_a_later_run_that_is_stopped_tells_the_stop_alone_and_leaves_flags_to_the_next() -> Result<()> {
    let line = format!("{}\r\n", "x".repeat(70));
    let long = |number: usize| Letter::new(format!("Subject: longa {number}\r\n\r\n{}", line.repeat(300)));
    for round in 0..6 {
        let mut pair = Pair::plain()?;
        pair.migration.policy.connections = 1 + round % 3;
        pair.deliver(numbered(50));
        pair.copy().await?;
        pair.deliver((1..=400).map(long));
        pair.inbox().set_flags(7, r"\Flagged");
        let job = pair.migration.job().await?;
        let stop = async {
            has(&pair.there(), 60 + 7 * round).await;
            job.stop.cancel();
        };
        let (report, ()) = tokio::join!(copy(&job), stop);
        assert!(report.totals.pending > 0, "round {round}: it was too fast to be stopped: {report:?}");
        assert!(report.balances() && classes(&report) == ["cancelled"], "round {round}: {report:?}");
        drop(job);
        pair.copy().await?;
        assert!(pair.is_twin(), "round {round}");
        let flagged = pair.there().messages().iter().filter(|stored| stored.has_flag(r"\Flagged")).count();
        assert_eq!(flagged, 1, "round {round}");
    }
    Ok(())
}

#[tokio::test]
async fn s30_a_run_that_is_killed_at_sixty_percent_reads_again_only_what_had_not_arrived() -> Result<()> {
    let mut pair = Pair::plain()?;
    (pair.migration.policy.connections, pair.migration.policy.quiet_ms) = (4, 150);
    pair.deliver(numbered(5_000).map(|letter| letter.flagged(r"\Seen projeto")));
    let (job, there) = (pair.migration.job().await?, pair.there());
    tokio::select! {
        report = copy(&job) => anyhow::bail!("it was too fast to be killed: {}", told(&report)),
        () = has(&there, 3_000) => {}
    }
    drop(job);
    let arrived = texts(&pair.there());
    let report = pair.copy().await?;
    assert!(told(&report).starts_with("success"), "{report:?}");
    let mut asked = pair.source.transcript().bodies_asked();
    asked.sort_unstable();
    let inbox = pair.inbox().messages();
    let again = inbox.iter().filter(|stored| {
        asked.binary_search(&stored.uid).is_ok() && arrived.binary_search(&stored.letter.octets).is_ok()
    });
    assert_eq!(again.count(), 0, "messages that had arrived were read again");
    assert!(pair.is_twin() && all_bear(&pair, "projeto"));
    Ok(())
}

#[tokio::test]
async fn s34_a_message_above_the_append_limit_is_named_and_never_read() -> Result<()> {
    let pair = Pair::of(Script::new(), Script::new().manners(|own| own.append_limit = Some(35_651_584)))?;
    pair.deliver([Letter::simple("um"), Letter::simple("enorme").claiming_size("37748736")]);
    let forecast = pair.migration.plan().await?;
    assert_eq!((forecast.folders[0].to_copy, forecast.folders[0].quarantined), (1, 1));
    for expected in ["partial: 1 copied, 1 quarantined", "partial: 1 already, 1 quarantined"] {
        let report = pair.copy().await?;
        assert_eq!(told(&report), expected);
        let entry = &report.quarantine[0];
        assert_eq!((entry.uid, entry.size, entry.reason.as_str()), (2, 37_748_736, "too_large"));
        assert_eq!(entry.message_id, "<enorme@example.net>");
        assert!(!pair.source.transcript().bodies_asked().contains(&2));
    }
    Ok(())
}

#[tokio::test]
async fn s34_a_message_that_lies_about_its_size_is_measured_and_not_appended() -> Result<()> {
    let big = |octets: usize| Letter::new(format!("Subject: grande\r\n\r\n{}\r\n", "x".repeat(octets)));
    for (octets, limit) in [(5_000, 1_000), (3 * 1024 * 1024, 1_500_000)] {
        let mut pair = Pair::plain()?;
        pair.migration.policy.octets_max = Some(limit);
        pair.deliver([Letter::simple("um"), big(octets).claiming_size("10"), Letter::simple("dois")]);
        let report = pair.copy().await?;
        assert_eq!(told(&report), "partial: 2 copied, 1 quarantined", "{octets} octets");
        assert_eq!((report.quarantine[0].uid, report.quarantine[0].reason.as_str()), (2, "too_large"));
        assert!(report.quarantine[0].size > octets as u64);
        assert_eq!(pair.there().messages().len(), 2);
    }
    Ok(())
}

#[tokio::test]
async fn s34_a_refused_message_is_kept_octet_by_octet_once_two_connections_agree() -> Result<()> {
    for (connections, octets) in [(1, 100), (4, 100), (1, 2 * 1024 * 1024)] {
        let refused = When::verb("APPEND").containing("<virus@example.net>");
        let mut pair = Pair::of(Script::new(), Script::new().refuse(refused, "NO it holds a virus"))?;
        pair.migration.policy.connections = connections;
        let mut bad = Letter::simple("virus");
        bad.octets.extend_from_slice("x".repeat(octets).as_bytes());
        pair.deliver(numbered(3).chain([bad.clone()]));
        let report = pair.copy().await?;
        assert_eq!(told(&report), "partial: 3 copied, 1 quarantined", "{octets} octets: {report:?}");
        let entry = &report.quarantine[0];
        assert_eq!((entry.uid, entry.reason.as_str()), (4, "refused"));
        assert_eq!(entry.message_id, "<virus@example.net>");
        assert!(entry.detail.contains("it holds a virus"), "{entry:?}");
        assert!(std::fs::read(pair.migration.quarantine().join(&entry.file))? == bad.octets);
        let appends =
            pair.destination.transcript().entries().into_iter().filter(|entry| entry.verb == "APPEND");
        let mut on: Vec<usize> = appends.map(|entry| entry.connection).collect();
        on.dedup();
        assert!(on.len() > 1, "refused for good by the word of one connection");
        assert_eq!(told(&pair.copy().await?), "partial: 3 already, 1 quarantined");
        assert_eq!(pair.writes(), 0);
    }
    Ok(())
}

#[tokio::test]
async fn s34_a_message_that_is_refused_once_and_taken_afterwards_is_not_quarantined() -> Result<()> {
    let refused = When::verb("APPEND").containing("<virus@example.net>").nth(1);
    let destination = Script::new().without("MULTIAPPEND").refuse(refused, "NO try me again");
    let pair = Pair::of(Script::new(), destination)?;
    pair.deliver(numbered(3).chain([Letter::simple("virus")]));
    assert_eq!(told(&pair.copy().await?), "success: 4 copied");
    assert!(pair.is_twin());
    Ok(())
}

#[tokio::test]
async fn s35_a_full_destination_is_not_hammered_and_takes_the_rest_when_there_is_room() -> Result<()> {
    let pair = Pair::of(Script::new(), Script::new().without("MULTIAPPEND"))?;
    pair.deliver(numbered(500));
    let _ = pair.source.world().folder("Sent").holding(numbered(20));
    pair.destination.world().set_room(Some(300));
    for expected in [300, 0] {
        let report = pair.copy().await?;
        assert_eq!((report.totals.copied, report.totals.pending), (expected, 220), "{report:?}");
        assert_eq!(report.totals.source_messages, 520, "{report:?}");
        let told: Vec<_> = report.errors.iter().map(|one| (one.side.as_str(), one.class.as_str())).collect();
        assert!(told.contains(&("destination", "dest.over_quota")), "{:?}", report.errors);
        assert!(told.iter().all(|one| *one == ("destination", "dest.over_quota")), "{:?}", report.errors);
        let refused = pair.destination.transcript().count("APPEND") as u64 - expected;
        assert!((1..=8).contains(&refused), "{refused} APPENDs were refused");
    }
    pair.destination.world().set_room(None);
    assert_eq!(told(&pair.copy().await?), "success: 220 copied, 300 already");
    assert!(is_whole(&pair));
    Ok(())
}

#[tokio::test]
async fn s35_a_quota_that_falls_into_a_batch_loses_and_doubles_nothing() -> Result<()> {
    let pair = Pair::plain()?;
    pair.deliver(numbered(500));
    pair.destination.world().set_room(Some(301));
    let report = pair.copy().await?;
    assert_eq!(classes(&report), ["dest.over_quota"]);
    assert!(report.totals.copied <= 301 && report.totals.pending == 500 - report.totals.copied, "{report:?}");
    pair.destination.world().set_room(Some(500));
    assert!(told(&pair.copy().await?).starts_with("success"));
    assert!(pair.is_twin());
    Ok(())
}

#[tokio::test]
async fn s35_a_dovecot_that_is_full_takes_the_rest_once_its_quota_is_raised() -> Result<()> {
    let of = |quota_kib: u64| vec![DovecotUser::new("ana", PASSWORD).with_quota_kib(quota_kib)];
    let source = Script::new().start()?;
    let long = |letter: Letter| Letter { octets: [letter.octets, vec![b'x'; 1_000]].concat(), ..letter };
    let inbox = source.world().folder("INBOX").holding(numbered(500).map(long));
    let mut full = Dovecot::start(DovecotOptions { users: of(300), ..DovecotOptions::default() })?;
    let migration = Migration::between(&source.url("ana"), &full.url("ana"))?;
    let report = migration.copy().await?;
    assert_eq!(classes(&report), ["dest.over_quota"]);
    let (copied, pending) = (report.totals.copied, report.totals.pending);
    assert!(copied > 0 && pending > 0 && copied + pending == 500, "{}", told(&report));
    full.stop_and_keep();
    full.set_users(of(10_000))?;
    full.start_again()?;
    let report = migration.copy().await?;
    // A batch in flight on another connection may have been stored while the first refusal ended the run.
    let totals = &report.totals;
    assert!(told(&report).starts_with("success"), "{}: {:?}", told(&report), report.errors);
    assert_eq!((totals.copied + totals.adopted, totals.already), (pending, copied), "{}", told(&report));
    let there = Reader::login(full.port(), "ana", PASSWORD).await?.messages("INBOX").await?;
    let mut there: Vec<Vec<u8>> = there.into_iter().map(|message| message.octets).collect();
    there.sort();
    assert!(there == texts(&inbox));
    Ok(())
}

async fn mirrored(messages: usize) -> Result<Pair> {
    let mut pair = Pair::plain()?;
    pair.migration.policy.mirror_deletes = true;
    pair.there().push(Letter::simple("de outra pessoa"));
    pair.there().push(Letter::simple("proposta 1"));
    pair.deliver(numbered(messages));
    assert_eq!(told(&pair.copy().await?), format!("success: {} copied, 1 adopted", messages - 1));
    Ok(pair)
}

#[tokio::test]
async fn s36_an_empty_listing_or_one_of_ten_percent_deletes_nothing_and_asks() -> Result<()> {
    for left in [0, 1, 3] {
        let pair = mirrored(30).await?;
        let before = pair.there().messages();
        pair.inbox().messages().iter().skip(left).for_each(|stored| pair.inbox().remove(stored.uid));
        for _ in 0..2 {
            let report = pair.copy().await?;
            assert_eq!(
                (classes(&report), report.totals.deleted),
                (vec!["decision.needed"], 0),
                "{left} left"
            );
            assert_eq!((pair.writes(), pair.there().messages()), (0, before.clone()));
        }
    }
    Ok(())
}

#[tokio::test]
async fn s36_deletions_within_the_limit_remove_exactly_what_is_gone_and_what_malote_wrote() -> Result<()> {
    let pair = mirrored(30).await?;
    // The first was adopted, so somebody else wrote it; it stays.
    [1, 7, 12].into_iter().for_each(|uid| pair.inbox().remove(uid));
    assert_eq!(told(&pair.copy().await?), "success: 27 already, 2 deleted");
    let gone = ["proposta 7", "proposta 12"].map(|subject| Letter::simple(subject).octets);
    let there = texts(&pair.there());
    assert!(gone.iter().all(|octets| !there.contains(octets)));
    let stays = ["de outra pessoa", "proposta 1"].map(|subject| Letter::simple(subject).octets);
    assert!(stays.iter().all(|octets| there.contains(octets)) && there.len() == 29, "{}", there.len());
    assert_eq!(told(&pair.copy().await?), "success: 27 already");
    assert_eq!(pair.writes(), 0);
    Ok(())
}

#[tokio::test]
async fn s36_after_a_lost_ledger_nothing_is_malotes_own_and_nothing_is_deleted() -> Result<()> {
    let pair = mirrored(30).await?;
    pair.migration.forget()?;
    assert_eq!(told(&pair.copy().await?), "success: 30 adopted");
    pair.inbox().remove(3);
    assert_eq!(told(&pair.copy().await?), "success: 29 already");
    assert_eq!(pair.there().messages().len(), 31);
    Ok(())
}

fn by_year(pair: &Pair) {
    let of =
        |year: u32| Letter::simple(&format!("de {year}")).dated(&format!("17-Jul-{year} 02:44:25 -0300"));
    pair.deliver((2018..=2022).map(of));
}

#[tokio::test]
async fn dates_filter_by_internaldate_and_what_was_left_out_comes_when_the_filter_goes() -> Result<()> {
    let mut pair = Pair::plain()?;
    by_year(&pair);
    pair.migration.policy.since_unix_seconds = Some(1_546_300_800);
    pair.migration.policy.before_unix_seconds = Some(1_609_459_200);
    assert_eq!(told(&pair.copy().await?), "success: 2 copied, 3 filtered");
    assert_eq!(told(&pair.copy().await?), "success: 2 already, 3 filtered");
    assert_eq!((pair.writes(), pair.bodies_read()), (0, 0));
    pair.migration.policy.since_unix_seconds = None;
    assert_eq!(told(&pair.copy().await?), "success: 1 copied, 2 already, 2 filtered");
    Ok(())
}

/// One message that was left out and one that is gone since give the numbers of a folder that is done.
#[tokio::test]
async fn a_filtered_message_is_not_forgotten_where_a_copied_one_was_removed_at_the_source() -> Result<()> {
    let mut pair = Pair::plain()?;
    by_year(&pair);
    pair.migration.policy.since_unix_seconds = Some(1_546_300_800);
    assert_eq!(told(&pair.copy().await?), "success: 4 copied, 1 filtered");
    pair.inbox().remove(3);
    assert_eq!(told(&pair.copy().await?), "success: 3 already, 1 filtered");
    pair.migration.policy.since_unix_seconds = None;
    assert_eq!(told(&pair.copy().await?), "success: 1 copied, 3 already");
    Ok(())
}

#[tokio::test]
async fn the_operators_size_limit_quarantines_by_claim_and_a_second_run_says_the_same() -> Result<()> {
    let mut pair = Pair::plain()?;
    pair.migration.policy.octets_max = Some(1_000);
    pair.deliver([Letter::simple("um"), Letter::new(format!("Subject: x\r\n\r\n{}\r\n", "y".repeat(2_000)))]);
    for expected in ["partial: 1 copied, 1 quarantined", "partial: 1 already, 1 quarantined"] {
        assert_eq!(told(&pair.copy().await?), expected);
        assert!(!pair.source.transcript().bodies_asked().contains(&2));
    }
    Ok(())
}

#[tokio::test]
async fn a_folder_that_was_never_opened_is_told_as_waiting_and_not_as_empty() -> Result<()> {
    let pair = Pair::plain()?;
    pair.deliver(numbered(3));
    let job = pair.migration.job().await?;
    job.stop.cancel();
    let report = copy(&job).await;
    assert_eq!(told(&report), "partial: 3 pending");
    assert!(report.balances());
    Ok(())
}
