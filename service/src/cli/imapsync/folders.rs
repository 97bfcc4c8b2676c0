//! Which folders imapsync would take and what it would call them at the destination, from both servers' listings.
//! Never creates a folder: the names become `--folder` and `--map` of an ordinary run.
//!
//! imapsync sees names as the wire has them, in modified UTF-7. What an option says in letters beyond ASCII cannot
//! be meant so, and is held against the decoded name.

mod automap;
mod naming;

use std::collections::{BTreeMap, BTreeSet};

use malote_engine::exchange::Survey;
use malote_engine::plan::folder::{Folder, FolderPath, NamespaceKind, Naming, Role, WireName};
use malote_engine::plan::folder_name;

use super::perl::Pattern;
use super::wish::Wish;
use automap::Goal;
use naming::Renaming;

/// One folder that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The folder as the source listed it.
    pub source: Folder,
    /// Its name as imapsync sees it.
    pub name1: String,
    /// The name at the destination, likewise.
    pub name2: String,
    /// The destination's path, levels parted by `/`, as `--map` takes it.
    pub place: String,
}

/// What was chosen.
#[derive(Debug, Default)]
pub struct Chosen {
    /// The folders, by name.
    pub taken: Vec<Taken>,
    /// What is worth telling.
    pub notes: Vec<String>,
}

/// Why nothing could be chosen.
#[derive(Debug, PartialEq, Eq)]
pub enum Unchosen {
    /// `--subfolder1` names no folder.
    NoSubfolder(String),
    /// Anything else, as a sentence.
    Wrong(String),
}

/// Where earlier runs brought folders: the destination's path by the source's wire name.
pub type Recorded = BTreeMap<WireName, FolderPath>;

/// Chooses and names. What a role decided once stays as it was recorded, so that nothing is copied a second time.
///
/// # Errors
/// Where a folder that everything depends on is missing, or an expression cannot be carried out.
pub fn choose(
    wish: &Wish,
    source: &Survey,
    destination: &Survey,
    recorded: &Recorded,
) -> Result<Chosen, Unchosen> {
    let mut chosen = Chosen::default();
    let all: BTreeMap<String, &Folder> =
        source.folders.iter().map(|folder| (wire_text(folder, &source.naming), folder)).collect();
    let renaming = Renaming::read(wish, &source.naming, &destination.naming, &all)?;
    let wanted = wanted(wish, &all, &renaming, &mut chosen.notes)?;
    let goals = if renaming.follows_roles() {
        automap::goals(source, destination, |name| wanted.contains(name))
    } else {
        BTreeMap::new()
    };
    let special_uses: BTreeSet<Role> = wanted.iter().filter_map(|name| all.get(name)?.special_use).collect();
    for name1 in wanted {
        let Some(folder) = all.get(&name1).filter(|folder| folder.is_selectable) else { continue };
        // Gmail's Starred and Important show what All Mail holds.
        let is_view = matches!(folder.special_use, Some(Role::Flagged | Role::Important));
        if is_view && wish.is_on("gmail1") && special_uses.contains(&Role::All) {
            chosen
                .notes
                .push(format!("Host1: {} only shows messages of other folders: left out", shown(&name1)));
            continue;
        }
        let goal = goals.get(&name1).filter(|_| renaming.exact(&name1).is_none());
        let (name2, place) = match (goal, recorded.get(&folder.wire)) {
            (Some(_), Some(path)) => (as_listed(path, &destination.naming), path.levels().join("/")),
            (goal, _) => {
                let name2 = match goal {
                    Some(Goal::There(name2)) => name2.clone(),
                    Some(Goal::With(other)) => renaming.name(other)?,
                    None => renaming.name(&name1)?,
                };
                let place = place(&name2, &destination.naming);
                (name2, place)
            }
        };
        chosen.taken.push(Taken { source: (*folder).clone(), name1, name2, place });
    }
    if wish.switch("mixfolders") == Some(false) {
        check_case(&chosen.taken)?;
    }
    Ok(chosen)
}

/// A folder's name as imapsync, which never speaks UTF-8 on the wire, sees it.
fn wire_text(folder: &Folder, naming: &Naming) -> String {
    if naming.is_utf8 {
        return as_listed(&folder.path, naming);
    }
    String::from_utf8_lossy(&folder.wire.0).into_owned()
}

/// A path as its server would list it, in modified UTF-7.
fn as_listed(path: &FolderPath, naming: &Naming) -> String {
    let utf7 = Naming { is_utf8: false, ..naming.clone() };
    String::from_utf8_lossy(&folder_name::encode(path, &utf7).0).into_owned()
}

/// A name on the destination's wire as a path, levels parted by `/`.
fn place(name2: &str, naming: &Naming) -> String {
    let utf7 = Naming { is_utf8: false, ..naming.clone() };
    let path = folder_name::decode(name2.as_bytes(), naming.delimiter, &utf7);
    // A level that holds a `/` could not be told from two.
    path.levels().iter().map(|level| level.replace('/', "_")).collect::<Vec<_>>().join("/")
}

