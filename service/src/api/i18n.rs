//! The console's texts for whoever shows the service elsewhere: `/i18n/{locale}.json`.
//! Never a text of its own: they are the catalogues'.

use std::collections::BTreeMap;

use axum::Json;

use super::body::At;
use super::{ApiError, Result};
use crate::console::language::Language;
use crate::console::texts;

/// `GET /i18n/{locale}.json`: every text by its key, with `{ $name }` where a value goes (Fluent's syntax).
#[utoipa::path(get, path = "/i18n/{file}", tag = "system",
    params(("file" = String, Path, description = "`pt-BR.json` or `en.json`")),
    responses((status = 200, body = BTreeMap<String, String>), (status = 404)))]
pub async fn catalogue(At(file): At<String>) -> Result<Json<BTreeMap<&'static str, &'static str>>> {
    let language = file.strip_suffix(".json").and_then(Language::tagged);
    let language = language.ok_or_else(|| ApiError::not_found("language"))?;
    let lines = texts::sources(language).into_iter().flat_map(str::lines);
    // A line that begins with a blank or a # is no message's first; our messages have one line each.
    let messages = lines.filter(|line| line.starts_with(|letter: char| letter.is_ascii_lowercase()));
    Ok(Json(messages.filter_map(|line| line.split_once(" = ")).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_languages_have_the_same_keys_and_no_other_file_is_there() {
        let of = async |file: &str| catalogue(At(file.to_owned())).await.map(|Json(texts)| texts);
        let (english, portuguese) = (of("en.json").await.unwrap(), of("pt-BR.json").await.unwrap());
        assert!(english.keys().eq(portuguese.keys()));
        assert!(english.len() > 400, "only {} texts", english.len());
        assert_eq!(english["phase-closed"], "Closed");
        for file in ["en", "fr.json", "../en.json", ""] {
            assert!(of(file).await.is_err(), "{file}");
        }
    }
}
