//! Commands about messages: APPEND, STORE, EXPUNGE; FETCH and SEARCH have files of their own.

use super::behaviour::AppendUid;
use super::grammar::{Command, Token, in_set};
use super::session::Session;
use super::store::{Letter, Stored, WireDate};

/// What APPENDUID says when it lies: no folder of a test ever gets this far.
const WRONG_UID: u32 = 4_000_000_000;
const NOTHING_SELECTED: &str = "BAD select a folder first";

impl Session {
    /// Obeys a command about messages; `None` when it is not one.
    pub(super) fn message_command(&mut self, verb: &str, command: &Command) -> Option<String> {
        Some(match verb {
            "APPEND" => self.append(command),
            "FETCH" | "UID FETCH" => self.fetch(command),
            "SEARCH" | "UID SEARCH" => self.search(command),
            "STORE" | "UID STORE" => self.store(command),
            "UID COPY" => self.copy(command),
            "EXPUNGE" => {
                self.expunge(None, false);
                "OK expunged".to_owned()
            }
            "UID EXPUNGE" if self.has("UIDPLUS") => {
                self.expunge(command.arguments.first().map(Token::text).as_deref(), false);
                "OK expunged".to_owned()
            }
            _ => return None,
        })
    }

    /// The selected folder's messages that `is_wanted`, asked of sequence number and UID, with their numbers.
    ///
    /// Only these are copied out of the shared mail: one message may be asked for among a hundred thousand.
    pub(super) fn numbered(&self, is_wanted: impl Fn(u32, u32) -> bool) -> Vec<(u32, Stored)> {
        let Some(selected) = &self.selected else { return Vec::new() };
        let world = self.world();
        let state = world.lock();
        let Some(folder) = state.folders.get(&selected.name) else { return Vec::new() };
        let number = |uid: u32| u32::try_from(selected.known.binary_search(&uid).ok()? + 1).ok();
        let known = folder.messages.iter().filter_map(|stored| Some((number(stored.uid)?, stored)));
        known
            .filter(|(number, stored)| is_wanted(*number, stored.uid))
            .map(|(number, stored)| (number, stored.clone()))
            .collect()
    }

    /// The highest sequence number and UID that the client knows of: what `*` means.
    pub(super) fn last_known(&self) -> (u32, u32) {
        let known = self.selected.as_ref().map(|selected| selected.known.as_slice()).unwrap_or_default();
        (u32::try_from(known.len()).unwrap_or(u32::MAX), known.last().copied().unwrap_or(0))
    }

    /// The messages that a command's set names, by UID or by sequence number.
    pub(super) fn in_set(&self, set: &str, by_uid: bool) -> Vec<(u32, Stored)> {
        let (last_number, last_uid) = self.last_known();
        self.numbered(|number, uid| match by_uid {
            true => in_set(set, uid, last_uid),
            false => in_set(set, number, last_number),
        })
    }

