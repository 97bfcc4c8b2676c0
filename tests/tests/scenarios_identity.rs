//! Scenarios 16 to 22: a message is known again, and is at the destination exactly as often as at the source.

use acceptance::mail::Postman;
use acceptance::migration::{Migration, PASSWORD};
use acceptance::pair::{Pair, classes, texts, told};
use acceptance::reader::Reader;
use acceptance::scripted::{Letter, Script, added_received, new_message_id, refolded};
use acceptance::servers::Dovecot;
use anyhow::Result;
use malote_engine::policy::Duplicates;

/// What a server may know more than RFC 3501, taken away from the source.
const ABILITIES: [&[&str]; 3] = [&[], &["LIST-STATUS"], &["CONDSTORE", "LIST-STATUS", "ESEARCH"]];

fn numbered(count: usize) -> impl Iterator<Item = Letter> {
    (1..=count).map(|number| Letter::simple(&format!("proposta {number}")).flagged(r"\Seen"))
}

fn priced(digit: u8) -> Letter {
    Letter::new(format!(
        "Message-ID: <preco@example.net>\r\nDate: Fri, 17 Jul 2020 02:44:25 -0300\r\nFrom: ana@example.net\r\n\
         Subject: Proposta\r\n\r\nTotal: {digit} reais\r\n"
    ))
}

/// Commands of the second of two runs over two more folders than INBOX.
async fn commands_of_a_second_run(lacking: &[&str], messages: usize) -> Result<usize> {
    let source = lacking.iter().fold(Script::new(), |script, word| script.without(word));
    let pair = Pair::of(source, Script::new())?;
    for folder in ["INBOX", "Sent", "Projetos"] {
        let _ = pair.source.world().folder(folder).holding(numbered(messages));
    }
    assert_eq!(told(&pair.copy().await?), format!("success: {} copied", 3 * messages));
    assert_eq!(told(&pair.copy().await?), format!("success: {} already", 3 * messages));
    assert_eq!((pair.bodies_read(), pair.writes()), (0, 0), "lacking {lacking:?}");
    Ok(pair.source.transcript().entries().len() + pair.destination.transcript().entries().len())
}

#[tokio::test]
async fn s16_a_second_run_reads_no_body_writes_nothing_and_says_no_more_for_more_mail() -> Result<()> {
    for lacking in ABILITIES {
        let (few, many) =
            (commands_of_a_second_run(lacking, 2).await?, commands_of_a_second_run(lacking, 150).await?);
        assert_eq!(few, many, "lacking {lacking:?}");
        assert!(many <= 2 * (8 + 3 * 5), "{many} commands for three folders, lacking {lacking:?}");
    }
    Ok(())
}

#[tokio::test]
async fn s16_and_s21_between_two_dovecots_a_second_run_and_a_run_without_ledger_append_nothing() -> Result<()>
{
    let (from, to) = (Dovecot::with_users(&[("ana", PASSWORD)])?, Dovecot::with_users(&[("ana", PASSWORD)])?);
    let mut postman = Postman::new(16);
    let mails = [postman.ordinaries(40), postman.one_of_each()].concat();
    let mut reader = Reader::login(from.port(), "ana", PASSWORD).await?;
    let refused = reader.fill(mails.iter().map(|mail| ("INBOX", mail))).await?;
    let count = mails.len() - refused.len();
    let migration = Migration::between(&from.url("ana"), &to.url("ana"))?;
    assert_eq!(told(&migration.copy().await?), format!("success: {count} copied"));
    let before = Reader::login(to.port(), "ana", PASSWORD).await?.everything().await?;
    assert_eq!(told(&migration.copy().await?), format!("success: {count} already"));
    migration.forget()?;
    assert_eq!(told(&migration.copy().await?), format!("success: {count} adopted"));
    assert_eq!(Reader::login(to.port(), "ana", PASSWORD).await?.everything().await?, before);
    Ok(())
}

