//! A reader that misbehaves in the way that its first argument names: what a broken or bought library could do.
//! Never reads a file: its store is invented, and every third item of it is where it goes wrong.

use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use malote_pst::frame::{self, Answer, Refusal, Request, VERSION};
use malote_pst::item::{Counts, Folder, Item};
use malote_pst::names::Names;
use malote_pst::property::{Properties, Value};
use malote_pst::store::{Format, NodeId, Summary};

/// The items of the invented store.
const ITEMS: u32 = 9;

fn main() {
    let way = std::env::args().nth(1).unwrap_or_default();
    let socket = std::io::stdout().as_fd().try_clone_to_owned().expect("standard output is open");
    let mut line = UnixStream::from(socket);
    match way.as_str() {
        "speaks-text" => line.write_all(b"Usage: something else entirely\n").expect("the parent listens"),
        "ends-at-once" => return,
        "hangs-tied" => malote_pst::libpff::serve::end_with_parent().expect("the kernel can do this"),
        _ => {}
    }
    while let Ok(Some(asked)) = frame::read(&mut line, frame::REQUEST_OCTETS_MAX) {
        let request = Request::decode(&asked.octets).expect("the parent speaks rightly");
        if is_where(&way, &request) {
            misbehave(&way, &mut line, asked.number);
        }
        let octets = answer(&way, &request).encode();
        frame::write(&mut line, asked.number, &octets).expect("the parent listens");
    }
}

fn is_where(way: &str, request: &Request) -> bool {
    match request {
        Request::Open => way == "hangs-at-open",
        Request::Item(NodeId(node)) => node % 3 == 0,
        _ => false,
    }
}

fn answer(way: &str, request: &Request) -> Answer {
    match request {
        Request::Begin { .. } if way == "is-of-another-version" => {
            Answer::Began { version: VERSION + 1, guards: Vec::new() }
        }
        Request::Begin { .. } => Answer::Began { version: VERSION, guards: Vec::new() },
        Request::Open => {
            let summary = Summary {
                format: Format::Unicode,
                properties: Properties::default(),
                names: Names::default(),
                damage: Vec::new(),
            };
            Answer::Opened { summary, guard: String::new() }
        }
        Request::Folders if way == "loses-all-folders" => Answer::Folders(Vec::new()),
        Request::Folders => Answer::Folders(vec![Folder {
            node: NodeId(0x122),
            parent: NodeId(0x122),
            properties: Properties::default(),
            items: (1..=ITEMS).map(NodeId).collect(),
            counts: Counts::default(),
            damage: Vec::new(),
        }]),
        Request::Item(node) if way == "gives-another-item" && node.0 % 3 == 0 => item(NodeId(node.0 + 1)),
        Request::Item(node) if way == "answers-what-was-not-asked" && node.0 % 3 == 0 => {
            Answer::Recovered(vec![*node])
        }
        Request::Item(node) if way == "refuses" && node.0 % 3 == 0 => {
            Answer::Refused(Refusal::Unreadable(*node, "it is damaged".to_owned()))
        }
        Request::Item(node) => item(*node),
        Request::Recovered => Answer::Recovered(Vec::new()),
        Request::Read { octets, .. } if way == "reads-too-much" => {
            Answer::Octets(vec![7; usize::try_from(*octets).expect("a word fits") + 1])
        }
        Request::Read { .. } => Answer::Octets(vec![7; 3]),
    }
}

fn item(node: NodeId) -> Answer {
    // `PidTagMessageFlags`: it was read.
    let properties = Properties::from([(0x0E07, Value::Integer32(1))]);
    Answer::Item(Box::new(Item {
        node,
        properties,
        recipients: Vec::new(),
        attachments: Vec::new(),
        damage: Vec::new(),
    }))
}

/// Does what its way is; where it comes back, an answer follows.
fn misbehave(way: &str, line: &mut UnixStream, number: u64) {
    match way {
        "crashes" => std::process::abort(),
        "crashes-twice" => crash_twice(),
        "ends" => std::process::exit(7),
        "hangs" | "hangs-tied" | "hangs-at-open" => loop {
            std::thread::sleep(Duration::from_secs(3600));
        },
        "drips" => drip(line, number),
        "floods" => loop {
            if line.write_all(&[0xAA; 65536]).is_err() {
                return;
            }
        },
        "floods-in-a-frame" => {
            let claimed = u32::try_from(frame::FRAME_OCTETS_MAX).expect("the limit fits its field") + 1;
            head(line, claimed, number);
        }
        "answers-twice" => {
            let octets = answer("", &Request::Item(NodeId(3))).encode();
            frame::write(line, number, &octets).expect("the parent listens");
        }
        "answers-another-question" => {
            let octets = answer("", &Request::Recovered).encode();
            frame::write(line, number + 1, &octets).expect("the parent listens");
        }
        "sends-garbage" => frame::write(line, number, &[0xEE; 100]).expect("the parent listens"),
        "cuts-its-answer" => {
            head(line, 100, number);
            line.write_all(&[1; 10]).expect("the parent listens");
            std::process::exit(0);
        }
        _ => {}
    }
}

/// Crashes until the file that the second argument names has two octets.
fn crash_twice() {
    let path = std::env::args().nth(2).expect("it names a file");
    let mut counted = std::fs::OpenOptions::new().append(true).create(true).open(path).expect("it is ours");
    if counted.metadata().expect("it is there").len() < 2 {
        counted.write_all(b"1").expect("it can be written to");
        std::process::abort();
    }
}

/// Claims a long answer and sends an octet of it now and then.
fn drip(line: &mut UnixStream, number: u64) {
    head(line, 1_000_000, number);
    while line.write_all(&[0]).is_ok() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn head(line: &mut UnixStream, length: u32, number: u64) {
    let mut head = b"MPST".to_vec();
    head.extend_from_slice(&length.to_le_bytes());
    head.extend_from_slice(&number.to_le_bytes());
    line.write_all(&head).expect("the parent listens");
}