    fn append(&mut self, command: &Command) -> String {
        let Some((folder, rest)) = command.arguments.split_first() else {
            return "BAD APPEND takes a folder".to_owned();
        };
        let Some(key) = self.resolve(folder.octets()) else {
            return "NO [TRYCREATE] no such folder".to_owned();
        };
        let Some(letters) = letters(rest) else { return "BAD APPEND takes flags, date, message".to_owned() };
        if letters.is_empty() || (letters.len() > 1 && !self.has("MULTIAPPEND")) {
            return "BAD APPEND takes one message".to_owned();
        }
        let manners = &self.shared.manners;
        if letters
            .iter()
            .any(|letter| manners.append_limit.is_some_and(|limit| letter.octets.len() as u64 > limit))
        {
            return "NO [TOOBIG] message too large".to_owned();
        }
        let judged = |letter: &Letter| manners.judge.as_ref().and_then(|judge| judge(&letter.octets));
        if let Some(refusal) = letters.iter().find_map(judged) {
            return refusal;
        }
        // MULTIAPPEND is all or nothing (RFC 3502 §3), so every letter is judged before any is kept.
        let letters: Vec<Letter> = letters.into_iter().map(|letter| self.received(letter)).collect();
        if letters.iter().any(|letter| !self.takes_keywords(&key, &letter.flags)) {
            return "NO [LIMIT] too many keywords".to_owned();
        }
        let world = self.world();
        let mut state = world.lock();
        if !state.has_room_for(letters.len()) {
            return "NO [OVERQUOTA] Quota exceeded".to_owned();
        }
        let folder = state.make(&key);
        let uidvalidity = folder.uidvalidity;
        let merges = manners.merges_duplicates;
        let keep = |letter: Letter| {
            let equal = folder.messages.iter().find(|stored| merges && stored.letter.octets == letter.octets);
            equal.map(|stored| stored.uid).unwrap_or_else(|| folder.push(letter))
        };
        let uids: Vec<u32> = letters.into_iter().map(keep).collect();
        let said = match self.shared.manners.append_uid {
            _ if !self.has("UIDPLUS") => None,
            AppendUid::Missing => None,
            AppendUid::Right => Some((uids[0], uids[uids.len() - 1])),
            AppendUid::Wrong => Some((WRONG_UID, WRONG_UID + u32::try_from(uids.len() - 1).unwrap_or(0))),
        };
        match said {
            None => "OK appended".to_owned(),
            Some((first, last)) if first == last => format!("OK [APPENDUID {uidvalidity} {first}] appended"),
            Some((first, last)) => format!("OK [APPENDUID {uidvalidity} {first}:{last}] appended"),
        }
    }

    /// Copies messages of the open folder into another one, octets, flags, date and attributes unchanged.
    fn copy(&mut self, command: &Command) -> String {
        let [set, to] = command.arguments.as_slice() else {
            return "BAD COPY takes a set and a folder".to_owned();
        };
        if self.selected.is_none() {
            return NOTHING_SELECTED.to_owned();
        }
        let Some(key) = self.resolve(to.octets()) else { return "NO [TRYCREATE] no such folder".to_owned() };
        let found = self.in_set(&set.text(), true);
        let world = self.world();
        let mut state = world.lock();
        if !state.has_room_for(found.len()) {
            return "NO [OVERQUOTA] Quota exceeded".to_owned();
        }
        let folder = state.make(&key);
        let uidvalidity = folder.uidvalidity;
        let (mut from, mut to) = (Vec::new(), Vec::new());
        for (_, stored) in found {
            from.push(stored.uid.to_string());
            to.push(folder.push(stored.letter));
        }
        if from.is_empty() || !self.has("UIDPLUS") {
            return "OK copied".to_owned();
        }
        let lie = match self.shared.manners.copy_uid {
            AppendUid::Missing => return "OK copied".to_owned(),
            AppendUid::Right => 0,
            AppendUid::Wrong => WRONG_UID,
        };
        let to: Vec<String> = to.into_iter().map(|uid| (uid + lie).to_string()).collect();
        format!("OK [COPYUID {uidvalidity} {} {}] copied", from.join(","), to.join(","))
    }

    /// What the server makes of a message that it takes.
    fn received(&self, letter: Letter) -> Letter {
        let mut letter = letter;
        letter.flags.retain(|flag| self.keeps(flag));
        match &self.shared.manners.rewrite {
            Some(rewrite) => rewrite(letter),
            None => letter,
        }
    }

    fn keeps(&self, flag: &str) -> bool {
        let mut permanent = self.shared.manners.permanent_flags.split_whitespace();
        let is_keyword = !flag.starts_with('\\');
        permanent.any(|own| own.eq_ignore_ascii_case(flag) || (own == "\\*" && is_keyword))
    }

    fn takes_keywords(&self, key: &[u8], flags: &[String]) -> bool {
        let Some(limit) = self.shared.manners.keywords_max else { return true };
        let mut keywords = self.world().lock().make(key).keywords();
        keywords.extend(flags.iter().filter(|flag| !flag.starts_with('\\')).cloned());
        keywords.sort();
        keywords.dedup();
        keywords.len() <= limit
    }

