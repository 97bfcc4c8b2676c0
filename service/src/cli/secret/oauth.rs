//! OAuth documents turned into brokers: one for each grant, however many mailboxes or sides share it.
//! Never shows a token; the code for another device is meant to be seen.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use malote_engine::failure::Side;
use malote_engine::token::document::Document;
use malote_engine::token::{Broker, DevicePrompt, Grant, Patience, Prompt};

use super::super::args::TrustArgs;
use super::super::assemble::{Location, SecretSource, certificates};
use super::super::exit::Stopped;
use super::super::output;

/// Whether a person may be asked to consent on another device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// Whoever called wants to be asked.
    Always,
    /// Where standard error is a terminal.
    OnTerminal,
    /// Nobody looks on.
    Never,
}

/// The brokers of a process: two of one rotating grant would take it away from each other.
pub struct Brokers {
    extra_roots: Vec<u8>,
    prompt: Option<Prompt>,
    opened: RefCell<BTreeMap<(PathBuf, String), Broker>>,
    /// Those that ask a person before anything else.
    asking: RefCell<Vec<Broker>>,
}

impl Brokers {
    /// None yet. Identity providers are trusted as both sides' servers are.
    pub fn new(trust: &TrustArgs, asking: Asking) -> Result<Self, Stopped> {
        let extra_roots = trust.ca_file.as_deref().map(certificates).transpose()?.unwrap_or_default();
        let asks = match asking {
            Asking::Always => true,
            Asking::OnTerminal => std::io::stderr().is_terminal(),
            Asking::Never => false,
        };
        let prompt = asks.then(|| Arc::new(tell) as Prompt);
        Ok(Self { extra_roots, prompt, opened: RefCell::default(), asking: RefCell::default() })
    }

    /// The broker of a document for the mailbox at `location`.
    pub fn open(
        &self,
        side: Side,
        file: &Path,
        location: &Location,
    ) -> Result<Arc<dyn SecretSource>, Stopped> {
        let wrong = |cause: String| Stopped::usage(format!("the OAuth file {}: {cause}", file.display()));
        let document = Document::read(file).map_err(Stopped::usage)?;
        let mailbox = location.authzid.as_deref().unwrap_or(&location.user);
        let owner = if document.is_of_one_mailbox() { mailbox } else { "" };
        let key = (file.canonicalize().unwrap_or_else(|_| file.to_owned()), owner.to_owned());
        if let Some(broker) = self.opened.borrow().get(&key) {
            return Ok(Arc::new(broker.at(side)));
        }
        let folder = file.parent().unwrap_or(Path::new(""));
        let grant = document.grant(folder, mailbox, self.prompt.clone()).map_err(wrong)?;
        let asks = matches!(grant, Grant::DeviceCode { .. }) && self.prompt.is_some();
        let broker = Broker::new(side, grant, self.extra_roots.clone(), Patience::default());
        if asks {
            self.asking.borrow_mut().push(broker.clone());
        }
        self.opened.borrow_mut().insert(key, broker.clone());
        Ok(Arc::new(broker))
    }

    /// Lets people consent before the work begins, while Ctrl-C still ends the program at once.
    pub async fn ask_people(&self) -> Result<(), Stopped> {
        let asking = self.asking.take();
        for broker in asking {
            broker.token().await?;
        }
        Ok(())
    }
}

fn tell(prompt: &DevicePrompt) {
    let minutes = prompt.holds.as_secs().div_ceil(60);
    output::tell(&format!(
        "To let Malote in: open {} in a browser and type the code {} within {minutes} minutes.",
        prompt.url, prompt.user_code
    ));
}
