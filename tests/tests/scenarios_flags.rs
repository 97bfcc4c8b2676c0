//! Scenarios 23 to 26: flags that the destination cannot keep, flags that users change, dates that make no sense.

use std::collections::BTreeMap;

use acceptance::mail::Mail;
use acceptance::migration::{Migration, PASSWORD};
use acceptance::pair::{Pair, told};
use acceptance::reader::{ReadMessage, Reader};
use acceptance::scripted::{Act, End, Letter, Script, Stored, When, WireDate};
use acceptance::servers::Dovecot;
use anyhow::Result;
use malote_engine::policy::FlagPolicy;

const SYSTEM_FLAGS: &str = r"\Answered \Flagged \Deleted \Seen \Draft";

fn sorted(flags: &[String]) -> String {
    let mut flags = flags.to_vec();
    flags.sort();
    flags.join(" ")
}

fn flags_there(pair: &Pair) -> Vec<String> {
    pair.there().messages().iter().map(|stored| sorted(&stored.letter.flags)).collect()
}

fn dropped(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
    counts.iter().map(|(flag, count)| ((*flag).to_owned(), *count)).collect()
}

fn with_five_kinds_of_flags() -> [Letter; 3] {
    [
        Letter::simple("um").flagged(r"\Seen \Flagged $Forwarded NonJunk custom1"),
        Letter::simple("dois").flagged(r"\Seen $Forwarded"),
        Letter::simple("tres"),
    ]
}

#[tokio::test]
async fn s23_keywords_that_the_folder_does_not_keep_are_counted_by_name_and_cost_no_append() -> Result<()> {
    let pair =
        Pair::of(Script::new(), Script::new().manners(|own| own.permanent_flags = SYSTEM_FLAGS.into()))?;
    pair.deliver(with_five_kinds_of_flags());
    let report = pair.copy().await?;
    assert_eq!(told(&report), "success: 3 copied");
    assert_eq!(report.dropped_flags, dropped(&[("$Forwarded", 2), ("NonJunk", 1), ("custom1", 1)]));
    assert_eq!(flags_there(&pair), [r"\Flagged \Seen", r"\Seen", ""]);
    assert_eq!(pair.writes(), 1, "one APPEND for all, and no STORE");
    let report = pair.copy().await?;
    assert_eq!((told(&report).as_str(), pair.writes()), ("success: 3 already", 0));
    Ok(())
}

#[tokio::test]
async fn s23_a_lost_answer_and_a_refused_message_do_not_count_a_dropped_keyword_twice() -> Result<()> {
    let destination = Script::new()
        .manners(|own| own.permanent_flags = SYSTEM_FLAGS.into())
        .without("MULTIAPPEND")
        .rule(When::verb("APPEND").nth(2), Act::EndBefore(End::Close))
        .refuse(When::verb("APPEND").containing("Subject: virus"), "NO not this one");
    let pair = Pair::of(Script::new(), destination)?;
    pair.deliver(with_five_kinds_of_flags());
    pair.deliver([Letter::simple("virus").flagged("custom1")]);
    let report = pair.copy().await?;
    // Of the message before the cut it is chance whether its answer still came.
    let totals = &report.totals;
    assert_eq!((totals.copied + totals.adopted, totals.quarantined), (3, 1), "{report:?}");
    assert_eq!(report.dropped_flags, dropped(&[("$Forwarded", 2), ("NonJunk", 1), ("custom1", 1)]));
    Ok(())
}

