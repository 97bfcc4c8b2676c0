//! An independent IMAP client that fills accounts and reads them back, for comparing what Malote moved.
//! Never uses Malote's own IMAP layer; async-imap shares no line with it.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Context, Result, anyhow, bail};
use async_imap::types::{Flag, NameAttribute};
use async_imap::{Client, Session};
use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;

use crate::mail::Mail;

/// A message as the server gives it back.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadMessage {
    /// Folder name as on the wire.
    pub folder: String,
    /// The message's octets.
    pub octets: Vec<u8>,
    /// Flags and keywords, without `\Recent`, which belongs to the session.
    pub flags: BTreeSet<String>,
    /// INTERNALDATE in seconds since 1970, UTC.
    pub internal_date_s: Option<i64>,
    /// Its UID.
    pub uid: u32,
}

impl ReadMessage {
    /// SHA-256 of the octets, lower-case hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        Sha256::digest(&self.octets).iter().map(|octet| format!("{octet:02x}")).collect()
    }

    /// What two accounts are compared by: everything but the UID, octets as a hash.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint {
            folder: self.folder.clone(),
            sha256: self.sha256(),
            flags: self.flags.clone(),
            internal_date_s: self.internal_date_s,
        }
    }
}

impl fmt::Debug for ReadMessage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = String::from_utf8_lossy(&self.octets[..self.octets.len().min(120)]).into_owned();
        write!(out, "{} uid {} {:?} {:?} {head:?}", self.folder, self.uid, self.flags, self.internal_date_s)
    }
}

/// A message without its octets and UID.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint {
    /// Folder name as on the wire.
    pub folder: String,
    /// SHA-256 of the octets, lower-case hexadecimal.
    pub sha256: String,
    /// Flags and keywords.
    pub flags: BTreeSet<String>,
    /// INTERNALDATE in seconds since 1970, UTC.
    pub internal_date_s: Option<i64>,
}

/// A folder that can hold mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFolder {
    /// Name as on the wire.
    pub name: String,
    /// Whether it can be selected.
    pub is_selectable: bool,
    /// Hierarchy separator.
    pub delimiter: Option<String>,
}

/// A logged-in session.
#[derive(Debug)]
pub struct Reader {
    session: Session<TcpStream>,
}

