//! imapsync's own command lines, as its users write them, between real servers: what arrives is what imapsync would
//! have brought, and a second run brings nothing more.
//! Never compares by Malote's own account: another client reads both sides.

use std::path::Path;

use acceptance::mail::{Mail, internal_date};
use acceptance::migration::PASSWORD;
use acceptance::program::{Ended, Home};
use acceptance::reader::{Fingerprint, Reader};
use acceptance::servers::{Dovecot, DovecotOptions, DovecotUser, Layout};
use anyhow::{Context, Result, ensure};
use futures_util::StreamExt as _;

/// Octets of the one message that is large.
const LARGE_OCTETS: usize = 60_000;

/// Command lines that run at once.
const AT_ONCE: usize = 4;

/// Which messages are expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    All,
    Recent,
    NotRecent,
    Small,
    Large,
    Nothing,
}

/// Which folders are expected, and under which names.
#[derive(Clone, Copy, Debug)]
enum Where {
    Same,
    Only(&'static [(&'static str, &'static str)]),
    Without(&'static [&'static str]),
    All(fn(&str) -> String),
}

use Where::{Only, Same, Without};
use Which::{All, Large, NotRecent, Nothing, Recent, Small};

/// A command line without hosts and users, and what it brings.
type Case<'a> = (&'a str, Where, Which);

const FOLDERS: [(&str, &str); 12] = [
    ("INBOX", "chegou"),
    ("INBOX", "large"),
    ("INBOX", "recent"),
    ("Sent", "enviada"),
    ("Sent Items", "enviada antes"),
    ("Drafts", "rascunho"),
    ("Work", "obra"),
    ("Work/2024", "obra de 2024"),
    ("R&AOk-union", "reunião"),
    ("Junk", "lixo"),
    ("Trash", "fora"),
    ("[Gmail]/Archived", "arquivada"),
];

fn mail(name: &str, now: u64) -> Mail {
    let filling = if name == "large" { LARGE_OCTETS } else { 40 };
    let text = format!(
        "From: a@example.net\r\nTo: b@example.net\r\nSubject: {name}\r\nMessage-ID: <{}@example.net>\r\n\
         Date: Fri, 17 Jul 2020 02:44:25 -0300\r\n\r\n{}\r\n",
        name.replace(' ', "."),
        "letra ".repeat(filling / 6)
    );
    let mail =
        Mail::new(name, text).flagged(if name.contains('a') { "\\Seen $Forwarded" } else { "\\Flagged" });
    if name == "recent" { Mail { internal_date: Some(internal_date(now - 7200)), ..mail } } else { mail }
}

fn now() -> Result<u64> {
    Ok(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs())
}

/// Two servers; the one holds ana's mail, the other nobody's.
struct Servers {
    from: Dovecot,
    to: Dovecot,
    home: Home,
}

impl Servers {
    async fn start(layout: Layout, users: usize) -> Result<Self> {
        let from = Dovecot::with_users(&[("ana", PASSWORD)])?;
        let users = (0..users).map(|number| DovecotUser::new(&format!("u{number}"), PASSWORD)).collect();
        let to = Dovecot::start(DovecotOptions { users, layout, ..DovecotOptions::default() })?;
        Self::fill(from, to).await
    }

    async fn fill(from: Dovecot, to: Dovecot) -> Result<Self> {
        let mut reader = Reader::login(from.port(), "ana", PASSWORD).await?;
        let now = now()?;
        let mails: Vec<(&str, Mail)> =
            FOLDERS.iter().map(|(folder, name)| (*folder, mail(name, now))).collect();
        ensure!(reader.fill(mails.iter().map(|(folder, mail)| (*folder, mail))).await?.is_empty());
        for folder in ["INBOX", "Work"] {
            reader.subscribe(folder).await?;
        }
        reader.logout().await?;
        Ok(Self { from, to, home: Home::new()? })
    }

