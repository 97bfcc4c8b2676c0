//! The ground itself: every server of the harness takes mail and gives it back, lies on cue and dies on cue.

use std::time::Duration;

use acceptance::mail::{Kind, Mail, Postman, corpus_or_skip, with_network_line_ends};
use acceptance::proxy::{Place, Plan, Proxy};
use acceptance::reader::Reader;
use acceptance::scripted::{
    Act, AppendUid, Cut, End, Letter, Script, Spelling, StartTls, Way, When, WireDate, added_received,
    refolded,
};
use acceptance::servers::{Cyrus, CyrusOptions, Dovecot, DovecotOptions, DovecotUser, Layout};
use acceptance::tls::TestCa;
use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PASSWORD: &str = "segredo";
const PATIENCE: Duration = Duration::from_secs(10);

/// Fills an account with every kind of mail and expects each octet, flag and date back.
async fn gives_back_what_it_took(port: u16, folder: &str, mails: &[Mail]) -> Result<()> {
    let mut reader = Reader::login(port, "ana", PASSWORD).await?;
    let refused = reader.fill(mails.iter().map(|mail| (folder, mail))).await?;
    assert_eq!(refused, Vec::<String>::new());
    let read = reader.messages(folder).await?;
    assert_eq!(read.len(), mails.len());
    for (sent, read) in mails.iter().zip(&read) {
        assert!(sent.octets == read.octets, "{} came back changed: {read:?}", sent.name);
        assert_eq!(sent.flags.len(), read.flags.len(), "{}", sent.name);
        assert!(sent.flags.iter().all(|flag| read.flags.contains(flag)), "{}: {read:?}", sent.name);
        assert!(read.internal_date_s.is_some(), "{}", sent.name);
    }
    reader.logout().await
}

/// Sends lines as they are and gives everything that comes back until the server closes or falls silent.
async fn told(port: u16, lines: &[&str]) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let mut heard = String::new();
    for line in lines {
        // A server that has hung up is part of what is asked here.
        let _ = stream.write_all(line.as_bytes()).await;
    }
    let mut octets = Vec::new();
    let _ = timeout(Duration::from_millis(500), stream.read_to_end(&mut octets)).await;
    heard.push_str(&String::from_utf8_lossy(&octets));
    Ok(heard)
}

#[tokio::test]
async fn dovecot_gives_back_every_octet_in_every_layout() -> Result<()> {
    for (layout, folder) in [
        (Layout::Sdbox, "Work/2024"),
        (Layout::MaildirPlusPlus, "INBOX.Work"),
        (Layout::MaildirFs, "Work/2024"),
    ] {
        let dovecot = Dovecot::start(DovecotOptions { layout, ..DovecotOptions::default() })?;
        gives_back_what_it_took(dovecot.port(), folder, &Postman::new(1).one_of_each()).await?;
        assert!(dovecot.mail_root().join("ana").is_dir());
    }
    Ok(())
}

#[tokio::test]
async fn dovecot_takes_the_corpus_with_network_line_ends() -> Result<()> {
    let corpus = corpus_or_skip()?;
    let mended: Vec<Mail> = corpus
        .into_iter()
        .map(|mail| Mail { octets: with_network_line_ends(&mail.octets), ..mail })
        .filter(|mail| !mail.octets.contains(&0) && !mail.octets.is_empty())
        .collect();
    let dovecot = Dovecot::start(DovecotOptions::default())?;
    gives_back_what_it_took(dovecot.port(), "INBOX", &mended).await
}

#[tokio::test]
async fn dovecot_keeps_its_mail_over_an_outage() -> Result<()> {
    let mut dovecot = Dovecot::start(DovecotOptions::default())?;
    gives_back_what_it_took(dovecot.port(), "INBOX", &Postman::new(2).ordinaries(5)).await?;
    dovecot.stop_and_keep();
    assert!(Reader::login(dovecot.port(), "ana", PASSWORD).await.is_err());
    dovecot.start_again()?;
    let mut reader = Reader::login(dovecot.port(), "ana", PASSWORD).await?;
    assert_eq!(reader.messages("INBOX").await?.len(), 5);
    Ok(())
}

