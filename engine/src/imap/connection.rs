//! One connection: answers in, commands out, both at once.
//! Never knows what a command is for; who may send which is decided by the types above it.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::Duration;

use bytes::{Buf, Bytes};
use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::promise::LiteralMode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep, timeout};

use super::classify::parted;
use super::command::{Command, Part};
use super::limits::{
    LITERAL_MINUS_OCTETS_MAX, RATE_OCTETS_MIN, READ_OCTETS, RESPONSES_MAX, RESPONSES_WAITING_MAX,
};
use super::response::{Answer, Code, Kind, Reply, answer};
use super::slowing::Slowing;
use super::split::{Passed, Response, Splitter, Step};
use crate::failure::{Failure, Result};

/// Anything that carries a conversation: a socket, TLS over one, a pipe in a test.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Most slices handed to the kernel at once.
const SLICES_MAX: usize = 64;

/// How a command with literals went out.
pub(super) enum Sent {
    /// Whole, under this tag.
    Whole(String),
    /// The server refused one of its literals, which ended it.
    Refused(Reply),
}

/// What comes next while literals are offered.
pub(super) enum Incoming {
    /// A whole answer.
    Answer(Answer),
    /// A literal of so many octets, still unread.
    Literal(u64),
}

/// A conversation with one server.
pub struct Connection {
    pub(super) side: Side,
    pub(super) host: String,
    pub(super) literal: LiteralMode,
    reader: ReadHalf<Box<dyn Wire>>,
    writer: WriteHalf<Box<dyn Wire>>,
    splitter: Splitter,
    waiting: VecDeque<Answer>,
    bye: Option<Reply>,
    tags: u64,
    /// Octets read and written so far, as they are before compression.
    octets_moved: u64,
    progress_max: Duration,
    /// How long the answer that is being read was waited for, and what came of it meanwhile.
    watch: (Duration, u64),
    /// Responses since the last tagged one.
    responses: u64,
    /// Commands that the server has refused.
    pub(super) refusals: u32,
    slowing: Slowing,
    is_broken: bool,
    is_busy: bool,
}

impl Connection {
    /// Starts on an open wire, before the greeting.
    pub fn new(side: Side, host: impl Into<String>, wire: Box<dyn Wire>, progress_max: Duration) -> Self {
        let (reader, writer) = tokio::io::split(wire);
        Self {
            side,
            host: host.into(),
            literal: LiteralMode::Synchronising,
            reader,
            writer,
            splitter: Splitter::default(),
            waiting: VecDeque::new(),
            bye: None,
            tags: 0,
            octets_moved: 0,
            watch: (Duration::ZERO, 0),
            responses: 0,
            progress_max,
            refusals: 0,
            slowing: Slowing::default(),
            is_broken: false,
            is_busy: false,
        }
    }

    /// Takes the wire out for TLS to be put over it; nothing where octets came that TLS does not protect.
    pub(super) fn into_wire(self) -> Option<Box<dyn Wire>> {
        let is_clean = self.splitter.waiting_octets() == 0 && self.splitter.is_between_responses();
        (is_clean && self.waiting.is_empty()).then(|| self.reader.unsplit(self.writer))
    }

    /// Puts a layer over the wire, both ways; false where octets came already that belong below it.
    pub(super) fn wrap(&mut self, layer: impl FnOnce(Box<dyn Wire>) -> Box<dyn Wire>) -> bool {
        if self.splitter.waiting_octets() > 0 || !self.splitter.is_between_responses() {
            return false;
        }
        let nothing: Box<dyn Wire> = Box::new(tokio::io::join(tokio::io::empty(), tokio::io::sink()));
        let (reader, writer) = tokio::io::split(nothing);
        let reader = std::mem::replace(&mut self.reader, reader);
        let writer = std::mem::replace(&mut self.writer, writer);
        (self.reader, self.writer) = tokio::io::split(layer(reader.unsplit(writer)));
        true
    }

    /// Octets read and written so far, as they are before compression.
    pub(super) const fn octets_moved(&self) -> u64 {
        self.octets_moved
    }

    /// True when a command may be sent: nothing broke and no command was left half-way.
    pub(super) const fn is_usable(&self) -> bool {
        !self.is_broken && !self.is_busy && self.bye.is_none()
    }

    /// Marks the begin or end of a command; one that is never ended makes the connection unusable, which is
    /// what a dropped future leaves behind.
    pub(super) const fn set_busy(&mut self, is_busy: bool) {
        self.is_busy = is_busy;
    }

