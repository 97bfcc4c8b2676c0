//! Who looks at a page, before it is known whether it is somebody: language, theme, zone, and the way to the API.
//! Never trusts what a visitor chose beyond a list: a language, a theme and a zone are each one of a few.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};

use super::client::Api;
use super::format::{Format, ZONES};
use super::language::Language;
use super::problem::Problem;
use crate::api::caller::COOKIE;
use crate::app::Clock;

/// The session's cookie where the console is used on this very machine without TLS. Browsers keep `__Host-` cookies
/// to encrypted lines, and not all of them take this machine for one.
pub const LOCAL_COOKIE: &str = "malote-session";
/// The cookie of the chosen language.
pub const LANGUAGE_COOKIE: &str = "malote-language";
/// The cookie of the chosen theme.
pub const THEME_COOKIE: &str = "malote-theme";
/// The themes, first the one where nothing was chosen.
pub const THEMES: [&str; 3] = ["auto", "light", "dark"];
/// The cookie of the chosen zone.
pub const ZONE_COOKIE: &str = "malote-zone";

/// What all pages share.
#[derive(Clone)]
pub struct Console {
    /// The API's router.
    pub api: Router,
    /// The clock.
    pub clock: Clock,
}

/// Whoever looks.
#[derive(Clone)]
pub struct Visitor {
    /// The API in this visitor's name.
    pub api: Api,
    /// How values are written.
    pub format: Format,
    /// `auto`, `light` or `dark`.
    pub theme: &'static str,
    /// Path and query of the page.
    pub here: Arc<str>,
    /// The page is asked for on this machine and without TLS.
    pub is_local: bool,
    /// Where the visitor sees the console: scheme and host.
    pub origin: String,
    /// The method of the request.
    pub method: Method,
}

/// A cookie's value.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

impl Visitor {
    /// Of a request.
    pub fn of(console: &Console, parts: &Parts) -> Self {
        let is_local = is_local(parts);
        let headers = &parts.headers;
        let session = cookie(headers, COOKIE).or_else(|| {
            // Elsewhere such a cookie might have been put there by another host of the domain.
            is_local.then(|| cookie(headers, LOCAL_COOKIE)).flatten()
        });
        let chosen = cookie(headers, LANGUAGE_COOKIE).and_then(Language::tagged);
        let language = chosen.unwrap_or_else(|| Language::wished(headers));
        let theme = cookie(headers, THEME_COOKIE).and_then(theme).unwrap_or(THEMES[0]);
        let zone = cookie(headers, ZONE_COOKIE).unwrap_or_default().replace("%2F", "/");
        Self {
            api: Api::of(console.api.clone(), parts, session, language.tag()),
            format: Format::new(language, &zone, (console.clock)()),
            theme,
            here: parts.uri.path_and_query().map_or("/console", |here| here.as_str()).into(),
            is_local,
            origin: origin(headers, is_local),
            method: parts.method.clone(),
        }
    }

    /// The same for whom `GET /auth/me` tells of: what a user chose goes before what this browser keeps, and that
    /// before what the browser wishes.
    #[must_use]
    pub fn known(mut self, me: &serde_json::Value) -> Self {
        let chosen = |name: &str| me["preferences"][name].as_str().filter(|word| !word.is_empty());
        let language = chosen("language").and_then(Language::tagged).unwrap_or(self.format.language);
        let zone = chosen("zone").filter(|zone| ZONES.contains(zone));
        let zone = zone.unwrap_or(&self.format.zone_name).to_owned();
        self.theme = chosen("theme").and_then(theme).unwrap_or(self.theme);
        self.api = self.api.in_language(language.tag());
        self.format = Format::new(language, &zone, self.format.now_ms);
        self
    }

    /// The visitor's language.
    pub fn language(&self) -> Language {
        self.format.language
    }
}

/// The theme of this name.
pub fn theme(name: &str) -> Option<&'static str> {
    THEMES.into_iter().find(|known| *known == name)
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::of_ours)
    }
}

/// The address of the service as the visitor typed it. Without TLS it is used on this machine alone.
fn origin(headers: &HeaderMap, is_local: bool) -> String {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    format!("{}://{host}", if is_local { "http" } else { "https" })
}

/// True where a browser on this machine asks without TLS: nobody stands between, and every name says so. A proxy on
/// this machine asks for others: it says so, or the browser's own word about where the page lies does.
fn is_local(parts: &Parts) -> bool {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let is_peer = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .is_some_and(|peer| peer.0.ip().to_canonical().is_loopback());
    let has_proxy =
        ["x-forwarded-for", "x-forwarded-proto", "forwarded", "via"].iter().any(|name| text(name).is_some());
    let is_plain = text("origin").is_none_or(|origin| origin.starts_with("http://"));
    is_peer && !has_proxy && is_plain && text("host").is_some_and(is_loopback)
}

/// True for this machine's own names, with or without a port.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[track_caller]
    fn check(peer: &str, headers: &[(&str, &str)], expected: bool) {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        assert_eq!(is_local(&request.into_parts().0), expected, "{peer} {headers:?}");
    }

    #[test]
    fn only_a_browser_on_this_machine_is_local() {
        check("127.0.0.1:9", &[("host", "127.0.0.1:8080")], true);
        check("[::1]:9", &[("host", "[::1]:8080")], true);
        check("127.0.0.1:9", &[("host", "localhost"), ("origin", "http://localhost")], true);
        check("127.0.0.1:9", &[("host", "mail.example")], false);
        check("192.0.2.1:9", &[("host", "127.0.0.1")], false);
        check("127.0.0.1:9", &[("host", "127.0.0.1"), ("x-forwarded-for", "192.0.2.1")], false);
        check("127.0.0.1:9", &[("host", "127.0.0.1"), ("origin", "https://mail.example")], false);
        check("127.0.0.1:9", &[], false);
    }
}