/// The name as its user reads it.
pub fn decoded(name: &str) -> String {
    let bare = Naming { delimiter: None, prefix: String::new(), is_utf8: false, ignores_case: false };
    folder_name::decode(name.as_bytes(), None, &bare).levels().join("/")
}

/// True where an option's text means this folder.
fn is_named(option: &str, name: &str) -> bool {
    option == name || (!option.is_ascii() && decoded(name) == option)
}

/// The names that are asked for, in imapsync's order of options: chosen ones, else all; then what is left out.
fn wanted(
    wish: &Wish,
    all: &BTreeMap<String, &Folder>,
    renaming: &Renaming,
    notes: &mut Vec<String>,
) -> Result<BTreeSet<String>, Unchosen> {
    let mut trees = wish.texts("folderrec");
    trees.extend(renaming.subfolder1.as_deref());
    let (folders, includes) = (wish.texts("folder"), wish.texts("include"));
    let is_all = folders.is_empty() && trees.is_empty() && includes.is_empty() && !wish.is_on("subscribed");
    let mut wanted = if is_all { own(all, notes) } else { BTreeSet::new() };
    for option in folders {
        wanted.extend(named(option, all, notes, |name| is_named(option, name)));
    }
    for tree in trees {
        let below = format!("{tree}{}", renaming.separator1);
        let is_below = |name: &str| name.starts_with(&below) || decoded(name).starts_with(&below);
        wanted.extend(named(tree, all, notes, |name| is_named(tree, name) || is_below(name)));
    }
    if wish.is_on("subscribed") {
        wanted.extend(all.iter().filter(|(_, folder)| folder.is_subscribed).map(|(name, _)| name.clone()));
    }
    for text in includes {
        wanted.extend(matching("Including", text, all.keys(), notes)?);
    }
    for text in wish.texts("exclude") {
        for name in matching("Excluding", text, wanted.iter(), notes)? {
            wanted.remove(&name);
        }
    }
    Ok(wanted)
}

/// Everything of the user's own.
fn own(all: &BTreeMap<String, &Folder>, notes: &mut Vec<String>) -> BTreeSet<String> {
    let is_own = |folder: &Folder| folder.namespace == NamespaceKind::Personal;
    let others = all.values().filter(|folder| !is_own(folder) && folder.is_selectable).count();
    if others > 0 {
        notes.push(format!(
            "Host1: {others} folders of other users or shared ones are left out; name them with --include"
        ));
    }
    all.iter().filter(|(_, folder)| is_own(folder)).map(|(name, _)| name.clone()).collect()
}

/// The folders that an option names; it is told where there is none.
fn named(
    option: &str,
    all: &BTreeMap<String, &Folder>,
    notes: &mut Vec<String>,
    is_meant: impl Fn(&str) -> bool,
) -> Vec<String> {
    let found: Vec<String> = all.keys().filter(|name| is_meant(name)).cloned().collect();
    if found.is_empty() {
        notes.push(format!(
            "Host1: warning! ignoring folder {option} because it is not in host1 whole folders list."
        ));
    }
    found
}

/// The names in which a regular expression finds something.
fn matching<'a>(
    what: &str,
    text: &str,
    names: impl Iterator<Item = &'a String>,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, Unchosen> {
    let found = found(&Pattern::read(text).map_err(Unchosen::Wrong)?, names)?;
    let names: Vec<String> = found.iter().map(|name| shown(name)).collect();
    notes.push(format!("{what} folders matching pattern {text} {}", names.join(" ")));
    Ok(found)
}

fn found<'a>(pattern: &Pattern, names: impl Iterator<Item = &'a String>) -> Result<Vec<String>, Unchosen> {
    let mut found = Vec::new();
    for name in names {
        let mut is_found = pattern.finds(name).map_err(Unchosen::Wrong)?;
        if !is_found && !pattern.text().is_ascii() {
            is_found = pattern.finds(&decoded(name)).map_err(Unchosen::Wrong)?;
        }
        if is_found {
            found.push(name.clone());
        }
    }
    Ok(found)
}

/// A name as imapsync shows it: between brackets, and decoded where that is something else.
pub fn shown(name: &str) -> String {
    let decoded = decoded(name);
    if decoded == name { format!("[{name}]") } else { format!("[{name}] = [{decoded}]") }
}

/// `--nomixfolders`: names that only differ in case do not become one.
fn check_case(taken: &[Taken]) -> Result<(), Unchosen> {
    let mut by_lower: BTreeMap<String, &Taken> = BTreeMap::new();
    for one in taken {
        if let Some(other) = by_lower.insert(one.name2.to_lowercase(), one)
            && other.name1.eq_ignore_ascii_case(&one.name1)
        {
            return Err(Unchosen::Wrong(format!(
                "{} and {} differ in case only and could become one folder: rename one with --f1f2, or let them be \
                 one with --mixfolders",
                shown(&other.name1),
                shown(&one.name1)
            )));
        }
    }
    Ok(())
}

/// A name as a `--folder` pattern that means this folder alone.
pub fn pattern_of(folder: &Folder) -> String {
    let joined = folder.path.levels().join("/");
    let mut pattern = String::new();
    for letter in joined.chars() {
        if "*?\\".contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

#[cfg(test)]
mod tests;
