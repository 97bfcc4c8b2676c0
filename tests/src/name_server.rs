//! A name server of the tests' own, on the loopback: UDP and TCP, told what to say and how to misbehave.
//! Never uses the resolver's own reading or writing of messages, and never asks anybody.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// Octets of an answer by UDP (RFC 1035 §4.2.1).
const UDP_OCTETS_MAX: usize = 512;
/// How often a port is tried for that is free for both.
const PORTS_TRIED: usize = 50;

/// What a name has.
#[derive(Debug, Clone)]
pub enum Record {
    /// An address.
    A(Ipv4Addr),
    /// A mail exchanger.
    Mx(u16, String),
    /// A service: priority, weight, port, target.
    Srv(u16, u16, u16, String),
    /// Another name.
    Cname(String),
}

/// How a name is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Not at all.
    Silence,
    /// With octets that are no message.
    Garbage,
    /// As if another question had been asked.
    AnotherId,
    /// That the server has failed.
    Failure,
}

struct Known {
    /// For how many seconds every answer may be kept.
    ttl: u32,
    records: BTreeMap<String, Vec<Record>>,
    manners: BTreeMap<String, Manner>,
    asked: Vec<(String, u16)>,
}

impl Default for Known {
    fn default() -> Self {
        Self { ttl: 60, records: BTreeMap::new(), manners: BTreeMap::new(), asked: Vec::new() }
    }
}

/// A running server, which ends when dropped.
pub struct NameServer {
    address: SocketAddr,
    known: Arc<Mutex<Known>>,
    is_over: Arc<AtomicBool>,
}

fn locked(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

impl NameServer {
    /// Starts on a port of its own; every name that nobody has told of is unknown.
    ///
    /// # Errors
    /// Where no port is free.
    pub fn start() -> Result<Self> {
        let (udp, tcp) = ports().context("no port for the name server")?;
        let address = tcp.local_addr()?;
        udp.set_read_timeout(Some(Duration::from_millis(50)))?;
        let known: Arc<Mutex<Known>> = Arc::default();
        let is_over = Arc::new(AtomicBool::new(false));
        let (own, over) = (Arc::clone(&known), Arc::clone(&is_over));
        thread::spawn(move || {
            let mut octets = [0_u8; 4_096];
            while !over.load(Ordering::Relaxed) {
                let Ok((count, from)) = udp.recv_from(&mut octets) else { continue };
                if let Some(answer) = answered(&own, &octets[..count], true) {
                    // Who asked may be gone.
                    let _ = udp.send_to(&answer, from);
                }
            }
        });
        let (own, over) = (Arc::clone(&known), Arc::clone(&is_over));
        thread::spawn(move || {
            for stream in tcp.incoming().map_while(Result::ok) {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let own = Arc::clone(&own);
                // Who asked may be gone.
                thread::spawn(move || drop(converse(stream, &own)));
            }
        });
        Ok(Self { address, known, is_over })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells one more record of a name.
    pub fn tell(&self, name: &str, record: Record) {
        locked(&self.known).records.entry(name.to_owned()).or_default().push(record);
    }

    /// Tells this of a name in the place of all that was told before.
    pub fn tell_only(&self, name: &str, records: &[Record]) {
        locked(&self.known).records.insert(name.to_owned(), records.to_vec());
    }

    /// For how many seconds every answer may be kept; a minute where nobody says.
    pub fn keep(&self, seconds: u32) {
        locked(&self.known).ttl = seconds;
    }

    /// Has a name answered otherwise.
    pub fn behave(&self, name: &str, manner: Manner) {
        locked(&self.known).manners.insert(name.to_owned(), manner);
    }

    /// Every question: name and type.
    #[must_use]
    pub fn asked(&self) -> Vec<(String, u16)> {
        locked(&self.known).asked.clone()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

fn ports() -> Option<(UdpSocket, TcpListener)> {
    (0..PORTS_TRIED).find_map(|_| {
        let tcp = TcpListener::bind(("127.0.0.1", 0)).ok()?;
        let udp = UdpSocket::bind(tcp.local_addr().ok()?).ok()?;
        Some((udp, tcp))
    })
}

fn converse(mut stream: TcpStream, known: &Mutex<Known>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut question)?;
        let Some(answer) = answered(known, &question, false) else { continue };
        let length = u16::try_from(answer.len()).unwrap_or(u16::MAX);
        stream.write_all(&length.to_be_bytes())?;
        stream.write_all(&answer[..usize::from(length)])?;
    }
}

/// A question's name in small letters, its type, and where it ends.
fn question(octets: &[u8]) -> Option<(String, u16, usize)> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*octets.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        let label = octets.get(at..at + length)?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*octets.get(at)?, *octets.get(at + 1)?]);
    Some((labels.join("."), kind, at + 4))
}

