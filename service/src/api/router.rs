//! Every route on one page.
//! Never a handler: only where each is.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use axum::{Extension, Router, middleware};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::BODY_BYTES_MAX;
use super::reader::Document;
use super::{
    ApiError, about, access, approvals, attach, audit, auth, closing, conflicts, control, credentials,
    cutover, described, discover, endpoints, events, folders, gates, health, hooks, i18n, idempotency,
    import, inventory, job_make, jobs, layers, mailboxes, mailboxes_remove, names, oauth, oauth_consent,
    oauth_flows, oauth_tokens, overview, passes, preferences, providers, quarantine, quarantine_raw,
    quarantine_retry, reader, report, roles, runs, schedule, schedule_own, sessions, settings, share, sheet,
    system, throttling, tracking, try_login, uploads, uploads_chunk, uploads_form, uploads_use, views,
};
use crate::app::App;

#[derive(OpenApi)]
#[openapi(info(
    title = "Malote",
    description = "Moves mailboxes between servers, and proves that nothing is missing",
    license(name = "MIT OR Apache-2.0")
))]
struct Description;

/// The tree that is mounted twice: as it is, and under `/api/v1`.
fn tree() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(auth::status))
        .routes(routes!(auth::setup))
        .routes(routes!(auth::login))
        .routes(routes!(auth::mfa))
        .routes(routes!(auth::logout))
        .routes(routes!(auth::me))
        .routes(routes!(auth::step_up))
        .routes(routes!(auth::totp_begin, auth::totp_remove))
        .routes(routes!(auth::totp_confirm))
        .routes(routes!(auth::change_password))
        .routes(routes!(auth::sessions, auth::end_sessions))
        .routes(routes!(auth::end_session))
        .routes(routes!(preferences::show, preferences::put))
        .routes(routes!(views::list, views::make))
        .routes(routes!(views::change, views::remove))
        .routes(routes!(access::permissions))
        .routes(routes!(access::roles, roles::make))
        .routes(routes!(roles::show, roles::change, roles::remove))
        .routes(routes!(roles::user_scopes, roles::put_user_scopes))
        .routes(routes!(roles::role_scopes, roles::put_role_scopes))
        .routes(routes!(access::users, access::make_user))
        .routes(routes!(access::user, access::change_user, access::remove_user))
        .routes(routes!(access::set_password))
        .routes(routes!(sessions::list, sessions::end_all))
        .routes(routes!(sessions::end))
        .routes(routes!(access::tokens, access::make_token))
        .routes(routes!(access::revoke_token))
        .routes(routes!(names::names))
        .routes(routes!(audit::list))
        .routes(routes!(audit::verify_chain))
        .routes(routes!(audit::export))
        .routes(routes!(audit::export_csv))
        .routes(routes!(system::rotate))
        .routes(routes!(settings::list))
        .routes(routes!(settings::show, settings::put))
        .routes(routes!(tracking::workers))
        .routes(routes!(tracking::performance))
        .routes(routes!(conflicts::conflicts))
        .routes(routes!(system::metrics))
        .routes(routes!(about::about))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(health::version))
        .routes(routes!(i18n::catalogue))
        .merge(migration())
}

