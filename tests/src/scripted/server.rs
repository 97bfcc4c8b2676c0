//! Starts a scripted server on a thread of its own, so that tests with and without a runtime can use it.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::behaviour::{Act, AppendUid, Cut, Manners, Rule, StartTls, When};
use super::session::Session;
use super::store::{Letter, World};
use super::transcript::Transcript;
use super::wire::Wire;
use super::{Account, Shared};
use crate::servers::plain_url;
use crate::tls::Identity;

/// The name and password of the account that every script has.
const FIRST_ACCOUNT: (&str, &str) = ("ana", "segredo");

/// What a server will be and do. Begins well-mannered, with the account `ana`, password `segredo`.
#[derive(Debug, Default)]
pub struct Script {
    manners: Manners,
    rules: Vec<Rule>,
    cuts: Vec<Cut>,
    accounts: Vec<Account>,
}

impl Script {
    /// A well-mannered server.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more account with mail of its own.
    #[must_use]
    pub fn account(self, name: &str, password: &str) -> Self {
        self.with_account(name, password, false)
    }

    /// One more account that may open the others' mail, by `owner*name` or by SASL PLAIN's authzid.
    #[must_use]
    pub fn master(self, name: &str, password: &str) -> Self {
        self.with_account(name, password, true)
    }

    /// Does something else than the normal when a command comes. Rules are asked in order.
    #[must_use]
    pub fn rule(mut self, when: When, act: Act) -> Self {
        self.rules.push(Rule::new(when, act));
        self
    }

    /// Answers a command with this text and does not obey it.
    #[must_use]
    pub fn refuse(self, when: When, text: &str) -> Self {
        self.rule(when, Act::Answer(text.to_owned()))
    }

    /// Plays the user: changes the mail just before a command is obeyed.
    #[must_use]
    pub fn meanwhile(self, when: When, change: impl Fn(&World) + Send + Sync + 'static) -> Self {
        self.rule(when, Act::Meanwhile(Arc::new(change)))
    }

    /// Ends a connection at an octet of its stream.
    #[must_use]
    pub fn cut(mut self, cut: Cut) -> Self {
        self.cuts.push(cut);
        self
    }

    /// Changes any of the manners.
    #[must_use]
    pub fn manners(mut self, change: impl FnOnce(&mut Manners)) -> Self {
        change(&mut self.manners);
        self
    }

    /// Announces, and does, only this.
    #[must_use]
    pub fn capabilities(self, words: &str) -> Self {
        self.manners(|manners| manners.capabilities = words.to_owned())
    }

    /// Announces and does everything but this word.
    #[must_use]
    pub fn without(self, word: &str) -> Self {
        self.manners(|manners| {
            let kept: Vec<&str> =
                manners.capabilities.split_whitespace().filter(|own| *own != word).collect();
            manners.capabilities = kept.join(" ");
        })
    }

    /// Decides about STARTTLS.
    #[must_use]
    pub fn starttls(self, starttls: StartTls) -> Self {
        self.manners(|manners| manners.starttls = starttls)
    }

    /// Speaks TLS from the first octet.
    #[must_use]
    pub fn tls(self, identity: Identity) -> Self {
        self.manners(|manners| manners.tls = Some(identity))
    }

    /// Changes what is appended, e.g. with [`super::added_received`].
    #[must_use]
    pub fn rewriting(self, rewrite: impl Fn(Letter) -> Letter + Send + Sync + 'static) -> Self {
        self.manners(|manners| manners.rewrite = Some(Arc::new(rewrite)))
    }

    /// Refuses what is appended where the judge has an answer, e.g. `NO Message contains NUL characters`.
    #[must_use]
    pub fn judging(self, judge: impl Fn(&[u8]) -> Option<String> + Send + Sync + 'static) -> Self {
        self.manners(|manners| manners.judge = Some(Arc::new(judge)))
    }

