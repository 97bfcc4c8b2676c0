//! The steps of the story, each as a person takes it: what is pressed and typed, and what the page says then.
//! Never a step by the API, and never a look at anything but the page.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::ground::{ANA, BRUNO, CARLA, DOMAIN, Ground, SECRET};
use super::person::{Manner, Person};

/// Everybody's password for the console.
pub const PASSWORD: &str = "planted battery staple 7391";
/// How long a run may take.
const RUN_MAX: Duration = Duration::from_secs(120);

impl Person {
    /// Opens what the service printed, makes the first administrator, and gives the account a second factor.
    pub async fn sets_up(&mut self, link: &str) -> Result<()> {
        self.station("sets up");
        self.opens(link).await?;
        self.reads("You make the first administrator.").await?;
        self.fills("Name", "raiz").await?;
        self.fills("Password", PASSWORD).await?;
        self.fills("The same once more", PASSWORD).await?;
        self.presses("Make the administrator").await?;
        self.enrols().await
    }

    /// Sets up a second factor, which the role asks for before anything else.
    async fn enrols(&mut self) -> Result<()> {
        self.presses("Set it up").await?;
        let mark = "Or type this secret into it:";
        self.reads(mark).await?;
        let text = self.text().await?;
        let secret = text.split(mark).nth(1).and_then(|rest| rest.split_whitespace().next());
        self.authenticator.takes(secret.context("no secret")?)?;
        let code = self.authenticator.code().await?;
        self.fills("Code", &code).await?;
        self.presses("Confirm").await?;
        self.reads("Keep these recovery codes").await?;
        self.presses("I have kept them").await?;
        self.reads("Overview").await
    }

    /// Opens a page by the main menu, which a small screen hides behind a button.
    pub async fn goes_to(&self, name: &str) -> Result<()> {
        if !self.sees("press", name, "").await? {
            self.presses("Menu").await?;
        }
        self.presses(name).await
    }

    /// Leaves and comes back with the second factor.
    pub async fn logs_out_and_in(&mut self, name: &str) -> Result<()> {
        self.station("logs out and in");
        self.goes_to("Log out").await?;
        self.reads("Mailbox migrations, from the first look").await?;
        self.logs_in(name).await?;
        self.reads("Six digits from your authenticator").await?;
        self.fills("Code", "000000").await?;
        self.presses("Log in").await?;
        self.reads("Name, password or code is wrong").await?;
        let code = self.authenticator.code().await?;
        self.fills("Code", &code).await?;
        self.presses("Log in").await?;
        self.reads("Overview").await
    }

    async fn logs_in(&self, name: &str) -> Result<()> {
        self.fills("Name", name).await?;
        self.fills("Password", PASSWORD).await?;
        self.presses("Log in").await
    }

    /// Comes for the first time: the role wants a second factor before anything else.
    pub async fn comes_first(&mut self, name: &str) -> Result<()> {
        self.station("comes first");
        self.opens("/console").await?;
        self.logs_in(name).await?;
        self.enrols().await
    }

    /// Proves who it is, where the console asks.
    async fn proves(&mut self) -> Result<()> {
        if !self.text().await?.contains("Is it still you?") {
            return Ok(());
        }
        let code = self.authenticator.code().await?;
        self.fills("Code", &code).await?;
        self.presses("Confirm").await
    }

    /// Names both servers: they stand on this machine and without TLS, which only the system's page allows.
    pub async fn names_servers(&mut self, ground: &Ground) -> Result<()> {
        self.station("names servers");
        self.goes_to("System").await?;
        let form = "Add a server";
        for (name, port) in [("old server", ground.slow_port), ("new server", ground.destination.port())] {
            self.presses(form).await?;
            self.fills_in(form, "Name", name).await?;
            self.fills_in(form, "Host", "127.0.0.1").await?;
            self.fills_in(form, "Port", &port.to_string()).await?;
            self.chooses(form, "Encryption", "No encryption").await?;
            self.fills_in(form, "Private networks it may stand in", "127.0.0.0/8").await?;
            self.presses_in(form, "Save").await?;
            self.proves().await?;
            self.reads("Saved.").await?;
            self.reads(name).await?;
        }
        self.presses("Test: new server").await?;
        self.reads("Answers").await
    }

