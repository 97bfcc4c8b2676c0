//! Answers that are a yes, and all those that only look like one; from a server that lies, cuts and hangs up.
//! Never asks a real service: the acceptance tests do.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

use anyhow::Result;
use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-06-19T17:00:30Z";

fn open_answer() -> Value {
    json!({
        "domain": "exemplo.com.br", "job_id": 42, "phase": "cutover_ready", "migration_gate": "ready_for_dns",
        "dns_allowed": true, "sync_percent": 100.0, "evaluated_at": "2026-06-19T17:00:00Z",
        "expires_at": "2026-06-19T17:01:00Z", "approved_by": "u_7", "snapshot_hash": "sha256:ab",
        "checks": [
            {"check_id": "count_ratio", "status": "pass", "message": "all", "critical": true},
            {"check_id": "bytes_ratio", "status": "fail", "message": "far", "critical": false},
        ],
    })
}

fn judged(answer: &Value) -> Result<Open, Shut> {
    let answer = serde_json::from_value(answer.clone()).map_err(|_| Shut::Unreliable("no answer"))?;
    judge(answer, "Exemplo.com.br.", NOW.parse().expect("a time"))
}

#[test]
fn a_clear_yes_is_open() {
    let open = judged(&open_answer()).expect("open");
    assert_eq!((open.job_id, open.approved_by.as_str()), (42, "u_7"));
}

#[test]
fn whatever_is_not_a_clear_yes_is_shut() {
    for (field, value) in [
        ("domain", json!("other.example")),
        ("dns_allowed", json!(false)),
        ("migration_gate", json!("warning")),
        ("migration_gate", json!("READY_FOR_DNS")),
        ("expires_at", json!("2026-06-19T17:00:30Z")),
        ("expires_at", json!("tomorrow")),
        ("evaluated_at", json!("2026-06-19T17:03:00Z")),
        ("approved_by", Value::Null),
        ("approved_by", json!("")),
        ("snapshot_hash", json!("")),
        ("checks", json!([{"check_id": "count_ratio", "status": "fail", "message": "", "critical": true}])),
        ("checks", json!([{"check_id": "count_ratio", "status": "", "message": "", "critical": true}])),
        ("checks", Value::Null),
        ("job_id", Value::Null),
    ] {
        let mut answer = open_answer();
        answer[field] = value.clone();
        assert!(judged(&answer).is_err(), "{field} {value}");
    }
    let mut answer = open_answer();
    (answer["dns_allowed"], answer["migration_gate"]) = (json!(false), json!("blocked"));
    let Err(Shut::Closed { gate, checks }) = judged(&answer) else { panic!("not closed") };
    assert_eq!((gate.as_str(), checks), ("blocked", vec!["bytes_ratio fail: far".to_owned()]));
}

#[test]
fn a_token_never_travels_in_clear() {
    for (url, expected) in [
        ("https://malote.example.net", None),
        ("https://malote.example.net/sub/", None),
        ("http://127.0.0.1:8080", None),
        ("http://[::1]:8080", None),
        ("http://localhost", None),
        ("http://malote.example.net", Some(true)),
        ("http://127.0.0.1.example.net", Some(true)),
        ("ftp://malote.example.net", Some(false)),
        ("malote.example.net", Some(false)),
        ("", Some(false)),
    ] {
        let found = GateClient::new(url, "token".into()).err();
        assert_eq!(found.map(|error| matches!(error, BadPlace::InClear(_))), expected, "{url}");
    }
}

/// Asks a server that answers one request with these octets and hangs up.
fn asked(octets: &[u8]) -> Result<Gate> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    let octets = octets.to_owned();
    let server = thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
        stream.write_all(&octets)
    });
    let gate = GateClient::new(&url, "token".into())?.ask("exemplo.com.br");
    assert!(server.join().is_ok_and(|done| done.is_ok()));
    Ok(gate)
}

#[test]
fn a_service_that_lies_cuts_or_hangs_up_is_shut() -> Result<()> {
    let now = Timestamp::now();
    let mut answer = open_answer();
    answer["evaluated_at"] = json!(now.to_string());
    answer["expires_at"] = json!((now + Duration::from_secs(60)).to_string());
    let body = answer.to_string();
    let (whole, half) = (body.len(), &body[..body.len() / 2]);
    let http = |status: &str, length: usize, body: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
            .into_bytes()
    };
    assert!(asked(&http("200 OK", whole, &body))?.is_open());
    for octets in [
        http("200 OK", whole, half),
        http("200 OK", half.len(), half),
        http("201 Created", whole, &body),
        http("302 Found", whole, &body),
        http("401 Unauthorized", whole, &body),
        http("503 Service Unavailable", whole, &body),
        http("200 OK", 0, ""),
        b"HTTP/1.1 200".to_vec(),
        Vec::new(),
    ] {
        let gate = asked(&octets)?;
        assert!(!gate.is_open(), "{}", String::from_utf8_lossy(&octets));
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let nobody = format!("http://{}", listener.local_addr()?);
    drop(listener);
    assert!(!GateClient::new(&nobody, "token".into())?.ask("exemplo.com.br").is_open());
    Ok(())
}

#[test]
fn a_service_that_shows_no_trusted_certificate_is_shut_and_ends_nobody() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("https://{}", listener.local_addr()?);
    let server = thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")
    });
    let gate = GateClient::new(&url, "token".into())?.ask("exemplo.com.br");
    assert!(matches!(gate, Gate::Shut(Shut::NoAnswer { .. })));
    assert!(server.join().is_ok());
    Ok(())
}
