//! A line between client and server: every octet takes half a round trip, and no more pass than the line holds.
//! Never models loss, slow start or the handshake of TCP: what it shows is what waiting costs.

use std::net::TcpListener as StdListener;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

/// Octets taken from a socket at once; less where the line is narrow, so that connections share it fairly.
const CHUNK_OCTETS: usize = 64 * 1024;
const CHUNK_OCTETS_NARROW: usize = 16 * 1024;
/// Octets of one connection and direction under way, where the line is as wide as the machine.
const HELD_OCTETS_MAX: usize = 32 << 20;

/// What a line is like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// There and back, in milliseconds.
    pub round_trip_ms: u64,
    /// Each way, all connections together, in millions of bits per second; none: as fast as the machine.
    pub mbit_per_s: Option<u64>,
}

impl Quality {
    /// No line at all: client and servers on one machine.
    pub const NONE: Self = Self { round_trip_ms: 0, mbit_per_s: None };

    fn one_way(self) -> Duration {
        Duration::from_millis(self.round_trip_ms) / 2
    }

    /// Octets per second, each way.
    pub fn octets_per_s(self) -> Option<f64> {
        self.mbit_per_s.map(|mbit| mbit as f64 * 125_000.0)
    }

    /// What one connection may have under way in one direction: what the line itself holds, and as much again
    /// before it, as a router's queue would.
    fn held_octets_max(self) -> usize {
        let Some(rate) = self.octets_per_s() else { return HELD_OCTETS_MAX };
        (rate * self.one_way().as_secs_f64() * 2.0) as usize + 2 * CHUNK_OCTETS
    }
}

/// Counts how often the client waited, over all lines that share it: what the client sends carries the number of
/// answers it can have been waiting for, and what the server then says carries that number back.
#[derive(Debug, Default)]
pub struct Clock {
    heard: AtomicU32,
}

/// What passed over a line.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Traffic {
    /// Connections.
    pub connections: u32,
    /// What the client sent in bursts, a burst ending where an answer begins; opening a connection is one.
    pub bursts: u32,
    /// Octets from client to server.
    pub to_server_octets: u64,
    /// Octets from server to client.
    pub to_client_octets: u64,
}

#[derive(Debug, Default)]
struct Counters {
    connections: AtomicU32,
    bursts: AtomicU32,
    to_server: AtomicU64,
    to_client: AtomicU64,
}

/// A running line on a thread of its own, ended when dropped.
#[derive(Debug)]
pub struct Line {
    port: u16,
    counters: Arc<Counters>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Clock {
    /// Round trips one after the other, at most: what happened at the same time on two lines counts once.
    pub fn round_trips(&self) -> u32 {
        self.heard.load(Ordering::SeqCst)
    }

    /// Begins anew, for another client.
    pub fn restart(&self) {
        self.heard.store(0, Ordering::SeqCst);
    }
}

impl Traffic {
    /// What has passed since.
    pub fn since(self, before: Self) -> Self {
        Self {
            connections: self.connections - before.connections,
            bursts: self.bursts - before.bursts,
            to_server_octets: self.to_server_octets - before.to_server_octets,
            to_client_octets: self.to_client_octets - before.to_client_octets,
        }
    }
}

impl Line {
    /// Listens on a free port and leads to `server_port`.
    pub fn start(server_port: u16, quality: Quality, clock: Arc<Clock>) -> Result<Self> {
        let listener = StdListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let counters = Arc::new(Counters::default());
        let (stop, stopped) = oneshot::channel();
        let way = || Arc::new(Way { quality, free_at: Mutex::new(None) });
        let ends = Ends { server_port, there: way(), back: way(), clock, counters: Arc::clone(&counters) };
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => (),
                    () = listen(listener, ends) => (),
                }
            });
        });
        Ok(Self { port, counters, stop: Some(stop), thread: Some(thread) })
    }

    /// Where clients connect.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What has passed so far.
    pub fn traffic(&self) -> Traffic {
        let counters = &self.counters;
        Traffic {
            connections: counters.connections.load(Ordering::SeqCst),
            bursts: counters.bursts.load(Ordering::SeqCst),
            to_server_octets: counters.to_server.load(Ordering::SeqCst),
            to_client_octets: counters.to_client.load(Ordering::SeqCst),
        }
    }
}

impl Drop for Line {
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

/// One direction of the line, shared by its connections.
#[derive(Debug)]
struct Way {
    quality: Quality,
    /// When the last octet taken so far will have been put on the line.
    free_at: Mutex<Option<Instant>>,
}

impl Way {
    /// When octets taken now arrive.
    fn due(&self, octets: usize) -> Instant {
        let now = Instant::now();
        let Some(rate) = self.quality.octets_per_s() else { return now + self.quality.one_way() };
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = free_at.map_or(now, |free| free.max(now));
        let ends = begins + Duration::from_secs_f64(octets as f64 / rate);
        *free_at = Some(ends);
        ends + self.quality.one_way()
    }
}

#[derive(Clone)]
struct Ends {
    server_port: u16,
    there: Arc<Way>,
    back: Arc<Way>,
    clock: Arc<Clock>,
    counters: Arc<Counters>,
}

/// One connection: what the server has been told, and whether the client has heard anything since it last spoke.
struct Talk {
    ends: Ends,
    told: AtomicU32,
    is_answered: std::sync::atomic::AtomicBool,
}

async fn listen(listener: StdListener, ends: Ends) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(connection(client, ends.clone()));
    }
}