#[tokio::test]
async fn s24_of_forty_keywords_the_twenty_six_most_used_are_kept_and_fourteen_told() -> Result<()> {
    let pair = Pair::of(Script::new(), Script::new().manners(|own| own.keywords_max = Some(26)))?;
    let keyword = |number: usize| format!("k{number:02}");
    // The message at a place bears the keywords up to it, so that k00 is used forty times and k39 once.
    pair.deliver((0..40).map(|place| {
        let flags: Vec<String> = (0..=place).map(keyword).collect();
        Letter::simple(&format!("m{place}")).flagged(&flags.join(" "))
    }));
    let report = pair.copy().await?;
    assert_eq!(told(&report), "success: 40 copied");
    let lost = (26..40).map(|number| (keyword(number), 40 - number as u64));
    assert_eq!(report.dropped_flags, lost.collect());
    let kept: Vec<String> = (0..26).map(keyword).collect();
    assert_eq!(flags_there(&pair).last(), Some(&kept.join(" ")));
    assert_eq!(told(&pair.copy().await?), "success: 40 already");
    assert_eq!(pair.writes(), 0);
    Ok(())
}

#[tokio::test]
async fn s24_a_later_change_of_flags_passes_beside_keywords_that_were_refused() -> Result<()> {
    let pair = Pair::of(Script::new(), Script::new().manners(|own| own.keywords_max = Some(1)))?;
    pair.deliver([Letter::simple("um").flagged("a b"), Letter::simple("dois").flagged("a")]);
    assert_eq!(told(&pair.copy().await?), "success: 2 copied");
    pair.inbox().set_flags(1, r"a b \Seen");
    assert_eq!(told(&pair.copy().await?), "success: 2 already, 1 flagged");
    assert_eq!(flags_there(&pair), [r"\Seen a", "a"]);
    Ok(())
}

/// A was read at the destination and B unflagged there; then, perhaps, the source flags A.
async fn after_both_sides_changed(policy: FlagPolicy, is_source_changed: bool) -> Result<Vec<String>> {
    let mut pair = Pair::plain()?;
    pair.deliver([Letter::simple("a"), Letter::simple("b").flagged(r"\Flagged")]);
    assert_eq!(told(&pair.copy().await?), "success: 2 copied");
    pair.there().set_flags(1, r"\Seen");
    pair.there().set_flags(2, "");
    if is_source_changed {
        pair.inbox().set_flags(1, r"\Flagged");
    }
    pair.migration.policy.flags = policy;
    pair.copy().await?;
    let flags = flags_there(&pair);
    assert_eq!(
        told(&pair.copy().await?),
        "success: 2 already",
        "{policy:?}: a third run finds nothing to do"
    );
    assert_eq!((pair.writes(), flags_there(&pair)), (0, flags.clone()), "{policy:?}");
    Ok(flags)
}

#[tokio::test]
async fn s25_flags_of_both_sides_meet_as_the_operator_wants() -> Result<()> {
    for (policy, is_source_changed, expected) in [
        (FlagPolicy::Merge, true, [r"\Flagged \Seen", ""]),
        (FlagPolicy::Merge, false, [r"\Seen", ""]),
        (FlagPolicy::Source, true, [r"\Flagged", r"\Flagged"]),
        (FlagPolicy::Source, false, ["", r"\Flagged"]),
        (FlagPolicy::Destination, true, [r"\Seen", ""]),
        (FlagPolicy::Destination, false, [r"\Seen", ""]),
    ] {
        let flags = after_both_sides_changed(policy, is_source_changed).await?;
        assert_eq!(flags, expected, "{policy:?}, source changed: {is_source_changed}");
    }
    Ok(())
}

