//! Pages: every one in both languages, with something and with nothing on it.
//! Never a number of its own: what is looked for was put there through the API.

use anyhow::Result;

use super::visitor::Visitor;
use crate::world::World;

/// Octets that a page may weigh with its style and script.
const PAGE_BYTES_MAX: usize = 150 * 1024;

#[tokio::test]
async fn every_page_comes_in_both_languages_and_says_nothing_of_others() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["admin"], &[]).await?;
    let job = world.job(&person, 1, "example.org").await?;
    let mailbox = world.mailbox(&person, job, "bia@example.org").await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    for (language, lang) in [("en", "en"), ("pt-BR,pt;q=0.9", "pt-BR"), ("fr", "pt-BR")] {
        ana.language = language;
        for path in [
            "/console".to_owned(),
            "/console/jobs".to_owned(),
            "/console/jobs?phase=failed".to_owned(),
            "/console/account".to_owned(),
            "/console/account/factor".to_owned(),
            "/console/step-up".to_owned(),
            "/console/jobs/new".to_owned(),
            "/console/approvals".to_owned(),
            "/console/access".to_owned(),
            "/console/audit".to_owned(),
            "/console/audit?verify=1".to_owned(),
            "/console/system".to_owned(),
            "/console/help".to_owned(),
            format!("/console/jobs/{job}"),
            format!("/console/jobs/{job}/mailboxes/new"),
            format!("/console/jobs/{job}/runs"),
            format!("/console/jobs/{job}/quarantine"),
            format!("/console/jobs/{job}/uploads"),
            format!("/console/jobs/{job}/report"),
            format!("/console/mailboxes/{mailbox}"),
        ] {
            let page = ana.get(&path).await?.with(200);
            assert!(page.text.contains(&format!("<html lang=\"{lang}\"")), "{path}");
            assert!(!page.text.contains("style=\"") && !page.text.contains("onclick"), "{path}");
            assert!(page.header("content-security-policy").contains("default-src 'none'"), "{path}");
            assert!(!page.text.contains("https://"), "{path} names another machine");
            let octets = page.text.len();
            let (style, script) =
                (malote_service::console::assets::STYLE, malote_service::console::assets::SCRIPT);
            assert!(octets + style.len() + script.len() < PAGE_BYTES_MAX, "{path} weighs {octets}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_is_said_in_plain_words() -> Result<()> {
    let world = World::new().await?;
    world.make_user("ana", &["viewer"], &[]).await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    for path in ["/console/jobs/999", "/console/nothing"] {
        let page = ana.get(path).await?.with(404);
        assert!(page.text.contains("There is nothing here"), "{path}: {}", page.text);
    }
    Ok(())
}
