//! Scenarios 1 to 5: how a mailbox is reached, and what is never said before it is safe to say it.
//! Never moves more than a letter: what becomes of mail is told elsewhere.

use acceptance::migration::{Migration, PASSWORD};
use acceptance::play::{assert_only_read, assert_untouched, census, errors};
use acceptance::reader::Reader;
use acceptance::scripted::{Act, Letter, Script, Scripted, StartTls, When};
use acceptance::servers::{Dovecot, DovecotOptions, DovecotUser, free_port};
use acceptance::tls::{Identity, TestCa};
use anyhow::{Context, Result};
use malote_engine::report::{Report, Status};

/// What users come up with, and 200 characters of it.
fn hard_password() -> String {
    format!(r#" a"b\c%*{{5}}é漢 {}"#, "ã".repeat(186))
}

/// A server with one letter.
fn with_letter(script: Script) -> Result<Scripted> {
    let server = script.start()?;
    server.world().folder("INBOX").push(Letter::simple("carta"));
    Ok(server)
}

/// `imaps` or `imap`, the latter by STARTTLS.
fn protected(scheme: &str, server: &Scripted, query: &str) -> String {
    format!("{scheme}://ana@127.0.0.1:{}{query}", server.port())
}

/// Checks that a run failed on these sides with these classes, and gives what it said of the first.
fn failed(report: &Report, expected: &[&str]) -> String {
    assert_eq!(errors(report), expected, "{:#?}", report.errors);
    assert_eq!((report.status, report.totals.copied), (Status::Failed, 0));
    assert!(report.balances());
    report.errors[0].message.clone()
}

/// Checks that the letter arrived and that the source was only read.
fn arrived(report: &Report, source: &Scripted, destination: &Scripted) {
    assert_eq!(errors(report), Vec::<String>::new(), "{:#?}", report.errors);
    assert_eq!((report.status, report.totals.copied), (Status::Success, 1));
    assert!(report.balances());
    assert_eq!(destination.world().messages("INBOX").len(), 1);
    assert_only_read(source);
}

fn assert_says(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "{word:?} is missing from {message:?}");
    }
}

#[tokio::test]
async fn s01_a_starttls_refused_reset_or_stripped_ends_that_side_before_any_credential() -> Result<()> {
    for starttls in [StartTls::Refused, StartTls::Reset, StartTls::Absent] {
        let (odd, plain) = (with_letter(Script::new().starttls(starttls.clone()))?, Script::new().start()?);
        let odd_url = protected("imap", &odd, "");
        for (from, to, side) in
            [(&odd_url, &plain.url("ana"), "source"), (&plain.url("ana"), &odd_url, "destination")]
        {
            let report = Migration::between(from, to)?.copy().await?;
            let message = failed(&report, &[&format!("{side} tls.required")]);
            assert_says(&message, &["127.0.0.1", "no credential was sent", "imaps://"]);
        }
        assert_eq!(odd.transcript().credentials_in_clear(), Vec::<String>::new(), "{starttls:?}");
        assert_eq!(odd.transcript().count("LOGIN") + odd.transcript().count("AUTHENTICATE"), 0);
        assert_untouched(&plain);
    }
    Ok(())
}

#[tokio::test]
async fn s01_what_somebody_slips_in_behind_starttls_is_refused() -> Result<()> {
    let slipped = b"{tag} OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n".to_vec();
    let script = Script::new().starttls(StartTls::Refused).rule(When::verb("STARTTLS"), Act::Raw(slipped));
    let (source, destination) = (with_letter(script)?, Script::new().start()?);
    let migration = Migration::between(&protected("imap", &source, ""), &destination.url("ana"))?;
    let message = failed(&migration.copy().await?, &["source tls.required"]);
    assert_says(&message, &["unprotected"]);
    assert_eq!(source.transcript().credentials_in_clear(), Vec::<String>::new());
    assert_untouched(&destination);
    Ok(())
}

#[tokio::test]
async fn s01_a_login_before_starttls_is_not_believed() -> Result<()> {
    let script = Script::new().starttls(StartTls::Refused);
    let script = script.manners(|manners| manners.greeting = "PREAUTH you are ana".to_owned());
    let (source, destination) = (with_letter(script)?, Script::new().start()?);
    let migration = Migration::between(&protected("imap", &source, ""), &destination.url("ana"))?;
    assert_says(&failed(&migration.copy().await?, &["source tls.required"]), &["PREAUTH"]);
    assert_untouched(&destination);
    Ok(())
}

