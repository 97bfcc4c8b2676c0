//! One connection's octets: counted, cut, and framed into command lines and literals.
//! Never knows what a command means.

use std::net::TcpStream as StdStream;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::behaviour::{Cut, End, Way};
use super::transcript::Transcript;

/// Longest command line taken, in octets, literals apart.
const LINE_BYTES_MAX: usize = 1024 * 1024;
const CHUNK_BYTES: usize = 64 * 1024;
/// How long a client may take to read a last answer and go.
const LEAVE_MAX: std::time::Duration = std::time::Duration::from_secs(5);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// The octets of one connection.
pub(super) struct Wire {
    stream: Option<Box<dyn Stream>>,
    /// A second handle on the socket, so that it can be reset under TLS.
    socket: StdStream,
    buffer: Vec<u8>,
    received: u64,
    sent: u64,
    cuts: Vec<Cut>,
    transcript: Transcript,
    is_tls: bool,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, cuts: Vec<Cut>, transcript: Transcript) -> Result<Self> {
        stream.set_nodelay(true)?;
        let stream = stream.into_std()?;
        let socket = stream.try_clone()?;
        let stream: Box<dyn Stream> = Box::new(TcpStream::from_std(stream)?);
        Ok(Self {
            stream: Some(stream),
            socket,
            buffer: Vec::new(),
            received: 0,
            sent: 0,
            cuts,
            transcript,
            is_tls: false,
        })
    }

    pub(super) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Turns the connection into TLS; what the client sent ahead in clear is thrown away.
    pub(super) async fn start_tls(&mut self, config: Arc<ServerConfig>) -> Result<()> {
        let stream = self.stream.take().context("the connection has ended")?;
        self.buffer.clear();
        self.stream = Some(Box::new(TlsAcceptor::from(config).accept(stream).await?));
        self.is_tls = true;
        Ok(())
    }

    /// A line without its line end.
    pub(super) async fn line(&mut self) -> Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.buffer.iter().skip(searched).position(|octet| *octet == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=searched + end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            searched = self.buffer.len();
            if searched > LINE_BYTES_MAX {
                bail!("the client's line is longer than {LINE_BYTES_MAX} octets");
            }
            self.fill().await?;
        }
    }

    /// Exactly so many octets.
    pub(super) async fn octets(&mut self, length: u64) -> Result<Vec<u8>> {
        let length = usize::try_from(length)?;
        while self.buffer.len() < length {
            self.fill().await?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    pub(super) async fn send(&mut self, octets: &[u8]) -> Result<()> {
        let cut = self.cuts.iter().find(|cut| cut.way == Way::Out).copied();
        let allowed = cut.map_or(octets.len(), |cut| within(cut.after_octets, self.sent, octets.len()));
        let stream = self.stream.as_mut().context("the connection has ended")?;
        stream.write_all(&octets[..allowed]).await?;
        stream.flush().await?;
        self.sent += allowed as u64;
        self.transcript.count_octets(0, allowed);
        match cut {
            Some(cut) if self.sent >= cut.after_octets => self.end(cut.end).await,
            _ => Ok(()),
        }
    }

    /// Ends the connection; always an error, so that the session unwinds.
    pub(super) async fn end(&mut self, end: End) -> Result<()> {
        match end {
            End::Close => {
                if let Some(mut stream) = self.stream.take() {
                    // The client may have gone first.
                    let _ = stream.shutdown().await;
                }
            }
            End::Reset => {
                SockRef::from(&self.socket).set_linger(Some(std::time::Duration::ZERO))?;
                self.stream = None;
            }
            End::Stall => std::future::pending().await,
        }
        bail!("the script ends this connection")
    }

    /// Ends our side and reads on until the client has gone: a socket that is closed over unread octets is reset, and a
    /// reset takes the last answer from a client that has not read it yet. Always an error, as [`Self::end`].
    pub(super) async fn leave(&mut self) -> Result<()> {
        if let Some(mut stream) = self.stream.take() {
            let _ = stream.shutdown().await;
            let mut sink = tokio::io::sink();
            let _ = tokio::time::timeout(LEAVE_MAX, tokio::io::copy(&mut stream, &mut sink)).await;
        }
        bail!("the script ends this connection")
    }

    async fn fill(&mut self) -> Result<()> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let cut = self.cuts.iter().find(|cut| cut.way == Way::In).copied();
        let allowed = cut.map_or(CHUNK_BYTES, |cut| within(cut.after_octets, self.received, CHUNK_BYTES));
        if let (0, Some(cut)) = (allowed, cut) {
            return self.end(cut.end).await;
        }
        let stream = self.stream.as_mut().context("the connection has ended")?;
        let count = stream.read(&mut chunk[..allowed]).await?;
        if count == 0 {
            bail!("the client closed the connection");
        }
        self.received += count as u64;
        self.transcript.count_octets(count, 0);
        self.buffer.extend_from_slice(&chunk[..count]);
        Ok(())
    }
}

/// How many of `wanted` octets still pass before `limit`, `passed` having passed already.
fn within(limit: u64, passed: u64, wanted: usize) -> usize {
    usize::try_from(limit.saturating_sub(passed)).map_or(wanted, |left| left.min(wanted))
}