fn answered(known: &Mutex<Known>, asked: &[u8], is_udp: bool) -> Option<Vec<u8>> {
    let (name, kind, end) = question(asked)?;
    let mut known = locked(known);
    known.asked.push((name.clone(), kind));
    let manner = known.manners.get(&name).copied();
    let (mut id, mut code) = ([asked[0], asked[1]], 0_u8);
    match manner {
        Some(Manner::Silence) => return None,
        Some(Manner::Garbage) => return Some(vec![0xff; 40]),
        Some(Manner::AnotherId) => id[0] ^= 0xff,
        Some(Manner::Failure) => code = 2,
        None => {}
    }
    if !known.records.contains_key(&name) && code == 0 {
        code = 3;
    }
    let mut records = Vec::new();
    let mut owner = name;
    // A chain of other names goes along, as a resolver's answer has it; a ring is told once around.
    for _ in 0..10 {
        let own = known.records.get(&owner).cloned().unwrap_or_default();
        let other = own.iter().find_map(|record| match record {
            Record::Cname(target) => Some(target.clone()),
            _ => None,
        });
        records.extend(own.iter().filter_map(|record| written(&owner, record, kind, known.ttl)));
        match other {
            Some(target) => owner = target,
            None => break,
        }
    }
    let body: usize = records.iter().map(Vec::len).sum();
    let is_cut = is_udp && end + body > UDP_OCTETS_MAX;
    if is_cut {
        records.clear();
    }
    let count = u16::try_from(records.len()).ok()?;
    let mut message =
        vec![id[0], id[1], 0x84 | if is_cut { 2 } else { 0 } | (asked[2] & 1), 0x80 | code, 0, 1];
    message.extend(count.to_be_bytes());
    message.extend([0; 4]);
    message.extend(&asked[12..end]);
    records.iter().for_each(|record| message.extend(record));
    Some(message)
}

fn wire_name(name: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        octets.push(u8::try_from(label.len()).unwrap_or(63));
        octets.extend(label.as_bytes());
    }
    octets.push(0);
    octets
}

/// A record that answers a question of this type, or leads on.
fn written(owner: &str, record: &Record, asked: u16, ttl: u32) -> Option<Vec<u8>> {
    let (kind, data) = match record {
        Record::A(address) => (1_u16, address.octets().to_vec()),
        Record::Cname(target) => (5, wire_name(target)),
        Record::Mx(preference, host) => (15, [&preference.to_be_bytes()[..], &wire_name(host)].concat()),
        Record::Srv(priority, weight, port, target) => {
            let numbers = [priority.to_be_bytes(), weight.to_be_bytes(), port.to_be_bytes()].concat();
            (33, [numbers, wire_name(target)].concat())
        }
    };
    if kind != asked && kind != 5 {
        return None;
    }
    let mut octets = wire_name(owner);
    octets.extend(kind.to_be_bytes());
    octets.extend([0, 1]);
    octets.extend(ttl.to_be_bytes());
    octets.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
    octets.extend(data);
    Some(octets)
}
