//! Commands about folders: LIST and its kin, STATUS, CREATE, SELECT.

use super::grammar::{Command, Token};
use super::session::{Selected, Session};
use super::store::{Folder, Spelling, State};

const MISSING: &str = "NO [NONEXISTENT] no such folder";

impl Session {
    /// Obeys a command about folders; `None` when it is not one.
    pub(super) fn folder_command(&mut self, verb: &str, command: &Command) -> Option<String> {
        let name = command.arguments.first().map(|token| token.octets().to_vec()).unwrap_or_default();
        Some(match verb {
            "LIST" => self.list(command),
            "LSUB" => self.lsub(command),
            "NAMESPACE" if self.has("NAMESPACE") => self.namespace(),
            "STATUS" => self.status(&name, command.arguments.get(1)),
            "CREATE" => self.create(&name),
            "DELETE" => self.delete(&name),
            "SUBSCRIBE" => self.subscribe(&name, true),
            "UNSUBSCRIBE" => self.subscribe(&name, false),
            "SELECT" => self.select(&name, command, false),
            "EXAMINE" => self.select(&name, command, true),
            "CLOSE" => {
                self.expunge(None, true);
                self.selected = None;
                "OK closed".to_owned()
            }
            "UNSELECT" if self.has("UNSELECT") => {
                self.selected = None;
                "OK unselected".to_owned()
            }
            _ => return None,
        })
    }

    /// The key under which a folder is stored, if it exists.
    pub(super) fn resolve(&self, name: &[u8]) -> Option<Vec<u8>> {
        let key = State::key(name);
        let world = self.world();
        let state = world.lock();
        if state.folders.contains_key(&key) {
            return Some(key);
        }
        let is_same =
            |own: &&Vec<u8>| self.shared.manners.is_case_insensitive && own.eq_ignore_ascii_case(&key);
        state.folders.keys().find(is_same).cloned()
    }

    fn list(&mut self, command: &Command) -> String {
        let mut arguments = command.arguments.as_slice();
        let mut selection = Vec::new();
        if let [Token::List(options), rest @ ..] = arguments {
            selection = options.iter().map(Token::upper).collect();
            arguments = rest;
        }
        let [reference, patterns, rest @ ..] = arguments else {
            return "BAD LIST takes two arguments".to_owned();
        };
        let is_extended = !selection.is_empty() || !rest.is_empty() || matches!(patterns, Token::List(_));
        if is_extended && !self.has("LIST-EXTENDED") && !self.has("LIST-STATUS") && !self.has("SPECIAL-USE") {
            return "BAD LIST takes two arguments".to_owned();
        }
        let returns = match rest {
            [word, Token::List(options)] if word.upper() == "RETURN" => options.as_slice(),
            _ => &[],
        };
        if patterns.octets().is_empty() && !matches!(patterns, Token::List(_)) {
            let delimiter = self.delimiter();
            self.line(&format!("* LIST (\\Noselect) {delimiter} \"\""));
            return "OK done".to_owned();
        }
        let only_subscribed = selection.iter().any(|option| option == "SUBSCRIBED");
        let only_special = selection.iter().any(|option| option == "SPECIAL-USE");
        let shows = |option: &str| returns.iter().any(|token| token.upper() == option);
        let status = returns.iter().skip_while(|token| token.upper() != "STATUS").nth(1).cloned();
        let folders = self.matching(reference, patterns);
        for (name, folder) in folders {
            if only_subscribed && !folder.is_subscribed || only_special && special_uses(&folder).is_empty() {
                continue;
            }
            let mut attributes = folder.attributes.clone();
            if !self.has("SPECIAL-USE") {
                attributes.retain(|attribute| !special_uses(&folder).contains(attribute));
            }
            if (shows("SUBSCRIBED") || only_subscribed) && folder.is_subscribed {
                attributes.push("\\Subscribed".to_owned());
            }
            self.listed("LIST", &attributes, &name, folder.spelling);
            if let Some(items) = status.as_ref().filter(|_| folder.is_selectable()) {
                self.status_line(&name, &folder, items);
            }
        }
        "OK done".to_owned()
    }

    fn lsub(&mut self, command: &Command) -> String {
        let [reference, patterns] = command.arguments.as_slice() else {
            return "BAD LSUB takes two arguments".to_owned();
        };
        for (name, folder) in self.matching(reference, patterns) {
            if folder.is_subscribed {
                self.listed("LSUB", &folder.attributes, &name, folder.spelling);
            }
        }
        let dangling = self.world().lock().dangling.clone();
        for name in dangling {
            self.listed("LSUB", &[], &name, Spelling::Quoted);
        }
        "OK done".to_owned()
    }

