//! Mail to and from a real Courier: folders below INBOX, no literal without leave, a lasting UIDVALIDITY by SELECT.
//! Never the system's own Courier: each server is of an unpacked copy.

use acceptance::migration::{Migration, PASSWORD};
use acceptance::pair::{texts, told};
use acceptance::scripted::{Letter, Script, Scripted, WireDate};
use acceptance::servers::Courier;
use anyhow::Result;
use malote_engine::plan::date::parse_internal;
use malote_engine::policy::Content;
use malote_engine::report::Status;

/// Connections that Debian's Courier gives to one address.
const CONNECTIONS_MAX: usize = 4;

fn filled() -> Result<Scripted> {
    let server = Script::new().start()?;
    let world = server.world();
    let letters = |name: &str, count: u32| -> Vec<Letter> {
        let flags = ["", r"\Seen", r"\Seen \Flagged", r"\Answered $Forwarded"];
        (0..count)
            .map(|number| {
                let letter = Letter::simple(&format!("{name} {number}"));
                letter.flagged(flags[number as usize % flags.len()])
            })
            .collect()
    };
    let _ = world.folder("INBOX").holding(letters("inbox", 12));
    let _ = world.folder("Sent").with_attributes(r"\Sent").holding(letters("sent", 5));
    let _ = world.folder("Clientes/2024.Q1").holding(letters("client", 4));
    let long = format!("Subject: long\r\n\r\n{}\r\n", "x".repeat(1_500_000));
    let _ = world.folder("Rascunhos &- mais").holding([Letter::new(long), Letter::simple("short")]);
    Ok(server)
}

/// When a message arrived: Courier keeps the moment and writes it in its own zone.
fn moment(date: &WireDate) -> Option<i64> {
    let WireDate::Quoted(text) = date else { return None };
    parse_internal(text).map(|date| date.unix_seconds)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_goes_to_courier_and_comes_back_as_it_was() -> Result<()> {
    let Some(courier) = Courier::start_or_skip(PASSWORD, CONNECTIONS_MAX)? else { return Ok(()) };
    let source = filled()?;
    let there = Migration::between(&source.url("ana"), &courier.url("ana"))?;
    let report = there.copy().await?;
    assert_eq!(told(&report), "success: 23 copied", "{:#?} {:#?}", report.errors, report.warnings);
    assert_eq!(told(&there.copy().await?), "success: 23 already");
    let report = there.verify(Content::Full).await?;
    assert_eq!(told(&report), "success: 23 already", "{:#?}", report.errors);

    let (kept, back) = (courier.files("ana")?, Script::new().start()?);
    assert_eq!(kept.len(), 23);
    let home = Migration::between(&courier.url("ana"), &back.url("ana"))?;
    let report = home.copy().await?;
    assert_eq!(told(&report), "success: 23 copied", "{:#?} {:#?}", report.errors, report.warnings);
    assert_eq!(told(&home.copy().await?), "success: 23 already", "its UIDVALIDITY lasts");
    assert_eq!(home.verify(Content::Full).await?.status, Status::Success);
    assert_eq!(courier.files("ana")?, kept, "reading changes nothing, neither names nor flags");
    let (from, to) = (source.world(), back.world());
    for (folder, other) in [("INBOX", "INBOX"), ("Sent", "Sent"), ("Rascunhos &- mais", "Rascunhos &- mais")]
    {
        assert_eq!(texts(&from.folder(folder)), texts(&to.folder(other)), "{folder}");
        let seen = |server: &acceptance::scripted::World, name: &str| {
            let mut flags: Vec<String> = server
                .messages(name)
                .into_iter()
                .map(|stored| {
                    let mut flags = stored.letter.flags;
                    flags.sort();
                    format!("{} at {:?}", flags.join(" "), moment(&stored.letter.date))
                })
                .collect();
            flags.sort();
            flags
        };
        assert_eq!(seen(&from, folder), seen(&to, other), "{folder}");
    }
    Ok(())
}
