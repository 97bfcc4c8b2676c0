//! Lays the two folder trees over each other and makes what is missing at the destination.
//! Never creates a folder while a clash is undecided.

use std::collections::{BTreeMap, BTreeSet};

use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::folder::{Folder, FolderPath, WireName};
use malote_plan::mapping::{self, FolderPair, Mapping, MappingPolicy, OnClash, RecordedPair};
use malote_plan::pattern::{Pattern, Selection};

use super::context::{Pair, decision};
use super::job::Job;
use super::known::{self, Known};
use super::manners;
use super::survey::Surveys;
use super::tally::Findings;
use crate::destination::Creation;
use crate::failure::{Failure, Result};
use crate::ledger::{FolderId, FolderKey, FolderRow, Tokens};

/// Which folder goes where, by the ledger's earlier word, the operator's maps and the rules.
pub(super) fn lay(job: &Job, surveys: &Surveys, rows: &[FolderRow]) -> Result<Mapping> {
    let known = known(job, surveys, rows);
    let policy = &job.policy;
    let selection = Selection { take: patterns(&policy.folders)?, leave: patterns(&policy.excludes)? };
    let policy = MappingPolicy {
        selection,
        maps: policy.maps.clone(),
        into: policy.into.clone(),
        include_views: false,
        include_other_namespaces: false,
        on_clash: policy.on_clash,
        labels: surveys.source.promises.labels.then_some(policy.labels),
        rules: surveys.destination.profile.settings.name_rules(),
        views: manners::roles(&surveys.source.profile.settings.views),
        without_mail: surveys.source.profile.settings.folders_without_mail.clone(),
    };
    let wire_of: BTreeMap<FolderId, &WireName> = known.iter().map(|(wire, row)| (row.id, wire)).collect();
    let recorded: Vec<RecordedPair> = rows
        .iter()
        .map(|row| RecordedPair {
            source_wire: wire_of.get(&row.id).copied().unwrap_or(&row.key.source_wire).clone(),
            source: row.key.source_path.clone(),
            destination: row.key.destination_path.clone(),
        })
        .collect();
    let (source, destination) = (&surveys.source.folders, &surveys.destination.folders);
    Ok(mapping::map(source, destination, &surveys.destination.naming, &recorded, &policy))
}

/// The rows of the folders that the source lists.
pub(super) fn known<'a>(job: &Job, surveys: &Surveys, rows: &'a [FolderRow]) -> Known<'a> {
    known::rows(&surveys.source.folders, rows, |wire| job.source.former_wire(wire))
}

fn patterns(texts: &[String]) -> Result<Vec<Pattern>> {
    let parse = |text: &String| {
        Pattern::parse(text).map_err(|error| {
            let message = format!("reading the pattern `{text}`");
            Failure::new(Side::Local, Class::Usage, Reach::Account, Retry::Never, message).because(error)
        })
    };
    texts.iter().map(parse).collect()
}

/// Why a folder is not simply itself at the destination; empty for most.
pub(super) fn note(pair: &FolderPair) -> String {
    let renamed = pair.renamed.as_ref().map(|renaming| format!("renamed: {}", renaming.reason.as_str()));
    let merged = (!pair.merged_with.is_empty()).then(|| {
        let others: Vec<String> = pair.merged_with.iter().map(ToString::to_string).collect();
        format!("merged with {}", others.join(", "))
    });
    renamed.into_iter().chain(merged).collect::<Vec<_>>().join("; ")
}

