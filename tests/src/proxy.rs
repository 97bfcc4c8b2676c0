//! A proxy between a client and a real server that cuts, resets, stalls and slows the wire.
//! Never understands IMAP beyond counting tagged lines and finding literals.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, ensure};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::scripted::End;
use crate::servers::plain_url;

const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks on their way while a delay holds them back.
const CHUNKS_IN_FLIGHT_MAX: usize = 256;

/// Where on a connection something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// After so many octets from client to server.
    ToServer(u64),
    /// After so many octets from server to client.
    ToClient(u64),
    /// Before the command with this number, from 1, reaches the server. A SASL answer counts as a command.
    BeforeCommand(usize),
    /// After so many octets of the client's literal with this number, from 1.
    IntoLiteral {
        /// Which literal of the connection.
        number: usize,
        /// Octets of it that still pass.
        after_octets: u64,
    },
}

/// What happens on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// How both sides' connections end.
    pub end: End,
}

/// What the proxy will do.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    faults: BTreeMap<usize, Fault>,
    fault_always: Option<Fault>,
    latency: Duration,
}

impl Plan {
    /// Passes everything on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A fault on one connection, numbered from 1.
    #[must_use]
    pub fn on(mut self, connection: usize, place: Place, end: End) -> Self {
        self.faults.insert(connection, Fault { place, end });
        self
    }

    /// A fault on every connection that has none of its own.
    #[must_use]
    pub fn on_each(self, place: Place, end: End) -> Self {
        Self { fault_always: Some(Fault { place, end }), ..self }
    }

    /// Holds every octet back so long in each direction; the rate is not changed.
    #[must_use]
    pub fn latency(self, one_way: Duration) -> Self {
        Self { latency: one_way, ..self }
    }
}

#[derive(Debug, Default)]
struct Counters {
    connections: AtomicUsize,
    to_server: AtomicU64,
    to_client: AtomicU64,
    faults: AtomicUsize,
}

/// A running proxy, ended when dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    counters: Arc<Counters>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Listens on a free port and passes connections on to `server_port`.
    pub fn start(server_port: u16, plan: Plan) -> Result<Self> {
        let mut faults = plan.faults.values().chain(&plan.fault_always);
        let is_numberless = |fault: &Fault| {
            matches!(fault.place, Place::BeforeCommand(0) | Place::IntoLiteral { number: 0, .. })
        };
        ensure!(!faults.any(is_numberless), "commands and literals are numbered from 1");
        let listener = StdListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let counters = Arc::new(Counters::default());
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&counters);
        let server = SocketAddr::from(([127, 0, 0, 1], server_port));
        let thread =
            std::thread::spawn(move || runtime.block_on(listen(listener, server, plan, shared, stopped)));
        Ok(Self { port, counters, stop: Some(stop), thread: Some(thread) })
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `imap://user@127.0.0.1:port?tls=off`.
    #[must_use]
    pub fn url(&self, user: &str) -> String {
        plain_url(user, self.port)
    }

    /// Connections taken so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.counters.connections.load(Ordering::SeqCst)
    }

    /// Octets passed on so far: to the server, to the client.
    #[must_use]
    pub fn octets(&self) -> (u64, u64) {
        (self.counters.to_server.load(Ordering::SeqCst), self.counters.to_client.load(Ordering::SeqCst))
    }

    /// Faults that came to pass.
    #[must_use]
    pub fn faults(&self) -> usize {
        self.counters.faults.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The thread may have ended by itself; then there is nobody to tell.
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn listen(
    listener: StdListener,
    server: SocketAddr,
    plan: Plan,
    counters: Arc<Counters>,
    mut stopped: oneshot::Receiver<()>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let mut pairs = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((client, _)) = accepted else { continue };
        let connection = counters.connections.fetch_add(1, Ordering::SeqCst) + 1;
        let fault = plan.faults.get(&connection).copied().or(plan.fault_always);
        pairs.spawn(pair(client, server, fault, plan.latency, Arc::clone(&counters)));
        while pairs.try_join_next().is_some() {}
    }
}

/// Carries one connection until a side ends or the fault strikes.
async fn pair(
    mut client: TcpStream,
    server: SocketAddr,
    fault: Option<Fault>,
    latency: Duration,
    counters: Arc<Counters>,
) -> Result<()> {
    let mut server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    // Borrowed halves: owned ones would send FIN when dropped, which a stall and a reset must not.
    let (client_in, client_out) = client.split();
    let (server_in, server_out) = server.split();
    let there = Lane { counter: &counters.to_server, gate: Gate::new(fault, true), latency };
    let back = Lane { counter: &counters.to_client, gate: Gate::new(fault, false), latency };
    let is_struck = tokio::select! {
        biased;
        is_struck = there.carry(client_in, server_out) => is_struck?,
        is_struck = back.carry(server_in, client_out) => is_struck?,
    };
    let Some(fault) = fault.filter(|_| is_struck) else { return Ok(()) };
    counters.faults.fetch_add(1, Ordering::SeqCst);
    match fault.end {
        End::Close => Ok(()),
        End::Reset => {
            SockRef::from(&client).set_linger(Some(Duration::ZERO))?;
            SockRef::from(&server).set_linger(Some(Duration::ZERO))?;
            Ok(())
        }
        End::Stall => std::future::pending().await,
    }
}

