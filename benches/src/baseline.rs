//! The way that most tools copy: one message after the other, each APPEND awaited (async-imap).
//! Never a tool to use: it knows no flags and no second run.

use anyhow::{Context as _, Result, anyhow};
use async_imap::types::NameAttribute;
use async_imap::{Client, Session};
use futures_util::TryStreamExt as _;
use tokio::net::TcpStream;

use crate::rivals::PASSWORD;

/// Messages fetched by one command.
const WINDOW: u32 = 200;

/// `baseline FROM_PORT FROM_USER TO_PORT TO_USER`
pub fn main(words: &[String]) -> Result<()> {
    let [from, from_user, to, user] = words else {
        return Err(anyhow!("FROM_PORT FROM_USER TO_PORT TO_USER"));
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(copy((from.parse()?, from_user), (to.parse()?, user)))
}

async fn login(port: u16, user: &str) -> Result<Session<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let mut client = Client::new(stream);
    client.read_response().await?.context("no greeting")?;
    client.login(user, PASSWORD).await.map_err(|(error, _)| error.into())
}

async fn copy(from: (u16, &str), to: (u16, &str)) -> Result<()> {
    let mut source = login(from.0, from.1).await?;
    let mut destination = login(to.0, to.1).await?;
    let names: Vec<_> = source.list(Some(""), Some("*")).await?.try_collect().await?;
    for name in names.iter().filter(|name| !name.attributes().contains(&NameAttribute::NoSelect)) {
        let name = name.name();
        // INBOX is there already, others may be.
        let _made = destination.create(name).await;
        let messages = source.examine(name).await?.exists;
        for low in (1..=messages).step_by(WINDOW as usize) {
            let set = format!("{low}:{}", (low + WINDOW - 1).min(messages));
            let mut fetches = source.fetch(set, "(FLAGS INTERNALDATE BODY.PEEK[])").await?;
            while let Some(fetch) = fetches.try_next().await? {
                let body = fetch.body().context("no body")?;
                let date =
                    fetch.internal_date().map(|date| format!("\"{}\"", date.format("%d-%b-%Y %H:%M:%S %z")));
                destination.append(name, Some("(\\Seen)"), date.as_deref(), body).await?;
            }
        }
    }
    source.logout().await?;
    destination.logout().await?;
    Ok(())
}
