//! How somebody wants to see the console: `/auth/preferences`. Kept with the user, so that every browser knows it.
//! Never another's: a person reads and changes their own.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::person;
use super::body::Body;
use super::caller::Caller;
use super::{ApiError, Result};
use crate::app::App;
use crate::store::preferences::PreferencesRow;

/// The longest name of a zone, in octets.
const ZONE_BYTES_MAX: usize = 64;

/// What somebody chose; an empty word was never chosen, and a word that is not said is taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Preferences {
    /// `pt-BR` or `en`; empty: as the browser wishes.
    language: String,
    /// `auto`, `light` or `dark`; empty: not chosen.
    theme: String,
    /// A name of the IANA time zone database; empty: not chosen.
    zone: String,
}

impl Preferences {
    fn check(&self) -> Result<()> {
        if !["", "pt-BR", "en"].contains(&self.language.as_str()) {
            return Err(ApiError::field("language", "pt-BR or en"));
        }
        if !["", "auto", "light", "dark"].contains(&self.theme.as_str()) {
            return Err(ApiError::field("theme", "auto, light or dark"));
        }
        let is_zone = self.zone.len() <= ZONE_BYTES_MAX && jiff::tz::TimeZone::get(&self.zone).is_ok();
        if self.zone.is_empty() || is_zone {
            Ok(())
        } else {
            Err(ApiError::field("zone", "a name such as America/Sao_Paulo"))
        }
    }
}

/// What a person chose.
///
/// # Errors
/// What the database says.
pub(super) async fn of(app: &App, user: &str) -> Result<Preferences> {
    let row = app.store.preferences(user).await?;
    Ok(Preferences { language: row.language, theme: row.theme, zone: row.zone })
}

/// `GET /auth/preferences`.
#[utoipa::path(get, path = "/auth/preferences", tag = "auth", responses((status = 200, body = Preferences)))]
pub async fn show(State(app): State<App>, caller: Caller) -> Result<Json<Preferences>> {
    person(&caller)?;
    Ok(Json(of(&app, &caller.id).await?))
}

/// `PUT /auth/preferences`: in the place of what was chosen before.
#[utoipa::path(put, path = "/auth/preferences", tag = "auth", request_body = Preferences,
    responses((status = 200, body = Preferences), (status = 422)))]
pub async fn put(
    State(app): State<App>,
    caller: Caller,
    Body(chosen): Body<Preferences>,
) -> Result<Json<Preferences>> {
    person(&caller)?;
    chosen.check()?;
    let row = PreferencesRow {
        language: chosen.language.clone(),
        theme: chosen.theme.clone(),
        zone: chosen.zone.clone(),
    };
    app.store.put_preferences(&caller.id, &row, app.now_ms()).await?;
    Ok(Json(chosen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_that_the_console_has_are_taken() {
        for (language, theme, zone, is_fine) in [
            ("", "", "", true),
            ("pt-BR", "dark", "America/Manaus", true),
            ("pt", "", "", false),
            ("", "sepia", "", false),
            ("", "", "Mars/Base", false),
        ] {
            let text = |text: &str| text.to_owned();
            let chosen = Preferences { language: text(language), theme: text(theme), zone: text(zone) };
            assert_eq!(chosen.check().is_ok(), is_fine, "{chosen:?}");
        }
    }
}
