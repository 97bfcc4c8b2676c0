//! `malote` with OAuth documents, as an operator runs it: both sides, rows of a sheet, kills, a consent on a terminal.
//! Every case looks at what is said as well: no secret may be in it.

use std::time::Duration;

use acceptance::identity_provider::{
    CLIENT_ID, CLIENT_SECRET, ISSUER, IdentityProvider, KEY_PEM, Lie, SCOPE,
};
use acceptance::mail::{Mail, Postman};
use acceptance::migration::PASSWORD;
use acceptance::office::{Writing, contents, differences, move_in, sorted};
use acceptance::program::{Ended, Home, between, until};
use acceptance::reader::{Fingerprint, Reader};
use acceptance::servers::{Dovecot, DovecotOptions};
use anyhow::{Result, ensure};
use serde_json::{Value, json};

const SEED: u64 = 4_207;

struct Ground {
    home: Home,
    provider: IdentityProvider,
    source: Dovecot,
    destination: Dovecot,
    expected: Vec<Fingerprint>,
}

impl Ground {
    async fn lay(messages: usize) -> Result<Self> {
        let (home, provider) = (Home::new()?, IdentityProvider::start("ana")?);
        let options = || DovecotOptions {
            introspection_url: Some(provider.introspection_url()),
            ..DovecotOptions::default()
        };
        let (source, destination) = (Dovecot::start(options())?, Dovecot::start(options())?);
        let mails: Vec<Mail> = Postman::new(SEED).ordinaries(messages);
        let mut reader = Reader::login(source.port(), "ana", PASSWORD).await?;
        ensure!(move_in(&mut reader, Writing::PLAIN, &sorted(mails)).await?.is_empty());
        let expected = contents(&mut reader, Writing::PLAIN).await?;
        home.write("secret", CLIENT_SECRET)?;
        home.write("refresh", provider.consent())?;
        Ok(Self { home, provider, source, destination, expected })
    }

    async fn is_exact(&self) -> Result<()> {
        let mut reader = Reader::login(self.destination.port(), "ana", PASSWORD).await?;
        let there = contents(&mut reader, Writing::PLAIN).await?;
        let (missing, altered) = differences(&self.expected, &there);
        ensure!(missing.is_empty() && altered.is_empty(), "missing {missing:#?}, too many {altered:#?}");
        Ok(())
    }

    /// Writes a document of a kind and gives its path.
    fn document(&self, kind: &str) -> Result<String> {
        let mut document = json!({"kind": kind, "token_url": self.provider.token_url()});
        let client = [("client_id", CLIENT_ID), ("client_secret_file", "secret")];
        let refresh = ("refresh_token_file", "refresh");
        let members: Vec<(&str, &str)> = match kind {
            "client_credentials" => [client.as_slice(), &[("scope", SCOPE)]].concat(),
            "refresh_token" => [client.as_slice(), &[refresh]].concat(),
            "device_code" => {
                let device_url = self.provider.device_url();
                document["device_url"] = device_url.into();
                [client.as_slice(), &[refresh, ("scope", SCOPE)]].concat()
            }
            _ => {
                let key = json!({"client_email": ISSUER, "private_key": KEY_PEM});
                self.home.write("key.json", key.to_string())?;
                vec![("key_file", "key.json"), ("scope", SCOPE)]
            }
        };
        for (name, value) in members {
            document[name] = Value::from(value);
        }
        self.home.write(&format!("{kind}.json"), document.to_string())
    }

    /// A copy with the document for both sides.
    fn copy<'a>(&self, from: &'a str, to: &'a str, document: &'a str) -> Vec<&'a str> {
        let mut arguments = between("copy", from, to);
        arguments.extend(["--from-oauth", document, "--to-oauth", document]);
        arguments
    }

    /// What was said holds neither a token nor a secret.
    #[track_caller]
    fn is_discreet(ended: &Ended) {
        let said = format!("{}{}", ended.out, ended.err);
        assert!(!said.contains("hunter2") && !said.contains("PRIVATE"), "{said}");
    }
}