#[tokio::test]
async fn s01_a_starttls_that_works_protects_every_credential_on_both_sides() -> Result<()> {
    let ca = TestCa::new()?;
    let script = || -> Result<Script> {
        let script = Script::new().starttls(StartTls::Works(ca.identity_for_loopback()?));
        Ok(script.manners(|manners| manners.is_clear_login_refused = true))
    };
    let (source, destination) = (with_letter(script()?)?, script()?.start()?);
    let urls = (protected("imap", &source, ""), protected("imap", &destination, ""));
    let mut migration = Migration::between(&urls.0, &urls.1)?;
    migration.extra_roots = ca.pem().into();
    arrived(&migration.copy().await?, &source, &destination);
    for server in [&source, &destination] {
        assert_eq!(server.transcript().credentials_in_clear(), Vec::<String>::new());
        assert!(server.transcript().count("AUTHENTICATE") > 0);
    }
    Ok(())
}

#[tokio::test]
async fn s01_tls_where_none_is_spoken_and_none_where_tls_is_are_told_apart_from_a_dead_host() -> Result<()> {
    let (plain, destination) = (Script::new().start()?, Script::new().start()?);
    let migration = Migration::between(&protected("imaps", &plain, ""), &destination.url("ana"))?;
    assert_says(&failed(&migration.copy().await?, &["source tls.required"]), &["check the port"]);
    let dead = format!("imaps://ana@127.0.0.1:{}", free_port()?);
    let message = failed(&Migration::between(&dead, &destination.url("ana"))?.copy().await?, &["source net"]);
    assert_says(&message, &["connecting to 127.0.0.1", "check host and port"]);
    let unknown = "imaps://ana@servidor-que-nao-existe.invalid";
    let message =
        failed(&Migration::between(unknown, &destination.url("ana"))?.copy().await?, &["source net"]);
    assert_says(&message, &["looking up servidor-que-nao-existe.invalid", "check the host's name"]);
    assert_untouched(&destination);
    Ok(())
}

#[tokio::test]
async fn s02_an_unknown_certificate_is_refused_with_the_pin_that_would_accept_it() -> Result<()> {
    let identity = Identity::self_signed()?;
    let fingerprint = identity.fingerprint()?;
    let (source, destination) = (with_letter(Script::new().tls(identity))?, Script::new().start()?);
    let mut migration = Migration::between(&protected("imaps", &source, ""), &destination.url("ana"))?;
    let message = failed(&migration.copy().await?, &["source tls.untrusted"]);
    let advice = format!("?pin=sha256:{fingerprint}");
    assert_says(&message, &["127.0.0.1", &advice]);
    assert_eq!(source.transcript().entries(), []);
    assert_untouched(&destination);
    migration.from = protected("imaps", &source, &advice);
    arrived(&migration.copy().await?, &source, &destination);
    Ok(())
}

#[tokio::test]
async fn s02_a_pin_for_one_side_does_not_relax_the_other() -> Result<()> {
    let identity = Identity::self_signed()?;
    let pin = format!("?pin=sha256:{}", identity.fingerprint()?);
    let source = with_letter(Script::new().tls(identity.clone()))?;
    let destination = Script::new().tls(identity).start()?;
    let urls = |server| (protected("imaps", server, ""), protected("imaps", server, &pin));
    let ((from, from_pinned), (to, to_pinned)) = (urls(&source), urls(&destination));
    let report = Migration::between(&from_pinned, &to)?.copy().await?;
    failed(&report, &["destination tls.untrusted"]);
    failed(&Migration::between(&from, &to_pinned)?.copy().await?, &["source tls.untrusted"]);
    assert_eq!(census(&destination.world()), [("INBOX".to_owned(), 0)]);
    arrived(&Migration::between(&from_pinned, &to_pinned)?.copy().await?, &source, &destination);
    Ok(())
}

