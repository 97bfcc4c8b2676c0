//! One request and its answer: as much of HTTP/1.1 as token endpoints need.

use std::io::{BufRead as _, BufReader, Error, Read, Result, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Shared;
use super::state::{Request, Said};

const BODY_OCTETS_MAX: usize = 256 * 1024;

pub(super) fn serve(stream: TcpStream, tls: Option<Arc<ServerConfig>>, shared: &Shared) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_nodelay(true)?;
    match tls {
        None => converse(stream, shared),
        Some(config) => {
            let session = ServerConnection::new(config).map_err(Error::other)?;
            converse(StreamOwned::new(session, stream), shared)
        }
    }
}

fn converse(stream: impl Read + Write, shared: &Shared) -> Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0_usize;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length.min(BODY_OCTETS_MAX)];
    reader.read_exact(&mut body)?;
    let path = target.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    // Providers keep their endpoints below a tenant's name, and some call one otherwise.
    let path = if path == "devicecode" { "device" } else { path }.to_owned();
    let request = Request { path, form: form(&String::from_utf8_lossy(&body)) };
    let said = shared.state().said(&request);
    let mut out = reader.into_inner();
    match said {
        Said::Lie(lie) => lie.tell(&mut out, shared),
        Said::Answer { status, body, date } => answer(&mut out, status, &format!("Date: {date}\r\n"), &body),
    }
}

pub(super) fn answer(out: &mut impl Write, status: u16, headers: &str, body: &str) -> Result<()> {
    let length = body.len();
    write!(
        out,
        "HTTP/1.1 {status} Scripted\r\nContent-Type: application/json\r\nConnection: close\r\n{headers}\
         Content-Length: {length}\r\n\r\n{body}"
    )?;
    out.flush()
}

fn form(body: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}
