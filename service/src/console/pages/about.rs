//! What the program is and what it is built of, by licence.
//! Never a word about the machine that built it.

use minijinja::context;
use serde_json::{Value, json};

use crate::console::Answer;
use crate::console::member::Member;

/// `GET /console/system/about`.
pub async fn show(member: Member) -> Answer {
    let about = member.api().read("/system/about").await?;
    let own = context! {
        licences => by_licence(&about["parts"]),
        count => about["parts"].as_array().map_or(0, Vec::len),
        about => about,
    };
    Ok(member.page("about.html", own))
}

/// The crates of each licence, the most frequent first.
fn by_licence(parts: &Value) -> Vec<Value> {
    let mut found: Vec<(String, Vec<&Value>)> = Vec::new();
    for part in parts.as_array().into_iter().flatten() {
        let licence = part["licence"].as_str().unwrap_or_default();
        match found.iter_mut().find(|(known, _)| known == licence) {
            Some((_, parts)) => parts.push(part),
            None => found.push((licence.to_owned(), vec![part])),
        }
    }
    found.sort_by(|(one, parts), (other, others)| (others.len(), one).cmp(&(parts.len(), other)));
    found.into_iter().map(|(licence, parts)| json!({"licence": licence, "parts": parts})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_stand_by_their_licence_the_most_frequent_first() {
        let part = |name: &str, licence: &str| json!({"name": name, "licence": licence});
        let told =
            by_licence(&json!([part("a", "ISC"), part("b", "MIT"), part("c", "MIT"), part("d", "0BSD")]));
        let names: Vec<_> = told.iter().map(|one| one["licence"].clone()).collect();
        assert_eq!(names, ["MIT", "0BSD", "ISC"]);
        assert_eq!(told[0]["parts"].as_array().map(Vec::len), Some(2));
        assert_eq!(by_licence(&Value::Null), Vec::<Value>::new());
    }
}
