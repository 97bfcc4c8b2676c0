//! The ground's logins: a small client proves itself in every way, to the scripted server and to Dovecot alike.
//! Dovecot is the judge: what it accepts, the scripted server must accept too.

use acceptance::scripted::Script;
use acceptance::servers::{Dovecot, DovecotOptions};
use anyhow::{Context, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

const PASSWORD: &str = "segredo";

/// A connection on which lines are said and heard.
struct Talk {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
}

impl Talk {
    async fn begin(port: u16) -> Result<Self> {
        let (reader, writer) = TcpStream::connect(("127.0.0.1", port)).await?.into_split();
        let mut talk = Self { lines: BufReader::new(reader).lines(), writer };
        talk.hear().await?;
        Ok(talk)
    }

    async fn hear(&mut self) -> Result<String> {
        self.lines.next_line().await?.context("the server hung up")
    }

    /// Says a line and gives the answer to it: a continuation or a tagged line.
    async fn say(&mut self, line: &str) -> Result<String> {
        self.writer.write_all(format!("{line}\r\n").as_bytes()).await?;
        loop {
            let answer = self.hear().await?;
            if !answer.starts_with("* ") {
                return Ok(answer);
            }
        }
    }
}

fn challenge(line: &str) -> Result<Vec<u8>> {
    let text = line.strip_prefix("+ ").with_context(|| format!("no challenge: {line}"))?;
    BASE64_STANDARD.decode(text).ok().with_context(|| format!("not base64: {text}"))
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Result<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(message);
    Ok(mac.finalize().into_bytes().to_vec())
}

async fn cram_md5(port: u16, password: &str) -> Result<String> {
    let mut talk = Talk::begin(port).await?;
    let given = challenge(&talk.say("a AUTHENTICATE CRAM-MD5").await?)?;
    let mut mac = Hmac::<Md5>::new_from_slice(password.as_bytes())?;
    mac.update(&given);
    let digest: String = mac.finalize().into_bytes().iter().map(|octet| format!("{octet:02x}")).collect();
    talk.say(&BASE64_STANDARD.encode(format!("ana {digest}"))).await
}

async fn scram_sha_256(port: u16, password: &str) -> Result<String> {
    let mut talk = Talk::begin(port).await?;
    let bare = "n=ana,r=clientnonce";
    let first = BASE64_STANDARD.encode(format!("n,,{bare}"));
    let server_first =
        String::from_utf8(challenge(&talk.say(&format!("a AUTHENTICATE SCRAM-SHA-256 {first}")).await?)?)?;
    let field = |name: &str| {
        server_first.split(',').find_map(|own| own.strip_prefix(name)).context("a field is missing")
    };
    let (nonce, salt, rounds) =
        (field("r=")?, challenge(&format!("+ {}", field("s=")?))?, field("i=")?.parse::<u32>()?);
    let mut block = hmac_sha256(password.as_bytes(), &[salt.as_slice(), &[0, 0, 0, 1]].concat())?;
    let mut salted = block.clone();
    for _ in 1..rounds {
        block = hmac_sha256(password.as_bytes(), &block)?;
        salted.iter_mut().zip(&block).for_each(|(octet, mixed)| *octet ^= mixed);
    }
    let without_proof = format!("c=biws,r={nonce}");
    let message = format!("{bare},{server_first},{without_proof}");
    let client_key = hmac_sha256(&salted, b"Client Key")?;
    let signature = hmac_sha256(&Sha256::digest(&client_key), message.as_bytes())?;
    let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(key, sign)| key ^ sign).collect();
    let last = BASE64_STANDARD.encode(format!("{without_proof},p={}", BASE64_STANDARD.encode(proof)));
    let answer = talk.say(&last).await?;
    if !answer.starts_with('+') {
        return Ok(answer);
    }
    let expected = hmac_sha256(&hmac_sha256(&salted, b"Server Key")?, message.as_bytes())?;
    assert_eq!(String::from_utf8(challenge(&answer)?)?, format!("v={}", BASE64_STANDARD.encode(expected)));
    talk.say("").await
}

