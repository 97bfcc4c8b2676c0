//! What every run of a migration is told, by forms: on the way through the wizard, on the migration's page, and later.
//! Never a run: what is kept is asked of the API.

use anyhow::Result;
use serde_json::{Value, json};

use super::visitor::{Visitor, hidden};
use crate::world::{Person, World};

/// What a browser sends of the wizard's step where nothing was touched.
const UNTOUCHED: [(&str, &str); 8] = [
    ("rhythm", "six-hours"),
    ("skip", "1"),
    ("enabled", "1"),
    ("zone", "UTC"),
    ("flags", "merge"),
    ("content", "sample"),
    ("unreadable", "quarantine"),
    ("repair", "1"),
];

async fn options(world: &World, person: &Person, job: i64) -> Result<Value> {
    Ok(world.get(person, &format!("/migration/jobs/{job}")).await?.with(200).json()["options"].take())
}

#[tokio::test]
async fn the_wizards_step_keeps_what_every_run_is_told_and_the_migrations_page_shows_it() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["operator"], &[1]).await?;
    let job = world.job(&person, 1, "example.org").await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    let place = format!("/console/jobs/{job}/options");
    let page = ana.get(&place).await?.with(200);
    for name in ["exclude", "since_unix_seconds", "flags", "bytes_per_second", "folder_map", "content"] {
        assert!(page.text.contains(&format!("aria-describedby=\"hint-{name}\"")), "{name} has no help");
    }
    assert!(page.text.contains("<details class=\"more\"><summary>More options"), "{}", page.text);
    let seen = hidden(&page.text, "seen").unwrap_or_default();
    let keep = [("step", "keep"), ("seen", seen.as_str())];
    let wrong = [
        ("exclude", "Trash\n/", "exclude"),
        ("since_unix_seconds", "someday", "since_unix_seconds"),
        ("bytes_per_second", "0", "bytes_per_second"),
        ("connections", "65", "connections"),
        ("accept_damage", "all of it", "accept_damage"),
        ("cron", "never", "cron"),
    ];
    for (name, value, field) in wrong {
        let mut all = [&keep[..], &UNTOUCHED[..], &[(name, value)]].concat();
        if name == "cron" {
            all[2] = ("rhythm", "own");
        }
        let told = ana.fill(&page, &place, &all).await?.with(422);
        assert!(told.text.contains(&format!("id=\"wrong-{field}\"")), "{field}: {}", told.text);
        assert!(told.text.contains(value.lines().next().unwrap_or_default()), "{field} is not shown again");
        let is_folded = matches!(field, "connections" | "accept_damage");
        assert_eq!(told.text.contains("<details class=\"more\" open>"), is_folded, "{field}");
    }
    assert_eq!(options(&world, &person, job).await?, json!({}), "a refused form kept something");
    let schedule = format!("/migration/jobs/{job}/schedule");
    world.get(&person, &schedule).await?.with(404);

    let wish = [
        ("exclude", "Trash\r\nOld/**\r\n"),
        ("since_unix_seconds", "2024-01-31"),
        ("bytes_per_second", "2 MiB"),
        ("folder_map", "Sent Items = Sent"),
        ("collapse_duplicates", "1"),
        ("accept_damage", "1a2b3c4d5e6f"),
    ];
    let done = ana.fill(&page, &place, &[&keep[..], &UNTOUCHED[..], &wish[..]].concat()).await?.with(200);
    assert!(done.text.contains("The schedule is kept."), "{}", done.text);
    let kept = json!({
        "exclude": ["Trash", "Old/**"], "since_unix_seconds": 1_706_659_200, "bytes_per_second": 2_097_152,
        "folder_map": {"Sent Items": "Sent"}, "collapse_duplicates": true, "accept_damage": ["1a2b3c4d5e6f"],
    });
    assert_eq!(options(&world, &person, job).await?, kept);
    world.get(&person, &schedule).await?.with(200);
    for words in
        ["Folders left out", "Trash, Old&#x2f;**", "31 Jan 2024", "2.0\u{a0}MiB&#x2f;s", "Sent Items → Sent"]
    {
        assert!(done.text.contains(words), "{words}: {}", done.text);
    }
    // Shown again, and what somebody else changed meanwhile is not overwritten unseen.
    let again = ana.get(&place).await?.with(200);
    assert!(
        again.text.contains(">Trash\nOld&#x2f;**</textarea>") && again.text.contains("value=\"2024-01-31\"")
    );
    let stale = [&keep[..], &UNTOUCHED[..]].concat();
    let told = ana.fill(&again, &place, &stale).await?.with(412);
    assert!(told.text.contains("It was changed meanwhile"), "{}", told.text);
    assert_eq!(options(&world, &person, job).await?, kept);
    Ok(())
}