/// One direction of a connection.
struct Lane<'a> {
    counter: &'a AtomicU64,
    gate: Gate,
    latency: Duration,
}

impl Lane<'_> {
    /// Passes octets on until the sender is done; gives whether the fault struck.
    async fn carry(mut self, mut reader: ReadHalf<'_>, mut writer: WriteHalf<'_>) -> Result<bool> {
        let (queue, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS_IN_FLIGHT_MAX);
        let (latency, gate) = (self.latency, &mut self.gate);
        let reading = async {
            let mut chunk = vec![0; CHUNK_BYTES];
            loop {
                let count = reader.read(&mut chunk).await?;
                if count == 0 {
                    break;
                }
                let passing = gate.passing(&chunk[..count]);
                queue.send((Instant::now() + latency, chunk[..passing].to_vec())).await?;
                if gate.is_shut {
                    break;
                }
            }
            drop(queue);
            anyhow::Ok(())
        };
        let writing = async {
            while let Some((when, octets)) = due.recv().await {
                if !latency.is_zero() {
                    sleep_until(when).await;
                }
                writer.write_all(&octets).await?;
                self.counter.fetch_add(octets.len() as u64, Ordering::SeqCst);
            }
            anyhow::Ok(())
        };
        let (read, written) = tokio::join!(reading, writing);
        read.and(written)?;
        if self.gate.is_shut {
            return Ok(true);
        }
        writer.shutdown().await?;
        // The other direction may still have something to say; it ends the pair when it is done.
        match self.gate.is_to_server {
            true => std::future::pending().await,
            false => Ok(false),
        }
    }
}

/// Finds the octet of one direction after which nothing passes.
struct Gate {
    place: Option<Place>,
    is_to_server: bool,
    is_shut: bool,
    passed: u64,
    commands: usize,
    literals: usize,
    literal_left: u64,
    literal_passed: u64,
    line: Vec<u8>,
}

impl Gate {
    fn new(fault: Option<Fault>, is_to_server: bool) -> Self {
        let place = fault.map(|fault| fault.place).filter(|place| match place {
            Place::ToClient(_) => !is_to_server,
            _ => is_to_server,
        });
        Self {
            place,
            is_to_server,
            is_shut: false,
            passed: 0,
            commands: 0,
            literals: 0,
            literal_left: 0,
            literal_passed: 0,
            line: Vec::new(),
        }
    }

    /// How many octets of `chunk` pass.
    fn passing(&mut self, chunk: &[u8]) -> usize {
        let count = match self.place {
            None => chunk.len(),
            Some(Place::ToServer(limit) | Place::ToClient(limit)) => {
                let left = usize::try_from(limit.saturating_sub(self.passed)).unwrap_or(usize::MAX);
                self.is_shut = left <= chunk.len();
                left.min(chunk.len())
            }
            Some(place) => match chunk.iter().position(|octet| self.stops_before(*octet, place)) {
                Some(count) => {
                    self.is_shut = true;
                    count
                }
                None => chunk.len(),
            },
        };
        self.passed += count as u64;
        count
    }

    /// Follows the client's lines and literals by one octet, unless the fault lies before it.
    fn stops_before(&mut self, octet: u8, place: Place) -> bool {
        if self.literal_left > 0 {
            if let Place::IntoLiteral { number, after_octets } = place
                && number == self.literals
                && after_octets == self.literal_passed
            {
                return true;
            }
            self.literal_left -= 1;
            self.literal_passed += 1;
            return false;
        }
        if self.line.is_empty() {
            self.commands += 1;
            if place == Place::BeforeCommand(self.commands) {
                return true;
            }
        }
        self.line.push(octet);
        if octet == b'\n' {
            match announced(&self.line) {
                // The line goes on after the literal; what matters of it is only that it is not empty.
                Some(length) => {
                    self.literals += 1;
                    self.literal_left = length;
                    self.literal_passed = 0;
                    self.line = vec![b'x'];
                }
                None => self.line.clear(),
            }
        }
        false
    }
}

fn announced(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line.trim_ascii_end()).ok()?;
    let digits = line.strip_suffix('}')?.rsplit_once('{')?.1;
    digits.trim_end_matches('+').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_stops_at_the_octet_that_its_place_names() {
        let stream = b"a LOGIN x y\r\nb APPEND f {4+}\r\nwxyz\r\nc NOOP\r\n";
        let place = |place| Some(Fault { place, end: End::Close });
        for (fault, expected) in [
            (None, stream.len()),
            (place(Place::ToServer(5)), 5),
            (place(Place::ToClient(5)), stream.len()),
            (place(Place::BeforeCommand(2)), 13),
            (place(Place::BeforeCommand(3)), 36),
            (place(Place::IntoLiteral { number: 1, after_octets: 0 }), 30),
            (place(Place::IntoLiteral { number: 1, after_octets: 3 }), 33),
        ] {
            assert_eq!(Gate::new(fault, true).passing(stream), expected, "{fault:?}");
        }
    }
}