#[tokio::test]
async fn dovecot_knows_quotas_masters_hidden_words_and_odd_passwords() -> Result<()> {
    let odd = "a: b\"c\\d%e*f ção";
    let dovecot = Dovecot::start(DovecotOptions {
        users: vec![
            DovecotUser::new("ana", PASSWORD).with_quota_kib(64),
            DovecotUser::new("j@example.com", odd),
        ],
        masters: vec![("chefe".to_owned(), "mestra".to_owned())],
        hidden_capabilities: vec!["MULTIAPPEND".to_owned(), "UIDPLUS".to_owned()],
        ..DovecotOptions::default()
    })?;
    let mut reader = Reader::login(dovecot.port(), "ana*chefe", "mestra").await?;
    let large = Mail::new("large", format!("Subject: large\r\n\r\n{}", "palavra \r\n".repeat(20_000)));
    assert_eq!(reader.fill([("INBOX", &large)]).await?, ["large"]);
    let heard = told(dovecot.port(), &["a LOGIN ana segredo\r\n", "b LOGOUT\r\n"]).await?;
    assert!(
        heard.contains("CONDSTORE") && !heard.contains("MULTIAPPEND") && !heard.contains("UIDPLUS"),
        "{heard}"
    );
    let plain = base64_of(&format!("\0j@example.com\0{odd}"));
    let heard = told(dovecot.port(), &[&format!("a AUTHENTICATE PLAIN {plain}\r\n"), "b LOGOUT\r\n"]).await?;
    assert!(heard.contains("a OK"), "{heard}");
    let proxied = base64_of("ana\0chefe\0mestra");
    let heard =
        told(dovecot.port(), &[&format!("a AUTHENTICATE PLAIN {proxied}\r\n"), "b LOGOUT\r\n"]).await?;
    assert!(heard.contains("a OK"), "{heard}");
    Ok(())
}

#[tokio::test]
async fn dovecot_speaks_tls_with_the_test_authority() -> Result<()> {
    let dovecot = Dovecot::start(DovecotOptions { tls: true, ..DovecotOptions::default() })?;
    let ca = dovecot.ca().context("TLS was asked for")?;
    let stream = TcpStream::connect(("127.0.0.1", dovecot.tls_port().context("TLS was asked for")?)).await?;
    let name = "localhost".try_into()?;
    let stream = tokio_rustls::TlsConnector::from(ca.client_config()?).connect(name, stream).await?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await?;
    assert!(line.starts_with("* OK"), "{line}");
    let heard = told(dovecot.port(), &["a CAPABILITY\r\n", "b LOGOUT\r\n"]).await?;
    assert!(heard.contains(" STARTTLS"), "{heard}");
    Ok(())
}

#[tokio::test]
async fn dovecot_bounds_the_sessions_of_a_user() -> Result<()> {
    let dovecot = Dovecot::start(DovecotOptions { user_sessions_max: 2, ..DovecotOptions::default() })?;
    let _first = Reader::login(dovecot.port(), "ana", PASSWORD).await?;
    let _second = Reader::login(dovecot.port(), "ana", PASSWORD).await?;
    assert!(Reader::login(dovecot.port(), "ana", PASSWORD).await.is_err());
    Ok(())
}

#[tokio::test]
async fn cyrus_gives_back_every_octet_that_it_takes() -> Result<()> {
    for (unixhierarchysep, altnamespace, folder) in
        [(true, false, "INBOX/Work"), (false, false, "INBOX.Work"), (true, true, "Work")]
    {
        let options = CyrusOptions { unixhierarchysep, altnamespace, ..CyrusOptions::default() };
        let Some(mut cyrus) = Cyrus::start_or_skip(options)? else { return Ok(()) };
        gives_back_what_it_took(cyrus.port(), folder, &Postman::new(3).ordinaries(20)).await?;
        assert!(Reader::login(cyrus.port(), "ana", "wrong").await.is_err());
        cyrus.stop_and_keep();
        cyrus.start_again()?;
        let mut reader = Reader::login(cyrus.port(), "ana", PASSWORD).await?;
        assert_eq!(reader.everything().await?.len(), 20);
    }
    Ok(())
}

#[tokio::test]
async fn cyrus_refuses_the_mail_that_breaks_its_rules_and_keeps_the_rest() -> Result<()> {
    let Some(cyrus) = Cyrus::start_or_skip(CyrusOptions::default())? else { return Ok(()) };
    let mails = Postman::new(4).one_of_each();
    let mut reader = Reader::login(cyrus.port(), "ana", PASSWORD).await?;
    let refused = reader.fill(mails.iter().map(|mail| ("INBOX", mail))).await?;
    assert!(!refused.is_empty() && refused.len() < 8, "{refused:?}");
    assert_eq!(reader.messages("INBOX").await?.len(), mails.len() - refused.len());
    Ok(())
}