    /// Makes somebody who may do these things.
    pub async fn makes_user(&mut self, name: &str, role: &str) -> Result<()> {
        self.station("makes user");
        self.goes_to("Access").await?;
        let form = "A new person";
        self.fills_in(form, "Name", name).await?;
        self.fills_in(form, "Password", PASSWORD).await?;
        self.ticks_in(form, role).await?;
        self.ticks_in(form, "Sees every tenant").await?;
        self.presses("Make the user").await?;
        self.proves().await?;
        self.reads("The user was made.").await?;
        self.reads(name).await
    }

    /// The wizard: a domain, its servers, and a list of mailboxes with one wrong password.
    pub async fn registers(&self) -> Result<()> {
        self.station("registers");
        self.goes_to("Migrations").await?;
        self.presses("New migration").await?;
        self.fills("Domain", DOMAIN).await?;
        self.presses("Look for its mail server").await?;
        self.reads("The two servers").await?;
        self.chooses("Source", "A known server", "old server").await?;
        self.chooses("Destination", "A known server", "new server").await?;
        self.fills("What people call the source", "the old server at the office").await?;
        self.presses("Register the migration").await?;
        self.reads("Nothing has been written at any server.").await?;
        self.tries_logins().await?;
        let list = "Or paste it here";
        let broken =
            format!("email,password,dest_password\n{ANA},{SECRET},{SECRET}\nnobody,{SECRET},{SECRET}");
        self.fills(list, &broken).await?;
        self.presses("Look at it").await?;
        self.reads("2 lines read, 1 can be taken.").await?;
        self.reads("Line 3").await?;
        let right = format!("email,password,dest_password\n{ANA},{SECRET},{SECRET}\n{BRUNO},wrong,{SECRET}");
        self.fills(list, &right).await?;
        self.presses("Look at it").await?;
        self.reads("2 lines read, 2 can be taken.").await?;
        self.presses("Take all 2 lines").await?;
        self.reads("The mailboxes were added.").await?;
        self.chooses_rhythm().await
    }

    /// One mailbox, whose logins are tried while they are typed in; without script, at the press of a button.
    async fn tries_logins(&self) -> Result<()> {
        self.station("tries logins");
        let (source, destination) = ("Source", "Destination");
        let is_live = self.manner != Manner::WithoutScript;
        self.fills("Mailbox", CARLA).await?;
        self.fills_in(source, "Password", "wrong").await?;
        if is_live {
            // Going on to the next field is enough.
            self.fills_in(destination, "Password", SECRET).await?;
            self.reads("Name or password is wrong").await?;
            self.reads("Type the password anew").await?;
            self.fills_in(source, "Password", SECRET).await?;
        } else {
            self.presses("Try the login at the source").await?;
            self.reads("Name or password is wrong").await?;
            self.reads("nothing is kept").await?;
            self.fills_in(source, "Password", SECRET).await?;
            self.presses("Try the login at the source").await?;
            self.reads("The login works.").await?;
            self.fills_in(source, "Password", SECRET).await?;
        }
        self.fills_in(destination, "Password", SECRET).await?;
        if is_live {
            self.fills("Mailbox", CARLA).await?;
            self.reads("The login works.").await?;
        }
        self.presses("Try both logins and add it").await?;
        self.reads("The mailboxes were added.").await
    }

    /// The wizard's rhythm of deltas, seen before it is kept; this story copies its differences by hand.
    async fn chooses_rhythm(&self) -> Result<()> {
        self.station("chooses rhythm");
        self.reads("every 6 hours").await?;
        self.picks("Every night at 02:00").await?;
        if self.manner == Manner::WithoutScript {
            self.presses("Show the next times").await?;
        }
        self.reads("every day, at 02:00").await?;
        self.reads("The next times").await?;
        self.picks("None: differences are copied by hand").await?;
        self.fills("Folders left out", "Nowhere/**").await?;
        self.presses("Keep it and go on").await?;
        self.reads(CARLA).await?;
        self.reads("Nowhere/**").await
    }

    /// Opens the migration's own page.
    pub async fn opens_job(&self) -> Result<()> {
        self.goes_to("Migrations").await?;
        self.presses(DOMAIN).await?;
        self.reads("The gate before DNS").await
    }

