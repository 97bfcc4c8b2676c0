//! A service that a browser can reach, with nothing on it, or with what a busy week leaves.
//! Never a mail server: rows stand for what runs would have written.

use std::net::SocketAddr;

use acceptance::identity_provider::{CLIENT_ID, IdentityProvider, SCOPE};
use anyhow::Result;
use malote_service::api::router;
use malote_service::binds;
use malote_service::config::{Mfa, Outside};
use malote_service::store::at;
use tokio::net::TcpListener;

use crate::world::{PASSWORD, Person, World};
use acceptance::browser::Browser;

/// A service on a port of this machine.
pub struct Scene {
    pub world: World,
    pub base: String,
    pub lead: Person,
    pub jobs: Vec<i64>,
    pub mailbox: i64,
    pub run: i64,
    /// The path of a customer's link.
    pub shared: String,
    /// A credential whose consent is awaited.
    pub credential: String,
    /// A role of the house.
    pub role: String,
    /// Somebody who has it.
    pub person: String,
    /// A file that was read through.
    pub upload: String,
    /// Who gives codes for other devices.
    _provider: IdentityProvider,
}

const MINUTE: i64 = 60_000;

impl Scene {
    /// A service where nobody has moved anything yet.
    pub async fn empty() -> Result<Self> {
        let provider = IdentityProvider::start("diretoria@exemplo.com.br")?;
        let base = provider.token_url().trim_end_matches("/token").to_owned();
        let outside =
            Outside { identity_providers: vec![("microsoft".to_owned(), base)], ..Outside::default() };
        let world = World::reaching(Mfa::Offered, Vec::new(), outside).await?;
        // Rows get their times from the machine: what a page counts back to has to be of the same days.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        world.pass(i64::try_from(now.as_millis())? - world.now());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let service = router(world.app.clone()).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        let lead = world.user("lia", &["admin", "ops_lead"], &[]).await?;
        Ok(Self {
            world,
            base,
            lead,
            jobs: Vec::new(),
            mailbox: 0,
            run: 0,
            shared: String::new(),
            credential: String::new(),
            role: String::new(),
            person: String::new(),
            upload: String::new(),
            _provider: provider,
        })
    }

    /// A busy one: jobs of every phase, errors, quarantine, runs with logs.
    pub async fn busy() -> Result<Self> {
        let mut scene = Self::empty().await?;
        let rows = [
            ("padaria-estrela.com.br", "delta_sync", 48_211, 48_226, "Locaweb"),
            ("clinica-horizonte.com.br", "initial_sync", 120_400, 310_912, "Zimbra 8.8"),
            ("advocacia-moura.adv.br", "cutover_ready", 92_000, 92_000, "Exchange 2013"),
            ("escola-aurora.edu.br", "preflight", 0, 0, "Google Workspace"),
            ("metalurgica-nova-esperanca-do-sul.ind.br", "failed", 1_200, 84_000, "Dovecot"),
            ("oficina.com.br", "verified", 8_040, 8_040, ""),
        ];
        for (domain, phase, matched, source, label) in rows {
            scene.job(domain, phase, (matched, source), label).await?;
        }
        // Nobody may ask for so much in one minute: another person's jobs.
        let rita = scene.world.user("rita", &["admin", "ops_lead"], &[]).await?;
        let lia = std::mem::replace(&mut scene.lead, rita);
        for (domain, phase, count) in [
            ("livraria-central.com.br", "dns_cutover", 12_400),
            ("porto-azul.com.br", "final_sync", 3_200),
            ("museu-da-cidade.org.br", "closed", 5_000),
        ] {
            scene.job(domain, phase, (count, count), "Zimbra 8.8").await?;
        }
        scene.rights().await?;
        scene.file().await?;
        scene.day().await?;
        scene.passes().await?;
        scene.lead = lia;
        scene.outside().await?;
        for job in &scene.jobs[5..] {
            let job = *job;
            scene.switched(job).await?;
        }
        scene.open_gate(scene.jobs[2]).await?;
        scene.choices().await?;
        Ok(scene)
    }

