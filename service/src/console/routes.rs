//! Every page's address.
//! Never a page: only where each is.

use axum::routing::{get, post};
use axum::{Router, middleware};

use super::pages::{account, job, jobs, live, overview, session};
use super::visitor::Console;
use super::{assets, layer};
use crate::app::Clock;

/// The API with the console beside it.
pub fn beside(api: Router, clock: Clock) -> Router {
    let console = Console { api: api.clone(), clock };
    let pages = Router::new()
        .route("/", get(session::front))
        .route("/console", get(overview::show))
        .merge(entrance())
        .merge(migration())
        .layer(middleware::from_fn_with_state(console.clone(), layer::around))
        .with_state(console);
    pages
        .route(assets::ICON_PATH, get(assets::icon))
        .route(&assets::STYLE_PATH, get(assets::style))
        .route(&assets::SCRIPT_PATH, get(assets::script))
        .fallback_service(api)
}

/// Coming in, going out, one's own affairs.
fn entrance() -> Router<Console> {
    Router::new()
        .route("/console/setup", get(session::setup).post(session::set_up))
        .route("/console/login", get(session::login).post(session::log_in))
        .route("/console/login/code", get(session::code).post(session::give_code))
        .route("/console/logout", post(session::log_out))
        .route("/console/step-up", get(session::step_up).post(session::prove))
        .route("/console/preferences", post(session::prefer))
        .route("/console/account", get(account::show))
        .route("/console/account/password", post(account::change_password))
        .route("/console/account/factor", get(account::factor).post(account::begin_factor))
        .route("/console/account/factor/confirm", post(account::confirm_factor))
        .route("/console/account/factor/remove", post(account::remove_factor))
        .route("/console/account/sessions/{id}/end", post(account::end_session))
}

/// What is moved.
fn migration() -> Router<Console> {
    Router::new()
        .route("/console/jobs", get(jobs::list))
        .route("/console/jobs.csv", get(jobs::csv))
        .route("/console/jobs/{id}", get(job::show))
        .route("/console/jobs/{id}/act", post(job::act))
        .route("/console/jobs/{id}/live", get(live::stream))
}
