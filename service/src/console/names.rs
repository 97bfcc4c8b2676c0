//! What those who did something are called, asked of the API once for a page.
//! Never hides whom it cannot name: then the id stands there.

use serde_json::{Map, Value};

use super::client::Api;
use super::problem::Problem;
use crate::actors::within;
use crate::api::names::ACTORS_MAX;

/// Names by their actors, of all who stand in what a page shows. Visitors who may not know names get none.
///
/// # Errors
/// The API's refusal, where it is another than that.
pub async fn of(api: &Api, shown: &[&Value]) -> Result<Value, Problem> {
    let mut actors: Vec<&str> = shown.iter().flat_map(|value| within(value)).collect();
    actors.sort_unstable();
    actors.dedup();
    let mut names = Map::new();
    for some in actors.chunks(ACTORS_MAX) {
        let path = format!("/access/names?actors={}", some.join(","));
        let Some(mut told) = api.read_if_there(&path).await? else { break };
        for one in told["items"].as_array_mut().into_iter().flatten() {
            if let Some(actor) = one["actor"].as_str().map(str::to_owned) {
                names.insert(actor, one["name"].take());
            }
        }
    }
    Ok(Value::Object(names))
}