#[tokio::test]
async fn the_scripted_server_gives_back_every_octet() -> Result<()> {
    let server = Script::new().start()?;
    gives_back_what_it_took(server.port(), "Work/2024", &Postman::new(5).one_of_each()).await?;
    assert_eq!(server.world().messages("Work/2024").len(), Kind::ALL.len());
    assert_eq!(server.transcript().count("APPEND"), Kind::ALL.len());
    assert_eq!(server.transcript().credentials_in_clear(), ["LOGIN"]);
    Ok(())
}

#[tokio::test]
async fn the_scripted_server_serves_what_a_test_put_there() -> Result<()> {
    let server = Script::new().start()?;
    let world = server.world();
    world.folder("Sent").holding([Letter::simple("um").flagged(r"\Seen $Junk"), Letter::simple("dois")]);
    world.folder(b"Or\xE7amento").spelled(Spelling::Literal).with_attributes(r"\HasNoChildren");
    world.folder("2024").spelled(Spelling::Bare).subscribed();
    let _ = world
        .folder("INBOX")
        .holding([Letter::simple("tres").date_on_wire(WireDate::Nil).claiming_size("-1")]);
    let heard = told(
        server.port(),
        &[
            "a LOGIN ana segredo\r\n",
            "b LIST \"\" * RETURN (SUBSCRIBED STATUS (MESSAGES UIDNEXT))\r\n",
            "c EXAMINE INBOX\r\n",
            "d UID FETCH 1:* (INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT)]<0.11>)\r\n",
            "e SELECT Sent\r\n",
            "f UID SEARCH RETURN (COUNT ALL) NOT DELETED HEADER Message-ID dois@example.net\r\n",
            "g UID STORE 1 -FLAGS (\\Seen)\r\n",
            "h UID FETCH 1:* (FLAGS MODSEQ) (CHANGEDSINCE 3)\r\n",
            "i LOGOUT\r\n",
        ],
    )
    .await?;
    for expected in [
        "* LIST (\\Subscribed) \"/\" 2024\r\n",
        "* STATUS \"Sent\" (MESSAGES 2 UIDNEXT 3)\r\n",
        "* LIST (\\HasNoChildren) \"/\" {9}\r\n",
        "* 1 FETCH (UID 1 INTERNALDATE NIL RFC822.SIZE -1 BODY[HEADER.FIELDS (SUBJECT)]<0> {11}\r\nSubject: tr)\r\n",
        "* ESEARCH (TAG \"f\") UID ALL 2 COUNT 1\r\n",
        "* 1 FETCH (UID 1 FLAGS ($Junk))\r\n",
        "h OK",
        "i OK",
    ] {
        assert!(heard.contains(expected), "{expected:?} is missing from {heard}");
    }
    Ok(())
}

#[tokio::test]
async fn the_scripted_server_takes_several_messages_in_one_append() -> Result<()> {
    let server = Script::new().append_uid(AppendUid::Right).start()?;
    let heard = told(
        server.port(),
        &[
            "a LOGIN {3+}\r\nana {7+}\r\nsegredo\r\n",
            "b APPEND INBOX (\\Seen) \"17-Jul-1996 02:44:25 -0700\" {4+}\r\na\r\nb ($x) {3+}\r\nc\r\n\r\n",
        ],
    )
    .await?;
    assert!(heard.contains("b OK [APPENDUID 1700000001 1:2]"), "{heard}");
    let messages = server.world().messages("INBOX");
    assert_eq!(
        messages[0].letter,
        Letter::new("a\r\nb").flagged("\\Seen").dated("17-Jul-1996 02:44:25 -0700")
    );
    assert!(messages[1].has_flag("$X"));
    Ok(())
}

