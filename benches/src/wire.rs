//! One plain conversation with a server, for filling, changing and counting accounts.
//! Never measured, and never Malote's own IMAP layer.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use anyhow::{Context as _, Result, ensure};

use crate::rivals::PASSWORD;

/// Appends in flight while filling.
const IN_FLIGHT_MAX: usize = 8;

/// One line in a synchronous conversation.
pub struct Wire {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
    in_flight: usize,
}

impl Wire {
    /// Connects to a port of this machine and logs in.
    pub fn login(port: u16, user: &str) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let mut wire = Self { lines: BufReader::new(stream.try_clone()?), stream, in_flight: 0 };
        wire.line()?;
        wire.command(&format!("LOGIN {user} {PASSWORD}"))?;
        Ok(wire)
    }

    /// Sends a command and returns its untagged lines.
    pub fn command(&mut self, text: &str) -> Result<Vec<String>> {
        write!(self.stream, "a {text}\r\n")?;
        let mut untagged = Vec::new();
        loop {
            let line = self.line()?;
            if line.starts_with("a ") {
                ensure!(line.starts_with("a OK"), "{text}: {line}");
                return Ok(untagged);
            }
            untagged.push(line);
        }
    }

    /// Sends one whole APPEND, literals included, and waits only when many are under way.
    pub fn append(&mut self, command: &[u8]) -> Result<()> {
        self.stream.write_all(b"c ")?;
        self.stream.write_all(command)?;
        self.stream.write_all(b"\r\n")?;
        self.in_flight += 1;
        while self.in_flight > IN_FLIGHT_MAX {
            self.append_answer()?;
        }
        Ok(())
    }

    /// Waits for the answers to all appends.
    pub fn appended(&mut self) -> Result<()> {
        while self.in_flight > 0 {
            self.append_answer()?;
        }
        Ok(())
    }

    /// One number out of a STATUS answer; `name` as the wire has it, quotes included.
    pub fn messages(&mut self, name: &str) -> Result<usize> {
        let lines = self.command(&format!("STATUS {name} (MESSAGES)"))?;
        let number =
            lines.iter().find_map(|line| line.rsplit_once("MESSAGES ")).context("STATUS without MESSAGES")?.1;
        Ok(number.trim_end().trim_end_matches(')').parse()?)
    }

    /// Ends the conversation and waits until the server has ended it too, so that it leaves no work behind.
    pub fn end(mut self) {
        drop(self.stream.shutdown(Shutdown::Write));
        // What the server still says is of no interest; reading it lets it end in peace.
        let _goodbye = self.lines.read_to_end(&mut Vec::new());
    }

    fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        self.lines.read_until(b'\n', &mut line)?;
        ensure!(!line.is_empty(), "the server closed the connection");
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    fn append_answer(&mut self) -> Result<()> {
        loop {
            let line = self.line()?;
            if line.starts_with("c ") {
                ensure!(line.starts_with("c OK"), "APPEND: {line}");
                self.in_flight -= 1;
                return Ok(());
            }
        }
    }
}
