//! Who did something: the users and tokens that a document names by their ids.
//! Never a name itself: those lie in the database, and in what was frozen with them.

use std::collections::BTreeSet;

use serde_json::Value;

/// How the id of a user begins, and of a token; runs tell a token otherwise.
const BEGINNINGS: [&str; 3] = ["u_", "s_", "api:"];

/// True for a user or a token by its UUID, as it stands in `approved_by`, `triggered_by` and their like.
#[must_use]
pub fn is_actor(text: &str) -> bool {
    let id = BEGINNINGS.iter().find_map(|beginning| text.strip_prefix(beginning));
    id.is_some_and(|id| id.len() == 36 && uuid::Uuid::try_parse(id).is_ok())
}

/// Every actor that stands in a document as a text of its own, each once.
#[must_use]
pub fn within(document: &Value) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    collect(document, &mut found);
    found
}

fn collect<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::String(text) if is_actor(text) => {
            found.insert(text);
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => members.values().for_each(|member| collect(member, found)),
        _ => (),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ANA: &str = "u_5f1c9a30-6f0e-4c3b-9d5e-0a1b2c3d4e5f";
    const HOOK: &str = "s_5f1c9a30-6f0e-4c3b-9d5e-0a1b2c3d4e5f";

    #[test]
    fn only_a_whole_text_with_a_uuid_is_an_actor() {
        for (text, expected) in [
            (ANA, true),
            (HOOK, true),
            ("api:5f1c9a30-6f0e-4c3b-9d5e-0a1b2c3d4e5f", true),
            ("worker", false),
            ("u_", false),
            ("u_ana", false),
            ("u_5f1c9a306f0e4c3b9d5e0a1b2c3d4e5f", false),
            ("x_5f1c9a30-6f0e-4c3b-9d5e-0a1b2c3d4e5f", false),
            ("by u_5f1c9a30-6f0e-4c3b-9d5e-0a1b2c3d4e5f", false),
        ] {
            assert_eq!(is_actor(text), expected, "{text}");
        }
    }

    #[test]
    fn each_actor_of_a_document_is_met_once_wherever_it_stands() {
        let items = json!([{"by": ANA}, [HOOK], 7, null, "worker"]);
        let document = json!({"by": ANA, "items": items, "reason": format!("{ANA}!")});
        assert_eq!(within(&document).into_iter().collect::<Vec<_>>(), [HOOK, ANA]);
        assert!(within(&json!(null)).is_empty());
    }
}