#[tokio::test]
async fn every_kind_of_grant_moves_a_mailbox_and_shares_its_token_between_both_sides() -> Result<()> {
    let ground = Ground::lay(60).await?;
    let (from, to) = (ground.source.url("ana"), ground.destination.url("ana"));
    for kind in ["client_credentials", "refresh_token", "service_account"] {
        let document = ground.document(kind)?;
        let before = ground.provider.asked("token");
        let ended = ground.home.run(ground.copy(&from, &to, &document)).await?.with(0);
        Ground::is_discreet(&ended);
        assert_eq!(ended.json()["status"], "success");
        assert_eq!(ground.provider.asked("token") - before, 1, "{kind}");
        ground.is_exact().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_program_and_a_file_give_tokens_too() -> Result<()> {
    let ground = Ground::lay(20).await?;
    let (from, to) = (ground.source.url("ana"), ground.destination.url("ana"));
    let token = ground.provider.state().new_token("ana");
    ground.home.write("token", &token)?;
    let path = ground.home.path("token").display().to_string();
    let program = json!({"kind": "command", "command": ["cat", path]});
    let program = ground.home.write("program.json", program.to_string())?;
    let file = ground.home.write("file.json", r#"{"kind":"token_file","token_file":"token"}"#)?;
    for document in [&program, &file] {
        let ended = ground.home.run(ground.copy(&from, &to, document)).await?.with(0);
        Ground::is_discreet(&ended);
    }
    let mut arguments = between("copy", &from, &to);
    arguments.extend(["--from-token-file", &path, "--to-token-file", &path]);
    Ground::is_discreet(&ground.home.run(arguments).await?.with(0));
    ground.is_exact().await
}

#[tokio::test]
async fn a_refused_grant_ends_with_5_and_a_sentence_and_the_next_run_goes_on() -> Result<()> {
    let ground = Ground::lay(40).await?;
    let (from, to) = (ground.source.url("ana"), ground.destination.url("ana"));
    let document = ground.document("refresh_token")?;
    for (name, class, word) in [
        ("invalid_grant", "auth.token_expired", "the user has to consent again"),
        ("interaction_required", "auth.token_expired", "the user has to consent again"),
        ("unauthorized_client", "auth.bad_credentials", "unauthorized_client"),
    ] {
        ground.provider.state().always = Some(Lie::refusal(name));
        let ended = ground.home.run(ground.copy(&from, &to, &document)).await?.with(5);
        Ground::is_discreet(&ended);
        assert!(ended.errors().contains(&format!("source {class}")), "{}", ended.out);
        assert!(ended.out.contains(word) && ended.out.contains("run again"), "{}", ended.out);
    }
    ground.provider.state().always = None;
    ground.home.run(ground.copy(&from, &to, &document)).await?.with(0);
    ground.is_exact().await
}

#[tokio::test]
async fn a_rotated_refresh_token_outlives_a_kill() -> Result<()> {
    let ground = Ground::lay(150).await?;
    // Each login needs a new token, and each token another refresh token.
    ground.provider.lives(Duration::from_secs(60), 0);
    let (from, to) = (ground.source.url("ana"), ground.destination.url("ana"));
    let document = ground.document("refresh_token")?;
    let mut lost = 0;
    for round in 1..=4 {
        let before = ground.provider.asked("token");
        let mut child = ground.home.command(ground.copy(&from, &to, &document)).spawn()?;
        // A token was given out and looked up: mail is about to move, or moves.
        let looked_up = ground.provider.asked("introspect");
        until("a login", || ground.provider.asked("introspect") > looked_up).await;
        tokio::time::sleep(Duration::from_millis(25 * round)).await;
        child.start_kill()?;
        child.wait().await?;
        assert!(ground.provider.asked("token") > before);
        let kept = std::fs::read_to_string(ground.home.path("refresh"))?;
        let is_known = ground.provider.state().refresh_tokens.contains(kept.trim());
        // Between the provider's answer and the disk lies a moment that nobody can close; it must be told apart.
        if !is_known {
            eprintln!("round {round}: killed between the answer and the disk");
            lost += 1;
            ground.home.write("refresh", ground.provider.consent())?;
        }
    }
    assert!(lost <= 1, "a moment that small is not met {lost} times");
    let ended = ground.home.run(ground.copy(&from, &to, &document)).await?.with(0);
    Ground::is_discreet(&ended);
    ground.is_exact().await
}

#[tokio::test]
async fn a_code_for_another_device_is_shown_by_probe_and_serves_later_runs() -> Result<()> {
    let ground = Ground::lay(10).await?;
    std::fs::remove_file(ground.home.path("refresh"))?;
    ground.provider.state().device_answers.push_back("authorization_pending");
    let (from, to) = (ground.source.url("ana"), ground.destination.url("ana"));
    let document = ground.document("device_code")?;
    // Nobody looks on here, so that a copy does not wait for anybody.
    let ended = ground.home.run(ground.copy(&from, &to, &document)).await?.with(2);
    assert!(ended.out.contains("malote probe") || ended.err.contains("malote probe"), "{ended:?}");
    let ended = ground.home.run(["probe", &from, "--json", "--oauth", &document]).await?.with(0);
    assert!(
        ended.err.contains("https://login.example/device") && ended.err.contains("WDJB-MJHT"),
        "{ended:?}"
    );
    Ground::is_discreet(&ended);
    ground.home.run(ground.copy(&from, &to, &document)).await?.with(0);
    assert_eq!(ground.provider.asked("device"), 1);
    ground.is_exact().await
}

#[tokio::test]
async fn rows_of_a_sheet_share_a_grant_or_have_their_own() -> Result<()> {
    let ground = Ground::lay(20).await?;
    let (from, to) = (ground.source.url("ana"), ground.destination.url("ana"));
    ground.document("refresh_token")?;
    ground.document("service_account")?;
    let other = ground.destination.url("bia");
    let sheet = format!(
        "from,to,from_oauth,to_oauth,to_password\n{from},{to},refresh_token.json,refresh_token.json,\n\
         {from},{other},refresh_token.json,service_account.json,\n"
    );
    let sheet = ground.home.write("rows.csv", sheet)?;
    let ended = ground.home.run(["batch", &sheet, "--json", "--quiet"]).await?.with(0);
    Ground::is_discreet(&ended);
    // One rotating grant for three sides, and one assertion for the fourth.
    assert_eq!(ground.provider.asked("token"), 2);
    ground.is_exact().await
}

#[tokio::test]
async fn a_wrong_document_is_a_wrong_command_line() -> Result<()> {
    let ground = Ground::lay(1).await?;
    let (from, to) = (ground.source.url("ana"), ground.destination.url("ana"));
    for (text, word) in [
        ("hunter2", "--help"),
        (r#"{"kind":"client_credentials"}"#, "lacks"),
        (r#"{"kind":"refresh_token","client_secret":"hunter2"}"#, "unknown field"),
        (r#"{"kind":"service_account","provider":"google","key_file":"absent"}"#, "absent"),
        (
            r#"{"kind":"refresh_token","token_url":"http://far.example/","client_id":"c","refresh_token_file":"r"}"#,
            "https://",
        ),
    ] {
        let document = ground.home.write("wrong.json", text)?;
        let ended = ground.home.run(ground.copy(&from, &to, &document)).await?.with(2);
        assert!(ended.err.contains(word), "{word}: {}", ended.err);
        Ground::is_discreet(&ended);
    }
    Ok(())
}