    /// Opens a gate by the word of whoever made the job, while the house allows that.
    async fn open_gate(&self, job: i64) -> Result<()> {
        let alone =
            "INSERT INTO system_settings (key, value_json, updated_by) VALUES ('gate.four_eyes', $1, 'u_lia')
                     ON CONFLICT (key) DO UPDATE SET value_json = excluded.value_json";
        self.world.sql(alone, binds!["false"]).await?;
        let path = format!("/migration/jobs/{job}");
        let gate = self.world.get(&self.lead, &format!("{path}/gate")).await?.with(200).json();
        let wish = serde_json::json!({"snapshot_hash": gate["snapshot_hash"], "accepted_warnings": gate["warnings"]});
        self.world.post(&self.lead, &format!("{path}/approve-gate"), wish).await?.with(200);
        self.world.sql(alone, binds!["true"]).await
    }

    /// What a confirmed switch of DNS leaves: what name servers say, final passes, one that waits for a person.
    async fn switched(&self, job: i64) -> Result<()> {
        let (world, now) = (&self.world, self.world.now());
        let confirmed = "INSERT INTO job_cutovers (job_id, expected_json, before_json, vouched_reason, confirmed_by,
                             confirmed_ms, old_ttl_seconds, is_old_ttl_known, runs_before, accepted_reason, accepted_by)
                         VALUES ($1, '[\"mx1.novo.example\",\"mx2.novo.example\"]', '[\"mx.antigo.example\"]', $2,
                                 'u_lia', $3, 3600, 1, 0, $2, 'u_lia')";
        let vouched = if job == self.jobs[6] { "the zone is split" } else { "" };
        world.sql(confirmed, binds![job, vouched, now - 20 * MINUTE]).await?;
        let changed = "UPDATE migration_jobs SET dns_cutover_at = $2 WHERE id = $1";
        world.sql(changed, binds![job, at(now - 20 * MINUTE)]).await?;
        for (resolver, hosts, error) in [
            ("192.0.2.53:53", "[\"mx1.novo.example\",\"mx2.novo.example\"]", ""),
            ("198.51.100.53:53", "[\"mx.antigo.example\"]", ""),
            ("[2001:db8::53]:53", "[]", "the name servers give no answer"),
        ] {
            let seen = "INSERT INTO dns_sightings (job_id, resolver, hosts_json, ttl_seconds, error, at_ms)
                        VALUES ($1, $2, $3, 3600, $4, $5)";
            world.sql(seen, binds![job, resolver, hosts, error, now - MINUTE]).await?;
        }
        let passed = "INSERT INTO migration_runs (job_id, mailbox_id, run_type, status, stats_json, exit_code,
                          started_at, finished_at, triggered_by)
                      SELECT job_id, id, $2, $3, $4, $5, $6, $6, 'worker' FROM migration_mailboxes WHERE job_id = $1
                      AND email LIKE $7";
        let (nothing, now_at) = (r#"{"transferred":0,"pending":0,"errors":0}"#, at(now - MINUTE));
        let missing = r#"{"transferred":0,"pending":1,"errors":1,"errors_by_class":{"verify.missing":1}}"#;
        for (run_type, status, stats, exit_code, whose) in [
            ("final", "success", nothing, 0, "%"),
            ("verify", "success", nothing, 0, "ana%"),
            ("verify", "partial", missing, 3, "bruno%"),
        ] {
            world.sql(passed, binds![job, run_type, status, stats, exit_code, &now_at, whose]).await?;
        }
        for (mailbox, _) in world.app.store.mailboxes_of(job).await? {
            world.counted(mailbox).await?;
        }
        Ok(())
    }

    /// What leaves the house: links of a customer, a hook, and events of it that were taken, wait and were given up.
    async fn outside(&mut self) -> Result<()> {
        let (world, job) = (&self.world, self.jobs[0]);
        let path = format!("/migration/jobs/{job}/share");
        let mut links = Vec::new();
        for _ in 0..3 {
            links
                .push(world.post(&self.lead, &path, serde_json::json!({"days": 14})).await?.with(201).json());
        }
        let gone = format!("{path}/{}", links[1]["id"].as_str().unwrap_or_default());
        world.send(&self.lead, "DELETE", &gone, serde_json::json!({})).await?.with(204);
        self.shared = format!("/console{}", links[0]["path"].as_str().unwrap_or_default());
        let hook =
            serde_json::json!({"url": "https://8.8.8.8/hook", "public_url": "https://malote.exemplo.com.br"});
        world.send(&self.lead, "PUT", "/system/ticket-hook", hook).await?.with(200);
        for (id, event, state, status, error) in [
            ("msg_1", "migration.gate_ready", "delivered", 204, ""),
            ("msg_2", "migration.verified", "waiting", 0, "the name desk.exemplo.com.br cannot be resolved"),
            ("msg_3", "migration.closed", "dead", 410, ""),
        ] {
            let now = world.now();
            let entered =
                "INSERT INTO hook_outbox (id, job_id, event, body, state, attempts, due_ms, created_ms)
                           VALUES ($1, $2, $3, '{}', $4, 1, $5, $5)";
            world.sql(entered, binds![id, job, event, state, now]).await?;
            let tried = "INSERT INTO hook_deliveries (outbox_id, attempt, status, error, at_ms, duration_ms)
                         VALUES ($1, 1, $2, $3, $4, 41)";
            world.sql(tried, binds![id, status, error, now]).await?;
        }
        Ok(())
    }

    /// What people keep: views of the list, and credentials at a server, one of which waits for a consent.
    async fn choices(&mut self) -> Result<()> {
        let (world, lead) = (&self.world, &self.lead);
        let kept = world.app.config.data.join("quarantine").join(self.mailbox.to_string());
        std::fs::create_dir_all(&kept)?;
        std::fs::write(
            kept.join("kept.eml"),
            "Subject: =?utf-8?Q?Proposta_revisada:_f=C3=B4rmas_e_embalagens_para_a_Pascoa?=\r\n\r\nOi.",
        )?;
        for (folder, reason, detail, octets, file) in [
            ("INBOX", "too_large", "the server takes 25 MiB at most", 31_457_280, "kept.eml"),
            ("Clientes/2024", "refused", "message contains a bare NUL", 48_211, ""),
            ("Sent Items", "unreadable", "a block of the store is damaged", 2_048, ""),
        ] {
            let item = "INSERT INTO quarantine_items (job_id, mailbox_id, folder_path, source_ref, size_bytes, reason,
                            detail, status, file) VALUES ($1, $2, $3, 'uid 4711', $4, $5, $6, 'open', $7)";
            let binds = binds![self.jobs[0], self.mailbox, folder, octets, reason, detail, file];
            world.sql(item, binds).await?;
        }
        for (name, filters) in [
            ("Minhas deltas", serde_json::json!({"phase": "delta_sync"})),
            ("Portão bloqueado", serde_json::json!({"gate": "blocked"})),
            ("Cliente 112, tudo o que ainda espera por uma pessoa", serde_json::json!({"tenant_id": 112})),
        ] {
            let view = serde_json::json!({"name": name, "filters": filters});
            world.post(lead, "/auth/job-views", view).await?.with(201);
        }
        let server = serde_json::json!({
            "name": "Servidor antigo", "kind": "imap", "host": "imap.exemplo.com.br", "tls": "implicit"});
        let server = world.post(lead, "/endpoints", server).await?.with(201).json()["id"].clone();
        let grant = |flow: &str| {
            serde_json::json!({
                "provider": "microsoft", "flow": flow, "client_id": CLIENT_ID, "directory": "exemplo.com.br",
                "scope": SCOPE})
        };
        for (name, user, grant, secret) in [
            ("Administrador", "chefe@exemplo.com.br", None, serde_json::json!({"password": "planted"})),
            (
                "Aplicativo do cliente",
                "",
                Some(grant("client_credentials")),
                serde_json::json!({"client_secret": "planted"}),
            ),
            (
                "Caixa da diretoria",
                "diretoria@exemplo.com.br",
                Some(grant("device_code")),
                serde_json::json!({}),
            ),
        ] {
            let kept = serde_json::json!({
                "endpoint_id": server, "name": name, "user": user, "grant": grant, "secret": secret});
            let kept = world.post(lead, "/credentials", kept).await?.with(201).json();
            self.credential = kept["id"].as_str().unwrap_or_default().to_owned();
        }
        Ok(())
    }

    async fn job(
        &mut self,
        domain: &str,
        phase: &str,
        (matched, source): (i64, i64),
        label: &str,
    ) -> Result<()> {
        let job = self.world.job(&self.lead, 112, domain).await?;
        let mut mailboxes = Vec::new();
        for name in ["ana", "bruno", "contato", "financeiro"] {
            mailboxes.push(self.world.mailbox(&self.lead, job, &format!("{name}@{domain}")).await?);
        }
        // Last: a job that is verified takes no more mailboxes.
        let change = "UPDATE migration_jobs SET phase = $2, source_server_label = $3, failure_reason = $4,
                      phase_before_failure = $5 WHERE id = $1";
        let has_failed = phase == "failed";
        let (why, before) =
            if has_failed { ("the source refuses every login", "initial_sync") } else { ("", "") };
        self.world.sql(change, binds![job, phase, label, why, before]).await?;
        for (place, mailbox) in mailboxes.into_iter().enumerate() {
            self.counts(mailbox, phase, (matched / 4, source / 4), place).await?;
            if place == 0 {
                self.runs(job, mailbox, phase).await?;
                if self.jobs.is_empty() {
                    self.mailbox = mailbox;
                }
            }
        }
        self.jobs.push(job);
        Ok(())
    }

    async fn counts(
        &self,
        mailbox: i64,
        phase: &str,
        (matched, source): (i64, i64),
        place: usize,
    ) -> Result<()> {
        let world = &self.world;
        let now_at = at(world.now() - 17 * MINUTE);
        if source == 0 {
            return Ok(());
        }
        let status = match (phase, place) {
            ("failed", _) => "error",
            ("initial_sync", 0) => "syncing",
            (_, 3) if matched < source => "quarantine",
            _ if matched < source => "pending",
            _ => "ok",
        };
        let (class, error) = if status == "error" {
            ("auth.bad_credentials", "the server refuses the login")
        } else {
            ("", "")
        };
        world
            .sql(
                "UPDATE migration_mailboxes SET has_scan = 1, messages_source = $2, messages_matched = $3,
                     messages_dest = $3, messages_missing = $2 - $3, messages_pending = $2 - $3, status = $4,
                     error_class = $5, last_error = $6, sync_percent = 100.0 * $3 / $2, bytes_source = $2 * 71400,
                     last_scan_at = $7, last_delta_at = $7, last_delta_status = 'success', source_login_ok_at = $7,
                     dest_login_ok_at = $7 WHERE id = $1",
                binds![mailbox, source, matched, status, class, error, &now_at],
            )
            .await?;
        world.counted(mailbox).await?;
        let folders = [
            ("INBOX", "INBOX", "inbox", 5),
            ("Sent Items", "Sent", "sent", 3),
            ("Clientes", "Clientes", "", 1),
            ("Clientes/2024", "Clientes/2024", "", 1),
        ];
        for (path, destination, role, tenths) in folders {
            let (part, missing) = (source * tenths / 10, (source - matched) * tenths / 10);
            world
                .sql(
                    "INSERT INTO mailbox_folders (mailbox_id, source_path, dest_path, role, is_renamed, messages_source,
                         messages_matched, messages_dest, messages_missing, messages_pending, last_scan_at, status,
                         bytes_source, bytes_dest)
                     VALUES ($1, $2, $3, $4, $5, $6, $6 - $7, $6 - $7, $7, $7, $8, 'ok', $6 * 71400,
                             ($6 - $7) * 71400)",
                    binds![mailbox, path, destination, role, i64::from(path != destination), part, missing, &now_at],
                )
                .await?;
        }
        Ok(())
    }

    async fn runs(&mut self, job: i64, mailbox: i64, phase: &str) -> Result<()> {
        let body = serde_json::json!({"mailbox_ids": [mailbox], "depth": "login"});
        let path = format!("/migration/jobs/{job}/preflight");
        let told = self.world.post(&self.lead, &path, body).await?;
        if let Some(run) = told.json()["run_ids"][0].as_i64() {
            self.run = run;
            let began = at(self.world.now() - 9 * MINUTE);
            let (status, class) =
                if phase == "failed" { ("failed", "auth.bad_credentials") } else { ("success", "") };
            self.world
                .sql(
                    "UPDATE migration_runs SET status = $2, started_at = $3, finished_at = $3, progress_percent = 100,
                         messages_done = 12055, messages_total = 12055, bytes_done = 860000000, bytes_total = 860000000,
                         error_class = $4 WHERE id = $1",
                    binds![run, status, &began, class],
                )
                .await?;
        }
        Ok(())
    }

    /// Logs somebody in by the form.
    pub async fn log_in(&self, browser: &Browser) -> Result<()> {
        browser.open(&format!("{}/console/login", self.base)).await?;
        browser.fill("#field-name", "lia").await?;
        browser.fill("#field-password", PASSWORD).await?;
        browser.press("button.primary").await?;
        browser.run("return document.title").await?;
        anyhow::ensure!(browser.address().await?.ends_with("/console"), "the login led elsewhere");
        Ok(())
    }

    /// Every page that stands for itself.
    pub fn pages(&self) -> Vec<(&'static str, String)> {
        let mut pages = vec![
            ("overview", "/console".to_owned()),
            ("jobs", "/console/jobs".to_owned()),
            ("new-job", "/console/jobs/new".to_owned()),
            ("approvals", "/console/approvals".to_owned()),
            ("access", "/console/access".to_owned()),
            ("audit", "/console/audit".to_owned()),
            ("system", "/console/system".to_owned()),
            ("help", "/console/help".to_owned()),
            ("account", "/console/account".to_owned()),
            ("factor", "/console/account/factor".to_owned()),
            ("step-up", "/console/step-up".to_owned()),
            ("missing", "/console/nowhere".to_owned()),
            ("about", "/console/system/about".to_owned()),
            ("hook", "/console/system/hook".to_owned()),
            ("credentials", "/console/credentials".to_owned()),
            ("roles", "/console/access/roles".to_owned()),
            ("role-shipped", "/console/access/roles/ops_lead".to_owned()),
        ];
        if !self.shared.is_empty() {
            pages.push(("shared", self.shared.clone()));
        }
        if let (Some(first), Some(failed)) = (self.jobs.first(), self.jobs.get(4)) {
            pages.push(("job", format!("/console/jobs/{first}")));
            pages.push(("job-failed", format!("/console/jobs/{failed}")));
            for (name, place) in [
                ("job-ready", 2),
                ("job-verified", 5),
                ("job-switched", 6),
                ("job-final", 7),
                ("job-closed", 8),
            ] {
                pages.push((name, format!("/console/jobs/{}", self.jobs[place])));
            }
            pages.push(("mailboxes-new", format!("/console/jobs/{first}/mailboxes/new")));
            pages.push(("uploads", format!("/console/jobs/{first}/uploads")));
            pages.push(("folders", format!("/console/jobs/{first}/folders")));
            pages.push(("schedule", format!("/console/jobs/{first}/schedule")));
            pages.push(("options", format!("/console/jobs/{first}/options")));
            pages.push(("edit", format!("/console/jobs/{first}/edit")));
            pages.push(("role", format!("/console/access/roles/{}", self.role)));
            pages.push(("person", format!("/console/access/users/{}", self.person)));
            pages.push(("upload", format!("/console/uploads/{}", self.upload)));
            pages.push(("jobs-view", "/console/jobs?phase=delta_sync".to_owned()));
            pages.push(("credential", format!("/console/credentials/{}", self.credential)));
            pages.push(("runs", format!("/console/jobs/{first}/runs")));
            pages.push(("runs-list", format!("/console/jobs/{first}/runs?view=list")));
            pages.push(("quarantine", format!("/console/jobs/{first}/quarantine")));
            pages.push(("subjects", format!("/console/jobs/{first}/quarantine?subjects=1")));
            pages.push(("report", format!("/console/jobs/{first}/report")));
            pages.push(("share", format!("/console/jobs/{first}/share")));
            pages.push(("mailbox", format!("/console/mailboxes/{}", self.mailbox)));
            pages.push(("own-schedule", format!("/console/mailboxes/{}/schedule", self.mailbox)));
            pages.push(("run", format!("/console/runs/{}", self.run)));
        }
        pages
    }
}