#[tokio::test]
async fn s02_a_pin_holds_against_a_certificate_that_everybody_else_would_trust() -> Result<()> {
    let ca = TestCa::new()?;
    let (shown, meant) = (ca.identity_for_loopback()?, ca.identity_for_loopback()?.fingerprint()?);
    let fingerprint = shown.fingerprint()?;
    let (source, destination) = (with_letter(Script::new().tls(shown))?, Script::new().start()?);
    let pinned = protected("imaps", &source, &format!("?pin=sha256:{meant}"));
    let mut migration = Migration::between(&pinned, &destination.url("ana"))?;
    migration.extra_roots = ca.pem().into();
    let message = failed(&migration.copy().await?, &["source tls.untrusted"]);
    assert_says(&message, &["not the pinned one", &fingerprint]);
    migration.from = protected("imaps", &source, "");
    arrived(&migration.copy().await?, &source, &destination);
    Ok(())
}

#[tokio::test]
async fn s02_a_certificate_that_ran_out_is_refused_though_its_authority_is_known() -> Result<()> {
    let ca = TestCa::new()?;
    let expired = ca.expired_identity()?;
    let fingerprint = expired.fingerprint()?;
    for (script, scheme) in [
        (Script::new().tls(expired.clone()), "imaps"),
        (Script::new().starttls(StartTls::Works(expired.clone())), "imap"),
    ] {
        let (source, destination) = (with_letter(script)?, Script::new().start()?);
        let mut migration = Migration::between(&protected(scheme, &source, ""), &destination.url("ana"))?;
        migration.extra_roots = ca.pem().into();
        let message = failed(&migration.copy().await?, &["source tls.untrusted"]);
        assert_says(&message.to_lowercase(), &[&fingerprint, "expired"]);
        assert_eq!(source.transcript().credentials_in_clear(), Vec::<String>::new());
        assert_untouched(&destination);
    }
    Ok(())
}

#[tokio::test]
async fn s03_wrong_passwords_on_both_sides_are_told_at_once_and_tried_once() -> Result<()> {
    let refusing = |text: &str| with_letter(Script::new().refuse(When::verb("AUTHENTICATE"), text));
    let source = refusing("NO [AUTHENTICATIONFAILED] senha errada na origem")?;
    let destination = refusing("NO LOGIN failed at the destination.")?;
    let migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
    let report = migration.copy().await?;
    failed(&report, &["source auth.bad_credentials", "destination auth.bad_credentials"]);
    assert_says(&report.errors[0].message, &["senha errada na origem"]);
    assert_says(&report.errors[1].message, &["LOGIN failed at the destination."]);
    for server in [&source, &destination] {
        let transcript = server.transcript();
        assert_eq!((transcript.count("AUTHENTICATE"), transcript.count("LOGIN")), (1, 0));
        assert_eq!((transcript.count("CREATE"), transcript.count("LIST")), (0, 0));
    }
    assert_eq!(migration.plan().await?.errors.len(), 2);
    Ok(())
}

#[tokio::test]
async fn s03_a_real_server_refuses_a_wrong_password_by_every_mechanism() -> Result<()> {
    let (dovecot, destination) = (Dovecot::with_users(&[("ana", PASSWORD)])?, Script::new().start()?);
    for auth in ["plain", "login", "cram-md5", "scram"] {
        let from = format!("{}&auth={auth}", dovecot.url("ana"));
        let mut migration = Migration::between(&from, &destination.url("ana"))?;
        migration.from_password = "errada".to_owned();
        failed(&migration.copy().await?, &["source auth.bad_credentials"]);
    }
    assert_untouched(&destination);
    Ok(())
}

#[tokio::test]
async fn s04_a_password_of_every_kind_of_character_opens_and_is_never_seen() -> Result<()> {
    let password = hard_password();
    assert_eq!(password.chars().count(), 200);
    let dovecot = Dovecot::with_users(&[("ana", &password)])?;
    Reader::login(dovecot.port(), "ana", PASSWORD).await.err().context("the easy password opened it")?;
    let scripted = Script::new().account("ana", &password).start()?;
    for url in [dovecot.url("ana"), scripted.url("ana")] {
        for query in ["", "&auth=login", "&auth=plain", "&auth=cram-md5", "&auth=scram"] {
            let destination = Script::new().start()?;
            let mut migration = Migration::between(&format!("{url}{query}"), &destination.url("ana"))?;
            migration.from_password.clone_from(&password);
            let report = migration.copy().await?;
            assert_eq!((errors(&report), report.status), (vec![], Status::Success), "{query} {url}");
            let told = format!("{}{:?}{report:?}", serde_json::to_string(&report)?, migration.events());
            assert!(!told.contains("ãã") && !told.contains(PASSWORD), "{told}");
            let state = std::fs::read(migration.state())?;
            assert!(!state.windows(4).any(|octets| octets == "ãã".as_bytes()));
        }
    }
    assert_only_read(&scripted);
    Ok(())
}