#[tokio::test]
async fn a_migration_is_changed_later_until_dns_points_to_its_destination() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["operator"], &[1]).await?;
    let job = world.job(&person, 1, "example.org").await?;
    let path = format!("/migration/jobs/{job}");
    // What a program set and the form does not know.
    world.put(&person, "PATCH", &path, &path, json!({"options": {"only_errors": true}})).await?.with(200);
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    let place = format!("/console/jobs/{job}/edit");
    let front = ana.get(&format!("/console/jobs/{job}")).await?.with(200);
    assert!(front.text.replace("&#x2f;", "/").contains(&format!("href=\"{place}\"")), "{}", front.text);
    let page = ana.get(&place).await?.with(200);
    let seen = hidden(&page.text, "seen").unwrap_or_default();
    let wish = [
        ("seen", seen.as_str()),
        ("source_server_label", "old one"),
        ("dest_imap_host", "bad host"),
        ("notes", "call <first>"),
        ("size_bytes_max", "25M"),
        ("repair", "1"),
    ];
    let told = ana.fill(&page, &place, &wish).await?.with(422);
    assert!(told.text.contains("id=\"wrong-dest_imap_host\"") && told.text.contains("call &lt;first&gt;"));
    assert!(told.text.contains("value=\"25M\""), "what was typed is gone: {}", told.text);
    let mut wish = wish;
    wish[2].1 = "new.example.org:993";
    let done = ana.fill(&told, &place, &wish).await?.with(200);
    assert!(done.text.contains("Saved.") && done.text.contains("25.0\u{a0}MiB"), "{}", done.text);
    assert_eq!(
        options(&world, &person, job).await?,
        json!({"only_errors": true, "size_bytes_max": 26_214_400})
    );
    world
        .sql("UPDATE migration_jobs SET phase = 'final_sync' WHERE id = $1", malote_service::binds![job])
        .await?;
    let page = ana.get(&place).await?.with(200);
    assert!(!page.text.contains("name=\"exclude\"") && page.text.contains("can no longer be changed"));
    let seen = hidden(&page.text, "seen").unwrap_or_default();
    let late =
        [("seen", seen.as_str()), ("notes", "late"), ("dest_imap_host", "x.example"), ("exclude", "a")];
    ana.fill(&page, &place, &late).await?.with(200);
    let shown = world.get(&person, &path).await?.with(200).json();
    assert_eq!((&shown["notes"], &shown["dest_imap_host"]), (&json!("late"), &json!("new.example.org:993")));
    assert_eq!(shown["options"], json!({"only_errors": true, "size_bytes_max": 26_214_400}));
    // A form that was offered while they could be changed is told so, and nothing of it is kept.
    let page = ana.get(&place).await?.with(200);
    let seen = hidden(&page.text, "seen").unwrap_or_default();
    let old =
        [("seen", seen.as_str()), ("notes", "older"), ("dest_imap_host", "x.example"), ("flags", "merge")];
    let told = ana.fill(&page, &place, &old).await?.with(409);
    assert!(told.text.contains("older"), "what was typed is gone: {}", told.text);
    assert_eq!(world.get(&person, &path).await?.json()["notes"], "late");
    // Whoever may only look is offered nothing.
    world.make_user("vera", &["viewer"], &[1]).await?;
    let mut vera = Visitor::new(&world);
    vera.log_in("vera").await?;
    let front = vera.get(&format!("/console/jobs/{job}")).await?.with(200);
    assert!(!front.text.contains("edit\""), "{}", front.text);
    Ok(())
}

#[tokio::test]
async fn a_folder_map_that_nobody_touched_stays_whatever_its_names_are() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["operator"], &[1]).await?;
    let job = world.job(&person, 1, "example.org").await?;
    let path = format!("/migration/jobs/{job}");
    let map = json!({"A": "B = C", "D": "E"});
    let change = json!({"options": {"folder_map": map}});
    world.put(&person, "PATCH", &path, &path, change).await?.with(200);
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    let place = format!("/console/jobs/{job}/edit");
    let page = ana.get(&place).await?.with(200);
    let seen = hidden(&page.text, "seen").unwrap_or_default();
    let typed = |lines: &'static str| {
        [
            ("seen", seen.as_str()),
            ("flags", "merge"),
            ("repair", "1"),
            ("notes", "new"),
            ("folder_map", lines),
        ]
    };
    for (language, lines, words) in [
        ("en", "A = B = C\r\nD = F", "more than one sign of equality"),
        ("pt-BR", "A = B\r\nA = C", "uma pasta está em duas linhas"),
    ] {
        ana.language = language;
        let told = ana.fill(&page, &place, &typed(lines)).await?.with(422);
        assert!(told.text.contains("id=\"wrong-folder_map\"") && told.text.contains(words), "{}", told.text);
    }
    ana.fill(&page, &place, &typed("A = B = C\r\nD = E")).await?.with(200);
    let shown = world.get(&person, &path).await?.with(200).json();
    assert_eq!((&shown["options"]["folder_map"], &shown["notes"]), (&map, &json!("new")), "{shown}");
    Ok(())
}