    /// Waits on the migration's page until no run is under way.
    pub async fn waits_for_runs(&self) -> Result<()> {
        let began = Instant::now();
        loop {
            let text = self.text().await?;
            let mut lines = text.lines().skip_while(|line| line.trim() != "Runs under way").skip(1);
            if lines.next().is_some_and(|line| line.trim() == "0") {
                return Ok(());
            }
            ensure!(began.elapsed() < RUN_MAX, "a run does not end:\n{text}");
            tokio::time::sleep(Duration::from_millis(500)).await;
            if self.manner == Manner::WithoutScript {
                let address = self.browser.address().await?;
                self.browser.open(&address).await?;
            }
        }
    }

    /// The preflight names the wrong password in plain words; it is mended where the words say.
    pub async fn mends_password(&self) -> Result<()> {
        self.station("mends password");
        self.opens_job().await?;
        self.presses("Start the preflight").await?;
        self.reads("Started. This page follows it.").await?;
        self.waits_for("Error").await?;
        self.waits_for_runs().await?;
        self.presses(BRUNO).await?;
        self.reads("Name or password is wrong").await?;
        self.reads("Type the password anew under the mailbox's logins").await?;
        self.fills("New password at the source", SECRET).await?;
        self.presses("Save: New password at the source").await?;
        self.reads("The secret lies in the vault.").await?;
        self.presses("Try the logins").await?;
        self.reads("Started. This page follows it.").await?;
        self.waits_for("proven").await
    }

    /// Looks at where each folder will go, before anything is written, and sends one elsewhere.
    pub async fn looks_at_folders(&self) -> Result<()> {
        self.station("looks at folders");
        self.opens_job().await?;
        self.presses("Folder map").await?;
        self.reads("folders have their place.").await?;
        self.reads("Projetos").await?;
        self.presses(&format!("Change: {ANA}")).await?;
        self.fills("Folders that go elsewhere", "Projetos = Projects").await?;
        self.presses_in("Folder map", "Save").await?;
        self.reads("The folder map was saved.").await
    }