    fn words(&self, user: &str, line: &str) -> Vec<String> {
        let own = format!(
            "imapsync --host1 127.0.0.1 --port1 {} --user1 ana --host2 127.0.0.1 --port2 {} --user2 {user} --nolog",
            self.from.port(),
            self.to.port()
        );
        // A `'…'` is one word, as in a shell.
        let quoted = line.split('\'').enumerate().flat_map(|(index, part)| {
            let words: Vec<&str> =
                if index % 2 == 1 { vec![part] } else { part.split_whitespace().collect() };
            words
        });
        own.split_whitespace().chain(quoted).map(str::to_owned).collect()
    }

    async fn run(&self, user: &str, line: &str) -> Result<Ended> {
        let mut command = self.home.command(self.words(user, line));
        command.current_dir(self.home.path("."));
        Ended::of(command).await
    }

    async fn expected(&self, place: Where, which: Which) -> Result<Vec<Fingerprint>> {
        let mut reader = Reader::login(self.from.port(), "ana", PASSWORD).await?;
        let day_ago = i64::try_from(now()?)? - 86_400;
        let mut expected = Vec::new();
        for message in reader.everything().await? {
            let is_recent = message.internal_date_s.is_some_and(|date| date > day_ago);
            let is_large = message.octets.len() > LARGE_OCTETS / 2;
            let is_wanted = match which {
                All => true,
                Recent => is_recent,
                NotRecent => !is_recent,
                Small => !is_large,
                Large => is_large,
                Nothing => false,
            };
            let folder = match place {
                Same => Some(message.folder.clone()),
                Only(pairs) => {
                    pairs.iter().find(|(from, _)| *from == message.folder).map(|(_, to)| (*to).to_owned())
                }
                Without(folders) => {
                    (!folders.contains(&message.folder.as_str())).then(|| message.folder.clone())
                }
                Where::All(name) => Some(name(&message.folder)),
            };
            if let Some(folder) = folder.filter(|_| is_wanted) {
                expected.push(Fingerprint { folder, ..message.fingerprint() });
            }
        }
        expected.sort();
        Ok(expected)
    }

    /// Runs a case twice.
    async fn check(&self, user: &str, (line, place, which): Case<'_>) -> Result<()> {
        let expected = self.expected(place, which).await?;
        let first = self.run(user, line).await?;
        ensure!(first.code == 0, "{line} ended with {}\n{}\n{}", first.code, first.out, first.err);
        let mut reader = Reader::login(self.to.port(), user, PASSWORD).await?;
        let found = reader.fingerprints().await?;
        ensure!(found == expected, "{line}\n{found:#?}\nand expected\n{expected:#?}\n{}", first.out);
        let is_transferred = first.out.contains("Messages transferred");
        ensure!(
            !is_transferred || statistic(&first.out, "Messages transferred")? == expected.len() as u64,
            "{line}\n{}",
            first.out
        );
        if is_transferred && !line.contains("--dry") {
            let second = self.run(user, line).await?;
            ensure!(second.code == 0, "{line} again ended with {}\n{}", second.code, second.out);
            ensure!(statistic(&second.out, "Messages transferred")? == 0, "{line} again\n{}", second.out);
            ensure!(reader.fingerprints().await? == expected, "{line} again\n{}", second.out);
        }
        Ok(())
    }