    fn store(&mut self, command: &Command) -> String {
        let Some((name, is_read_only)) =
            self.selected.as_ref().map(|selected| (selected.name.clone(), selected.is_read_only))
        else {
            return NOTHING_SELECTED.to_owned();
        };
        if is_read_only {
            return "NO [READ-ONLY] folder is read-only".to_owned();
        }
        let by_uid = command.verb.starts_with("UID ");
        let [set, rest @ ..] = command.arguments.as_slice() else {
            return "BAD STORE takes a set".to_owned();
        };
        // `(UNCHANGEDSINCE n)` may stand between the set and the item; this server never refuses on it.
        let rest = if matches!(rest.first(), Some(Token::List(_))) { &rest[1..] } else { rest };
        let [item, values @ ..] = rest else { return "BAD STORE takes an item".to_owned() };
        let flags: Vec<String> = values.iter().flat_map(Token::members).map(Token::text).collect();
        let flags: Vec<String> = flags.into_iter().filter(|flag| self.keeps(flag)).collect();
        let item = item.upper();
        if !item.starts_with('-') && !self.takes_keywords(&name, &flags) {
            return "NO [LIMIT] too many keywords".to_owned();
        }
        let is_silent = item.ends_with(".SILENT");
        for (number, stored) in self.in_set(&set.text(), by_uid) {
            let uid = stored.uid;
            let now = {
                let world = self.world();
                let mut state = world.lock();
                let folder = state.make(&name);
                folder.touch(uid, |letter| change_flags(&mut letter.flags, &item, &flags));
                folder.messages.iter().find(|stored| stored.uid == uid).cloned()
            };
            if let Some(now) = now.filter(|_| !is_silent) {
                self.line(&format!("* {number} FETCH (UID {uid} FLAGS ({}))", now.letter.flags.join(" ")));
            }
        }
        "OK stored".to_owned()
    }

    /// Removes messages marked `\Deleted`, among `uids` when given.
    pub(super) fn expunge(&mut self, uids: Option<&str>, is_silent: bool) {
        let Some(name) = self
            .selected
            .as_ref()
            .filter(|selected| !selected.is_read_only)
            .map(|selected| selected.name.clone())
        else {
            return;
        };
        let world = self.world();
        {
            let mut state = world.lock();
            let folder = state.make(&name);
            folder.raise_modseq();
            let last = folder.uidnext;
            folder.messages.retain(|stored| {
                !(stored.has_flag("\\Deleted") && uids.is_none_or(|set| in_set(set, stored.uid, last)))
            });
        }
        if !is_silent {
            self.announce_changes();
        }
    }
}

fn change_flags(own: &mut Vec<String>, item: &str, flags: &[String]) {
    let is_named = |flag: &String| flags.iter().any(|named| named.eq_ignore_ascii_case(flag));
    match item.as_bytes().first() {
        Some(b'-') => own.retain(|flag| !is_named(flag)),
        Some(b'+') => {
            own.retain(|flag| !is_named(flag));
            own.extend_from_slice(flags);
        }
        _ => *own = flags.to_vec(),
    }
}

/// Reads `[flags] [date] message` as often as it comes.
fn letters(mut arguments: &[Token]) -> Option<Vec<Letter>> {
    let mut letters = Vec::new();
    while !arguments.is_empty() {
        let mut letter = Letter::new("");
        if let [Token::List(flags), rest @ ..] = arguments {
            letter.flags = flags.iter().map(Token::text).collect();
            arguments = rest;
        }
        // A date is followed by the message or, after it, by the next one's flags: two strings in a row.
        if let [Token::Octets(date), rest @ ..] = arguments
            && is_date(date)
        {
            letter.date = WireDate::Quoted(String::from_utf8_lossy(date).into_owned());
            arguments = rest;
        }
        let [Token::Octets(octets), rest @ ..] = arguments else { return None };
        letter.octets.clone_from(octets);
        arguments = rest;
        letters.push(letter);
    }
    Some(letters)
}

/// Whether a string has the shape of `date-time` (RFC 3501 §9): fixed places of dashes and colons.
fn is_date(text: &[u8]) -> bool {
    text.len() == 26
        && [(2, b'-'), (6, b'-'), (14, b':'), (17, b':')].iter().all(|(place, sign)| text[*place] == *sign)
}
