//! Every page's address.
//! Never a page: only where each is.

use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, post};
use axum::{Router, middleware};

use super::pages::{
    about, access, account, audit, control, credentials, job, jobs, live, mailbox, options, outside,
    overview, own_schedule, person, places, quarantine, roles, runs, schedule, session, uploads, wizard,
};
use super::problem::Problem;
use super::visitor::Console;
use super::{assets, layer, view};
use crate::app::Clock;

/// The API with the console beside it.
pub fn beside(api: Router, clock: Clock) -> Router {
    let console = Console { api: api.clone(), clock };
    let pages = Router::new()
        .route("/", get(session::front))
        .route("/console", get(overview::show))
        .merge(entrance())
        .merge(migration())
        .merge(house())
        .method_not_allowed_fallback(view::back)
        .layer(middleware::from_fn_with_state(console.clone(), layer::around))
        .with_state(console);
    pages
        .route(assets::ICON_PATH, get(assets::icon))
        .route(&assets::STYLE_PATH, get(assets::style))
        .route(&assets::SCRIPT_PATH, get(assets::script))
        .route(&assets::UPLOAD_PATH, get(assets::upload))
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
        .route("/console/jobs/views", post(jobs::act_on_views))
        .route("/console/jobs/{id}", get(job::show))
        .route("/console/jobs/{id}/act", post(job::act))
        .route("/console/jobs/{id}/live", get(live::stream))
        .route("/console/jobs/new", get(wizard::begin).post(wizard::discover))
        .route("/console/jobs/servers", post(wizard::make))
        .route("/console/jobs/{id}/mailboxes/new", get(wizard::mailboxes))
        .route("/console/jobs/{id}/mailboxes/one", post(wizard::add_one))
        .route("/console/jobs/{id}/mailboxes/list", post(wizard::add_list))
        .route(
            "/console/jobs/{id}/uploads",
            get(uploads::list).post(uploads::upload).layer(DefaultBodyLimit::disable()),
        )
        .route("/console/jobs/{id}/uploads/begin", post(uploads::begin))
        .route("/console/uploads/{uid}", get(uploads::show))
        .route(
            "/console/uploads/{uid}/octets",
            get(uploads::octets)
                .patch(uploads::octets)
                .delete(uploads::octets)
                .post(uploads::complete)
                .layer(DefaultBodyLimit::disable()),
        )
        .route("/console/uploads/{uid}/act", post(uploads::act_on_upload))
        .route("/console/mailboxes/{mid}", get(mailbox::show))
        .route("/console/mailboxes/{mid}/act", post(mailbox::act))
        .route("/console/mailboxes/{mid}/schedule", get(own_schedule::show))
        .route("/console/mailboxes/{mid}/schedule/act", post(own_schedule::act))
        .route("/console/jobs/{id}/folders", get(places::show))
        .route("/console/jobs/{id}/options", get(options::show).post(options::act))
        .route("/console/jobs/{id}/edit", get(options::edit).post(options::save))
        .route("/console/jobs/{id}/schedule", get(schedule::show))
        .route("/console/jobs/{id}/schedule/act", post(schedule::act))
        .route("/console/jobs/{id}/runs", get(runs::list))
        .route("/console/runs/{rid}", get(runs::show))
        .route("/console/runs/{rid}/log.txt", get(runs::file))
        .route("/console/runs/{rid}/cancel", post(runs::cancel))
        .route("/console/jobs/{id}/quarantine", get(quarantine::list).post(quarantine::act))
        .route("/console/quarantine/{qid}/raw", get(quarantine::raw))
        .route("/console/jobs/{id}/report/replay", post(outside::replay))
        .route("/console/jobs/{id}/report/attach", post(outside::attach))
        .route("/console/jobs/{id}/share/revoke", post(outside::revoke_share))
        .route("/console/jobs/{id}/share", get(control::share).post(control::make_share))
        .route("/console/share/{token}", get(control::shared))
        .route("/console/jobs/{id}/report", get(control::report))
        .route("/console/jobs/{id}/report.json", get(control::report_file))
        .route("/console/jobs/{id}/report.pdf", get(control::report_pdf))
        .route("/console/mailboxes/{mid}/report.pdf", get(control::mailbox_report_pdf))
}

/// What is looked after beside migrations.
fn house() -> Router<Console> {
    Router::new()
        .route("/console/approvals", get(control::approvals))
        .route("/console/access", get(access::show))
        .route("/console/access/act", post(access::act))
        .route("/console/access/users/{id}", get(person::show))
        .route("/console/access/users/{id}/act", post(person::act))
        .route("/console/access/roles", get(roles::list).post(roles::make))
        .route("/console/access/roles/{id}", get(roles::show))
        .route("/console/access/roles/{id}/act", post(roles::act))
        .route("/console/audit", get(audit::show))
        .route("/console/audit.csv", get(audit::csv))
        .route("/console/audit.ndjson", get(audit::whole))
        .route("/console/system", get(control::system))
        .route("/console/system/hook", get(outside::hook).post(outside::set_hook))
        .route("/console/system/about", get(about::show))
        .route("/console/system/act", post(control::act_on_system))
        .route("/console/help", get(control::help))
        .route("/console/credentials", get(credentials::list).post(credentials::make))
        .route("/console/credentials/{id}", get(credentials::show))
        .route("/console/credentials/{id}/act", post(credentials::act))
        .route("/oauth/callback", any(credentials::back))
        .route("/console/{*rest}", get(missing))
}

/// A page that is not there.
async fn missing() -> Problem {
    Problem::not_found()
}
