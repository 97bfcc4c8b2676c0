//! Makes a page of a template, with what every page needs: language, theme, who it is, where it stands.
//! Never lets a page go out half made: one that fails is an error, and told as one.

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use minijinja::context;
use minijinja::value::Value;
use serde::Serialize;

use super::form::{Form, Query};
use super::member::Member;
use super::problem::Problem;
use super::visitor::Visitor;
use super::words::DONE;
use super::{assets, format, templates};

/// Which page, and for whom.
pub struct Page<'a> {
    /// The template.
    pub template: &'static str,
    /// The answer's status.
    pub status: StatusCode,
    /// Who it is.
    pub me: Option<&'a serde_json::Value>,
    /// What went wrong before.
    pub problem: Option<&'a Problem>,
}

/// A problem as templates see it.
#[derive(Serialize)]
struct ProblemView<'a> {
    code: &'a str,
    status: u16,
    detail: &'a str,
    errors: &'a [super::problem::FieldProblem],
    retry_seconds: u64,
    more: &'a serde_json::Value,
}

/// Where a page can be asked for again: forms are sent to addresses that have no page of their own.
pub fn home(here: &str) -> &str {
    let path = here.split('?').next().unwrap_or_default();
    if let Some(front) = path.strip_suffix("/act") {
        return front;
    }
    if let Some(front) = path.strip_suffix("/attach") {
        return front;
    }
    match path {
        "/console/jobs/servers" => "/console/jobs/new",
        "/console/jobs/views" => "/console/jobs",
        "/console/preferences" => "/console/account",
        "/console/login/code" => "/console/login",
        _ if path.starts_with("/console/account/factor/") => "/console/account/factor",
        _ if path == "/console/account/password" || path.starts_with("/console/account/sessions/") => {
            "/console/account"
        }
        _ => {
            let list = ["/mailboxes/one", "/mailboxes/list"].iter().find_map(|end| path.strip_suffix(end));
            list.unwrap_or(here)
        }
    }
}

/// `GET` of an address that only takes forms: the page that the form stands on.
pub async fn back(visitor: Visitor) -> Response {
    let home = home(&visitor.here);
    if visitor.method.is_safe() && home != &*visitor.here {
        return Redirect::to(home).into_response();
    }
    Problem::not_found().into_response()
}

/// Makes a page.
pub fn render(visitor: &Visitor, page: &Page<'_>, own: Value) -> Response {
    let problem = page.problem.map(|problem| ProblemView {
        code: &problem.code,
        status: problem.status.as_u16(),
        detail: &problem.detail,
        errors: &problem.errors,
        retry_seconds: problem.retry_seconds,
        more: &problem.more,
    });
    let path = home(&visitor.here).split('?').next().unwrap_or_default();
    let query = Query(Form::parse(visitor.here.split_once('?').map_or("", |(_, query)| query).as_bytes()));
    let done = DONE.iter().find(|known| **known == query.0.get("done")).copied().unwrap_or_default();
    let common = context! {
        zones => format::ZONES,
        theme => visitor.theme,
        here => home(&visitor.here),
        path => path,
        done => done,
        me => page.me,
        may => page.me.map(|me| me["permissions"].clone()).unwrap_or_else(|| serde_json::json!([])),
        csrf => page.me.and_then(|me| me["csrf_token"].as_str()).unwrap_or_default(),
        problem => problem,
        style => assets::STYLE_PATH.as_str(),
        script => assets::SCRIPT_PATH.as_str(),
        upload_script => assets::UPLOAD_PATH.as_str(),
        icon => assets::ICON_PATH,
        version => env!("CARGO_PKG_VERSION"),
        typed => context! {},
    };
    // What the page itself says comes first.
    let frame = context! { ..own, ..common };
    let templates = templates::for_visitor(&visitor.format);
    let made = templates.get_template(page.template).and_then(|template| template.render(frame));
    match made {
        Ok(html) => {
            let mut response = (page.status, Html(html)).into_response();
            if let Some(problem) = page.problem {
                for cookie in problem.cookies.get_all(header::SET_COOKIE) {
                    response.headers_mut().append(header::SET_COOKIE, cookie.clone());
                }
            }
            response
        }
        Err(error) => {
            tracing::error!(page = page.template, error = %error, "the page {} was not made: {error:#}", page.template);
            (StatusCode::INTERNAL_SERVER_ERROR, "500").into_response()
        }
    }
}

impl Member {
    /// A page for this member.
    pub fn page(&self, template: &'static str, own: Value) -> Response {
        self.page_with(template, None, own)
    }

    /// A page for this member, with what went wrong with its form.
    pub fn page_with(&self, template: &'static str, problem: Option<&Problem>, own: Value) -> Response {
        let status = problem.map_or(StatusCode::OK, |problem| problem.status);
        render(&self.visitor, &Page { template, status, me: Some(&self.me), problem }, own)
    }
}

impl Visitor {
    /// A page for whoever it is.
    pub fn page(&self, template: &'static str, problem: Option<&Problem>, own: Value) -> Response {
        let status = problem.map_or(StatusCode::OK, |problem| problem.status);
        render(self, &Page { template, status, me: None, problem }, own)
    }
}

/// After a form: the page that shows what became of it.
pub fn go(place: &str, done: &str) -> Response {
    let place = super::form::place(place);
    let (front, anchor) =
        place.split_once('#').map_or((place, String::new()), |(front, rest)| (front, format!("#{rest}")));
    let joint = if front.contains('?') { '&' } else { '?' };
    let place = if done.is_empty() {
        format!("{front}{anchor}")
    } else {
        format!("{front}{joint}done={done}{anchor}")
    };
    Redirect::to(&place).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_s_address_leads_to_the_page_that_it_stands_on() {
        for (here, expected) in [
            ("/console/jobs/7/act", "/console/jobs/7"),
            ("/console/mailboxes/3/act", "/console/mailboxes/3"),
            ("/console/access/act", "/console/access"),
            ("/console/jobs/servers", "/console/jobs/new"),
            ("/console/jobs/7/report/attach", "/console/jobs/7/report"),
            ("/console/access/roles/x/act", "/console/access/roles/x"),
            ("/console/jobs/7/mailboxes/list", "/console/jobs/7"),
            ("/console/account/factor/confirm", "/console/account/factor"),
            ("/console/jobs?q=1", "/console/jobs?q=1"),
            ("/console", "/console"),
        ] {
            assert_eq!(home(here), expected, "{here}");
        }
    }
}
