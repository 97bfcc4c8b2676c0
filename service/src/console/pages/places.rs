//! The folder map of a whole migration: where each folder goes and why, before anything is written.
//! Never a folder that was not counted: what was not looked at is said to be so.

use axum::extract::Path;
use minijinja::context;
use serde_json::{Value, json};

use crate::console::Answer;
use crate::console::member::Member;

/// Mailboxes whose folders one page shows, at most.
const BOXES_MAX: usize = 100;

/// `GET /console/jobs/{id}/folders`.
pub async fn show(member: Member, Path(id): Path<i64>) -> Answer {
    let api = member.api();
    let job = api.read(&format!("/migration/jobs/{id}")).await?;
    let seen = api.read(&format!("/migration/jobs/{id}/folder-map/preview")).await?;
    let all = seen["mailboxes"].as_array().cloned().unwrap_or_default();
    let is_wrong = |one: &&Value| one["shares_its_place"] == true || one["has_place"] == false;
    let folders = || all.iter().flat_map(|mailbox| mailbox["folders"].as_array().into_iter().flatten());
    let own = context! {
        job => job,
        wrong => folders().filter(is_wrong).count(),
        counted => folders().count(),
        left_out => all.len().saturating_sub(BOXES_MAX),
        boxes => in_order(&all),
    };
    Ok(member.page("folders.html", own))
}

/// Mailboxes with something to settle first, then those with folders, then those that were not counted.
fn in_order(all: &[Value]) -> Vec<Value> {
    let mut boxes = all.to_vec();
    for mailbox in &mut boxes {
        let folders = mailbox["folders"].as_array().into_iter().flatten();
        let wrong =
            folders.filter(|one| one["shares_its_place"] == true || one["has_place"] == false).count();
        mailbox["wrong"] = json!(wrong);
    }
    let is_empty = |mailbox: &Value| mailbox["folders"].as_array().is_none_or(Vec::is_empty);
    boxes.sort_by_key(|mailbox| (std::cmp::Reverse(mailbox["wrong"].as_u64()), is_empty(mailbox)));
    boxes.truncate(BOXES_MAX);
    boxes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_to_be_settled_comes_first_and_what_was_not_counted_last() {
        let folder = |shares| json!({"shares_its_place": shares, "has_place": true});
        let all = [
            json!({"email": "a", "folders": []}),
            json!({"email": "b", "folders": [folder(false)]}),
            json!({"email": "c", "folders": [folder(false), folder(true)]}),
        ];
        let names: Vec<_> = in_order(&all).iter().map(|one| one["email"].clone()).collect();
        assert_eq!(names, ["c", "b", "a"]);
    }
}