#[tokio::test]
async fn s25_between_two_dovecots_what_either_user_did_stays_done() -> Result<()> {
    let (from, to) = (Dovecot::with_users(&[("ana", PASSWORD)])?, Dovecot::with_users(&[("ana", PASSWORD)])?);
    let (a, b) = (Mail::new("a", Letter::simple("a").octets), Mail::new("b", Letter::simple("b").octets));
    let mut reader = Reader::login(from.port(), "ana", PASSWORD).await?;
    reader.fill([("INBOX", &a), ("INBOX", &b.flagged(r"\Flagged projeto"))]).await?;
    let migration = Migration::between(&from.url("ana"), &to.url("ana"))?;
    assert_eq!(told(&migration.copy().await?), "success: 2 copied");
    let mut user = Reader::login(to.port(), "ana", PASSWORD).await?;
    for command in ["SELECT INBOX", r"UID STORE 1 +FLAGS (\Seen)", r"UID STORE 2 -FLAGS (\Flagged)"] {
        user.run(command).await?;
    }
    reader.run("SELECT INBOX").await?;
    reader.run(r"UID STORE 1 +FLAGS (\Flagged)").await?;
    assert_eq!(told(&migration.copy().await?), "success: 2 already, 1 flagged");
    let flags = |message: &ReadMessage| message.flags.iter().cloned().collect::<Vec<_>>().join(" ");
    let there: Vec<String> = user.messages("INBOX").await?.iter().map(flags).collect();
    assert_eq!(there, [r"\Flagged \Seen", "projeto"]);
    assert_eq!(told(&migration.copy().await?), "success: 2 already");
    Ok(())
}

#[tokio::test]
async fn s25_without_modification_sequences_a_flag_is_carried_all_the_same_and_none_put_back() -> Result<()> {
    let script = || Script::new().without("CONDSTORE");
    let pair = Pair::of(script(), script())?;
    pair.deliver([Letter::simple("a"), Letter::simple("b").flagged(r"\Flagged")]);
    pair.copy().await?;
    pair.there().set_flags(1, r"\Seen");
    pair.there().set_flags(2, "");
    pair.inbox().set_flags(1, r"\Flagged");
    assert_eq!(told(&pair.copy().await?), "success: 2 already, 1 flagged");
    assert_eq!(flags_there(&pair), [r"\Flagged \Seen", ""]);
    Ok(())
}

/// The source's modification sequences stand still after the first copy; then `change` is made.
async fn after_frozen_modseq(change: impl Fn(&Pair)) -> Result<(String, Vec<String>, bool)> {
    let pair = Pair::plain()?;
    pair.deliver([Letter::simple("a"), Letter::simple("b").flagged(r"\Flagged")]);
    assert_eq!(told(&pair.copy().await?), "success: 2 copied");
    assert_eq!(told(&pair.copy().await?), "success: 2 already");
    pair.inbox().freeze_modseq();
    change(&pair);
    let report = pair.copy().await?;
    let is_warned = report.warnings.iter().any(|warning| warning.contains("modification sequences"));
    // What was found out once is remembered: the next change is seen without another proof.
    pair.inbox().set_flags(2, r"\Answered");
    let again = pair.copy().await?;
    assert_eq!((told(&again), again.totals.flag_changes), (told(&again), 1), "{:?}", again.warnings);
    Ok((told(&report), flags_there(&pair), is_warned))
}

#[tokio::test]
async fn s25_modification_sequences_that_stand_still_are_found_out_and_not_believed_again() -> Result<()> {
    let read = after_frozen_modseq(|pair| pair.inbox().set_flags(1, r"\Seen")).await?;
    let [seen, answered] = [r"\Seen".to_owned(), r"\Answered".to_owned()];
    assert_eq!(
        read,
        ("success: 2 already, 1 flagged".to_owned(), vec![seen.clone(), answered.clone()], true)
    );
    let arrived = after_frozen_modseq(|pair| {
        pair.inbox().set_flags(1, r"\Seen");
        pair.deliver([Letter::simple("c")]);
    });
    let expected = vec![seen, answered, String::new()];
    assert_eq!(arrived.await?, ("success: 1 copied, 2 already, 1 flagged".to_owned(), expected, true));
    Ok(())
}

/// Where INTERNALDATE has nothing to say, the header says this.
fn dated(date: &WireDate) -> Letter {
    let text =
        "Message-ID: <d@example.net>\r\nDate: Tue, 3 Mar 2015 09:08:07 +0200\r\nSubject: data\r\n\r\nx\r\n";
    Letter::new(text).date_on_wire(date.clone())
}

