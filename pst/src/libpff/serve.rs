//! The reader's side of the line: answers what its parent asks, one question after the other, until the line ends.
//! Never opens the file before the process has given up everything that it does not need.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use super::{LibpffStore, jail};
use crate::frame::{self, Answer, READ_OCTETS_MAX, REQUEST_OCTETS_MAX, Refusal, Request, VERSION};
use crate::store::{Blobs as _, Store as _, StoreError};

/// The file that standard input is, opened anew: with an offset of its own, and by the name that the library wants.
const FILE: &str = "/proc/self/fd/0";

/// The whole process of a reader: standard input is the file, standard output a socket to the parent. It must be
/// called while the process has one thread, and before anything else is done.
#[must_use]
pub fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("reading a store for another process: {cause}");
            ExitCode::from(EXIT_LINE)
        }
    }
}

/// The status where the line to the parent failed, or was none from the beginning.
const EXIT_LINE: u8 = 2;

/// Has the kernel end this process together with the one that started it, however that ends.
///
/// # Errors
/// Where the kernel refuses.
pub fn end_with_parent() -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    Ok(())
}

fn serve() -> io::Result<()> {
    end_with_parent()?;
    let mut line = UnixStream::from(io::stdout().as_fd().try_clone_to_owned()?);
    line.local_addr()
        .map_err(|_| io::Error::other("standard output is no socket: malote starts this itself"))?;
    let mut store = None;
    let mut is_jailed = false;
    while let Some(asked) = frame::read(&mut line, REQUEST_OCTETS_MAX)? {
        let request = Request::decode(&asked.octets)
            .map_err(|wrong| io::Error::new(io::ErrorKind::InvalidData, wrong))?;
        let answer = match request {
            Request::Begin { version: _, memory_octets, processor_seconds } => {
                let guards = jail::before_open(memory_octets, processor_seconds)?;
                is_jailed = true;
                Answer::Began { version: VERSION, guards }
            }
            Request::Open if is_jailed => open(&mut store),
            _ => match &mut store {
                Some(store) => answer(store, request),
                None => Answer::Refused(Refusal::Io("no file is open".to_owned())),
            },
        };
        let mut octets = answer.encode();
        if octets.len() > frame::FRAME_OCTETS_MAX {
            let reason = format!("the answer has {} octets", octets.len());
            octets = Answer::Refused(Refusal::Io(reason)).encode();
        }
        frame::write(&mut line, asked.number, &octets)?;
    }
    Ok(())
}

fn open(store: &mut Option<LibpffStore>) -> Answer {
    let opened = match LibpffStore::open(Path::new(FILE)) {
        Ok(opened) => opened,
        Err(error) => return refused(error),
    };
    let guard = jail::after_open();
    let summary = opened.summary().clone();
    *store = Some(opened);
    Answer::Opened { summary, guard }
}

fn answer(store: &mut LibpffStore, request: Request) -> Answer {
    let answer = match request {
        Request::Folders => store.folders().map(Answer::Folders),
        Request::Item(node) => store.item(node).map(|item| Answer::Item(Box::new(item))),
        Request::Recovered => store.recovered().map(Answer::Recovered),
        Request::Read { blob, offset, octets } => {
            let wanted = usize::try_from(octets.min(READ_OCTETS_MAX)).unwrap_or(0);
            let mut into = vec![0; wanted];
            store.read_at(&blob, offset, &mut into).map_err(StoreError::Io).map(|got| {
                into.truncate(got);
                Answer::Octets(into)
            })
        }
        Request::Begin { .. } | Request::Open => {
            return Answer::Refused(Refusal::Io("it was asked at the wrong time".to_owned()));
        }
    };
    answer.unwrap_or_else(refused)
}

fn refused(error: StoreError) -> Answer {
    Answer::Refused(error.into())
}
