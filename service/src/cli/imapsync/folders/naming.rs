//! A folder's name at the destination by imapsync's rules: `--f1f2`, prefixes and separators,
//! `--subfolder2`, `--regextrans2`, in this order.
//! Never looks at anything but names.

use std::collections::BTreeMap;

use malote_engine::plan::folder::{Folder, FolderPath, Naming};
use malote_engine::plan::folder_name;

use super::super::perl::Change;
use super::super::wish::Wish;
use super::{Unchosen, is_named};

/// How names are changed.
#[derive(Debug)]
pub(super) struct Renaming {
    exact: Vec<(String, String)>,
    follows_roles: bool,
    pub(super) subfolder1: Option<String>,
    subfolder2: Option<String>,
    prefix1: String,
    prefix2: String,
    pub(super) separator1: String,
    separator2: String,
    fixes_slash: bool,
    changes: Vec<Change>,
}

impl Renaming {
    pub(super) fn read(
        wish: &Wish,
        source: &Naming,
        destination: &Naming,
        all: &BTreeMap<String, &Folder>,
    ) -> Result<Self, Unchosen> {
        let of = |option: &str, naming: &Naming| {
            wish.text(option).map(str::to_owned).unwrap_or_else(|| utf7(&naming.prefix))
        };
        let separator = |option: &str, naming: &Naming| {
            wish.text(option)
                .map(str::to_owned)
                .unwrap_or_else(|| naming.delimiter.unwrap_or('/').to_string())
        };
        let mut exact: Vec<(String, String)> =
            wish.texts("f1f2").iter().filter_map(|text| split(text)).collect();
        exact.extend(wish.pairs("f1f2h").iter().map(|(from, to)| (from.to_string(), to.to_string())));
        let changes: Result<Vec<Change>, String> =
            wish.texts("regextrans2").iter().map(|text| Change::read(text)).collect();
        let prefix1 = of("prefix1", source);
        let subfolder1 = wish.text("subfolder1").and_then(cleaned);
        let found = match &subfolder1 {
            None => None,
            Some(name) => Some(
                [name.clone(), format!("{prefix1}{name}")]
                    .into_iter()
                    .find(|name| all.contains_key(name))
                    .ok_or_else(|| Unchosen::NoSubfolder(name.clone()))?,
            ),
        };
        let subfolder2 = wish.text("subfolder2").and_then(cleaned);
        Ok(Self {
            exact,
            follows_roles: wish.is_on("automap") && found.is_none() && subfolder2.is_none(),
            subfolder1: found,
            subfolder2,
            prefix1,
            prefix2: of("prefix2", destination),
            separator1: separator("sep1", source),
            separator2: separator("sep2", destination),
            fixes_slash: wish.switch("fixslash2") != Some(false),
            changes: changes.map_err(Unchosen::Wrong)?,
        })
    }

    pub(super) fn follows_roles(&self) -> bool {
        self.follows_roles
    }

    /// What `--f1f2` says of a folder, the last word first.
    pub(super) fn exact(&self, name1: &str) -> Option<&str> {
        self.exact.iter().rev().find(|(from, _)| is_named(from, name1)).map(|(_, to)| to.as_str())
    }

    /// The destination's name, as its wire has it.
    pub(super) fn name(&self, name1: &str) -> Result<String, Unchosen> {
        if let Some(to) = self.exact(name1) {
            return Ok(utf7(to));
        }
        let mut name = name1.to_owned();
        if let Some(subfolder) = &self.subfolder1 {
            let bare = subfolder.strip_suffix(&self.separator1).unwrap_or(subfolder);
            if let Some(rest) = name.strip_prefix(bare) {
                name = rest.strip_prefix(&self.separator1).unwrap_or(rest).to_owned();
            }
        }
        if name.is_empty() || name == self.prefix1 {
            "INBOX".clone_into(&mut name);
        }
        let mut name = self.moved(&name);
        if let Some(subfolder) = &self.subfolder2 {
            name = self.below(subfolder, &name);
        }
        for change in &self.changes {
            name = change.apply(&name).map_err(|wrong| Unchosen::Wrong(format!("--regextrans2: {wrong}")))?;
        }
        if name.is_empty() {
            return Err(Unchosen::Wrong(format!("--regextrans2 leaves nothing of the name {name1}")));
        }
        Ok(name)
    }

    /// The one side's prefix and separator become the other's; separators that stand within names change places.
    fn moved(&self, name: &str) -> String {
        let bare = name.strip_prefix(&self.prefix1).unwrap_or(name);
        let (one, two) = (&self.separator1, &self.separator2);
        let mut moved = bare.replace(two.as_str(), "\0").replace(one.as_str(), two).replace('\0', one);
        if self.fixes_slash && two != "/" && one == "/" {
            moved = moved.replace('/', "_");
        }
        if moved.eq_ignore_ascii_case("INBOX") { moved } else { format!("{}{moved}", self.prefix2) }
    }

    fn below(&self, subfolder: &str, name: &str) -> String {
        let (prefix, separator) = (&self.prefix2, &self.separator2);
        let Some(rest) = name.strip_prefix(prefix.as_str()).or((name == "INBOX").then_some(name)) else {
            return name.to_owned();
        };
        // A subfolder that was given with the prefix does not get it twice.
        let subfolder = if prefix.is_empty() {
            subfolder
        } else {
            subfolder.strip_prefix(prefix.as_str()).unwrap_or(subfolder)
        };
        format!("{prefix}{subfolder}{separator}{rest}")
    }
}

/// `FOLDER1=FOLDER2`, parted at the first sign.
fn split(text: &str) -> Option<(String, String)> {
    text.split_once('=').map(|(from, to)| (from.to_owned(), to.to_owned()))
}

/// A subfolder's name as imapsync cleans it; nothing where nothing is left.
fn cleaned(name: &str) -> Option<String> {
    let kept = |letter: &char| letter.is_ascii_alphanumeric() || "-_./ ".contains(*letter);
    let cleaned: String = name.trim_matches(' ').chars().filter(kept).collect();
    (!cleaned.trim().is_empty()).then_some(cleaned)
}

/// Letters beyond ASCII in modified UTF-7, as the wire has them; everything else as it is, a lone `&` included.
fn utf7(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let bare = Naming { delimiter: None, prefix: String::new(), is_utf8: false, ignores_case: false };
    String::from_utf8_lossy(&folder_name::encode(&FolderPath::root(text), &bare).0).into_owned()
}
