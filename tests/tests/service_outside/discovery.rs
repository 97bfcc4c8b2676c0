//! Where the mail of a domain may be: found by what it publishes, with evidence, whoever lies.
//! Never waits longer than the limits that discovery names.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use acceptance::name_server::{Manner, NameServer, Record};
use acceptance::scripted::Script;
use acceptance::tls::TestCa;
use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::ground::{lead_here, page, web, world};
use super::world::World;

/// Longer than any discovery may take: gathering, then one look at each place, and a busy machine.
const TAKES_MAX: Duration = Duration::from_secs(45);

async fn found(world: &World, domain: &str) -> Result<Value> {
    let ana = world.user("ana", &["operator"], &[]).await?;
    let began = Instant::now();
    let told = world.post(&ana, "/migration/discover", json!({"domain": domain})).await?.with(200).json();
    assert!(began.elapsed() < TAKES_MAX, "{domain}: {:?}", began.elapsed());
    Ok(told)
}

fn config(host: &str, port: u16, socket: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="acme.test">
        <incomingServer type="imap"><hostname>{host}</hostname><port>{port}</port><socketType>{socket}</socketType>
        <username>%EMAILLOCALPART%</username></incomingServer></emailProvider></clientConfig>"#
    )
}

#[tokio::test]
async fn a_domain_is_found_by_service_records_autoconfig_and_exchangers_each_with_its_evidence() -> Result<()>
{
    let (names, ca) = (NameServer::start()?, TestCa::new()?);
    let mail = ca.identity_for(&["imap.acme.test", "box.acme.test"])?;
    let (one, other) = (Script::new().tls(mail.clone()).start()?, Script::new().tls(mail).start()?);
    let document = config("box.acme.test", other.port(), "SSL");
    let (port, asked) = web(&ca.identity_for(&["autoconfig.acme.test", "acme.test"])?, {
        Arc::new(move |line: &str| {
            // The first address leads to the second, which has it.
            Some(match line.contains("/.well-known/") {
                true => page("200 OK", "", &document),
                false => page("404 Not Found", "", ""),
            })
        })
    })?;
    lead_here(&names, &["imap.acme.test", "box.acme.test", "autoconfig.acme.test", "acme.test"]);
    names.tell("_imaps._tcp.acme.test", Record::Srv(5, 1, one.port(), "IMAP.acme.test".to_owned()));
    names.tell("_imap._tcp.acme.test", Record::Srv(0, 0, 0, String::new()));
    names.tell("acme.test", Record::Mx(20, "acme-test.mail.protection.outlook.com".to_owned()));
    let world = world(&names, &ca, port).await?;
    let told = found(&world, "acme.test").await?;
    let items = told["items"].as_array().context("no items")?;
    let seen = |by: &str| items.iter().find(|item| item["by"] == by).cloned().unwrap_or_default();
    let srv = seen("srv");
    assert_eq!((&srv["host"], &srv["port"]), (&json!("imap.acme.test"), &json!(one.port())), "{told}");
    assert_eq!((&srv["test"]["status"], &srv["tls"]), (&json!("ok"), &json!("implicit")), "{told}");
    assert_eq!(srv["evidence"][0], format!("SRV _imaps._tcp.acme.test: 5 1 {} imap.acme.test", one.port()));
    let auto = seen("autoconfig");
    assert_eq!((&auto["host"], &auto["port"]), (&json!("box.acme.test"), &json!(other.port())), "{told}");
    assert_eq!((&auto["user"], &auto["test"]["status"]), (&json!("local_part"), &json!("ok")), "{told}");
    let mx = seen("mx");
    assert_eq!((&mx["host"], &mx["profile"]), (&json!("outlook.office365.com"), &json!("microsoft365")));
    assert_eq!(mx["evidence"], json!(["MX acme.test: 20 acme-test.mail.protection.outlook.com"]));
    assert!(told["notes"].to_string().contains("there is no such service"), "{told}");
    assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 2, "each page is asked for once");
    // Working places go before those that only were told of.
    assert_eq!(items.last().map(|item| &item["by"]), Some(&json!("mx")), "{told}");
    assert!(names.asked().iter().all(|(name, _)| !name.contains("ana")), "the address is nobody's business");
    Ok(())
}