    /// Begins a command; refused where an earlier one was left half-way, for what is asked in the midst of an answer
    /// would be told by that answer.
    pub(super) fn begin(&mut self) -> Result<()> {
        if self.is_busy {
            return Err(self.net("an earlier answer was left half-way"));
        }
        self.is_busy = true;
        Ok(())
    }

    /// Gives the connection up: what the server has of an unfinished literal is discarded by it.
    pub(super) const fn break_off(&mut self) {
        self.is_broken = true;
    }

    /// Closes the sending side for good, so that an unfinished command cannot be completed by anything.
    pub(super) async fn shut_down(&mut self) {
        self.is_broken = true;
        let _ = timeout(Duration::from_secs(1), self.writer.shutdown()).await;
    }

    pub(super) fn net(&mut self, what: &str) -> Failure {
        self.is_broken = true;
        // A goodbye that gives a known reason is more than a lost connection: a throttle, a limit, a shutdown.
        let parting =
            self.bye.as_ref().map(|bye| parted(self.side, &format!("talking to {}", self.host), bye));
        if let Some(failure) = parting.flatten() {
            return failure;
        }
        let said =
            self.bye.as_ref().map(|bye| format!(", after saying \"{}\"", bye.text)).unwrap_or_default();
        Failure::net(self.side, format!("talking to {}: {what}{said}", self.host))
    }

    pub(super) fn protocol(&mut self, what: &str) -> Failure {
        self.is_broken = true;
        let message = format!("talking to {}: {what}", self.host);
        Failure::new(self.side, Class::ServerProtocol, Reach::Connection, Retry::Again, message)
    }

    /// Sets whether literals are offered one by one by `incoming`.
    pub(super) fn offer_literals(&mut self, offers: bool) {
        self.splitter.offer_literals(offers);
    }

