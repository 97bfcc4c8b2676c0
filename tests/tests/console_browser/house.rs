//! More of a busy week: a role of the house and where people look, options, a file that was read through, and the
//! steps that lead to pages which no address has. Never a check: that is what the tests beside it do.

use acceptance::browser::Browser;
use anyhow::{Context as _, Result};
use axum::body::Body;
use malote_service::binds;
use malote_service::store::at;
use serde_json::json;

use super::scene::Scene;

const HOUR: i64 = 3_600_000;
/// Opens every folded part of a page.
const UNFOLD: &str = "for (const one of document.querySelectorAll('main details')) one.open = true; return 0";

impl Scene {
    /// Roles, places and options, as an operations lead leaves them.
    pub async fn rights(&mut self) -> Result<()> {
        let (world, lead) = (&self.world, &self.lead);
        let role = json!({
            "name": "atendimento", "description": "Acompanha e repete, sem mudar nada",
            "permissions": ["can_view_migration", "can_run_sync", "can_ack_quarantine"],
        });
        let role = world.post(lead, "/access/roles", role).await?.with(201).json()["id"].clone();
        self.role = role.as_str().context("no id")?.to_owned();
        let person = world.user("bruna", &["atendimento"], &[1]).await?;
        self.person = person.id;
        let one = |effect: &str, kind: &str, id: i64| {
            json!({
                "effect": effect, "resource_kind": kind, "resource_id": id,
            })
        };
        let path = format!("/access/users/{}/scopes", self.person);
        let scopes = json!({"items": [one("allow", "tenant", 112), one("deny", "job", self.jobs[4])]});
        world.put(lead, "PUT", &path, &path, scopes).await?.with(200);
        let path = format!("/migration/jobs/{}", self.jobs[0]);
        let options = json!({"options": {
            "exclude": ["Lixo Eletrônico", "Antigas/**"], "since_unix_seconds": 1_420_070_400,
            "bytes_per_second": 2_097_152, "folder_map": {"Sent Items": "Sent"},
        }});
        world.put(lead, "PATCH", &path, &path, options).await?.with(200);
        Ok(())
    }