#[tokio::test]
async fn what_leads_behind_the_walls_is_named_and_never_reached() -> Result<()> {
    let (names, ca) = (NameServer::start()?, TestCa::new()?);
    let identity = ca.identity_for(&["autoconfig.sly.test", "sly.test"])?;
    let (port, _) = web(
        &identity,
        Arc::new(|_: &str| Some(page("302 Found", "Location: https://inner.sly.test/\r\n", ""))),
    )?;
    lead_here(&names, &["autoconfig.sly.test", "sly.test"]);
    let inner = Ipv4Addr::new(127, 0, 0, 2);
    let behind = tokio::net::TcpListener::bind((inner, 0)).await?;
    let at = behind.local_addr()?.port();
    names.tell("inner.sly.test", Record::A(inner));
    names.tell("half.sly.test", Record::A(Ipv4Addr::LOCALHOST));
    names.tell("half.sly.test", Record::A(inner));
    for (name, host) in [("_imaps._tcp.sly.test", "inner.sly.test"), ("_imap._tcp.sly.test", "half.sly.test")]
    {
        names.tell(name, Record::Srv(0, 0, at, host.to_owned()));
    }
    let world = world(&names, &ca, port).await?;
    let told = found(&world, "sly.test").await?;
    for item in told["items"].as_array().context("no items")? {
        assert_eq!(item["test"]["status"], "error", "{told}");
        assert!(item["test"]["hints"].to_string().contains("this machine itself"), "{told}");
    }
    assert!(told["notes"].to_string().contains("this machine itself"), "a redirection was followed: {told}");
    let knocked = tokio::time::timeout(Duration::from_millis(100), behind.accept()).await;
    assert!(knocked.is_err(), "somebody was led behind the wall");
    Ok(())
}

#[tokio::test]
async fn rings_floods_and_silence_end_in_time_with_a_word_for_each() -> Result<()> {
    let (names, ca) = (NameServer::start()?, TestCa::new()?);
    // Nobody answers web requests, and the second page has no end.
    let (port, _) = web(&ca.identity_for(&["autoconfig.mad.test", "mad.test"])?, {
        Arc::new(|line: &str| {
            let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(2_000_000));
            line.contains(".well-known").then_some(endless)
        })
    })?;
    lead_here(&names, &["autoconfig.mad.test"]);
    names.tell("mad.test", Record::A(Ipv4Addr::LOCALHOST));
    for number in 0..300 {
        names.tell("mad.test", Record::Mx(number, format!("mx{number}.flood.test")));
    }
    names.tell("_imaps._tcp.mad.test", Record::Cname("a.ring.test".to_owned()));
    names.tell("a.ring.test", Record::Cname("b.ring.test".to_owned()));
    names.tell("b.ring.test", Record::Cname("a.ring.test".to_owned()));
    names.behave("_imap._tcp.mad.test", Manner::Silence);
    names.behave("imap.mad.test", Manner::Garbage);
    names.behave("mail.mad.test", Manner::AnotherId);
    names.behave("_autodiscover._tcp.mad.test", Manner::Failure);
    let world = world(&names, &ca, port).await?;
    let told = found(&world, "mad.test").await?;
    assert_eq!(told["items"], json!([]), "{told}");
    let notes = told["notes"].to_string();
    for word in ["SRV _imap._tcp.mad.test", "sent more than", "did not answer in time"] {
        assert!(
            notes.contains(word) || (word.starts_with("SRV") && notes.contains("SRV records")),
            "{word}: {notes}"
        );
    }
    assert!(
        names.asked().iter().any(|(name, _)| name == "mail.mad.test"),
        "a flood leaves room for the usual names"
    );
    Ok(())
}

#[tokio::test]
async fn an_address_is_asked_about_by_its_domain_alone() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let told =
        world.post(&ana, "/migration/discover", json!({"address": "joe@gmail.com"})).await?.with(200).json();
    let item = &told["items"][0];
    assert_eq!((&item["by"], &item["evidence"]), (&json!("preset"), &json!(["gmail.com is known by name"])));
    for wrong in [
        json!({}),
        json!({"address": "gmail.com"}),
        json!({"address": "@gmail.com"}),
        json!({"address": "a@gmail.com", "domain": "gmail.com"}),
        json!({"address": "a@127.0.0.1"}),
        json!({"domain": "a b.example"}),
    ] {
        world.post(&ana, "/migration/discover", wrong).await?.refused(422, "invalid");
    }
    let eve = world.user("eve", &["viewer"], &[]).await?;
    world.post(&eve, "/migration/discover", json!({"domain": "gmail.com"})).await?.refused(403, "forbidden");
    Ok(())
}