    /// Decides about APPENDUID.
    #[must_use]
    pub fn append_uid(self, append_uid: AppendUid) -> Self {
        self.manners(|manners| manners.append_uid = append_uid)
    }

    /// Waits before every answer.
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        self.manners(|manners| manners.delay = delay)
    }

    /// Serves an account's mail that an earlier server held: the same mailbox under another script.
    #[must_use]
    pub fn serving(mut self, world: &World) -> Self {
        let (name, password) = FIRST_ACCOUNT;
        self.accounts.insert(
            0,
            Account {
                name: name.to_owned(),
                password: password.to_owned(),
                is_master: false,
                world: world.clone(),
            },
        );
        self
    }

    /// Starts the server on a free port.
    pub fn start(self) -> Result<Scripted> {
        let (name, password) = FIRST_ACCOUNT;
        let has_first = self.accounts.iter().any(|account| account.name == name);
        let mut script = if has_first { self } else { self.account(name, password) };
        // The first account is the one that `world()` means.
        script.accounts.sort_by_key(|account| account.name != name);
        let shared = Arc::new(Shared {
            accounts: script.accounts,
            manners: script.manners,
            rules: script.rules,
            cuts: script.cuts,
            transcript: Transcript::default(),
            seated: AtomicUsize::new(0),
        });
        let mut server = Scripted { shared, address: None, stop: None, thread: None };
        server.start_again()?;
        Ok(server)
    }

    fn with_account(mut self, name: &str, password: &str, is_master: bool) -> Self {
        let world = World::default();
        self.accounts.push(Account {
            name: name.to_owned(),
            password: password.to_owned(),
            is_master,
            world,
        });
        self
    }
}

/// A running scripted server, ended when dropped.
pub struct Scripted {
    shared: Arc<Shared>,
    address: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Scripted").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Scripted {
    /// The mail of `ana`.
    #[must_use]
    pub fn world(&self) -> World {
        self.world_of(FIRST_ACCOUNT.0)
    }

    /// The mail of an account; an empty world for an account that the script has not.
    #[must_use]
    pub fn world_of(&self, name: &str) -> World {
        let found = self.shared.accounts.iter().find(|account| account.name == name);
        found.map(|account| account.world.clone()).unwrap_or_default()
    }

    /// What clients said so far.
    #[must_use]
    pub fn transcript(&self) -> Transcript {
        self.shared.transcript.clone()
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.map_or(0, |address| address.port())
    }

    /// `imap://user@127.0.0.1:port?tls=off`.
    #[must_use]
    pub fn url(&self, user: &str) -> String {
        plain_url(user, self.port())
    }

    /// Ends every connection and stops listening; mail and port are kept: the beginning of an outage.
    pub fn stop_and_keep(&mut self) {
        // The thread may have ended by itself; then there is nobody to tell.
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }

    /// Listens again on the same port with the same mail: the end of an outage.
    pub fn start_again(&mut self) -> Result<()> {
        let wanted = self.address.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = TcpListener::bind(wanted).with_context(|| format!("listening on {wanted}"))?;
        listener.set_nonblocking(true)?;
        self.address = Some(listener.local_addr()?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        self.stop = Some(stop);
        self.thread = Some(std::thread::spawn(move || runtime.block_on(listen(listener, shared, stopped))));
        Ok(())
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.stop_and_keep();
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let mut sessions = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else { continue };
        let connection = shared.transcript.connected();
        let is_ours = |cut: &&Cut| cut.connection.is_none_or(|wanted| wanted == connection);
        let cuts = shared.cuts.iter().filter(is_ours).copied().collect();
        if let Ok(wire) = Wire::new(stream, cuts, shared.transcript.clone()) {
            // A session ends with an error whenever its client or its script leaves; both are normal here.
            sessions.spawn(Session::new(wire, Arc::clone(&shared), connection).serve());
        }
        while sessions.try_join_next().is_some() {}
    }
}
