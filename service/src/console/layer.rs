//! What stands around every page: whose request it is, headers that browsers heed, and problems written out as pages.
//! Never lets another site's form through, signed in or not.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::context;

use super::client::escaped;
use super::problem::Problem;
use super::view::{self, Page};
use super::visitor::{Console, LOCAL_COOKIE, Visitor};
use crate::api::caller::COOKIE;

/// Headers of every page. Forms need the origin, which browsers hide under a stricter referrer policy (Fetch §3.2).
const HEADERS: [(&str, &str); 9] = [
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
    ("referrer-policy", "same-origin"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

/// True where a form can only have come from a page of ours.
fn is_ours(method: &Method, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if method.is_safe() {
        return true;
    }
    if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return false;
    }
    match (text("origin"), text("host")) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, from)| from == host),
        _ => true,
    }
}

/// The layer.
pub async fn around(State(console): State<Console>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let visitor = Visitor::of(&console, &parts);
    parts.extensions.insert(visitor.clone());
    let mut response = if is_ours(&parts.method, &parts.headers) {
        next.run(Request::from_parts(parts, body)).await
    } else {
        Problem::of_another_site().into_response()
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = written(&visitor, &problem).await;
    }
    if visitor.is_local {
        loosen(response.headers_mut());
    }
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        if !response.headers().contains_key(&name) {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

/// A problem that no page shows beside its form, as a page of its own.
async fn written(visitor: &Visitor, problem: &Problem) -> Response {
    match problem.code.as_str() {
        "step_up_required" => {
            let back = escaped(&visitor.here);
            return Redirect::to(&format!("/console/step-up?next={back}")).into_response();
        }
        "unauthenticated" => return Redirect::to("/console/login").into_response(),
        _ => (),
    }
    // Who it is makes the frame; a problem is told even where that cannot be found out.
    let me = visitor.api.read("/auth/me").await.ok();
    let visitor = &me.as_ref().map_or_else(|| visitor.clone(), |me| visitor.clone().known(me));
    let page =
        Page { template: "problem.html", status: problem.status, me: me.as_ref(), problem: Some(problem) };
    view::render(visitor, &page, context! {})
}

/// On this machine, without TLS, the session's cookie goes without `Secure` and so by another name.
fn loosen(headers: &mut HeaderMap) {
    let lines: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
    headers.remove(header::SET_COOKIE);
    for line in lines {
        let text = line.to_str().unwrap_or_default();
        let line = match text.strip_prefix(COOKIE) {
            Some(rest) => HeaderValue::from_str(&format!("{LOCAL_COOKIE}{}", rest.replace("; Secure", "")))
                .unwrap_or(line),
            None => line,
        };
        headers.append(header::SET_COOKIE, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_another_site_is_not_ours() {
        for (method, headers, expected) in [
            (Method::GET, vec![("sec-fetch-site", "cross-site")], true),
            (Method::POST, vec![("sec-fetch-site", "cross-site")], false),
            (Method::POST, vec![("sec-fetch-site", "same-site")], false),
            (Method::POST, vec![("sec-fetch-site", "same-origin")], true),
            (Method::POST, vec![("origin", "https://a.example"), ("host", "a.example")], true),
            (Method::POST, vec![("origin", "https://b.example"), ("host", "a.example")], false),
            (Method::POST, vec![("origin", "null"), ("host", "a.example")], false),
            (Method::POST, vec![], true),
        ] {
            let map = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            assert_eq!(is_ours(&method, &map.collect()), expected, "{method} {headers:?}");
        }
    }
}
