//! What the demo came to: the gate's checks, and the mail of each mailbox as the two servers count it themselves.
//! Never takes the service's word for a number that the servers can be asked for.

use serde::Serialize;
use serde_json::Value;

use crate::cli::exit::Exit;
use crate::cli::render::{Column, Look, Table, number};

/// What the demo came to.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    /// The job.
    job_id: i64,
    /// Its phase.
    phase: String,
    /// What the program that changes DNS was told.
    gate: Value,
    /// The checks as the approver saw them.
    checks: Value,
    /// Each mailbox.
    mailboxes: Vec<Mailbox>,
    /// Items of the uploaded store that became messages.
    carried: u64,
    /// Quarantined items that were acknowledged.
    acknowledged: u64,
    /// How often the service was killed on the way.
    kills: u32,
    /// Where the service answers while the demo lasts.
    url: String,
    /// What a program asks it about the gate with; it ends with the demo.
    token: String,
}

#[derive(Debug, Serialize)]
struct Mailbox {
    email: String,
    source: u64,
    destination: u64,
}

impl Outcome {
    /// Puts together what was found; `numbers` are items carried, items acknowledged and kills, `place` is the
    /// service's URL and a token.
    pub fn new(
        job: Value,
        checks: &Value,
        gate: Value,
        counts: Vec<(String, u64, u64)>,
        numbers: (u64, u64, u32),
        place: (String, String),
    ) -> Self {
        let mailbox = |(email, source, destination)| Mailbox { email, source, destination };
        let (carried, acknowledged, kills) = numbers;
        Self {
            job_id: job["id"].as_i64().unwrap_or_default(),
            phase: job["phase"].as_str().unwrap_or_default().to_owned(),
            gate,
            checks: checks["checks"].clone(),
            mailboxes: counts.into_iter().map(mailbox).collect(),
            carried,
            acknowledged,
            kills,
            url: place.0,
            token: place.1,
        }
    }

    /// Success where the gate is open and every mailbox holds exactly what its source and its store hold.
    pub fn exit(&self) -> Exit {
        let is_open = self.gate["dns_allowed"] == true && self.phase == "cutover_ready";
        let is_exact = self.mailboxes.iter().enumerate().all(|(place, mailbox)| {
            let more = if place == 0 { self.carried } else { 0 };
            mailbox.source > 0 && mailbox.destination == mailbox.source + more
        });
        if is_open && is_exact { Exit::Success } else { Exit::Internal }
    }

    /// Two tables and a verdict.
    pub fn render(&self, look: Look) -> String {
        let mut mailboxes = Table::new(vec![
            Column::text("mailbox"),
            Column::number("source"),
            Column::number("destination"),
        ]);
        for mailbox in &self.mailboxes {
            mailboxes.row(vec![mailbox.email.clone(), number(mailbox.source), number(mailbox.destination)]);
        }
        let sum = |of: fn(&Mailbox) -> u64| number(self.mailboxes.iter().map(of).sum());
        mailboxes.total(vec![
            "all".to_owned(),
            sum(|mailbox| mailbox.source),
            sum(|mailbox| mailbox.destination),
        ]);
        let mut checks =
            Table::new(vec![Column::text("check"), Column::text("status"), Column::text("numbers")]);
        for check in self.checks.as_array().into_iter().flatten() {
            let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
            checks.row(vec![text("check_id"), text("status"), text("message")]);
        }
        let store = if self.carried > 0 {
            format!(
                "{} messages came from the uploaded store; {} items were acknowledged as lost\n",
                number(self.carried),
                number(self.acknowledged)
            )
        } else {
            String::new()
        };
        let verdict = if self.exit() == Exit::Success {
            look.good("the gate is open: DNS may be changed")
        } else {
            look.bad("the gate is not open, or a count does not fit: this is a bug")
        };
        format!("{}\n{}{store}\n{verdict}\n", checks.render(look), mailboxes.render(look))
    }
}
