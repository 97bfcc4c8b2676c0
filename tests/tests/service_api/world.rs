//! A service without a process: its router, a clock that tests turn, people and programs who ask.
//! Never holds a check: that is what the tables beside it do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request};
use ipnet::IpNet;
use malote_service::api::access::{Made, TokenMake, make, new_token};
use malote_service::api::router;
use malote_service::app::App;
use malote_service::binds;
use malote_service::config::{Config, Mfa, Outside};
use malote_service::jobs::selection_of;
use malote_service::store::Where;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";
/// When the world begins, in milliseconds since 1970.
pub const BEGIN: i64 = 1_800_000_000_000;

/// A service without a process.
pub struct World {
    pub folder: TempDir,
    pub app: App,
    clock: Arc<AtomicI64>,
    router: Router,
    addresses: AtomicU32,
}

/// Who asks.
#[derive(Clone, Default)]
pub struct Person {
    pub id: String,
    pub cookie: String,
    pub csrf: String,
    pub bearer: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub octets: axum::body::Bytes,
}

impl Answer {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub fn with(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Checks status and code.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        let told = self.with(status);
        assert_eq!(told.json()["code"], code, "{}", told.text);
        told
    }
}

impl World {
    pub async fn new() -> Result<Self> {
        Self::with(Mfa::Offered).await
    }

    pub async fn with(mfa: Mfa) -> Result<Self> {
        Self::reaching(mfa, Vec::new(), Outside::default()).await
    }

    /// A service that may lead into these networks, and reaches the world by what is told of it.
    pub async fn reaching(mfa: Mfa, allow_private: Vec<IpNet>, outside: Outside) -> Result<Self> {
        Self::laid(mfa, allow_private, outside, None).await
    }

    /// A service with its tables in this database.
    pub async fn on(database: Where) -> Result<Self> {
        Self::laid(Mfa::Offered, Vec::new(), Outside::default(), Some(database)).await
    }