#[tokio::test]
async fn the_scripted_server_refuses_on_cue_and_plays_the_user() -> Result<()> {
    let server = Script::new()
        .refuse(When::verb("APPEND").nth(2), "NO [OVERQUOTA] mailbox is full")
        .meanwhile(When::verb("EXAMINE"), |world| world.folder("INBOX").remove(1))
        .rewriting(|letter| refolded(added_received(letter)))
        .start()?;
    let mut reader = Reader::login(server.port(), "ana", PASSWORD).await?;
    let mails = Postman::new(6).ordinaries(3);
    let refused = reader.fill(mails.iter().map(|mail| ("INBOX", mail))).await?;
    assert_eq!(refused, [mails[1].name.clone()]);
    let left = reader.messages("INBOX").await?;
    assert_eq!(left.iter().map(|message| message.uid).collect::<Vec<_>>(), [2]);
    assert!(
        left[0].octets.starts_with(b"Received:\r\n by scripted.example;")
            && left[0].octets.len() > mails[2].octets.len()
    );
    Ok(())
}

#[tokio::test]
async fn the_scripted_server_applies_an_append_and_dies_before_answering() -> Result<()> {
    for end in [End::Close, End::Reset] {
        let server = Script::new().rule(When::verb("APPEND"), Act::EndUnanswered(end)).start()?;
        let mut reader = Reader::login(server.port(), "ana", PASSWORD).await?;
        assert!(reader.append("INBOX", &Postman::new(7).ordinary()).await.is_err());
        assert_eq!(server.world().messages("INBOX").len(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn the_scripted_server_cuts_at_the_octet() -> Result<()> {
    let cut = Cut { connection: Some(1), way: Way::Out, after_octets: 9, end: End::Close };
    let server = Script::new().cut(cut).start()?;
    assert_eq!(told(server.port(), &[]).await?, "* OK scri");
    assert_eq!(told(server.port(), &["a NOOP\r\n"]).await?, "* OK scripted server ready\r\na OK done\r\n");
    Ok(())
}

#[tokio::test]
async fn the_scripted_server_turns_starttls_down_or_carries_it_out() -> Result<()> {
    let refused = Script::new().starttls(StartTls::Refused).start()?;
    let heard = told(refused.port(), &["a CAPABILITY\r\n", "b STARTTLS\r\n"]).await?;
    assert!(heard.contains(" STARTTLS") && heard.contains("b NO"), "{heard}");
    let ca = TestCa::new()?;
    let works = Script::new()
        .starttls(StartTls::Works(ca.identity_for_loopback()?))
        .manners(|manners| manners.is_clear_login_refused = true)
        .start()?;
    assert!(Reader::login(works.port(), "ana", PASSWORD).await.is_err());
    assert_eq!(works.transcript().credentials_in_clear(), ["LOGIN"]);
    works.transcript().clear();
    let mut stream = TcpStream::connect(("127.0.0.1", works.port())).await?;
    stream.write_all(b"a STARTTLS\r\n").await?;
    let mut lines = BufReader::new(&mut stream).lines();
    while !lines.next_line().await?.context("closed before STARTTLS")?.starts_with("a OK") {}
    let connector = tokio_rustls::TlsConnector::from(ca.client_config()?);
    let mut stream = connector.connect("localhost".try_into()?, stream).await?;
    stream.write_all(b"b LOGIN ana segredo\r\nc LOGOUT\r\n").await?;
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await?;
    assert!(heard.contains("b OK"), "{heard}");
    assert_eq!(works.transcript().credentials_in_clear(), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn the_scripted_server_bounds_connections_keywords_sizes_and_names() -> Result<()> {
    let server = Script::new()
        .manners(|manners| {
            manners.connections_max = Some(1);
            manners.keywords_max = Some(2);
            manners.append_limit = Some(1_000);
            manners.refused_name_characters = "^".to_owned();
        })
        .start()?;
    let mut reader = Reader::login(server.port(), "ana", PASSWORD).await?;
    assert!(Reader::login(server.port(), "ana", PASSWORD).await.is_err());
    let mail = |size: usize, flags: &str| Mail::new("m", "x".repeat(size)).flagged(flags);
    let (small, large, tagged) = (mail(10, "one two"), mail(2_000, ""), mail(10, "three"));
    assert_eq!(reader.fill([("INBOX", &small), ("INBOX", &large), ("INBOX", &tagged)]).await?.len(), 2);
    assert!(reader.create("a^b").await.is_err());
    Ok(())
}

#[tokio::test]
async fn the_scripted_server_keeps_its_mail_over_an_outage() -> Result<()> {
    let mut server = Script::new().account("bia", "outra").start()?;
    server.world_of("bia").folder("INBOX").push(Letter::simple("um"));
    server.stop_and_keep();
    assert!(Reader::login(server.port(), "bia", "outra").await.is_err());
    server.start_again()?;
    assert_eq!(Reader::login(server.port(), "bia", "outra").await?.messages("INBOX").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn the_proxy_cuts_into_a_literal_and_dovecot_keeps_nothing_of_it() -> Result<()> {
    let dovecot = Dovecot::start(DovecotOptions::default())?;
    for end in [End::Close, End::Reset] {
        let proxy = Proxy::start(
            dovecot.port(),
            Plan::new().on(1, Place::IntoLiteral { number: 1, after_octets: 100 }, end),
        )?;
        let mut reader = Reader::login(proxy.port(), "ana", PASSWORD).await?;
        let failed = timeout(PATIENCE, reader.append("INBOX", &Postman::new(8).ordinary())).await?;
        assert!(failed.is_err());
        assert_eq!((proxy.faults(), proxy.connections()), (1, 1));
    }
    assert_eq!(Reader::login(dovecot.port(), "ana", PASSWORD).await?.messages("INBOX").await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn the_proxy_cuts_stalls_and_delays_where_it_is_told() -> Result<()> {
    let server = Script::new().start()?;
    let plan = Plan::new()
        .on(1, Place::ToClient(4), End::Close)
        .on(2, Place::BeforeCommand(2), End::Stall)
        .latency(Duration::from_millis(30));
    let proxy = Proxy::start(server.port(), plan)?;
    assert_eq!(told(proxy.port(), &[]).await?, "* OK");
    let mut reader = Reader::login(proxy.port(), "ana", PASSWORD).await?;
    assert!(timeout(Duration::from_millis(300), reader.folders()).await.is_err());
    let begun = std::time::Instant::now();
    Reader::login(proxy.port(), "ana", PASSWORD).await?;
    assert!(begun.elapsed() >= Duration::from_millis(90), "greeting, LOGIN, answer: {:?}", begun.elapsed());
    Ok(())
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(text)
}

#[tokio::test]
async fn the_scripted_server_lies_about_what_it_holds() -> Result<()> {
    let server = Script::new()
        .manners(|manners| {
            manners.ghosts = vec![90, 91];
            manners.is_case_insensitive = true;
            manners.is_uidvalidity_volatile = true;
        })
        .rule(
            When::verb("STATUS"),
            Act::Raw(b"* STATUS \"Sent\" (MESSAGES {9}\r\n))))\r\n{tag} OK done\r\n".to_vec()),
        )
        .rule(When::verb("NAMESPACE"), Act::Prelude(b"* OK [ALERT] mind the gap\r\n".to_vec()))
        .start()?;
    server.world().folder("Sent").holding([Letter::simple("um").unanswered(), Letter::simple("dois")]);
    let lines = [
        "a LOGIN ana segredo\r\n",
        "b CREATE SENT\r\n",
        "c SELECT sent\r\n",
        "d UID SEARCH ALL\r\n",
        "e UID FETCH 1:* (UID)\r\n",
        "f SELECT sent\r\n",
        "g STATUS Sent (MESSAGES)\r\n",
        "h NAMESPACE\r\n",
        "i LOGOUT\r\n",
    ];
    let heard = told(server.port(), &lines).await?;
    for expected in [
        "b NO [ALREADYEXISTS]",
        "[UIDVALIDITY 1700000003]",
        "* SEARCH 1 2 90 91\r\n",
        "* 2 FETCH (UID 2)\r\ne OK",
        "[UIDVALIDITY 1700000004]",
        "))))\r\ng OK done",
        "* OK [ALERT] mind the gap\r\n* NAMESPACE ((\"\" \"/\")) NIL NIL\r\nh OK",
    ] {
        assert!(heard.contains(expected), "{expected:?} is missing from {heard}");
    }
    Ok(())
}

#[tokio::test]
async fn the_scripted_server_never_stops_a_line_until_the_client_gives_up() -> Result<()> {
    let server = Script::new().rule(When::verb("NOOP"), Act::Endless(b"x".to_vec())).start()?;
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).await?;
    stream.write_all(b"a NOOP\r\n").await?;
    let mut octets = vec![0; 1024 * 1024];
    timeout(PATIENCE, stream.read_exact(&mut octets)).await??;
    assert!(octets.ends_with(b"xxxx"));
    drop(stream);
    assert!(told(server.port(), &["a CAPABILITY\r\n", "b LOGOUT\r\n"]).await?.contains("b OK"));
    Ok(())
}
