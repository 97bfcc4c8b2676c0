//! A browser without script: it keeps cookies, follows links and sends forms with what is in them.
//! Never knows more of a page than its HTML says.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use axum::body::Body;
use axum::http::Request;

use crate::world::{Answer, World};

/// Somebody with a browser.
pub struct Visitor<'a> {
    world: &'a World,
    pub cookies: BTreeMap<String, String>,
    pub language: &'static str,
    pub host: &'static str,
    pub address: SocketAddr,
}

impl<'a> Visitor<'a> {
    pub fn new(world: &'a World) -> Self {
        let address = SocketAddr::from(([203, 0, 113, 7], 9));
        Self { world, cookies: BTreeMap::new(), language: "en", host: "malote.example", address }
    }

    async fn ask(&mut self, request: Request<Body>) -> Result<Answer> {
        let answer = self.world.ask_from(self.address, request).await?;
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str()?;
            let (name, rest) = line.split_once('=').context("a cookie without a name")?;
            let value = rest.split(';').next().unwrap_or_default();
            if line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }

    fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.host)
            .header("accept", "text/html")
            .header("accept-language", self.language)
            .header("cookie", cookies.join("; "))
    }

    /// Opens a page as it is, without following where it leads.
    pub async fn open(&mut self, path: &str) -> Result<Answer> {
        let request = self.request("GET", path).body(Body::empty())?;
        self.ask(request).await
    }

    /// Opens a page and goes wherever it leads.
    pub async fn get(&mut self, path: &str) -> Result<Answer> {
        let mut answer = self.open(path).await?;
        for _ in 0..5 {
            if answer.status != 303 {
                break;
            }
            let place = answer.header("location");
            answer = self.open(&place).await?;
        }
        Ok(answer)
    }

    /// Sends a form as a page of ours would, and goes nowhere.
    pub async fn send(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        let mut body = String::new();
        for (name, value) in fields {
            let encode =
                |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
            body.push_str(&format!("{}={}&", encode(name), encode(value)));
        }
        let request = self
            .request("POST", path)
            .header("origin", format!("https://{}", self.host))
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body))?;
        self.ask(request).await
    }

    /// Fills in a form of a page, with the token that the page carries, and goes where it leads.
    pub async fn fill(&mut self, page: &Answer, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        let plain = page.text.replace("&#x2f;", "/");
        assert!(plain.contains(&format!("action=\"{path}\"")), "no form for {path}: {}", page.text);
        let token = hidden(&page.text, "csrf").unwrap_or_default();
        let mut all = vec![("csrf", token.as_str())];
        all.extend_from_slice(fields);
        let answer = self.send(path, &all).await?;
        if answer.status == 303 { self.get(&answer.header("location")).await } else { Ok(answer) }
    }

    /// Logs in by the form.
    pub async fn log_in(&mut self, name: &str) -> Result<Answer> {
        let page = self.get("/console/login").await?;
        self.fill(
            &page,
            "/console/login",
            &[("name", name), ("password", crate::world::PASSWORD), ("next", "/console")],
        )
        .await
    }
}

/// The value of a hidden field.
pub fn hidden(html: &str, name: &str) -> Option<String> {
    let rest = html.split_once(&format!("name=\"{name}\" value=\""))?.1;
    Some(rest.split('"').next()?.replace("&amp;", "&").replace("&#x2f;", "/"))
}