fn date_there(stored: &Stored) -> &str {
    match &stored.letter.date {
        WireDate::Quoted(date) => date,
        WireDate::Nil | WireDate::Missing => "none",
    }
}

#[tokio::test]
async fn s26_every_odd_internaldate_becomes_the_best_date_that_can_be_had_and_its_origin_is_told()
-> Result<()> {
    const BY_HEADER: &str = " 3-Mar-2015 09:08:07 +0200";
    let quoted = |text: &str| WireDate::Quoted(text.to_owned());
    for (date, expected, origin) in [
        (quoted(" 1-Jan-2020 10:00:00 +0100"), " 1-Jan-2020 10:00:00 +0100", None),
        (quoted("1-Jan-2020 10:00:00 +0100"), " 1-Jan-2020 10:00:00 +0100", None),
        (quoted("31-Dec-2040 23:59:59 -0330"), "31-Dec-2040 23:59:59 -0330", None),
        (quoted("01-Jan-20 10:00:00 +0100"), " 1-Jan-2020 10:00:00 +0100", Some("internaldate_mended 1")),
        (quoted("01-Jan-2020 10:00:00 -2400"), " 1-Jan-2020 10:00:00 +0000", Some("internaldate_mended 1")),
        (quoted("01-Jan-2020 10:00:00"), " 1-Jan-2020 10:00:00 +0000", Some("internaldate_mended 1")),
        (quoted("30-Dec-1899 00:00:00 +0000"), BY_HEADER, Some("date 1")),
        (quoted("00-Jan-0000 00:00:00 +0000"), BY_HEADER, Some("date 1")),
        (quoted("01-Jan-1970 00:00:00 +0000"), BY_HEADER, Some("date 1")),
        (quoted("ontem"), BY_HEADER, Some("date 1")),
        (quoted(""), BY_HEADER, Some("date 1")),
        (WireDate::Nil, BY_HEADER, Some("date 1")),
        (WireDate::Missing, BY_HEADER, Some("date 1")),
    ] {
        let pair = Pair::plain()?;
        pair.deliver([dated(&date)]);
        let report = pair.copy().await?;
        assert_eq!(told(&report), "success: 1 copied", "{date:?}");
        assert_eq!(date_there(&pair.there().messages()[0]), expected, "{date:?}");
        let told_origin = report.warnings.iter().find(|line| line.contains("INTERNALDATE"));
        match origin {
            None => assert_eq!(told_origin, None, "{date:?}"),
            Some(origin) => assert!(told_origin.is_some_and(|line| line.contains(origin)), "{report:?}"),
        }
        assert_eq!(told(&pair.copy().await?), "success: 1 already", "{date:?}");
    }
    Ok(())
}

#[tokio::test]
async fn s26_a_message_without_any_date_takes_its_neighbours_and_only_without_one_the_time_of_arrival()
-> Result<()> {
    let pair = Pair::plain()?;
    let dateless = |text: &str| Letter::new(text).date_on_wire(WireDate::Nil);
    pair.deliver([
        dateless("Subject: um\r\n\r\n1\r\n"),
        dated(&WireDate::Nil),
        dateless("Subject: dois\r\n\r\n2\r\n"),
    ]);
    let report = pair.copy().await?;
    assert_eq!(told(&report), "success: 3 copied");
    let there = pair.there().messages();
    assert_eq!([&there[1], &there[2]].map(date_there), [" 3-Mar-2015 09:08:07 +0200"; 2]);
    let origins = "date 1, neighbour 1, arrival 1";
    assert!(report.warnings.iter().any(|line| line.contains(origins)), "{:?}", report.warnings);
    // What came without a date is found again without one.
    pair.migration.forget()?;
    assert_eq!(told(&pair.copy().await?), "success: 3 adopted");
    Ok(())
}
