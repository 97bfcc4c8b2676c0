//! More of a busy week: a role of the house and where people look, options, a file that was read through, and the
//! steps that lead to pages which no address has. Never a check: that is what the tests beside it do.

use acceptance::browser::Browser;
use anyhow::{Context as _, Result};
use axum::body::Body;
use malote_service::binds;
use malote_service::store::at;
use serde_json::json;

use super::scene::Scene;

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
        let one = |effect: &str, kind: &str, id: i64| json!({"effect": effect, "resource_kind": kind, "resource_id": id});
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
                 Message-ID: <{number}@exemplo.com.br>\nDate: Thu, 1 Jan 2015 00:00:00 +0000\nSubject: {number}\n\nOi.\n\n"
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
        world.sql(read, binds![job, mailbox, at(world.now())]).await
    }

    /// Pages that no address has: each with where it begins and what is done there.
    pub fn ways(&self) -> Vec<(&'static str, String, String)> {
        let Some(first) = self.jobs.first() else { return Vec::new() };
        let unfolded = |name, path: String| (name, path, UNFOLD.to_owned());
        vec![
            unfolded("options-unfolded", format!("/console/jobs/{first}/options")),
            unfolded("job-ready-unfolded", format!("/console/jobs/{}", self.jobs[2])),
            unfolded("job-final-unfolded", format!("/console/jobs/{}", self.jobs[7])),
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