impl Reader {
    /// Connects to 127.0.0.1 without TLS and logs in.
    pub async fn login(port: u16, user: &str, password: &str) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let mut client = Client::new(stream);
        client.read_response().await?.context("the server closed before its greeting")?;
        let session = client.login(user, password).await.map_err(|(cause, _)| cause)?;
        Ok(Self { session })
    }

    /// All folders, in the server's order.
    pub async fn folders(&mut self) -> Result<Vec<ReadFolder>> {
        let names: Vec<_> = self.session.list(Some(""), Some("*")).await?.try_collect().await?;
        let read = |name: &async_imap::types::Name| ReadFolder {
            name: unescaped(name.name()),
            is_selectable: !name.attributes().iter().any(|own| matches!(own, NameAttribute::NoSelect)),
            delimiter: name.delimiter().map(str::to_owned),
        };
        Ok(names.iter().map(read).collect())
    }

    /// Makes a folder.
    pub async fn create(&mut self, folder: &str) -> Result<()> {
        self.session.create(folder).await.with_context(|| format!("creating {folder}"))
    }

    /// Subscribes to a folder.
    pub async fn subscribe(&mut self, folder: &str) -> Result<()> {
        self.session.subscribe(folder).await.with_context(|| format!("subscribing to {folder}"))
    }

    /// Appends one message with its flags and date; the folder must exist.
    pub async fn append(&mut self, folder: &str, mail: &Mail) -> Result<()> {
        let flags = format!("({})", mail.flags.join(" "));
        let date = mail.internal_date.as_deref().map(|date| format!("\"{date}\""));
        self.session
            .append(folder, Some(flags.as_str()), date.as_deref(), &mail.octets)
            .await
            .with_context(|| format!("appending {} ({} octets) to {folder}", mail.name, mail.octets.len()))
    }

    /// Makes the folders that are missing and appends everything; gives what the server refused.
    pub async fn fill<'a>(
        &mut self,
        mails: impl IntoIterator<Item = (&'a str, &'a Mail)>,
    ) -> Result<Vec<String>> {
        let mut known: BTreeSet<String> =
            self.folders().await?.into_iter().map(|folder| folder.name).collect();
        let mut refused = Vec::new();
        for (folder, mail) in mails {
            if !folder.eq_ignore_ascii_case("INBOX") && known.insert(folder.to_owned()) {
                self.create(folder).await?;
            }
            match self.append(folder, mail).await {
                Ok(()) => {}
                // A refused message leaves the session whole; a lost connection does not.
                Err(cause) if cause.downcast_ref::<async_imap::error::Error>().is_some_and(is_refusal) => {
                    refused.push(mail.name.clone());
                }
                Err(cause) => return Err(cause),
            }
        }
        Ok(refused)
    }

    /// Every message of one folder, in order of UID.
    pub async fn messages(&mut self, folder: &str) -> Result<Vec<ReadMessage>> {
        let mailbox = self.session.examine(folder).await.with_context(|| format!("examining {folder}"))?;
        if mailbox.exists == 0 {
            return Ok(Vec::new());
        }
        let items = "(UID FLAGS INTERNALDATE BODY.PEEK[])";
        let fetched: Vec<_> = self.session.uid_fetch("1:*", items).await?.try_collect().await?;
        let mut messages = Vec::with_capacity(fetched.len());
        for answer in &fetched {
            let uid = answer.uid.ok_or_else(|| anyhow!("an answer without UID in {folder}"))?;
            let Some(octets) = answer.body() else { bail!("UID {uid} of {folder} came without its body") };
            messages.push(ReadMessage {
                folder: folder.to_owned(),
                octets: octets.to_vec(),
                flags: answer.flags().filter_map(|flag| flag_text(&flag)).collect(),
                internal_date_s: answer.internal_date().map(|date| date.timestamp()),
                uid,
            });
        }
        messages.sort_by_key(|message| message.uid);
        Ok(messages)
    }

    /// Every message of every folder, in order of folder name and UID.
    pub async fn everything(&mut self) -> Result<Vec<ReadMessage>> {
        let mut folders = self.folders().await?;
        folders.sort_by(|left, right| left.name.cmp(&right.name));
        let mut all = Vec::new();
        for folder in folders.iter().filter(|folder| folder.is_selectable) {
            all.extend(self.messages(&folder.name).await?);
        }
        Ok(all)
    }

    /// What the whole account is compared by, sorted, so that UIDs and order do not matter.
    pub async fn fingerprints(&mut self) -> Result<Vec<Fingerprint>> {
        let mut all: Vec<Fingerprint> =
            self.everything().await?.iter().map(ReadMessage::fingerprint).collect();
        all.sort();
        Ok(all)
    }

    /// Sends any command and gives whether it was obeyed; for changes that a test makes as the user.
    pub async fn run(&mut self, command: &str) -> Result<()> {
        self.session.run_command_and_check_ok(command).await.with_context(|| format!("running {command}"))
    }

    /// Logs out.
    pub async fn logout(mut self) -> Result<()> {
        Ok(self.session.logout().await?)
    }
}

/// A quoted name as it is meant: async-imap leaves the backslashes of RFC 3501's quoted strings in it.
fn unescaped(name: &str) -> String {
    let mut letters = name.chars();
    let next =
        || letters.next().and_then(|letter| if letter == '\\' { letters.next() } else { Some(letter) });
    std::iter::from_fn(next).collect()
}

fn is_refusal(cause: &async_imap::error::Error) -> bool {
    matches!(
        cause,
        async_imap::error::Error::No(_) | async_imap::error::Error::Bad(_) | async_imap::error::Error::Append
    )
}

fn flag_text(flag: &Flag<'_>) -> Option<String> {
    Some(match flag {
        Flag::Seen => "\\Seen".to_owned(),
        Flag::Answered => "\\Answered".to_owned(),
        Flag::Flagged => "\\Flagged".to_owned(),
        Flag::Deleted => "\\Deleted".to_owned(),
        Flag::Draft => "\\Draft".to_owned(),
        Flag::MayCreate => "\\*".to_owned(),
        Flag::Recent => return None,
        Flag::Custom(name) => name.to_string(),
    })
}