    fn matching(&self, reference: &Token, patterns: &Token) -> Vec<(Vec<u8>, Folder)> {
        let delimiter = self.shared.manners.delimiter.map(|letter| letter as u8);
        let patterns: Vec<Vec<u8>> = patterns
            .members()
            .iter()
            .map(|pattern| [reference.octets(), pattern.octets()].concat())
            .collect();
        let folds = self.shared.manners.is_case_insensitive;
        let fold = |text: &[u8]| if folds { text.to_ascii_lowercase() } else { text.to_vec() };
        let is_listed =
            |name: &[u8]| patterns.iter().any(|pattern| matches(&fold(pattern), &fold(name), delimiter));
        let world = self.world();
        let state = world.lock();
        let all = state.folders.iter();
        all.filter(|(name, _)| is_listed(name)).map(|(name, folder)| (name.clone(), folder.clone())).collect()
    }

    fn listed(&mut self, word: &str, attributes: &[String], name: &[u8], spelling: Spelling) {
        let start = format!("* {word} ({}) {} ", attributes.join(" "), self.delimiter());
        self.out.extend_from_slice(start.as_bytes());
        self.write_name(name, spelling);
        self.out.extend_from_slice(b"\r\n");
    }

    fn write_name(&mut self, name: &[u8], spelling: Spelling) {
        match spelling {
            Spelling::Bare => self.out.extend_from_slice(name),
            Spelling::Literal => {
                self.out.extend_from_slice(format!("{{{}}}\r\n", name.len()).as_bytes());
                self.out.extend_from_slice(name);
            }
            Spelling::Quoted => {
                self.out.push(b'"');
                for octet in name {
                    if matches!(octet, b'"' | b'\\') {
                        self.out.push(b'\\');
                    }
                    self.out.push(*octet);
                }
                self.out.push(b'"');
            }
        }
    }

    fn delimiter(&self) -> String {
        self.shared.manners.delimiter.map_or_else(|| "NIL".to_owned(), |letter| format!("\"{letter}\""))
    }

    fn namespace(&mut self) -> String {
        let delimiter = self.delimiter();
        let whole =
            self.shared.manners.namespace.clone().unwrap_or_else(|| format!("((\"\" {delimiter})) NIL NIL"));
        self.line(&format!("* NAMESPACE {whole}"));
        "OK done".to_owned()
    }

    fn status(&mut self, name: &[u8], items: Option<&Token>) -> String {
        let Some(items) = items else { return "BAD STATUS takes items".to_owned() };
        let Some(key) = self.resolve(name) else { return MISSING.to_owned() };
        let folder = self.world().lock().make(&key).clone();
        self.status_line(&key, &folder, items);
        "OK done".to_owned()
    }

    fn status_line(&mut self, name: &[u8], folder: &Folder, items: &Token) {
        let unseen = folder.messages.iter().filter(|stored| !stored.has_flag("\\Seen")).count();
        let octets: usize = folder.messages.iter().map(|stored| stored.letter.octets.len()).sum();
        let values: Vec<String> = items
            .members()
            .iter()
            .filter_map(|item| {
                let item = item.upper();
                let value = match item.as_str() {
                    "MESSAGES" => folder.messages.len().to_string(),
                    "RECENT" => "0".to_owned(),
                    "UIDNEXT" => folder.uidnext.to_string(),
                    "UIDVALIDITY" => folder.uidvalidity.to_string(),
                    "UNSEEN" => unseen.to_string(),
                    "HIGHESTMODSEQ" if self.has("CONDSTORE") => folder.highest_modseq.to_string(),
                    "SIZE" if self.has("STATUS=SIZE") => octets.to_string(),
                    _ => return None,
                };
                Some(format!("{item} {value}"))
            })
            .collect();
        self.out.extend_from_slice(b"* STATUS ");
        self.write_name(name, folder.spelling);
        self.line(&format!(" ({})", values.join(" ")));
    }

