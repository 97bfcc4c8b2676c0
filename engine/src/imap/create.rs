//! Creates folders and finds them as the server lists them, many at the price of a few round trips.
//! Never reads out of a refusal's words whether a folder exists: it is asked.

use std::collections::BTreeMap;

use malote_plan::folder::{Role, WireName};

use super::classify::Doing;
use super::command::Command;
use super::limits::COMMANDS_IN_FLIGHT_MAX;
use super::list_data::Listed;
use super::response::{Answer, Kind, Reply};
use super::session::shown;
use super::write::Writing;
use crate::failure::{Class, Failure, Reach, Result, Retry};

/// A folder to be created, by the name that the server is given.
pub(crate) struct Wanted {
    pub wire: WireName,
    pub special_use: Option<Role>,
    /// Its level, 1 at the root: parents are created before their children are asked for.
    pub depth: usize,
}

impl Writing<'_> {
    /// Creates folders with their special use where the server takes it, and returns each as listed afterwards.
    /// One that exists already is fine. The same server may spell a name in another case than it was given.
    pub async fn create(&mut self, wanted: &[Wanted]) -> Result<Vec<Result<Listed>>> {
        let mut refusals: BTreeMap<&WireName, Reply> = BTreeMap::new();
        let mut depths: Vec<usize> = wanted.iter().map(|one| one.depth).collect();
        depths.sort_unstable();
        depths.dedup();
        for depth in depths {
            let level: Vec<&Wanted> = wanted.iter().filter(|one| one.depth == depth).collect();
            for some in level.chunks(COMMANDS_IN_FLIGHT_MAX) {
                self.create_side_by_side(some, &mut refusals).await?;
            }
        }
        let mut found = Vec::with_capacity(wanted.len());
        for some in wanted.chunks(COMMANDS_IN_FLIGHT_MAX) {
            found.extend(self.listed(some).await?);
        }
        let answers = wanted.iter().zip(found).map(|(one, listed)| {
            listed.ok_or_else(|| match refusals.get(&one.wire) {
                Some(reply) => {
                    let what = format!("creating folder {}", shown(&one.wire));
                    self.session.refused(Doing::Create, &what, reply)
                }
                None => self.unlisted(&one.wire),
            })
        });
        let answers: Vec<Result<Listed>> = answers.collect();
        let is_wide =
            |answer: &Result<Listed>| matches!(answer, Err(failure) if failure.reach > Reach::Folder);
        match answers.iter().position(is_wide) {
            Some(at) => {
                Err(answers.into_iter().nth(at).and_then(Result::err).expect("it was just seen there"))
            }
            None => Ok(answers),
        }
    }

    /// Asks for folders of one level, with their use first and plainly where that is refused.
    async fn create_side_by_side<'w>(
        &mut self,
        level: &[&'w Wanted],
        refusals: &mut BTreeMap<&'w WireName, Reply>,
    ) -> Result<()> {
        let takes_use = self.session.promises.create_special_use;
        let use_of = |one: &Wanted| one.special_use.and_then(Role::special_use).filter(|_| takes_use);
        let mut commands = Vec::with_capacity(level.len());
        for one in level {
            let command = self.session.named("CREATE", &one.wire)?;
            commands.push(match use_of(one) {
                Some(name) => command.words(&format!("(USE ({name}))")),
                None => command,
            });
        }
        let replies = self.run_creates(commands).await?;
        let mut again = Vec::new();
        for (one, reply) in level.iter().zip(replies) {
            match reply.kind {
                Kind::Ok => {}
                _ if use_of(one).is_some() => again.push(*one),
                _ => {
                    refusals.insert(&one.wire, reply);
                }
            }
        }
        let mut commands = Vec::with_capacity(again.len());
        for one in &again {
            commands.push(self.session.named("CREATE", &one.wire)?);
        }
        let replies = self.run_creates(commands).await?;
        let refused = again.into_iter().zip(replies).filter(|(_, reply)| reply.kind != Kind::Ok);
        refusals.extend(refused.map(|(one, reply)| (&one.wire, reply)));
        Ok(())
    }

    /// Sends CREATEs side by side, with something else between them where the server counts those in a row.
    async fn run_creates(&mut self, creates: Vec<Command>) -> Result<Vec<Reply>> {
        let most = self.session.profile.settings.creates_between_noops.unwrap_or(u32::MAX).max(1);
        let (mut commands, mut places) = (Vec::with_capacity(creates.len()), Vec::new());
        for create in creates {
            if self.session.creates >= most {
                commands.push(Command::new("NOOP"));
                self.session.creates = 0;
            }
            self.session.creates += 1;
            places.push(commands.len());
            commands.push(create);
        }
        let mut replies = self.session.connection.run_all(commands, drop).await?.into_iter().enumerate();
        let is_create = |(at, _): &(usize, Reply)| places.binary_search(at).is_ok();
        Ok(replies.by_ref().filter(is_create).map(|(_, reply)| reply).collect())
    }

    /// The folders as LIST has them, in the order asked. Where a name is listed in another case alone, it is asked for
    /// once more and by itself: only then that is the server's word for it, and not another folder's.
    async fn listed(&mut self, wanted: &[Wanted]) -> Result<Vec<Option<Listed>>> {
        let lines = self.lines(wanted).await?;
        let mut found = Vec::with_capacity(wanted.len());
        for one in wanted {
            let is_alike = |listed: &Listed| listed.name.eq_ignore_ascii_case(&one.wire.0);
            let mut listed = lines.iter().find(|listed| listed.name == one.wire.0).cloned();
            if listed.is_none() && lines.iter().any(is_alike) {
                listed = self.lines(std::slice::from_ref(one)).await?.into_iter().find(is_alike);
            }
            found.push(listed);
        }
        Ok(found)
    }

    /// What LIST says to these names, asked side by side.
    async fn lines(&mut self, wanted: &[Wanted]) -> Result<Vec<Listed>> {
        let options = if self.session.promises.special_use { "RETURN (SPECIAL-USE)" } else { "" };
        let mut lines: Vec<Listed> = Vec::new();
        for options in [options, ""] {
            lines.clear();
            let mut commands = Vec::with_capacity(wanted.len());
            for one in wanted {
                let command = Command::new("LIST").words("\"\"").string(&one.wire.0).map_err(|error| {
                    let reply = Reply { kind: Kind::No, code: None, text: error.to_string() };
                    self.session.refused(Doing::Create, "listing a folder", &reply)
                })?;
                commands.push(if options.is_empty() { command } else { command.words(options) });
            }
            let on = |answer| {
                if let Answer::List(listed) = answer {
                    lines.push(listed);
                }
            };
            let replies = self.session.connection.run_all(commands, on).await?;
            if replies.iter().all(|reply| reply.kind == Kind::Ok) {
                break;
            }
        }
        lines.retain(|listed| !listed.has("\\NonExistent"));
        Ok(lines)
    }

    fn unlisted(&self, wire: &WireName) -> Failure {
        let message =
            format!("creating folder {}: the server says it is there and does not list it", shown(wire));
        let side = self.session.connection.side;
        Failure::new(side, Class::FolderRefused, Reach::Folder, Retry::Never, message)
    }

    /// Subscribes to a folder.
    pub async fn subscribe(&mut self, wire: &WireName) -> Result<()> {
        let command = self.session.named("SUBSCRIBE", wire)?;
        let reply = self.session.connection.run(command, drop).await?;
        if reply.kind == Kind::Ok {
            return Ok(());
        }
        Err(self.session.refused(Doing::Create, &format!("subscribing to {}", shown(wire)), &reply))
    }
}