    async fn laid(
        mfa: Mfa,
        allow_private: Vec<IpNet>,
        outside: Outside,
        database: Option<Where>,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let config = Config {
            database: database.unwrap_or_else(|| Where::in_folder(&data)),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            allow_private,
            master_key: data.join("keys").join("master.key"),
            trusted_proxies: Vec::new(),
            mfa,
            workers: 0,
            outside,
            data,
        };
        let clock = Arc::new(AtomicI64::new(BEGIN));
        let shown = Arc::clone(&clock);
        let app = App::open(config, Arc::new(move || shown.load(Ordering::Relaxed))).await?;
        let router = router(app.clone());
        Ok(Self { folder, app, clock, router, addresses: AtomicU32::new(0) })
    }

    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::Relaxed)
    }

    /// Lets time pass.
    pub fn pass(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::Relaxed);
    }

    /// Asks, from an address that nobody has asked from before.
    pub async fn ask(&self, request: Request<Body>) -> Result<Answer> {
        let number = self.addresses.fetch_add(1, Ordering::Relaxed);
        let address = SocketAddr::from(([203, 0, (number >> 8) as u8, number as u8], 9));
        self.ask_from(address, request).await
    }

    pub async fn ask_from(&self, address: SocketAddr, mut request: Request<Body>) -> Result<Answer> {
        request.extensions_mut().insert(ConnectInfo(address));
        let response = self.router.clone().oneshot(request).await?;
        let (parts, body) = response.into_parts();
        let octets = to_bytes(body, 16 * 1024 * 1024).await?;
        // What is no text is looked at as octets.
        let text = String::from_utf8_lossy(&octets).into_owned();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, text, octets })
    }

    /// A request of somebody, with a JSON body where there is one.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        who: &Person,
        body: Option<Value>,
    ) -> Result<Request<Body>> {
        let mut request = Request::builder().method(method).uri(path);
        if !who.cookie.is_empty() {
            request = request.header("cookie", format!("__Host-session={}", who.cookie));
        }
        if !who.csrf.is_empty() {
            request = request.header("x-csrf-token", &who.csrf);
        }
        if !who.bearer.is_empty() {
            request = request.header("authorization", format!("Bearer {}", who.bearer));
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        Ok(request.body(body)?)
    }

    pub async fn get(&self, who: &Person, path: &str) -> Result<Answer> {
        self.ask(self.request("GET", path, who, None)?).await
    }

    pub async fn send(&self, who: &Person, method: &str, path: &str, body: Value) -> Result<Answer> {
        self.ask(self.request(method, path, who, Some(body))?).await
    }

    pub async fn post(&self, who: &Person, path: &str, body: Value) -> Result<Answer> {
        self.send(who, "POST", path, body).await
    }

    /// Changes something with the version that was read just before.
    pub async fn put(
        &self,
        who: &Person,
        method: &str,
        path: &str,
        seen: &str,
        body: Value,
    ) -> Result<Answer> {
        let tag = self.get(who, seen).await?.with(200).header("etag");
        let mut request = self.request(method, path, who, Some(body))?;
        request.headers_mut().insert("if-match", tag.parse()?);
        self.ask(request).await
    }

    /// Makes a user of these roles; no tenants: all of them.
    pub async fn user(&self, name: &str, roles: &[&str], tenants: &[i64]) -> Result<Person> {
        self.make_user(name, roles, tenants).await?;
        self.log_in(name).await
    }

    pub async fn make_user(&self, name: &str, roles: &[&str], tenants: &[i64]) -> Result<String> {
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        for tenant in tenants {
            let mut transaction = self.app.store.begin().await?;
            transaction.know(*tenant, true).await?;
            transaction.commit().await?;
        }
        let made = Made {
            name,
            display_name: name,
            email: "",
            roles: &roles,
            tenants,
            sees_all_tenants: tenants.is_empty(),
            by: "test",
        };
        let password = SecretString::from(PASSWORD.to_owned());
        make(&self.app.store, &made, password, self.now())
            .await
            .map_err(|error| anyhow::anyhow!(error.detail))
    }

    pub async fn log_in(&self, name: &str) -> Result<Person> {
        let body = json!({"name": name, "password": PASSWORD});
        let told = self.post(&Person::default(), "/auth/login", body).await?;
        self.person(&told).await
    }

    /// Who a login's answer made somebody.
    pub async fn person(&self, told: &Answer) -> Result<Person> {
        let line = told.header("set-cookie");
        let cookie = line.split(['=', ';']).nth(1).context("no cookie")?.to_owned();
        let csrf = told.json()["csrf_token"].as_str().unwrap_or_default().to_owned();
        let mut person = Person { cookie, csrf, ..Person::default() };
        let me = self.get(&person, "/auth/me").await?;
        person.id = me.json()["id"].as_str().unwrap_or_default().to_owned();
        Ok(person)
    }

    /// A program with these scopes.
    pub async fn program(&self, scopes: &[&str], tenant: Option<i64>) -> Result<Person> {
        if let Some(tenant) = tenant {
            let mut transaction = self.app.store.begin().await?;
            transaction.know(tenant, true).await?;
            transaction.commit().await?;
        }
        let asked = TokenMake {
            name: "program".to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            tenant_id: tenant,
            allowed_networks: Vec::new(),
            expires_days: Some(1),
        };
        let made = new_token(&self.app.store, asked, "test", self.now()).await;
        let (row, secret) = made.map_err(|error| anyhow::anyhow!(error.detail))?;
        Ok(Person { id: row.id, bearer: secret.expose_secret().to_owned(), ..Person::default() })
    }

    /// A job of a tenant; its id.
    pub async fn job(&self, who: &Person, tenant: i64, domain: &str) -> Result<i64> {
        let body = json!({"tenant_id": tenant, "domain": domain, "dest_imap_host": "mail.example.net"});
        let told = self.post(who, "/migration/jobs", body).await?.with(201);
        told.json()["id"].as_i64().context("no id")
    }

    /// A mailbox of a job; its id.
    pub async fn mailbox(&self, who: &Person, job: i64, email: &str) -> Result<i64> {
        let body = json!({"email": email, "source_host": "old.example.org"});
        let told = self.post(who, &format!("/migration/jobs/{job}/mailboxes"), body).await?.with(201);
        told.json()["id"].as_i64().context("no id")
    }

    /// Notes that all that is known of a mailbox was counted and copied under the options that it has now, as runs do.
    pub async fn counted(&self, mailbox: i64) -> Result<()> {
        let row = self.app.store.mailbox(mailbox).await?.context("no such mailbox")?;
        let selection = selection_of(&row, "{}");
        let known =
            "UPDATE migration_mailboxes SET counted_selection = $2, delta_selection = $2 WHERE id = $1";
        self.sql(known, binds![mailbox, &selection]).await?;
        let runs = "UPDATE migration_runs SET selection = $2 WHERE mailbox_id = $1";
        self.sql(runs, binds![mailbox, &selection]).await
    }

    /// Runs a statement that the API has no request for.
    pub async fn sql(&self, text: &'static str, binds: Vec<malote_service::store::Bind>) -> Result<()> {
        self.app.store.run("test", text, binds).await?;
        Ok(())
    }
}