/// What is moved.
fn migration() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(jobs::list, job_make::make))
        .routes(routes!(jobs::show, jobs::change, jobs::remove))
        .routes(routes!(control::pause))
        .routes(routes!(control::resume))
        .routes(routes!(control::cancel))
        .routes(routes!(control::fail))
        .routes(routes!(control::retry))
        .merge(after_the_gate())
        .routes(routes!(closing::ticket_payload))
        .routes(routes!(closing::timeline))
        .routes(routes!(report::job))
        .routes(routes!(attach::report_to_ticket))
        .routes(routes!(report::mailbox))
        .routes(routes!(report::schema))
        .routes(routes!(hooks::show, hooks::put, hooks::remove))
        .routes(routes!(hooks::deliveries))
        .routes(routes!(hooks::replay))
        .routes(routes!(inventory::show, inventory::put, inventory::remove))
        .routes(routes!(inventory::decide))
        .routes(routes!(approvals::list, approvals::make))
        .routes(routes!(approvals::show))
        .routes(routes!(approvals::approve))
        .routes(routes!(approvals::reject))
        .routes(routes!(credentials::list, credentials::make))
        .routes(routes!(credentials::change))
        .routes(routes!(credentials::show, credentials::remove))
        .routes(routes!(credentials::test))
        .routes(routes!(oauth_tokens::refresh))
        .routes(routes!(oauth_tokens::revoke))
        .routes(routes!(oauth::start))
        .routes(routes!(oauth::callback))
        .routes(routes!(oauth_flows::show))
        .routes(routes!(oauth_flows::poll))
        .routes(routes!(oauth_consent::words))
        .routes(routes!(providers::profiles))
        .routes(routes!(providers::profile, providers::put_profile))
        .routes(routes!(providers::quota))
        .routes(routes!(providers::quota_of))
        .routes(routes!(providers::estimate))
        .routes(routes!(discover::discover))
        .routes(routes!(tracking::contexts))
        .routes(routes!(tracking::context))
        .routes(routes!(tracking::roots))
        .routes(routes!(tracking::tree))
        .routes(routes!(tracking::logs))
        .routes(routes!(schedule::show, schedule::put, schedule::remove))
        .routes(routes!(schedule::executions))
        .routes(routes!(schedule::preview))
        .routes(routes!(events::stream))
        .routes(routes!(share::list, share::make))
        .routes(routes!(share::revoke))
        .routes(routes!(share::show))
        .routes(routes!(overview::metrics))
        .routes(routes!(mailboxes::list, mailboxes::make))
        .routes(routes!(try_login::try_login))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(import::import))
                .layer(DefaultBodyLimit::max(import::FILE_BYTES_MAX)),
        )
        .routes(routes!(mailboxes::show, mailboxes::change, mailboxes_remove::remove))
        .routes(routes!(folders::folders))
        .routes(routes!(throttling::show))
        .routes(routes!(schedule_own::show, schedule_own::put, schedule_own::remove))
        .routes(routes!(folders::preview))
        .routes(routes!(folders::folder_map))
        .routes(routes!(folders::put_secret))
        .routes(routes!(folders::remove_secret))
        .routes(routes!(runs::preflight))
        .routes(routes!(runs::sync))
        .routes(routes!(runs::verify))
        .routes(routes!(runs::list))
        .routes(routes!(passes::list))
        .routes(routes!(passes::runs))
        .routes(routes!(runs::show))
        .routes(routes!(passes::steps))
        .routes(routes!(runs::log))
        .routes(routes!(runs::cancel))
        .routes(routes!(gates::ask))
        .routes(routes!(gates::show))
        .routes(routes!(gates::evaluate))
        .routes(routes!(gates::approve))
        .routes(routes!(gates::revoke))
        .routes(routes!(gates::reject))
        .merge(kept_back())
        .routes(routes!(uploads::list, uploads::make))
        .routes(routes!(uploads_form::form))
        .routes(routes!(uploads::show, uploads_chunk::chunk, uploads::remove))
        .routes(routes!(uploads::complete))
        .routes(routes!(uploads_use::folders))
        .routes(routes!(uploads_use::map))
        .routes(routes!(uploads_use::extract))
        .routes(routes!(endpoints::list, endpoints::make))
        .routes(routes!(endpoints::show, endpoints::change, endpoints::remove))
        .routes(routes!(endpoints::test_unkept))
        .routes(routes!(endpoints::test))
        .routes(routes!(endpoints::health))
}

/// What was not brought over, and why.
fn kept_back() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(quarantine::list))
        .routes(routes!(quarantine::bulk))
        .routes(routes!(quarantine::together))
        .routes(routes!(quarantine::show, quarantine::change))
        .routes(routes!(quarantine::ack))
        .routes(routes!(quarantine_raw::raw))
        .routes(routes!(quarantine_retry::retry))
        .routes(routes!(quarantine_retry::bulk))
}

/// What follows an open gate.
fn after_the_gate() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(cutover::confirm_dns))
        .routes(routes!(cutover::propagation))
        .routes(routes!(cutover::final_passes))
        .routes(routes!(cutover::accept_missing))
        .routes(routes!(closing::close))
        .routes(routes!(closing::certificate))
}

/// The whole service: the API, and the console that is its first client.
pub fn router(app: App) -> Router {
    let clock = app.clone();
    crate::console::beside(api(app), Arc::new(move || clock.now_ms()))
}

/// What the API says of itself (OpenAPI 3.1).
#[cfg(test)]
pub fn description() -> serde_json::Value {
    complete(tree().split_for_parts().1)
}

fn complete(described: utoipa::openapi::OpenApi) -> serde_json::Value {
    let mut document = serde_json::to_value(described).unwrap_or_default();
    described::complete(&mut document);
    document
}

fn api(app: App) -> Router {
    let (routes, described) = tree().split_for_parts();
    let document = Document(Arc::new(complete(described)));
    Router::new()
        .merge(routes.clone())
        .nest("/api/v1", routes)
        .route("/openapi.json", get(reader::document))
        .route("/docs", get(reader::page))
        .route("/docs/style.css", get(reader::style))
        .fallback(|| async { ApiError::not_found("page") })
        .method_not_allowed_fallback(|| async {
            let status = axum::http::StatusCode::METHOD_NOT_ALLOWED;
            ApiError::new(status, "method_not_allowed", "this path takes other methods")
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(Extension(document))
        .layer(middleware::from_fn(sheet::as_csv))
        .layer(middleware::from_fn(layers::problems))
        .layer(middleware::from_fn_with_state(app.clone(), idempotency::once))
        .layer(middleware::from_fn_with_state(app.clone(), layers::around))
        .with_state(app)
}
