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
    let path = visitor.here.split('?').next().unwrap_or_default();
    let query = Query(Form::parse(visitor.here.split_once('?').map_or("", |(_, query)| query).as_bytes()));
    let done = DONE.iter().find(|known| **known == query.0.get("done")).copied().unwrap_or_default();
    let common = context! {
        zones => format::ZONES,
        theme => visitor.theme,
        here => &*visitor.here,
        path => path,
        done => done,
        me => page.me,
        may => page.me.map(|me| me["permissions"].clone()).unwrap_or_else(|| serde_json::json!([])),
        csrf => page.me.and_then(|me| me["csrf_token"].as_str()).unwrap_or_default(),
        problem => problem,
        style => assets::STYLE_PATH.as_str(),
        script => assets::SCRIPT_PATH.as_str(),
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