    async fn check_all(&self, cases: &[Case<'_>]) -> Result<()> {
        let runs = cases
            .iter()
            .enumerate()
            .map(|(number, case)| async move { self.check(&format!("u{number}"), *case).await });
        let ended: Vec<Result<()>> =
            futures_util::stream::iter(runs).buffer_unordered(AT_ONCE).collect().await;
        ended.into_iter().collect()
    }
}

/// Asks the judge that knows nothing of this workspace; says so where it is absent.
fn judged_same(servers: &Servers, user: &str) -> Result<()> {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(2).take(2);
    let tool = folders.map(|above| above.join("shared/tools/same.py")).find(|path| path.is_file());
    let Some(tool) = tool else {
        eprintln!("SKIPPED: no independent judge beside the workspace (../shared/tools/same.py)");
        return Ok(());
    };
    let of = |port: u16, user: &str| format!("127.0.0.1:{port}/{user}/{PASSWORD}");
    let judged = std::process::Command::new("python3")
        .arg(tool)
        .args([of(servers.from.port(), "ana"), of(servers.to.port(), user)])
        .output()?;
    let said = String::from_utf8_lossy(&judged.stdout).into_owned();
    ensure!(said.contains("same: 12 messages"), "{said}{}", String::from_utf8_lossy(&judged.stderr));
    Ok(())
}

/// The number after a label of the closing statistics.
fn statistic(out: &str, label: &str) -> Result<u64> {
    let line =
        out.lines().find(|line| line.starts_with(label)).with_context(|| format!("no {label} in {out}"))?;
    let number = line.split(": ").nth(1).and_then(|rest| rest.split_whitespace().next());
    Ok(number.context("no number")?.parse()?)
}

const CHOICES: [Case<'static>; 16] = [
    ("", Same, All),
    ("--folder INBOX", Only(&[("INBOX", "INBOX")]), All),
    ("--folder INBOX --folder=Work", Only(&[("INBOX", "INBOX"), ("Work", "Work")]), All),
    ("--folder 'Sent Items' --folder Nope", Only(&[("Sent Items", "Sent Items")]), All),
    ("--folderrec Work", Only(&[("Work", "Work"), ("Work/2024", "Work/2024")]), All),
    ("--include '^Work'", Only(&[("Work", "Work"), ("Work/2024", "Work/2024")]), All),
    ("--subscribed --subscribe", Only(&[("INBOX", "INBOX"), ("Work", "Work")]), All),
    ("--exclude '^INBOX$'", Without(&["INBOX"]), All),
    ("--exclude (?i)junk --exclude (?i)trash", Without(&["Junk", "Trash"]), All),
    ("--exclude 'Junk|Drafts' --folderfirst Work --folderlast Sent", Without(&["Junk", "Drafts"]), All),
    ("--maxage 1", Same, Recent),
    ("--minage 365 --skipemptyfolders", Same, NotRecent),
    ("--maxsize 20000", Same, Small),
    ("--minsize 20_000 --maxsize 1_000_000", Same, Large),
    ("--search 'SENTSINCE 1-Jan-2010 SENTBEFORE 31-Dec-2022'", Same, NotRecent),
    ("--search1 'SINCE 1-Jan-2023'", Same, Recent),
];

const NAMES: [Case<'static>; 18] = [
    ("--automap", Where::All(|name| name.replace("Sent Items", "Sent")), All),
    ("--gmail1 --nossl1", Where::All(|name| name.replace("[Gmail]/", "").replace("Sent Items", "Sent")), All),
    (
        "--gmail2 --nossl2 --noexpunge1 --maxsize 25_000_000",
        Where::All(|name| name.replace("[Gmail]/", "").replace("Sent Items", "Sent")),
        All,
    ),
    ("--office1 --nossl1 --exchange2 --office2 --nossl2 --nodisarmreadreceipts", Same, All),
    ("--f1f2 INBOX=Unused --folder INBOX", Only(&[("INBOX", "Unused")]), All),
    ("--f1f2h 'Sent Items=Sent'", Where::All(|name| name.replace("Sent Items", "Sent")), All),
    ("--subfolder2 Old_Mail", Where::All(|name| format!("Old_Mail/{name}")), All),
    ("--subfolder1 Work", Only(&[("Work", "INBOX"), ("Work/2024", "2024")]), All),
    ("--regextrans2 s,^Work,Job,", Where::All(|name| name.replacen("Work", "Job", 1)), All),
    (
        "--regextrans2 's{^Sent$|^Sent Messages$|^Sent Items$}{Sent}'",
        Where::All(|name| name.replace("Sent Items", "Sent")),
        All,
    ),
    ("--regextrans2 's,(.*),FOO/$1,'", Where::All(|name| format!("FOO/{name}")), All),
    (
        r"--folderrec Work --regextrans2 s,([^/]+),\U$1\E,g",
        Only(&[("Work", "WORK"), ("Work/2024", "WORK/2024")]),
        All,
    ),
    ("--regextrans2 s/.*/INBOX/", Where::All(|_| "INBOX".to_owned()), All),
    ("--regextrans2 tr,*%.#[,_,", Where::All(|name| name.replace('[', "_")), All),
    (
        r"--exclude \[Gmail\]$ --regextrans2 s,\[Gmail\].,, --folderlast '[Gmail]/All Mail'",
        Where::All(|name| name.replace("[Gmail]/", "")),
        All,
    ),
    ("--prefix1 '' --sep1 / --prefix2 '' --sep2 / --nomixfolders", Same, All),
    (
        r#"--regextrans2 's/[ ]+/_/g' --regextrans2 's/[\^"]/_/g'"#,
        Where::All(|name| name.replace(' ', "_")),
        All,
    ),
    ("--regextrans2 's,(/|^) +,$1,g' --regextrans2 's, +(/|$),$1,g' --noautomap", Same, All),
];

const HABITS: [Case<'static>; 12] = [
    ("--dry", Same, Nothing),
    ("--justfolders", Same, Nothing),
    ("--justlogin", Same, Nothing),
    ("--justconnect", Same, Nothing),
    ("--justfoldersizes", Same, Nothing),
    ("--justfolderlists --automap", Same, Nothing),
    (
        "--addheader --usecache --syncinternaldates --nofoldersizes --nofoldersizesatend --useheader Message-Id \
         --skipsize --allowsizemismatch --errorsmax 100 --timeout 60 --noreleasecheck --nomodulesversion --useuid",
        Same,
        All,
    ),
    ("--delete2 --uidexpunge2 --noexpunge1", Same, All),
    (
        "--maxbytespersecond 10_000_000 --maxmessagespersecond 1000 --maxsleep 2 --maxbytesafter 1000",
        Same,
        All,
    ),
    ("--subscribeall --nodry --tmpdir /tmp --resyncflags", Same, All),
    (
        "-nosyncacls -buffersize 8192000 -authmech1 PLAIN -authmech2 CRAM-MD5 -split1 100 -split2 100 --fastio1 \
         --compress1 --keepalive2 --filterflags",
        Same,
        All,
    ),
    ("--nossl1 --notls1 --nossl2 --notls2 --noid --syncduplicates --noresyncflags --inet4", Same, All),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_and_messages_are_chosen_as_by_imapsync() -> Result<()> {
    let servers = Servers::start(Layout::Sdbox, CHOICES.len()).await?;
    servers.check_all(&CHOICES).await?;
    judged_same(&servers, "u0")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_get_the_names_that_imapsync_gives() -> Result<()> {
    Servers::start(Layout::Sdbox, NAMES.len()).await?.check_all(&NAMES).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn habits_of_imapsyncs_users_are_understood() -> Result<()> {
    let servers = Servers::start(Layout::Sdbox, HABITS.len()).await?;
    servers.check_all(&HABITS).await?;
    let mut made = Reader::login(servers.to.port(), "u1", PASSWORD).await?;
    let names: Vec<String> = made.folders().await?.into_iter().map(|folder| folder.name).collect();
    assert!(names.contains(&"Work/2024".to_owned()), "--justfolders made {names:?}");
    let mut untouched = Reader::login(servers.to.port(), "u0", PASSWORD).await?;
    let names: Vec<String> = untouched.folders().await?.into_iter().map(|folder| folder.name).collect();
    assert!(!names.contains(&"Work".to_owned()), "--dry made {names:?}");
    for (number, _) in HABITS.iter().enumerate().filter(|(_, (_, _, which))| *which == All) {
        judged_same(&servers, &format!("u{number}"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_logs_in_for_the_user() -> Result<()> {
    let masters = vec![("admin".to_owned(), "chave".to_owned())];
    let users = vec![DovecotUser::new("ana", PASSWORD)];
    let from = Dovecot::start(DovecotOptions { users, masters, ..DovecotOptions::default() })?;
    let to = Dovecot::with_users(&[("u0", PASSWORD), ("u1", PASSWORD)])?;
    let servers = Servers::fill(from, to).await?;
    let file = servers.home.write("key", "chave\nnot this line\n")?;
    let ways = ["--authuser1 admin", "--user1 ana*admin"];
    for (user, way) in ["u0", "u1"].iter().zip(ways) {
        servers.check(user, (&format!("{way} --passfile1 {file}"), Same, All)).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_separator_and_prefix_are_written_as_imapsync_writes_them() -> Result<()> {
    fn dotted(name: &str) -> String {
        if name == "INBOX" { name.to_owned() } else { format!("INBOX.{}", name.replace('/', ".")) }
    }
    const CASES: [Case<'static>; 3] = [
        ("", Where::All(dotted), All),
        ("--subfolder2 Old", Where::All(|name| format!("INBOX.Old.{}", name.replace('/', "."))), All),
        (
            "--regextrans2 's,^INBOX(.*),INBOX.FOO$1,'",
            Where::All(|name| dotted(name).replacen("INBOX", "INBOX.FOO", 1)),
            All,
        ),
    ];
    Servers::start(Layout::MaildirPlusPlus, CASES.len()).await?.check_all(&CASES).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_lead_to_the_destinations_folders_with_automap() -> Result<()> {
    let servers = Servers::start(Layout::Sdbox, 2).await?;
    for user in ["u0", "u1"] {
        let mut reader = Reader::login(servers.to.port(), user, PASSWORD).await?;
        reader.create("Sent").await?;
        reader.create("Junk").await?;
    }
    servers.check("u0", ("--automap", Where::All(|name| name.replace("Sent Items", "Sent")), All)).await?;
    servers
        .check(
            "u1",
            (
                "--automap --f1f2 'Sent Items=Older'",
                Where::All(|name| name.replace("Sent Items", "Older")),
                All,
            ),
        )
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_imapsync_brought_before_is_adopted() -> Result<()> {
    let servers = Servers::start(Layout::Sdbox, 1).await?;
    let mut source = Reader::login(servers.from.port(), "ana", PASSWORD).await?;
    let anonymous = Mail::new("anonymous", "Subject: sem nome\r\nFrom: a@example.net\r\n\r\nquem?\r\n");
    source.append("INBOX", &anonymous).await?;
    let uid = source.messages("INBOX").await?.last().context("nothing")?.uid;
    let mut there = Reader::login(servers.to.port(), "u0", PASSWORD).await?;
    // imapsync has brought all but three, and given the one without Message-ID its own, as --addheader does.
    let now = now()?;
    let brought: Vec<(&str, Mail)> = FOLDERS
        .iter()
        .filter(|(_, name)| !["obra", "lixo", "recent"].contains(name))
        .map(|(folder, name)| (*folder, mail(name, now)))
        .collect();
    there.fill(brought.iter().map(|(folder, mail)| (*folder, mail))).await?;
    let headed = [format!("Message-Id: <{uid}@imapsync>\r\n").as_bytes(), &anonymous.octets].concat();
    there.append("INBOX", &Mail::new("headed", headed)).await?;
    let first = servers.run("u0", "").await?;
    ensure!(first.code == 0, "{}\n{}", first.out, first.err);
    assert_eq!(statistic(&first.out, "Messages transferred")?, 3, "{}", first.out);
    assert_eq!(statistic(&first.out, "Messages skipped")?, 10, "{}", first.out);
    assert!(
        first.out.contains("The sync looks good, all 13 identified messages in host1 are on host2."),
        "{}",
        first.out
    );
    assert!(
        first.out.contains("The sync is strict, all 13 identified messages in host2 are on host1."),
        "{}",
        first.out
    );
    assert_eq!(there.everything().await?.len(), 13);
    Ok(())
}