/// Creates what is missing, parents first, then notes each pair in the ledger. A folder that cannot be created
/// takes its own mail out of the run and nobody else's.
pub(super) async fn prepare(
    job: &Job,
    surveys: &Surveys,
    mapping: Mapping,
    findings: &Findings,
) -> Result<(Vec<Pair>, Vec<FolderPair>)> {
    let wanted = mapping.create.iter();
    let wanted = wanted.map(|creation| Creation { path: &creation.path, special_use: creation.special_use });
    let wanted: Vec<Creation<'_>> = wanted.collect();
    let answers = job.destination.create_all(&wanted).await?;
    let mut created: BTreeMap<FolderPath, Folder> = BTreeMap::new();
    for (creation, answer) in mapping.create.iter().zip(answers) {
        match answer {
            Ok(folder) => {
                if creation.subscribe && !folder.is_subscribed {
                    subscribe(job, &folder, findings).await;
                }
                created.insert(creation.path.clone(), folder);
            }
            Err(failure) => findings.fail(&failure),
        }
    }
    let (mut pairs, mut refused) = (Vec::new(), Vec::new());
    let rows = job.ledger.folders().await?;
    let known = known(job, surveys, &rows);
    let mut taken: BTreeMap<WireName, FolderPath> = BTreeMap::new();
    for pair in mapping.pairs {
        let destination = pair.existing.clone().or_else(|| created.get(&pair.destination).cloned());
        let Some(destination) = destination else {
            refused.push(pair);
            continue;
        };
        let first = taken.entry(destination.wire.clone()).or_insert_with(|| pair.destination.clone());
        if *first != pair.destination && job.policy.on_clash != OnClash::Merge {
            findings.fail(&taken_for_another(&pair, first));
            refused.push(pair);
            continue;
        }
        if pair.source.is_subscribed && pair.existing.as_ref().is_some_and(|folder| !folder.is_subscribed) {
            subscribe(job, &destination, findings).await;
        }
        let recorded = known.get(&pair.source.wire);
        let key = FolderKey {
            source_wire: recorded.map_or(&pair.source.wire, |row| &row.key.source_wire).clone(),
            source_path: pair.source.path.clone(),
            destination_path: pair.destination.clone(),
            destination_wire: destination.wire.clone(),
        };
        let elsewhere = recorded.filter(|row| row.key.destination_path != key.destination_path);
        if let Some(row) = elsewhere
            && let Some(validity) = row.tokens.destination_uid_validity
        {
            // Its records are of another folder, which may bear the same UIDVALIDITY: they prove nothing here.
            job.ledger.rebase_destination(row.id, validity, &[]).await?;
            let tokens = Tokens { destination_uid_next: 0, is_complete: false, ..row.tokens };
            job.ledger.set_tokens(row.id, &tokens).await?;
        }
        let row = job.ledger.folder(&key).await?;
        pairs.push(Pair {
            row,
            is_shared: false,
            source: pair.source,
            destination,
            role: pair.role,
            renamed: pair.renamed.is_some(),
        });
    }
    let shared = shared(&pairs);
    pairs.iter_mut().for_each(|pair| pair.is_shared = shared.contains(&pair.destination.wire));
    for dangling in &surveys.source.dangling_subscriptions {
        findings.warn(format!("{dangling}: subscribed at the source, where it does not exist"));
    }
    Ok((pairs, refused))
}

/// The destination folders to which more than one source folder leads.
fn shared(pairs: &[Pair]) -> BTreeSet<WireName> {
    let mut seen = BTreeSet::new();
    pairs.iter().map(|pair| &pair.destination.wire).filter(|wire| !seen.insert(*wire)).cloned().collect()
}

/// Only at creation it shows that a server takes two names for one, though nothing told so before.
fn taken_for_another(pair: &FolderPair, first: &FolderPath) -> Failure {
    decision(format!(
        "creating folder {}: the destination takes it for {first}, to which another source folder goes; none of \
         its mail was copied. Decide with --map {}=NAME, or --on-clash merge",
        pair.destination, pair.source.path
    ))
}

/// A subscription that is refused is told and costs nothing else.
async fn subscribe(job: &Job, folder: &Folder, findings: &Findings) {
    if let Err(failure) = job.destination.subscribe(folder).await {
        findings.warn(format!("{}: could not be subscribed to: {failure}", folder.path));
    }
}