/// Says every line and gives the last answer.
async fn said(port: u16, lines: &[&str]) -> Result<String> {
    let mut talk = Talk::begin(port).await?;
    let mut answer = String::new();
    for line in lines {
        answer = talk.say(line).await?;
    }
    Ok(answer)
}

#[tokio::test]
async fn every_mechanism_opens_the_same_mailbox_at_both_servers() -> Result<()> {
    let masters = vec![("chefe".to_owned(), "mestra".to_owned())];
    let dovecot = Dovecot::start(DovecotOptions { masters, ..DovecotOptions::default() })?;
    let scripted = Script::new().master("chefe", "mestra").start()?;
    let encoded = |text: &str| BASE64_STANDARD.encode(text);
    let (plain, proxied) = (encoded("\0ana\0segredo"), encoded("ana\0chefe\0mestra"));
    for port in [dovecot.port(), scripted.port()] {
        for (lines, expected) in [
            (vec![format!("a AUTHENTICATE PLAIN {plain}")], "a OK"),
            (vec!["a AUTHENTICATE PLAIN".to_owned(), plain.clone()], "a OK"),
            (vec![format!("a AUTHENTICATE PLAIN {proxied}")], "a OK"),
            (vec!["a AUTHENTICATE LOGIN".to_owned(), encoded("ana"), encoded(PASSWORD)], "a OK"),
            (vec!["a LOGIN ana*chefe mestra".to_owned()], "a OK"),
            (vec!["a LOGIN \"ana\" \"segredo\"".to_owned()], "a OK"),
            (vec!["a LOGIN ana falso".to_owned()], "a NO [AUTHENTICATIONFAILED]"),
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let answer = said(port, &lines).await?;
            assert!(answer.starts_with(expected), "{lines:?}: {answer}");
        }
        for (password, expected) in [(PASSWORD, "a OK"), ("falso", "a NO [AUTHENTICATIONFAILED]")] {
            assert!(cram_md5(port, password).await?.starts_with(expected));
            assert!(scram_sha_256(port, password).await?.starts_with(expected));
        }
    }
    Ok(())
}

#[tokio::test]
async fn only_a_master_goes_on_as_someone_else() -> Result<()> {
    let server = Script::new().master("chefe", "mestra").account("bia", "outra").start()?;
    for (login, expected) in
        [("a LOGIN chefe mestra", "b OK"), ("a LOGIN bia outra", "b NO [AUTHORIZATIONFAILED]")]
    {
        assert!(said(server.port(), &[login, "b PROXYAUTH ana"]).await?.starts_with(expected), "{login}");
    }
    Ok(())
}

#[tokio::test]
async fn a_bearer_token_opens_the_mailbox_and_a_false_one_is_explained_first() -> Result<()> {
    let server = Script::new().start()?;
    let xoauth2 = |token: &str| BASE64_STANDARD.encode(format!("user=ana\u{1}auth=Bearer {token}\u{1}\u{1}"));
    let bearer = BASE64_STANDARD.encode(format!("n,a=ana,\u{1}auth=Bearer {PASSWORD}\u{1}\u{1}"));
    let right = format!("a AUTHENTICATE XOAUTH2 {}", xoauth2(PASSWORD));
    let wrong = format!("a AUTHENTICATE XOAUTH2 {}", xoauth2("falso"));
    assert!(said(server.port(), &[&right]).await?.starts_with("a OK"));
    assert!(
        said(server.port(), &[&format!("a AUTHENTICATE OAUTHBEARER {bearer}")]).await?.starts_with("a OK")
    );
    assert!(said(server.port(), &[&wrong]).await?.starts_with("+ eyJ"));
    assert!(said(server.port(), &[&wrong, ""]).await?.starts_with("a NO [AUTHENTICATIONFAILED]"));
    Ok(())
}