async fn connection(client: TcpStream, ends: Ends) -> Result<()> {
    let server = TcpStream::connect(("127.0.0.1", ends.server_port)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    ends.counters.connections.fetch_add(1, Ordering::SeqCst);
    ends.counters.bursts.fetch_add(1, Ordering::SeqCst);
    let told = AtomicU32::new(ends.clock.round_trips() + 1);
    let (there, back) = (Arc::clone(&ends.there), Arc::clone(&ends.back));
    let talk = Arc::new(Talk { ends, told, is_answered: false.into() });
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let (one, other) = (Arc::clone(&talk), talk);
    let to_server = carry(client_in, server_out, there, move |event| one.client_spoke(event));
    let to_client = carry(server_in, client_out, back, move |event| other.server_spoke(event));
    let _ended = tokio::join!(to_server, to_client);
    Ok(())
}

/// What becomes of a chunk; `Taken` answers with the mark that its arrival will bear.
enum Event {
    Taken,
    Arrived { mark: u32, octets: usize },
}

impl Talk {
    fn client_spoke(&self, event: Event) -> u32 {
        match event {
            Event::Taken => {
                if self.is_answered.swap(false, Ordering::SeqCst) {
                    self.ends.counters.bursts.fetch_add(1, Ordering::SeqCst);
                }
                self.ends.clock.round_trips() + 1
            }
            Event::Arrived { mark, octets } => {
                self.ends.counters.to_server.fetch_add(octets as u64, Ordering::SeqCst);
                self.told.fetch_max(mark, Ordering::SeqCst)
            }
        }
    }

    fn server_spoke(&self, event: Event) -> u32 {
        match event {
            Event::Taken => self.told.load(Ordering::SeqCst),
            Event::Arrived { mark, octets } => {
                self.ends.counters.to_client.fetch_add(octets as u64, Ordering::SeqCst);
                self.is_answered.store(true, Ordering::SeqCst);
                self.ends.clock.heard.fetch_max(mark, Ordering::SeqCst)
            }
        }
    }
}

/// Passes octets on, each when it is due, until the sender has no more.
async fn carry(
    mut reader: OwnedReadHalf,
    mut writer: OwnedWriteHalf,
    way: Arc<Way>,
    tell: impl Fn(Event) -> u32,
) -> Result<()> {
    let chunk_octets = if way.quality.mbit_per_s.is_some() { CHUNK_OCTETS_NARROW } else { CHUNK_OCTETS };
    let room = Semaphore::new(way.quality.held_octets_max());
    let (queue, mut due) = mpsc::unbounded_channel::<(Instant, u32, Vec<u8>)>();
    let tell = &tell;
    let reading = async {
        let mut chunk = vec![0; chunk_octets];
        loop {
            let count = reader.read(&mut chunk).await?;
            if count == 0 {
                break;
            }
            let mark = tell(Event::Taken);
            queue.send((way.due(count), mark, chunk[..count].to_vec()))?;
            room.acquire_many(u32::try_from(count)?).await?.forget();
        }
        drop(queue);
        anyhow::Ok(())
    };
    let writing = async {
        while let Some((when, mark, octets)) = due.recv().await {
            sleep_until(when).await;
            tell(Event::Arrived { mark, octets: octets.len() });
            writer.write_all(&octets).await?;
            room.add_permits(octets.len());
        }
        writer.shutdown().await?;
        anyhow::Ok(())
    };
    tokio::try_join!(reading, writing)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpStream as StdStream;

    use super::*;

    /// A server that greets and then answers each line; its port.
    fn parrot() -> u16 {
        let listener = StdListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || {
                    let mut writer = stream.try_clone().unwrap();
                    writer.write_all(b"hello\r\n").unwrap();
                    for line in BufReader::new(stream).lines().map_while(Result::ok) {
                        writer.write_all(format!("{line}\r\n").as_bytes()).unwrap();
                    }
                });
            }
        });
        port
    }

    fn heard(lines: &mut BufReader<StdStream>) -> String {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        line
    }

    #[test]
    fn what_is_sent_without_waiting_is_one_round_trip_and_what_two_lines_do_at_once_is_too() {
        let clock = Arc::new(Clock::default());
        let quality = Quality { round_trip_ms: 2, mbit_per_s: Some(100) };
        let lines = [(); 2].map(|()| Line::start(parrot(), quality, Arc::clone(&clock)).unwrap());
        let mut talks = lines
            .each_ref()
            .map(|line| BufReader::new(StdStream::connect(("127.0.0.1", line.port())).unwrap()));
        for talk in &mut talks {
            assert_eq!(heard(talk), "hello\r\n");
        }
        for talk in &mut talks {
            talk.get_mut().write_all(b"one\r\ntwo\r\n").unwrap();
        }
        for talk in &mut talks {
            assert_eq!([heard(talk), heard(talk)], ["one\r\n", "two\r\n"]);
        }
        let expected = Traffic { connections: 1, bursts: 2, to_server_octets: 10, to_client_octets: 17 };
        for line in &lines {
            assert_eq!(format!("{:?}", line.traffic()), format!("{expected:?}"));
        }
        // Two where both lines were quick, up to four where the machine let one overtake the other.
        assert!((2..=4).contains(&clock.round_trips()), "{}", clock.round_trips());
    }
}