    /// Starts the copy and watches it; the numbers change in the open page.
    pub async fn watches_copy(&self) -> Result<()> {
        self.station("watches copy");
        self.opens_job().await?;
        self.presses("Start the initial copy").await?;
        self.reads("Started. This page follows it.").await?;
        if self.manner == Manner::WithoutScript {
            return self.waits_for_runs().await;
        }
        // One run is followed on its own page: numbers and log change there while nothing is loaded anew.
        self.presses(&format!("Initial copy: {ANA}")).await?;
        self.browser.run("window.stays = 1; return 0").await?;
        let lines = "return document.querySelector('[role=log]')?.querySelectorAll('li').length || 0";
        let (began, mut seen, mut logged) = (Instant::now(), BTreeSet::new(), BTreeSet::new());
        loop {
            let text = self.text().await?;
            let counted = text.lines().skip_while(|line| line.trim() != "Messages").nth(1);
            seen.extend(counted.map(str::to_owned));
            logged.extend(self.browser.run(lines).await?.as_u64());
            if text.contains("Complete") {
                break;
            }
            ensure!(began.elapsed() < RUN_MAX, "the copy does not end: {seen:?}\n{text}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        ensure!(seen.len() > 1, "the numbers did not change before one's eyes: {seen:?}");
        ensure!(logged.len() > 1, "the log did not follow: {logged:?}");
        ensure!(self.browser.run("return window.stays").await? == 1, "the page was loaded anew");
        self.opens_job().await?;
        self.waits_for_runs().await?;
        self.reads("In order").await
    }

    /// Brings a store by the page and looks into it while it is read.
    pub async fn brings_store(&self, path: &str) -> Result<()> {
        self.station("brings store");
        self.opens_job().await?;
        self.presses("Uploads").await?;
        self.reads("No file yet.").await?;
        self.chooses("", "For which mailbox", ANA).await?;
        self.gives_file("File", path).await?;
        self.presses("Upload").await?;
        self.reads("The file was received and checked.").await?;
        self.reads("Outlook file (PST)").await?;
        self.reads("121 messages in 2 folders.").await?;
        self.reads("Minutes").await?;
        self.reads("Reading of an uploaded file").await?;
        self.waits_for("Not complete").await
    }

    /// Copies what came since.
    pub async fn copies_differences(&self) -> Result<()> {
        self.station("copies differences");
        self.opens_job().await?;
        self.presses("Copy differences").await?;
        self.reads("Started. This page follows it.").await?;
        self.waits_for_runs().await
    }

    /// The bad item of the store lies in quarantine with its reason, and keeps the gate shut until it is settled.
    pub async fn settles_quarantine(&self) -> Result<()> {
        self.station("settles quarantine");
        self.opens_job().await?;
        self.reads("DNS may not be switched yet.").await?;
        self.presses("Look anew").await?;
        self.reads("The gate was looked at anew.").await?;
        self.reads("Quarantined messages are settled").await?;
        self.reads("Open the quarantine: retry, repair, or acknowledge each message with a reason.").await?;
        self.presses("Quarantine").await?;
        self.reads("Cannot be read at the source").await?;
        let go = "Acknowledge what is ticked";
        self.fills("Reason", "broken in the old program").await?;
        self.presses(go).await?;
        self.reads("tick at least one message").await?;
        self.ticks("Message ").await?;
        self.fills("Reason", "").await?;
        self.presses(go).await?;
        self.reads("Something in the form is not right").await?;
        self.fills("Reason", "broken in the old program").await?;
        self.fills("Comment", "the customer was told").await?;
        self.presses(go).await?;
        self.reads("Acknowledged").await?;
        ensure!(!self.text().await?.contains("Something in the form"), "the tick was lost");
        Ok(())
    }

    /// Has both sides compared, so that nothing but warnings is left.
    pub async fn verifies(&self) -> Result<()> {
        self.station("verifies");
        self.opens_job().await?;
        self.presses("Verify").await?;
        self.reads("Started. This page follows it.").await?;
        self.waits_for_runs().await?;
        self.presses("Look anew").await?;
        self.reads("The gate was looked at anew.").await?;
        self.reads("Warning").await
    }

    /// Whoever made the migration says yes to it, and is told in words that somebody else has to.
    pub async fn may_not_approve(&mut self) -> Result<()> {
        self.station("may not approve");
        self.opens_job().await?;
        self.approves("").await?;
        self.reads("Somebody else has to approve").await?;
        self.reads("Whoever made the migration or acknowledged its quarantine may not approve it.").await
    }

    /// The second person ticks each warning and opens the gate; one that is left out is named.
    pub async fn opens_gate(&mut self) -> Result<()> {
        self.station("opens gate");
        self.goes_to("Approvals").await?;
        self.presses(DOMAIN).await?;
        self.reads("The gate before DNS").await?;
        let form = "Approve the gate";
        self.presses_in(form, form).await?;
        self.proves().await?;
        self.reads("Not every warning is accepted").await?;
        self.approves("read with the customer").await?;
        self.reads("Approved. DNS may be switched while the approval holds.").await?;
        self.reads("Ready for DNS").await?;
        self.reads("read with the customer").await
    }

    async fn approves(&mut self, comment: &str) -> Result<()> {
        let form = "Approve the gate";
        for name in self.boxes_in("I have read and accept these warnings").await? {
            self.ticks(&name).await?;
        }
        self.fills_in(form, "Comment", comment).await?;
        self.presses_in(form, form).await?;
        self.proves().await
    }

    /// Opens the report, makes the customer's link, and reads the audit log; the link.
    pub async fn closes_the_file(&self) -> Result<String> {
        self.station("closes the file");
        self.opens_job().await?;
        self.presses("Report").await?;
        self.reads("The counts below are those on which the gate was opened.").await?;
        self.presses("Customer's link").await?;
        self.presses("Make a link").await?;
        self.reads("The link was made: copy it now").await?;
        let text = self.text().await?;
        let link = text.split_whitespace().find(|word| word.contains("/console/share/"));
        let link = link.context("no link")?.to_owned();
        self.goes_to("Audit").await?;
        self.presses("Verify the chain").await?;
        self.reads("The chain is whole").await?;
        let text = self.text().await?;
        for action in ["/approve-gate", "/quarantine/ack", "/share"] {
            ensure!(text.contains(action), "the audit log does not tell of {action}:\n{text}");
        }
        Ok(link)
    }

    /// A customer opens the link without a login.
    pub async fn looks_from_outside(&self, link: &str) -> Result<()> {
        self.station("looks from outside");
        self.opens(link).await?;
        self.reads(DOMAIN).await?;
        self.reads("Ready to switch").await?;
        let text = self.text().await?;
        ensure!(!text.contains('@'), "the customer's page names somebody:\n{text}");
        Ok(())
    }
}