#[tokio::test]
async fn s17_two_messages_with_one_identity_and_another_digit_are_both_there_whatever_happens() -> Result<()>
{
    let pair = Pair::plain()?;
    pair.deliver([priced(1), priced(2)]);
    assert_eq!(told(&pair.copy().await?), "success: 2 copied");
    pair.migration.forget()?;
    assert_eq!(told(&pair.copy().await?), "success: 2 adopted");
    pair.migration.forget()?;
    pair.there().remove(1);
    assert_eq!(told(&pair.copy().await?), "success: 1 copied, 1 adopted");
    assert!(pair.is_twin());
    Ok(())
}

#[tokio::test]
async fn s18_three_identical_messages_stay_three() -> Result<()> {
    let pair = Pair::plain()?;
    pair.deliver([priced(1), priced(1), priced(2), priced(1)]);
    assert_eq!(told(&pair.copy().await?), "success: 4 copied");
    assert!(pair.is_twin());
    assert_eq!(told(&pair.copy().await?), "success: 4 already");
    pair.migration.forget()?;
    assert_eq!(told(&pair.copy().await?), "success: 4 adopted");
    assert!(pair.is_twin());
    Ok(())
}

#[tokio::test]
async fn s18_three_identical_messages_become_one_where_twins_are_collapsed_and_the_others_are_named()
-> Result<()> {
    let mut pair = Pair::plain()?;
    pair.migration.policy.duplicates = Duplicates::Collapse;
    pair.deliver([priced(1), priced(1), priced(2), priced(1)]);
    let report = pair.copy().await?;
    assert_eq!(told(&report), "success: 2 copied, 2 collapsed");
    assert!(report.warnings.iter().any(|line| line.contains("UID 2,4")), "{:?}", report.warnings);
    assert_eq!(told(&pair.copy().await?), "success: 2 already, 2 collapsed");
    pair.deliver([priced(2)]);
    assert_eq!(told(&pair.copy().await?), "success: 2 already, 3 collapsed");
    pair.migration.forget()?;
    assert_eq!(told(&pair.copy().await?), "success: 2 adopted, 3 collapsed");
    let there = [priced(1), priced(2)].map(|letter| letter.octets);
    assert_eq!(texts(&pair.there()), there);
    Ok(())
}

#[tokio::test]
async fn s19_a_message_without_any_identity_is_copied_once_and_unchanged() -> Result<()> {
    let pair = Pair::plain()?;
    pair.deliver([
        Letter::new("Subject: s\u{f3} assunto\r\n\r\nSegue.\r\n"),
        Letter::new("\r\nsem cabe\u{e7}alho\r\n").dated("18-Jul-2020 02:44:25 -0300"),
        Letter::new("nem linha em branco\r\n").dated("19-Jul-2020 02:44:25 -0300"),
    ]);
    assert_eq!(told(&pair.copy().await?), "success: 3 copied");
    assert!(pair.is_twin());
    assert_eq!(told(&pair.copy().await?), "success: 3 already");
    pair.migration.forget()?;
    assert_eq!(told(&pair.copy().await?), "success: 3 adopted");
    assert_eq!(pair.writes(), 0);
    Ok(())
}

#[tokio::test]
async fn s20_messages_that_the_destination_rewrote_are_known_by_their_text() -> Result<()> {
    let meddling = Script::new().rewriting(|letter| added_received(refolded(new_message_id(letter))));
    let pair = Pair::of(Script::new(), meddling)?;
    pair.deliver(numbered(12));
    pair.deliver(Postman::new(20).ordinaries(20).iter().map(|mail| Letter::new(&mail.octets)));
    assert_eq!(told(&pair.copy().await?), "success: 32 copied");
    assert_eq!(told(&pair.copy().await?), "success: 32 already");
    pair.migration.forget()?;
    assert_eq!(told(&pair.copy().await?), "success: 32 adopted");
    assert_eq!(pair.writes(), 0);
    Ok(())
}