    fn create(&mut self, name: &[u8]) -> String {
        let manners = &self.shared.manners;
        let text = String::from_utf8_lossy(name).into_owned();
        if let Some(refused) = text.chars().find(|letter| manners.refused_name_characters.contains(*letter)) {
            return format!("NO [CANNOT] a name cannot hold {refused:?}");
        }
        if let Some(refusal) = self.name_refusal(&text) {
            return refusal;
        }
        // A trailing separator only says that children will follow (RFC 3501 §6.3.3).
        let name = match manners.delimiter.map(|letter| letter as u8) {
            Some(delimiter) => name.strip_suffix(&[delimiter]).unwrap_or(name),
            None => name,
        };
        if self.resolve(name).is_some() {
            return "NO [ALREADYEXISTS] folder exists".to_owned();
        }
        self.world().lock().make(name);
        "OK created".to_owned()
    }

    fn delete(&mut self, name: &[u8]) -> String {
        let Some(key) = self.resolve(name) else { return MISSING.to_owned() };
        self.world().lock().folders.remove(&key);
        "OK deleted".to_owned()
    }

    fn subscribe(&mut self, name: &[u8], is_subscribed: bool) -> String {
        let Some(key) = self.resolve(name) else { return MISSING.to_owned() };
        self.world().lock().make(&key).is_subscribed = is_subscribed;
        "OK done".to_owned()
    }

    fn select(&mut self, name: &[u8], command: &Command, is_read_only: bool) -> String {
        self.selected = None;
        let Some(key) = self.resolve(name) else { return MISSING.to_owned() };
        let world = self.world();
        let folder = {
            let mut state = world.lock();
            let folder = state.make(&key);
            let forgets = self.shared.manners.strict.forgets_uidvalidity_on_examine && is_read_only;
            if self.shared.manners.is_uidvalidity_volatile || forgets {
                folder.uidvalidity += 1;
            }
            folder.clone()
        };
        if !folder.is_selectable() {
            return "NO [CANNOT] folder cannot be selected".to_owned();
        }
        let permanent = self.shared.manners.permanent_flags.clone();
        let flags = format!(r"\Answered \Flagged \Deleted \Seen \Draft {}", folder.keywords().join(" "));
        self.line(&format!("* FLAGS ({})", flags.trim_end()));
        self.line(&format!("* OK [PERMANENTFLAGS ({})] kept", if is_read_only { "" } else { &permanent }));
        self.line(&format!("* {} EXISTS", folder.messages.len()));
        self.line("* 0 RECENT");
        self.line(&format!("* OK [UIDVALIDITY {}] validity", folder.uidvalidity));
        self.line(&format!("* OK [UIDNEXT {}] next", folder.uidnext));
        let wants_modseq = command
            .arguments
            .get(1)
            .is_some_and(|list| list.members().iter().any(|token| token.upper() == "CONDSTORE"));
        let tells = self.shared.manners.strict.tells_modseq_without_condstore;
        if self.has("CONDSTORE") || wants_modseq || tells {
            self.line(&format!("* OK [HIGHESTMODSEQ {}] highest", folder.highest_modseq));
        }
        let known = folder.messages.iter().map(|stored| stored.uid).collect();
        self.selected = Some(Selected { name: key, is_read_only, known });
        format!("OK [{}] selected", if is_read_only { "READ-ONLY" } else { "READ-WRITE" })
    }
}

fn special_uses(folder: &Folder) -> Vec<String> {
    const USES: [&str; 8] =
        ["\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash", "\\Important"];
    let is_use = |attribute: &&String| USES.iter().any(|special| special.eq_ignore_ascii_case(attribute));
    folder.attributes.iter().filter(is_use).cloned().collect()
}

/// LIST's pattern: `*` matches anything, `%` anything but the separator.
fn matches(pattern: &[u8], name: &[u8], delimiter: Option<u8>) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((wild @ (b'*' | b'%'), rest)) => {
            let reach = match wild {
                b'%' => name.iter().position(|octet| Some(*octet) == delimiter).unwrap_or(name.len()),
                _ => name.len(),
            };
            (0..=reach).any(|skipped| matches(rest, &name[skipped..], delimiter))
        }
        Some((octet, rest)) => {
            name.split_first().is_some_and(|(first, tail)| first == octet && matches(rest, tail, delimiter))
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_percent_stops_at_the_separator_and_a_star_does_not() {
        for (pattern, name, expected) in [
            ("*", "a/b", true),
            ("%", "a/b", false),
            ("a/%", "a/b", true),
            ("a*c", "abbc", true),
            ("a", "ab", false),
        ] {
            assert_eq!(
                super::matches(pattern.as_bytes(), name.as_bytes(), Some(b'/')),
                expected,
                "{pattern} {name}"
            );
        }
    }
}