    /// The next answer. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Answer> {
        match self.incoming().await? {
            Incoming::Answer(answer) => Ok(answer),
            Incoming::Literal(octets) => Err(self.passed(Passed::Literal(octets))),
        }
    }

    /// The next answer or offered literal. Cancel-safe.
    pub(super) async fn incoming(&mut self) -> Result<Incoming> {
        loop {
            if let Some(answer) = self.waiting.pop_front() {
                return Ok(Incoming::Answer(answer));
            }
            if self.responses > RESPONSES_MAX {
                return Err(self.passed(Passed::Responses));
            }
            match self.splitter.step() {
                Ok(Step::Response(response)) => {
                    self.watch = (Duration::ZERO, 0);
                    let answer = self.read(&response);
                    return Ok(Incoming::Answer(answer));
                }
                Ok(Step::Offered(octets)) => return Ok(Incoming::Literal(octets)),
                Ok(Step::NeedMore) => self.fill().await?,
                Err(passed) => return Err(self.passed(passed)),
            }
        }
    }

    /// The answer so far, where a literal is offered.
    pub(super) fn so_far(&self) -> Answer {
        answer(self.splitter.so_far())
    }

    /// Reads the offered literal into memory as part of its answer.
    pub(super) fn hold_literal(&mut self) {
        self.splitter.hold();
    }

    /// Begins to stream the offered literal.
    pub(super) fn stream_literal(&mut self) {
        self.splitter.stream();
    }

    /// The next octets of a streamed literal; nothing at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        while self.splitter.streaming_left() > 0 {
            if let Some(chunk) = self.splitter.chunk() {
                return Ok(Some(chunk));
            }
            self.fill().await?;
        }
        Ok(None)
    }

    fn read(&mut self, response: &Response) -> Answer {
        let answer = answer(response);
        self.responses = if matches!(answer, Answer::Tagged(..)) { 0 } else { self.responses + 1 };
        match &answer {
            Answer::Untagged(reply) if reply.kind == Kind::Bye => self.bye = Some(reply.clone()),
            Answer::Tagged(_, reply) => {
                self.refusals += u32::from(reply.kind != Kind::Ok);
                self.slowing.note(self.side, reply);
            }
            _ => {}
        }
        // What this session was let in by holds no longer: it would be refused for ever, where a new login is not.
        if let Answer::Tagged(_, reply) = &answer
            && matches!(reply.code, Some(Code::Expired | Code::AuthenticationFailed))
        {
            self.is_broken = true;
        }
        answer
    }

    pub(super) fn passed(&mut self, passed: Passed) -> Failure {
        self.is_broken = true;
        let message = format!("talking to {}: the server sent {passed}", self.host);
        Failure::new(self.side, Class::LimitExceeded, Reach::Connection, Retry::Again, message)
    }

    async fn fill(&mut self) -> Result<()> {
        let (asked, has_begun) = (Instant::now(), self.splitter.has_begun());
        let mut room = self.splitter.room(READ_OCTETS);
        let read = timeout(self.progress_max, self.reader.read_buf(&mut room)).await;
        drop(room);
        self.filled(read.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())))?;
        // A server may take its time before it answers: only an answer that has begun can drip.
        self.watch(if has_begun { asked.elapsed() } else { Duration::ZERO })
    }

    fn filled(&mut self, read: io::Result<usize>) -> Result<()> {
        match read {
            Ok(0) => Err(self.net("the server closed the connection")),
            Ok(octets) => {
                self.octets_moved += octets as u64;
                self.watch.1 += octets as u64;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let seconds = self.progress_max.as_secs();
                Err(self.net(&format!("no octet came for {seconds} s")))
            }
            Err(error) => Err(self.net("the connection was lost").because(error)),
        }
    }

    /// Gives up an answer that drips: each octet is in time, and its end would still never come. Time counts in
    /// which the server was waited for, not what its octets had to wait for here.
    fn watch(&mut self, waited: Duration) -> Result<()> {
        self.watch.0 += waited;
        if self.watch.0 < self.progress_max {
            return Ok(());
        }
        let (waited, came) = std::mem::take(&mut self.watch);
        if came >= waited.as_secs().max(1) * RATE_OCTETS_MIN {
            return Ok(());
        }
        let seconds = waited.as_secs();
        Err(self
            .net(&format!("one answer brought {came} octets in {seconds} s, which is too slow to ever end")))
    }

    /// Writes everything and flushes, reading what comes meanwhile so that neither side waits for the other.
    pub(super) async fn write(&mut self, slices: &mut VecDeque<Bytes>) -> Result<()> {
        let mut is_flushed = false;
        slices.retain(|slice| !slice.is_empty());
        while !is_flushed {
            let reads = !self.splitter_is_offering() && self.waiting.len() < RESPONSES_WAITING_MAX;
            let io_slices: Vec<IoSlice<'_>> =
                slices.iter().take(SLICES_MAX).map(|slice| IoSlice::new(slice)).collect();
            let mut room = self.splitter.room(READ_OCTETS);
            let is_last = io_slices.is_empty();
            let outcome = tokio::select! {
                biased;
                written = async {
                    if is_last { self.writer.flush().await.map(|()| 0) }
                    else { self.writer.write_vectored(&io_slices).await }
                } => Err(written),
                read = self.reader.read_buf(&mut room), if reads => Ok(read),
                () = sleep(self.progress_max) => Ok(Err(io::ErrorKind::TimedOut.into())),
            };
            drop(room);
            match outcome {
                Ok(read) => {
                    self.filled(read)?;
                    self.absorb()?;
                }
                Err(Ok(0)) if !is_last => return Err(self.net("the connection takes no more octets")),
                Err(Ok(written)) => {
                    is_flushed = is_last;
                    self.octets_moved += written as u64;
                    advance(slices, written);
                }
                Err(Err(error)) => {
                    // What the server said before it closed explains more than the broken pipe.
                    let _ = timeout(Duration::from_millis(200), self.fill()).await;
                    let _ = self.absorb();
                    return Err(self.net("the connection was lost while sending").because(error));
                }
            }
        }
        Ok(())
    }

    fn splitter_is_offering(&self) -> bool {
        self.splitter.offers_literals()
    }

    /// Reads the answers that are complete, to be taken later.
    fn absorb(&mut self) -> Result<()> {
        loop {
            match self.splitter.step() {
                Ok(Step::Response(response)) => {
                    self.watch = (Duration::ZERO, 0);
                    let answer = self.read(&response);
                    self.waiting.push_back(answer);
                }
                Ok(_) => return Ok(()),
                Err(passed) => return Err(self.passed(passed)),
            }
        }
    }

    /// A tag that was never used on this connection.
    pub(super) fn next_tag(&mut self) -> String {
        self.tags += 1;
        format!("m{}", self.tags)
    }

    /// True where a literal of so many octets may follow its announcement without waiting.
    pub(super) const fn goes_unasked(&self, octets: u64) -> bool {
        match self.literal {
            LiteralMode::Plus => true,
            LiteralMode::Minus => octets <= LITERAL_MINUS_OCTETS_MAX,
            LiteralMode::Synchronising => false,
        }
    }

    /// Waits before a command for as long as the server's latest answers ask for.
    pub(super) async fn slow_down(&mut self) {
        if let Some(pause) = self.slowing.pause() {
            sleep(pause).await;
        }
    }

    /// Sends one command. Where a literal has to wait for the server's `+`, so does this.
    pub(super) async fn send(&mut self, command: Command) -> Result<Sent> {
        self.slow_down().await;
        let tag = self.next_tag();
        let mut slices = VecDeque::from([Bytes::from(format!("{tag} "))]);
        for part in command.into_parts() {
            match part {
                Part::Text(text) => slices.push_back(Bytes::from_owner(text)),
                Part::Literal(octets) => {
                    let length = octets.len() as u64;
                    let is_unasked = self.goes_unasked(length);
                    let plus = if is_unasked { "+" } else { "" };
                    slices.push_back(Bytes::from(format!("{{{length}{plus}}}\r\n")));
                    if !is_unasked {
                        self.write(&mut slices).await?;
                        if let Some(refusal) = self.wait_to_go_on(&tag).await? {
                            return Ok(Sent::Refused(refusal));
                        }
                    }
                    slices.push_back(Bytes::from_owner(octets));
                }
            }
        }
        slices.push_back(Bytes::from_static(b"\r\n"));
        self.write(&mut slices).await?;
        Ok(Sent::Whole(tag))
    }

    /// Waits for `+`; the refusal where the command ends instead. Other answers are lost, which is for commands
    /// that run alone.
    async fn wait_to_go_on(&mut self, tag: &str) -> Result<Option<Reply>> {
        loop {
            match self.next().await? {
                Answer::Continue(_) => return Ok(None),
                Answer::Tagged(given, reply) if given == tag => return Ok(Some(reply)),
                Answer::Tagged(..) => return Err(self.protocol("an answer came to a command never sent")),
                _ => {}
            }
        }
    }

    /// Runs one command to its end; `on` sees every other answer.
    pub(super) async fn run(&mut self, command: Command, mut on: impl FnMut(Answer)) -> Result<Reply> {
        self.begin()?;
        let reply = match self.send(command).await? {
            Sent::Refused(reply) => reply,
            Sent::Whole(tag) => self.finish_one(&[tag], &mut on).await?.1,
        };
        self.is_busy = false;
        Ok(reply)
    }

    /// Runs several commands at the price of one round trip; `on` sees every other answer. Their ends may come in
    /// any order: Dovecot answers a STATUS before the NOOP that went ahead of it. Where a literal has to wait, they
    /// run one after the other.
    pub(super) async fn run_all(
        &mut self,
        commands: Vec<Command>,
        mut on: impl FnMut(Answer),
    ) -> Result<Vec<Reply>> {
        if commands.iter().any(Command::has_literal) && self.literal == LiteralMode::Synchronising {
            let mut replies = Vec::with_capacity(commands.len());
            for command in commands {
                replies.push(self.run(command, &mut on).await?);
            }
            return Ok(replies);
        }
        self.begin()?;
        let mut tags = Vec::with_capacity(commands.len());
        for command in commands {
            match self.send(command).await? {
                Sent::Whole(tag) => tags.push(tag),
                Sent::Refused(_) => return Err(self.protocol("a literal was refused that needed no leave")),
            }
        }
        let mut replies: Vec<Option<Reply>> = tags.iter().map(|_| None).collect();
        while replies.iter().any(Option::is_none) {
            let (index, reply) = self.finish_one(&tags, &mut on).await?;
            replies[index] = Some(reply);
        }
        self.is_busy = false;
        Ok(replies.into_iter().flatten().collect())
    }

    /// Reads on to the end of any one of the commands with these tags: which, and how it ended.
    pub(super) async fn finish_one(
        &mut self,
        tags: &[String],
        on: &mut impl FnMut(Answer),
    ) -> Result<(usize, Reply)> {
        loop {
            match self.next().await? {
                Answer::Tagged(given, reply) => return Ok((self.position(tags, &given)?, reply)),
                answer => on(answer),
            }
        }
    }

    /// Which of the commands on the wire this tag ends; none means that the two sides no longer mean the same.
    fn position(&mut self, tags: &[String], given: &str) -> Result<usize> {
        let position = tags.iter().position(|tag| tag == given);
        position.ok_or_else(|| self.protocol("an answer came to a command never sent"))
    }
}

fn advance(slices: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(first) = slices.front_mut() {
        if first.len() > written {
            first.advance(written);
            return;
        }
        written -= first.len();
        slices.pop_front();
    }
}
