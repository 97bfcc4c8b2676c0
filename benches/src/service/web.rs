//! Asks the service over a socket, as a browser or a program does.
//! Never holds a connection beyond one answer, so that its making is timed too.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

const WAIT_MAX: Duration = Duration::from_secs(60);

/// A program with its token.
pub(super) struct Web {
    pub address: String,
    pub token: String,
}

/// A stream of events.
pub(super) struct Line(BufReader<TcpStream>);

impl Web {
    async fn send(&self, method: &str, path: &str, body: &str) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).await?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: malote\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.token,
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        Ok(stream)
    }

    /// One request; the body of its answer, which must be a success.
    pub async fn ask(&self, method: &str, path: &str, body: &str) -> Result<String> {
        let mut stream = self.send(method, path, body).await?;
        let mut text = String::new();
        timeout(WAIT_MAX, stream.read_to_string(&mut text)).await??;
        let (head, body) = text.split_once("\r\n\r\n").context("no end of the head")?;
        ensure!(head.split(' ').nth(1).is_some_and(|status| status.starts_with('2')), "{path}: {text}");
        Ok(body.to_owned())
    }

    /// Begins to read events; the head of the answer has come.
    pub async fn stream(&self, path: &str) -> Result<Line> {
        let mut line = Line(BufReader::new(self.send("GET", path, "").await?));
        line.until("content-type: text/event-stream").await?;
        Ok(line)
    }
}

impl Line {
    /// Reads on until a line holds these words.
    pub async fn until(&mut self, words: &str) -> Result<()> {
        let mut text = String::new();
        loop {
            text.clear();
            let read = timeout(WAIT_MAX, self.0.read_line(&mut text)).await.context("nothing comes")??;
            ensure!(read > 0, "the stream ended");
            if text.contains(words) {
                return Ok(());
            }
        }
    }
}
