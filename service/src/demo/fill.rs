//! Fills and counts mailboxes through a plain IMAP client of a few lines, so that the demo does not use what it shows.
//! Never speaks to a server that is not the demo's own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::ops::Range;
use std::time::Duration;

use malote_engine::plan::folder::{FolderPath, Naming};
use malote_engine::plan::folder_name;
use tokio_util::sync::CancellationToken;

use super::message::{Message, message};
use crate::cli::exit::Stopped;

/// How long our own server may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Longest line that our own server may send, in octets.
const LINE_OCTETS_MAX: usize = 64 * 1024;

/// The folders and their part of the mail, in hundredths.
const FOLDERS: [(&str, u32); 11] = [
    ("INBOX", 40),
    ("Enviados", 20),
    ("Rascunhos", 2),
    ("Lixeira", 6),
    ("Spam", 4),
    ("Projetos", 3),
    ("Projetos/Orçamentos 2024", 12),
    ("Clientes", 0),
    ("Clientes/Açaí & Cia", 8),
    ("Clientes/Padaria do Zé", 5),
    ("Arquivo \"morto\"", 0),
];

/// An account of one of the demo's servers.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// The server's port on loopback.
    pub port: u16,
    /// The name.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
}

/// Makes the folders and appends the messages of these numbers.
pub fn fill(account: Account<'_>, numbers: Range<u64>, stop: &CancellationToken) -> Result<(), Stopped> {
    let mut client = Client::log_in(account)?;
    let (mut number, mut part) = (numbers.start, 0);
    for (folder, share) in FOLDERS {
        let name = wire_name(folder);
        if folder != "INBOX" && !client.exists(&name)? {
            client.command(&format!("CREATE {name}"))?;
        }
        client.command(&format!("SUBSCRIBE {name}"))?;
        part += share;
        let until = numbers.start + (numbers.end - numbers.start) * u64::from(part) / 100;
        while number < until {
            if stop.is_cancelled() {
                return Err(fail("stopped before the end"));
            }
            client.append(&name, &message(number))?;
            number += 1;
        }
    }
    client.command("LOGOUT")
}

/// Delivers the messages of these numbers into the inbox, as new mail.
pub fn deliver(account: Account<'_>, numbers: Range<u64>) -> Result<(), Stopped> {
    let mut client = Client::log_in(account)?;
    for number in numbers {
        client.append("INBOX", &message(number))?;
    }
    client.command("LOGOUT")
}

/// How many messages there are in all folders, as the server itself counts them.
pub fn count(account: Account<'_>) -> Result<u64, Stopped> {
    let mut client = Client::log_in(account)?;
    let mut total = 0;
    client.run(b"LIST \"\" \"*\" RETURN (STATUS (MESSAGES))", |line| {
        let told = line.rsplit_once("(MESSAGES ").and_then(|(_, rest)| rest.split(')').next());
        total += told.and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
    })?;
    client.command("LOGOUT")?;
    Ok(total)
}

fn wire_name(folder: &str) -> String {
    let levels = folder.split('/').map(str::to_owned).collect();
    let naming = Naming { delimiter: Some('/'), prefix: String::new(), is_utf8: false, ignores_case: false };
    let wire = FolderPath::new(levels).map(|path| folder_name::encode(&path, &naming).0).unwrap_or_default();
    let quoted = String::from_utf8_lossy(&wire).replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{quoted}\"")
}

struct Client {
    stream: BufReader<TcpStream>,
    tag: u64,
}

impl Client {
    fn log_in(account: Account<'_>) -> Result<Self, Stopped> {
        let Account { port, user, password } = account;
        let mut client = Self::connect(port)?;
        client.command(&format!("LOGIN \"{user}\" \"{password}\""))?;
        Ok(client)
    }

    fn connect(port: u16) -> Result<Self, Stopped> {
        let open = || {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            stream.set_read_timeout(Some(SILENCE_MAX))?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = open().map_err(|cause: std::io::Error| fail(&cause.to_string()))?;
        let mut client = Self { stream: BufReader::new(stream), tag: 0 };
        client.line()?;
        Ok(client)
    }

    fn command(&mut self, command: &str) -> Result<(), Stopped> {
        self.run(command.as_bytes(), |_| ())
    }

    fn exists(&mut self, name: &str) -> Result<bool, Stopped> {
        let mut is_there = false;
        self.run(format!("LIST \"\" {name}").as_bytes(), |_| is_there = true)?;
        Ok(is_there)
    }

    fn append(&mut self, name: &str, message: &Message) -> Result<(), Stopped> {
        let Message { octets, flags, internal_date } = message;
        let mut command =
            format!("APPEND {name} ({flags}) \"{internal_date}\" {{{}+}}\r\n", octets.len()).into_bytes();
        command.extend_from_slice(octets);
        self.run(&command, |_| ())
    }

    /// Sends a command; `heard` gets every untagged answer before the tagged OK.
    fn run(&mut self, command: &[u8], mut heard: impl FnMut(&str)) -> Result<(), Stopped> {
        self.tag += 1;
        let tag = format!("d{} ", self.tag);
        let octets = [tag.as_bytes(), command, b"\r\n"].concat();
        self.stream.get_mut().write_all(&octets).map_err(|cause| fail(&cause.to_string()))?;
        loop {
            let line = self.line()?;
            match line.strip_prefix(&tag) {
                Some(answer) if answer.starts_with("OK") => return Ok(()),
                Some(answer) => return Err(fail(answer.trim_end())),
                None => heard(&line),
            }
        }
    }

    fn line(&mut self) -> Result<String, Stopped> {
        let mut line = Vec::new();
        let mut limited = std::io::Read::take(&mut self.stream, LINE_OCTETS_MAX as u64);
        let read = limited.read_until(b'\n', &mut line).map_err(|cause| fail(&cause.to_string()))?;
        if read == 0 || !line.ends_with(b"\n") {
            return Err(fail("the connection ended"));
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }
}

fn fail(cause: &str) -> Stopped {
    Stopped::early(format!("a mailbox of the demo: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_share_all_messages_and_are_written_for_the_wire() {
        assert_eq!(FOLDERS.iter().map(|(_, share)| share).sum::<u32>(), 100);
        assert_eq!(wire_name("Projetos/Orçamentos 2024"), "\"Projetos/Or&AOc-amentos 2024\"");
        assert_eq!(wire_name("Clientes/Açaí & Cia"), "\"Clientes/A&AOc-a&AO0- &- Cia\"");
        assert_eq!(wire_name("Arquivo \"morto\""), "\"Arquivo \\\"morto\\\"\"");
    }
}