    /// A file of mail that was brought and read through, with one folder that is not whole.
    pub async fn file(&mut self) -> Result<()> {
        let (world, job) = (&self.world, self.jobs[0]);
        let mut mails = String::new();
        for number in 0..40 {
            mails += &format!(
                "From bia@exemplo.com.br Thu Jan  1 00:00:00 2015\nFrom: bia@exemplo.com.br\nTo: ana@exemplo.com.br\n\
                 Message-ID: <{number}@exemplo.com.br>\nDate: Thu, 1 Jan 2015 00:00:00 +0000\n\
                 Subject: {number}\n\nOi.\n\n"
            );
        }
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"mailbox_id\"\r\n\r\n{}\r\n--b\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"diretoria-2015.mbox\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n{mails}\r\n--b--\r\n",
            self.mailbox
        );
        let path = format!("/migration/jobs/{job}/upload-pst");
        let mut request = world.request("POST", &path, &self.lead, None)?;
        request.headers_mut().insert("content-type", "multipart/form-data; boundary=b".parse()?);
        request.headers_mut().insert("content-length", body.len().into());
        *request.body_mut() = Body::from(body);
        let made = world.ask(request).await?;
        anyhow::ensure!(made.status < 300, "{}", made.text);
        let made = made.json();
        self.upload = made["id"].as_str().context("no id")?.to_owned();
        let mailbox = made["mailbox_id"].as_i64().context("no mailbox")?;
        let read = "INSERT INTO migration_runs (job_id, mailbox_id, run_type, status, progress_percent, messages_done,
                        messages_total, started_at, finished_at, triggered_by)
                    VALUES ($1, $2, 'pst_extract', 'success', 100, 40, 40, $3, $3, 'worker')";
        world.sql(read, binds![job, mailbox, at(world.now())]).await?;
        let step = "INSERT INTO run_steps (run_id, sequence, name, status, messages_done, messages_total, started_at,
                        finished_at)
                    SELECT id, 1, 'folder:diretoria-2015', 'completed', 40, 40, started_at, finished_at
                    FROM migration_runs WHERE mailbox_id = $1";
        world.sql(step, binds![mailbox]).await?;
        let counted = "UPDATE migration_mailboxes SET has_scan = 1, status = 'ok', messages_source = 40,
                           messages_matched = 40, messages_dest = 40, sync_percent = 100, bytes_source = 7200,
                           last_scan_at = $2 WHERE id = $1";
        world.sql(counted, binds![mailbox, at(world.now())]).await?;
        world.counted(mailbox).await
    }

    /// Workers, what went wrong in a day, and what fires next.
    pub async fn day(&self) -> Result<()> {
        let (world, now) = (&self.world, self.world.now());
        for (id, seen_ms) in [("mail1:4711:a1b2", now), ("mail2:812:c3d4", now - HOUR)] {
            let worker = "INSERT INTO workers (id, host, pid, program_version, capacity, runs_now, runs_done,
                              started_ms, seen_ms) VALUES ($1, 'mail', 1, '0.1.0', 4, 1, 812, $2, $3)";
            world.sql(worker, binds![id, now - 9 * HOUR, seen_ms]).await?;
        }
        for (class, hours, octets) in [
            ("auth.bad_credentials", 2, 0),
            ("auth.bad_credentials", 3, 0),
            ("throttle.soft", 5, 910_000_000_i64),
            ("net", 7, 4_100_000_000),
            ("", 11, 2_600_000_000),
            ("", 16, 6_300_000_000),
        ] {
            let ran = "INSERT INTO migration_runs (job_id, mailbox_id, run_type, status, error_class, error_details,
                           bytes_done, messages_done, started_at, finished_at, updated_at, triggered_by)
                       VALUES ($1, $2, 'delta', $3, $4, 'the server said no', $5, $6, $7, $7, $7, 'worker')";
            let status = if class.is_empty() { "success" } else { "failed" };
            let ended = at(now - hours * HOUR);
            let binds = binds![self.jobs[0], self.mailbox, status, class, octets, octets / 70_000, ended];
            world.sql(ran, binds).await?;
        }
        let path = format!("/migration/jobs/{}/schedule", self.jobs[1]);
        world.send(&self.lead, "PUT", &path, json!({"cron": "0 */6 * * *"})).await?.with(200);
        world.sql("UPDATE schedules SET next_due_ms = $1", binds![now + HOUR]).await
    }

    /// Passes of the first job: a schedule's firing of which one run failed, and one that is at work.
    pub async fn passes(&self) -> Result<()> {
        let (world, now) = (&self.world, self.world.now());
        for (run_type, status, class, minutes, took) in [
            ("delta", "success", "", 400, 12),
            ("delta", "failed", "auth.bad_credentials", 300, 1),
            ("verify", "success", "", 90, 30),
        ] {
            let ran = "INSERT INTO migration_runs (job_id, mailbox_id, run_type, status, error_class, error_details,
                           triggered_by, queued_at, started_at, finished_at, messages_done, messages_total, bytes_done,
                           progress_percent)
                       SELECT job_id, id, $2, CASE WHEN email LIKE 'contato%' THEN $3 ELSE 'success' END,
                              CASE WHEN email LIKE 'contato%' THEN $4 ELSE '' END, '', 'cron', $5, $5, $6,
                              messages_matched, messages_source, 71400 * (id + 3), 100
                       FROM migration_mailboxes WHERE job_id = $1 ORDER BY id";
            let (began, ended) = (at(now - minutes * HOUR / 60), at(now - (minutes - took) * HOUR / 60));
            world.sql(ran, binds![self.jobs[0], run_type, status, class, began, ended]).await?;
        }
        let steps = "INSERT INTO run_steps (run_id, sequence, name, status, messages_done, messages_total, started_at,
                         finished_at)
                     SELECT run.id, folder.id, 'folder:' || folder.source_path,
                            CASE WHEN run.status = 'failed' THEN 'failed' ELSE 'completed' END,
                            folder.messages_matched, folder.messages_source, run.started_at, run.finished_at
                     FROM migration_runs AS run JOIN mailbox_folders AS folder ON folder.mailbox_id = run.mailbox_id
                     WHERE run.triggered_by = 'cron'";
        world.sql(steps, binds![]).await?;
        for (minutes, waited) in
            [(1300, 41_000_i64), (700, 320_000), (310, 1_250_000), (300, 90_000), (60, 4_000)]
        {
            let waits = "INSERT INTO throttle_waits (run_id, fencing_token, from_ms, waited_ms)
                         SELECT MAX(id), $3, $2, $4 FROM migration_runs WHERE mailbox_id = $1";
            let from_ms = now - minutes * HOUR / 60;
            world.sql(waits, binds![self.mailbox, from_ms, minutes, waited]).await?;
        }
        let waited =
            "UPDATE migration_runs SET throttle_ms = 1705000 WHERE id = (SELECT MAX(id) FROM migration_runs
                      WHERE mailbox_id = $1)";
        world.sql(waited, binds![self.mailbox]).await?;
        let path = format!("/migration/mailboxes/{}/schedule", self.mailbox);
        let own = json!({"cron": "0 2 * * *", "timezone": "America/Sao_Paulo"});
        world.send(&self.lead, "PUT", &path, own).await?.with(200);
        Ok(())
    }

    /// Pages that no address has: each with where it begins and what is done there.
    pub fn ways(&self) -> Vec<(&'static str, String, String)> {
        let Some(first) = self.jobs.first() else { return Vec::new() };
        let unfolded = |name, path: String| (name, path, UNFOLD.to_owned());
        vec![
            unfolded("options-unfolded", format!("/console/jobs/{first}/options")),
            unfolded("job-ready-unfolded", format!("/console/jobs/{}", self.jobs[2])),
            unfolded("job-final-unfolded", format!("/console/jobs/{}", self.jobs[7])),
            unfolded("runs-unfolded", format!("/console/jobs/{first}/runs")),
            unfolded("runs-failed-unfolded", format!("/console/jobs/{first}/runs?status=failed")),
            (
                "servers",
                "/console/jobs/new".to_owned(),
                "document.getElementById('field-domain').value = 'exemplo.invalid'; \
                 document.querySelector('form[action$=\"/jobs/new\"] button').click(); return 0"
                    .to_owned(),
            ),
            (
                "device-code",
                format!("/console/credentials/{}", self.credential),
                "document.querySelector('button[value=consent]').click(); return 0".to_owned(),
            ),
            (
                "role-refused",
                "/console/access/roles".to_owned(),
                "const form = document.querySelector('main form'); form.noValidate = true; \
                 form.elements.name.value = 'dois nomes'; form.requestSubmit(); return 0"
                    .to_owned(),
            ),
            (
                "options-refused",
                format!("/console/jobs/{first}/options"),
                "const form = document.querySelector('form[data-look]'); form.elements.connections.value = '99'; \
                 form.querySelector('button[value=keep]').click(); return 0"
                    .to_owned(),
            ),
        ]
    }

    /// Goes a way to its end.
    pub async fn go(&self, browser: &Browser, (path, script): (&str, &str)) -> Result<()> {
        browser.open(&format!("{}{path}", self.base)).await?;
        browser.run("window.began = 1; return 0").await?;
        browser.run(script).await?;
        if script == UNFOLD {
            return Ok(());
        }
        // The form leads to another page, which does not know what this one said.
        for _ in 0..200 {
            let is_there = "return document.readyState === 'complete' && window.began === undefined";
            if browser.run(is_there).await.unwrap_or_default() == true {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        anyhow::bail!("{path} leads nowhere")
    }
}