#[tokio::test]
async fn s04_a_refused_password_is_not_repeated_to_whoever_reads_the_report() -> Result<()> {
    let (source, destination) = (Script::new().start()?, Script::new().start()?);
    for auth in ["plain", "login", "cram-md5", "scram", "xoauth2", "oauthbearer"] {
        let from = format!("{}&auth={auth}", source.url("ana"));
        let mut migration = Migration::between(&from, &destination.url("ana"))?;
        migration.from_password = "hunter2-segredo-errado".to_owned();
        let report = migration.copy().await?;
        let class = if auth.contains("auth") { "auth.token_expired" } else { "auth.bad_credentials" };
        failed(&report, &[&format!("source {class}")]);
        let told = format!("{}{:?}", serde_json::to_string(&report)?, migration.events());
        assert!(!told.contains("hunter2"), "{told}");
    }
    Ok(())
}

#[tokio::test]
async fn s05_every_mechanism_opens_the_mailbox_where_it_is_the_only_one() -> Result<()> {
    for (auth, mechanism) in [
        ("plain", "PLAIN"),
        ("login", "LOGIN"),
        ("cram-md5", "CRAM-MD5"),
        ("scram", "SCRAM-SHA-256"),
        ("xoauth2", "XOAUTH2"),
        ("oauthbearer", "OAUTHBEARER"),
    ] {
        let script = || {
            let only = move |manners: &mut acceptance::scripted::Manners| {
                manners.mechanisms = vec![mechanism.to_owned()];
                manners.capabilities.push_str(" LOGINDISABLED");
            };
            Script::new().manners(only)
        };
        let (source, destination) = (with_letter(script())?, script().without("SASL-IR").start()?);
        let query = format!("&auth={auth}");
        let urls = (source.url("ana") + &query, destination.url("ana") + &query);
        arrived(&Migration::between(&urls.0, &urls.1)?.copy().await?, &source, &destination);
        for server in [&source, &destination] {
            assert!(server.transcript().count("AUTHENTICATE") > 0, "{auth}");
            assert_eq!(server.transcript().count("LOGIN"), 0, "{auth}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn s05_a_server_that_forbids_login_and_offers_no_mechanism_is_told_no_password() -> Result<()> {
    let script = Script::new().manners(|manners| {
        manners.mechanisms.clear();
        manners.capabilities.push_str(" LOGINDISABLED");
    });
    let (source, destination) = (with_letter(script)?, Script::new().start()?);
    let report = Migration::between(&source.url("ana"), &destination.url("ana"))?.copy().await?;
    assert_says(&failed(&report, &["source auth.unsupported"]), &["LOGINDISABLED", "?auth="]);
    assert_eq!(source.transcript().credentials_in_clear(), Vec::<String>::new());
    assert_untouched(&destination);
    Ok(())
}

#[tokio::test]
async fn s05_a_server_that_knows_us_already_is_told_no_password() -> Result<()> {
    let script = Script::new().manners(|manners| manners.greeting = "PREAUTH you are ana".to_owned());
    let (source, destination) = (with_letter(script)?, Script::new().start()?);
    let report = Migration::between(&source.url("ana"), &destination.url("ana"))?.copy().await?;
    arrived(&report, &source, &destination);
    assert_eq!(source.transcript().credentials_in_clear(), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn s05_an_administrator_sees_at_dovecot_what_the_user_sees() -> Result<()> {
    let masters = vec![("chefe".to_owned(), "mestra".to_owned())];
    let users = vec![DovecotUser::new("ana", PASSWORD), DovecotUser::new("bia", PASSWORD)];
    let dovecot = Dovecot::start(DovecotOptions { masters, users, ..DovecotOptions::default() })?;
    let mut reader = Reader::login(dovecot.port(), "ana", PASSWORD).await?;
    let mail = acceptance::mail::Postman::new(5).ordinary();
    reader.fill([("INBOX", &mail), ("Projetos", &mail)]).await?;
    let own = copied_from(&dovecot.url("ana"), PASSWORD).await?;
    assert_eq!(own, [("INBOX".to_owned(), 1), ("Projetos".to_owned(), 1)]);
    for from in [
        format!("{}&auth=plain", dovecot.url("ana*chefe")),
        format!("{}&auth=login", dovecot.url("ana*chefe")),
        format!("{}&authzid=ana&auth=plain", dovecot.url("chefe")),
    ] {
        assert_eq!(copied_from(&from, "mestra").await?, own, "{from}");
    }
    for refused in [dovecot.url("ana*chefe"), format!("{}&authzid=ana", dovecot.url("chefe"))] {
        let destination = Script::new().start()?;
        let mut migration = Migration::between(&refused, &destination.url("ana"))?;
        migration.from_password = "mestra".to_owned();
        let report = migration.copy().await?;
        assert_says(&failed(&report, &["source auth.no_mailbox_rights"]), &["?auth=plain"]);
    }
    Ok(())
}

/// What an empty destination holds after a copy.
async fn copied_from(from: &str, password: &str) -> Result<Vec<(String, usize)>> {
    let destination = Script::new().start()?;
    let mut migration = Migration::between(from, &destination.url("ana"))?;
    migration.from_password = password.to_owned();
    let report = migration.copy().await?;
    assert_eq!((errors(&report), report.status), (vec![], Status::Success), "{from} {:?}", report.errors);
    Ok(census(&destination.world()))
}

#[tokio::test]
async fn s05_under_tls_an_administrator_need_not_name_the_way() -> Result<()> {
    let masters = vec![("chefe".to_owned(), "mestra".to_owned())];
    let dovecot = Dovecot::start(DovecotOptions { masters, tls: true, ..DovecotOptions::default() })?;
    let mut reader = Reader::login(dovecot.port(), "ana", PASSWORD).await?;
    reader.append("INBOX", &acceptance::mail::Postman::new(5).ordinary()).await?;
    let destination = Script::new().start()?;
    for from in [
        format!("imap://chefe@127.0.0.1:{}?authzid=ana", dovecot.port()),
        format!("imaps://chefe@127.0.0.1:{}?authzid=ana", dovecot.tls_port().context("no TLS port")?),
    ] {
        let mut migration = Migration::between(&from, &destination.url("ana"))?;
        migration.from_password = "mestra".to_owned();
        migration.extra_roots = dovecot.ca().context("no authority")?.pem().into();
        let report = migration.copy().await?;
        assert_eq!((errors(&report), report.status), (vec![], Status::Success), "{:?}", report.errors);
    }
    assert_eq!(census(&destination.world()), [("INBOX".to_owned(), 1)]);
    Ok(())
}

#[tokio::test]
async fn s05_an_administrator_fills_the_mailbox_that_was_named_and_no_other() -> Result<()> {
    let source = with_letter(Script::new())?;
    for query in ["&authzid=ana", "&authzid=ana&auth=plain", "&authzid=ana&auth=proxyauth"] {
        let destination = Script::new().master("chefe", "mestra").start()?;
        let to = destination.url("chefe") + query;
        let mut migration = Migration::between(&source.url("ana"), &to)?;
        migration.to_password = "mestra".to_owned();
        arrived(&migration.copy().await?, &source, &destination);
        assert_eq!(census(&destination.world_of("chefe")), [("INBOX".to_owned(), 0)], "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn s05_a_way_to_log_in_that_cannot_name_another_user_is_refused() -> Result<()> {
    for auth in ["login", "cram-md5"] {
        let source = Script::new().master("chefe", "mestra").start()?;
        source.world_of("chefe").folder("INBOX").push(Letter::simple("carta da chefe"));
        let destination = Script::new().start()?;
        let from = format!("{}&authzid=ana&auth={auth}", source.url("chefe"));
        let mut migration = Migration::between(&from, &destination.url("ana"))?;
        migration.from_password = "mestra".to_owned();
        failed(&migration.copy().await?, &["source auth.unsupported"]);
        assert_untouched(&destination);
    }
    Ok(())
}

#[tokio::test]
async fn s05_a_user_who_is_no_administrator_is_told_so() -> Result<()> {
    for query in ["&authzid=ana&auth=plain", "&authzid=ana&auth=proxyauth"] {
        let (source, destination) =
            (with_letter(Script::new().account("bia", PASSWORD))?, Script::new().start()?);
        let from = source.url("bia") + query;
        let report = Migration::between(&from, &destination.url("ana"))?.copy().await?;
        failed(&report, &["source auth.no_mailbox_rights"]);
        assert_untouched(&destination);
    }
    Ok(())
}