#[tokio::test]
async fn s20_a_message_whose_text_the_destination_changed_is_held_for_a_decision_and_not_doubled()
-> Result<()> {
    let with_footer = |letter: Letter| {
        let footer = if letter.octets.ends_with(b"proposta 3.\r\n") { "-- \r\nvirus-free\r\n" } else { "" };
        Letter { octets: [&letter.octets, footer.as_bytes()].concat(), ..letter }
    };
    for is_id_lost in [false, true] {
        let script = Script::new().rewriting(move |letter| {
            let letter = with_footer(letter);
            if is_id_lost { new_message_id(letter) } else { letter }
        });
        let pair = Pair::of(Script::new(), script)?;
        pair.deliver(numbered(5));
        assert_eq!(told(&pair.copy().await?), "success: 5 copied");
        assert_eq!(told(&pair.copy().await?), "success: 5 already");
        pair.migration.forget()?;
        let report = pair.copy().await?;
        assert_eq!(told(&report), "partial: 4 adopted, 1 pending", "Message-ID lost: {is_id_lost}");
        assert_eq!((classes(&report), pair.writes()), (vec!["decision.needed"], 0));
        assert!(report.errors[0].message.contains("UID 3"), "{:?}", report.errors);
    }
    Ok(())
}

#[tokio::test]
async fn s21_a_lost_ledger_costs_headers_and_no_body() -> Result<()> {
    let pair = Pair::plain()?;
    pair.deliver(numbered(2_000));
    assert_eq!(told(&pair.copy().await?), "success: 2000 copied");
    pair.migration.forget()?;
    assert_eq!(told(&pair.copy().await?), "success: 2000 adopted");
    assert_eq!((pair.writes(), pair.bodies_read()), (0, 0));
    assert_eq!(told(&pair.copy().await?), "success: 2000 already");
    Ok(())
}

#[tokio::test]
async fn s22_what_imapsync_left_with_added_ids_is_adopted() -> Result<()> {
    let pair = Pair::plain()?;
    let bare = ["Subject: um\r\n\r\nUm.\r\n", "From: ana@example.net\r\n\r\nDois.\r\n", "\r\nTr\u{ea}s.\r\n"];
    for (place, text) in bare.iter().enumerate() {
        let letter = Letter::new(text).dated(&format!("1{place}-Jul-2020 02:44:25 -0300"));
        let added = format!("Message-Id: <{}@imapsync>\r\n{text}", 17 + place);
        pair.deliver([letter.clone()]);
        pair.there().push(Letter { octets: added.into_bytes(), ..letter });
    }
    pair.deliver(numbered(3));
    let _ = pair.there().holding(numbered(3));
    assert_eq!(told(&pair.copy().await?), "success: 6 adopted");
    assert_eq!((pair.writes(), pair.there().messages().len()), (0, 6));
    assert_eq!(told(&pair.copy().await?), "success: 6 already");
    Ok(())
}

#[tokio::test]
async fn s28_what_comes_back_under_a_new_uidvalidity_is_there_as_often_as_at_the_source() -> Result<()> {
    let pair = Pair::plain()?;
    pair.deliver([priced(1), priced(2), priced(3), priced(3)]);
    assert_eq!(told(&pair.copy().await?), "success: 4 copied");
    pair.inbox().remove(1);
    pair.inbox().remove(4);
    pair.inbox().renumber();
    let gone = pair.copy().await?;
    assert_eq!(told(&gone), "success: 2 already");
    assert!(gone.warnings.iter().any(|line| line.contains("2 copies that earlier runs made")), "{gone:?}");
    pair.deliver([priced(1), priced(3), priced(3)]);
    pair.inbox().renumber();
    assert_eq!(told(&pair.copy().await?), "success: 1 copied, 2 adopted, 2 already");
    assert!(pair.is_twin());
    // What its user removes at the destination stays removed, under whatever UIDs.
    let first = pair.there().messages()[0].uid;
    pair.there().remove(first);
    pair.inbox().renumber();
    assert_eq!((told(&pair.copy().await?).as_str(), pair.writes()), ("success: 5 already", 0));
    Ok(())
}

#[tokio::test]
async fn s28_a_copy_that_was_left_behind_is_never_taken_for_another_text_under_its_header() -> Result<()> {
    let pair = Pair::plain()?;
    pair.deliver([priced(1)]);
    assert_eq!(told(&pair.copy().await?), "success: 1 copied");
    pair.inbox().clear();
    pair.inbox().renumber();
    assert_eq!(told(&pair.copy().await?), "success: ");
    pair.deliver([priced(2)]);
    let held = pair.copy().await?;
    assert_eq!((told(&held).as_str(), pair.writes()), ("partial: 1 pending", 0));
    assert_eq!(classes(&held), ["decision.needed"]);
    Ok(())
}
