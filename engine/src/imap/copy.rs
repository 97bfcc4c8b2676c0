//! COPY from the open folder into another one, on the server itself.
//! Never believes a COPYUID that does not fit what was asked.

use malote_plan::folder::WireName;
use malote_plan::message::{Uid, UidValidity};
use malote_plan::uid_set::UidSet;

use super::classify::Doing;
use super::command::Command;
use super::limits::COPY_UIDS_MAX;
use super::response::{Code, Kind};
use super::session::{Session, shown};
use super::write::Writing;
use crate::exchange::Within;
use crate::failure::{Class, Failure, Reach, Result, Retry};

impl Writing<'_> {
    /// Copies those of `uids` that exist. Fails where the server does not tell which copy is whose: then any of
    /// them may be there.
    pub async fn copy(&mut self, uids: &UidSet, to: &WireName) -> Result<Option<Within>> {
        let mut whole: Option<Within> = None;
        for chunk in uids.chunks(self.session.uids_at_once(COPY_UIDS_MAX), self.session.uid_set_octets()) {
            let part = self.copy_some(&chunk, to).await?;
            match &mut whole {
                Some(whole) if whole.uid_validity == part.uid_validity => whole.pairs.extend(part.pairs),
                Some(_) => return Err(self.untold(&chunk, to)),
                None => whole = Some(part),
            }
        }
        Ok(whole)
    }

    async fn copy_some(&mut self, uids: &UidSet, to: &WireName) -> Result<Within> {
        self.session.connection.slow_down().await;
        let command = Command::new("UID COPY").words(&uids.to_string());
        let command = command.string(&to.0).map_err(|error| {
            let (side, message) =
                (self.session.connection.side, format!("naming folder {}: {error}", shown(to)));
            Failure::new(side, Class::FolderRefused, Reach::Folder, Retry::Never, message)
        })?;
        let selected = &mut self.session.selected;
        let reply = self.session.connection.run(command, |answer| Session::note(selected, &answer)).await?;
        match reply.code {
            _ if reply.kind != Kind::Ok => {
                let what = format!("copying {} messages into {}", uids.len(), shown(to));
                Err(self.session.refused(Doing::Append, &what, &reply))
            }
            Some(Code::CopyUid(uid_validity, from, to)) if fits(uids, &from, &to) => {
                Ok(Within { uid_validity, pairs: from.into_iter().zip(to).collect() })
            }
            _ => Err(self.untold(uids, to)),
        }
    }

    fn untold(&self, uids: &UidSet, to: &WireName) -> Failure {
        let (side, host) = (self.session.connection.side, &self.session.connection.host);
        let message = format!(
            "copying {} messages into {} on {host}: the server does not tell which copy is whose",
            uids.len(),
            shown(to)
        );
        Failure::new(side, Class::ServerProtocol, Reach::Folder, Retry::Again, message)
    }
}

/// True where each copy is of one message that was asked for, and no two are of one or are one.
fn fits(asked: &UidSet, from: &[Uid], to: &[Uid]) -> bool {
    let is_each_once = |uids: &[Uid]| uids.iter().copied().collect::<UidSet>().len() == uids.len() as u64;
    from.len() == to.len()
        && from.iter().all(|uid| asked.contains(*uid))
        && is_each_once(from)
        && is_each_once(to)
}

/// The generation of COPYUID, where it is one (RFC 4315 §3).
pub(super) fn copy_uid(uid_validity: u32, from: &[u8], to: &[u8]) -> Option<Code> {
    Some(Code::CopyUid(UidValidity::new(uid_validity)?, ordered(from)?, ordered(to)?))
}

/// The UIDs of a set in the order in which they stand there: COPYUID pairs them by it.
fn ordered(set: &[u8]) -> Option<Vec<Uid>> {
    let mut uids = Vec::new();
    for range in std::str::from_utf8(set).ok()?.split(',') {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        // RFC 3501 §9: 4:2 is the same as 2:4.
        let (low, high) = (first.min(last), first.max(last));
        if u64::from(high - low) + uids.len() as u64 >= COPY_UIDS_MAX {
            return None;
        }
        for uid in low..=high {
            uids.push(Uid::new(uid)?);
        }
    }
    Some(uids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_paired_in_the_order_of_the_answer() {
        let check = |set: &str, expected: Option<&[u32]>| {
            let found =
                ordered(set.as_bytes()).map(|uids| uids.iter().map(|uid| uid.get()).collect::<Vec<_>>());
            assert_eq!(found.as_deref(), expected, "{set}");
        };
        check("3", Some(&[3]));
        check("7,2:4", Some(&[7, 2, 3, 4]));
        check("4:2", Some(&[2, 3, 4]));
        for wrong in ["", "0", "1:4294967295", "1,x", "*", "1:2:3", "-1"] {
            check(wrong, None);
        }
    }

    #[test]
    fn an_answer_that_does_not_fit_is_not_believed() {
        let uids = |text: &str| ordered(text.as_bytes()).expect("tests write real sets");
        let asked: UidSet = uids("1:3").into_iter().collect();
        for (from, to, is_fit) in [
            ("1:3", "11:13", true),
            ("1,3", "12,11", true),
            ("1:3", "11:12", false),
            ("1,1", "11:12", false),
            ("1:2", "11,11", false),
            ("2:4", "11:13", false),
        ] {
            assert_eq!(fits(&asked, &uids(from), &uids(to)), is_fit, "{from} to {to}");
        }
    }
}
