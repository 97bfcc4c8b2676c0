//! Roles that a house makes itself, and scopes of users and roles: what they open, and what nobody gives.
//! Never reads a table: what a role allows is tried at the doors.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::lists::worlds;
use super::world::World;

fn role(name: &str, permissions: &[&str]) -> Value {
    json!({"name": name, "description": "our own", "permissions": permissions})
}

async fn made(world: &World, who: &super::world::Person, asked: Value) -> Result<String> {
    let told = world.post(who, "/access/roles", asked).await?.with(201);
    let id = told.json()["id"].as_str().context("no id")?.to_owned();
    assert_eq!(told.header("location"), format!("/access/roles/{id}"));
    Ok(id)
}

#[tokio::test]
async fn an_own_role_opens_what_it_names_until_it_is_changed() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let id = made(&world, &admin, role("starter", &["can_view_migration", "can_run_sync"])).await?;
    let path = format!("/access/roles/{id}");
    let shown = world.get(&admin, &path).await?.with(200).json();
    assert_eq!(shown["permissions"], json!(["can_run_sync", "can_view_migration"]));
    assert_eq!((&shown["is_system"], &shown["requires_mfa"]), (&json!(false), &json!(false)));
    let job = world.job(&admin, 1, "example.com").await?;
    let sam = world.user("sam", &["starter"], &[]).await?;
    let pause = format!("/migration/jobs/{job}/pause");
    world.post(&sam, &pause, json!({})).await?.with(200);
    let body = json!({"tenant_id": 1, "domain": "new.example"});
    world.post(&sam, "/migration/jobs", body.clone()).await?.refused(403, "forbidden");

    let wider = role("starter", &["can_view_migration", "can_manage_migration"]);
    world.send(&admin, "PUT", &path, wider.clone()).await?.refused(428, "if_match_required");
    let old = world.get(&admin, &path).await?.header("etag");
    world.put(&admin, "PUT", &path, &path, wider.clone()).await?.with(200);
    let mut stale = world.request("PUT", &path, &admin, Some(wider))?;
    stale.headers_mut().insert("if-match", old.parse()?);
    world.ask(stale).await?.refused(412, "stale");
    world.get(&sam, "/auth/me").await?.with(401);
    let sam = world.log_in("sam").await?;
    world.post(&sam, "/migration/jobs", body).await?.with(201);
    world.post(&sam, &pause, json!({})).await?.refused(403, "forbidden");

    world.send(&admin, "DELETE", &path, json!({})).await?.refused(409, "conflict");
    let own = format!("/access/users/{}", sam.id);
    world.put(&admin, "PUT", &own, &own, json!({"roles": ["viewer"]})).await?.with(200);
    world.send(&admin, "DELETE", &path, json!({})).await?.with(204);
    world.get(&admin, &path).await?.refused(404, "not_found");
    Ok(())
}

#[tokio::test]
async fn nobody_gives_what_they_have_not_and_shipped_roles_stay() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let ana = world.user("ana", &["ops_lead"], &[]).await?;
    let fine = role("own", &["can_view_migration"]);
    world.post(&ana, "/access/roles", fine.clone()).await?.refused(403, "forbidden");
    for permission in ["can_approve_migration_gate", "can_view_message_content"] {
        let told = world.post(&admin, "/access/roles", role("own", &[permission])).await?;
        assert_eq!(told.refused(403, "forbidden").json()["permission"], permission);
    }
    for wrong in [
        role("own", &["can_manage_access"]),
        role("own", &["everything"]),
        role("own", &["jobs:read"]),
        role("", &[]),
        role("two words", &[]),
        role(&"x".repeat(33), &[]),
        json!({"name": "own", "permissions": [], "is_system": true}),
    ] {
        world.post(&admin, "/access/roles", wrong).await?.refused(422, "invalid");
    }
    world.post(&admin, "/access/roles", role("viewer", &[])).await?.refused(409, "duplicate");
    let grave = made(&world, &admin, role("keys", &["can_rotate_keys"])).await?;
    let shown = world.get(&admin, &format!("/access/roles/{grave}")).await?.json();
    assert_eq!(shown["requires_mfa"], true, "what only people may do asks for a second factor");
    let grave = format!("/access/roles/{grave}");
    let wider = role("keys", &["can_rotate_keys", "can_approve_migration_gate"]);
    world.put(&admin, "PUT", &grave, &grave, wider).await?.refused(403, "forbidden");
    for shipped in ["admin", "viewer", "service"] {
        let path = format!("/access/roles/{shipped}");
        world.put(&admin, "PUT", &path, &path, fine.clone()).await?.refused(409, "conflict");
        world.send(&admin, "DELETE", &path, json!({})).await?.refused(409, "conflict");
        let scopes = format!("{path}/scopes");
        world.send(&admin, "PUT", &scopes, json!({"items": []})).await?.refused(409, "conflict");
    }
    world.pass(6 * 60_000);
    world.post(&admin, "/access/roles", fine).await?.refused(403, "step_up_required");
    Ok(())
}

#[tokio::test]
async fn a_scope_opens_or_shuts_a_tenant_or_a_job_at_once() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let (one, two) = (world.job(&admin, 1, "one.example").await?, world.job(&admin, 2, "two.example").await?);
    made(&world, &admin, role("reader", &["can_view_migration"])).await?;
    let sam = world.user("sam", &["reader"], &[1]).await?;
    let seen = async |job: i64| -> Result<u16> {
        Ok(world.get(&sam, &format!("/migration/jobs/{job}")).await?.status)
    };
    assert_eq!((seen(one).await?, seen(two).await?), (200, 404));
    let listed = world.get(&admin, "/access/roles").await?.json();
    let own = listed["items"].as_array().context("no list")?.iter().find(|one| one["name"] == "reader");
    let of_role =
        format!("/access/roles/{}/scopes", own.context("no role")?["id"].as_str().context("no id")?);
    let of_user = format!("/access/users/{}/scopes", sam.id);
    let scope = |effect: &str, kind: &str, id: i64| {
        let one = json!({"effect": effect, "resource_kind": kind, "resource_id": id});
        json!({"items": [one]})
    };
    let told =
        world.put(&admin, "PUT", &of_role, &of_role, scope("allow", "tenant", 2)).await?.with(200).json();
    assert_eq!(told["items"], scope("allow", "tenant", 2)["items"]);
    assert_eq!((seen(one).await?, seen(two).await?), (200, 200));
    world.put(&admin, "PUT", &of_user, &of_user, scope("deny", "job", two)).await?.with(200);
    assert_eq!((seen(one).await?, seen(two).await?), (200, 404), "a denial outweighs a role's scope");
    world.put(&admin, "PUT", &of_user, &of_user, scope("deny", "tenant", 1)).await?.with(200);
    assert_eq!((seen(one).await?, seen(two).await?), (404, 200));
    let kept = world.get(&admin, &of_user).await?.with(200).json();
    assert_eq!(kept["items"], scope("deny", "tenant", 1)["items"], "they take the place of those before");
    for wrong in [
        scope("perhaps", "job", one),
        scope("allow", "repository", 1),
        scope("allow", "job", 999),
        scope("allow", "tenant", 0),
        json!({"items": [{"effect": "allow", "resource_kind": "job", "resource_id": "1"}]}),
    ] {
        world.put(&admin, "PUT", &of_user, &of_user, wrong).await?.refused(422, "invalid");
    }
    world.send(&admin, "PUT", "/access/users/nobody/scopes", json!({"items": []})).await?.with(404);
    let plain = world.send(&admin, "PUT", &of_user, json!({"items": []})).await?;
    plain.refused(428, "if_match_required");
    let seen_before = world.get(&admin, &of_user).await?.header("etag");
    world.put(&admin, "PUT", &of_user, &of_user, scope("deny", "job", two)).await?.with(200);
    let mut stale = world.request("PUT", &of_user, &admin, Some(json!({"items": []})))?;
    stale.headers_mut().insert("if-match", seen_before.parse()?);
    world.ask(stale).await?.refused(412, "stale");
    world.send(&sam, "PUT", &of_user, json!({"items": []})).await?.refused(403, "forbidden");
    world.get(&sam, &of_user).await?.refused(403, "forbidden");
    world.put(&admin, "PUT", &of_user, &of_user, json!({"items": []})).await?.with(200);
    assert_eq!(seen(one).await?, 200);
    Ok(())
}

fn scope(effect: &str, kind: &str, id: i64) -> Value {
    json!({"items": [{"effect": effect, "resource_kind": kind, "resource_id": id}]})
}

#[tokio::test]
async fn what_an_own_role_opens_counts_where_somebody_is_managed() -> Result<()> {
    worlds(counts_what_an_own_role_opens).await
}

async fn counts_what_an_own_role_opens(world: &World) -> Result<()> {
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let two = world.job(&admin, 2, "two.example").await?;
    let id = made(world, &admin, role("reader", &["can_view_migration"])).await?;
    let of_role = format!("/access/roles/{id}/scopes");
    world.put(&admin, "PUT", &of_role, &of_role, scope("allow", "tenant", 2)).await?.with(200);
    let ned = world.user("ned", &["admin", "reader"], &[1]).await?;
    let of_ned = format!("/access/users/{}/scopes", ned.id);
    world.put(&admin, "PUT", &of_ned, &of_ned, scope("deny", "tenant", 2)).await?.with(200);
    let path = format!("/migration/jobs/{two}");
    world.get(&ned, &path).await?.with(404);
    // Without the denial the role would open tenant 2.
    world.put(&ned, "PUT", &of_ned, &of_ned, json!({"items": []})).await?.refused(403, "forbidden");
    world.get(&ned, &path).await?.with(404);

    // A denial of the role keeps its holder from what the manager does not see either.
    world.put(&admin, "PUT", &of_role, &of_role, scope("deny", "tenant", 2)).await?.with(200);
    let lea = world.user("lea", &["admin"], &[1]).await?;
    let sam = world.user("sam", &["reader"], &[1, 2]).await?;
    let of_sam = format!("/access/users/{}", sam.id);
    let kept = json!({"display_name": "Sam"});
    let shown = world.put(&lea, "PUT", &of_sam, &of_sam, kept).await?.with(200).json();
    assert_eq!(shown["roles"], json!(["reader"]), "roles are shown by their names");
    let scopes = format!("{of_sam}/scopes");
    world.put(&lea, "PUT", &scopes, &scopes, json!({"items": []})).await?.with(200);
    Ok(())
}

#[tokio::test]
async fn nobody_reads_through_a_token_what_is_denied_to_them() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let job = world.job(&admin, 1, "one.example").await?;
    let lea = world.user("lea", &["admin"], &[1]).await?;
    let token = json!({"name": "t", "scopes": ["jobs:read"], "tenant_id": 1});
    world.post(&lea, "/access/service-tokens", token.clone()).await?.with(201);
    let scopes = format!("/access/users/{}/scopes", lea.id);
    world.put(&admin, "PUT", &scopes, &scopes, scope("deny", "job", job)).await?.with(200);
    world.get(&lea, &format!("/migration/jobs/{job}")).await?.with(404);
    world.post(&lea, "/access/service-tokens", token).await?.refused(422, "invalid");
    let listed = world.get(&lea, "/access/service-tokens").await?.with(200).json();
    assert_eq!(listed["total"], 0, "a token that sees more is not theirs: {listed}");
    Ok(())
}

#[tokio::test]
async fn the_last_who_sees_the_whole_house_stays() -> Result<()> {
    worlds(keeps_the_last_who_sees_the_whole_house).await
}

async fn keeps_the_last_who_sees_the_whole_house(world: &World) -> Result<()> {
    let whole = world.user("whole", &["admin"], &[]).await?;
    world.user("lea", &["admin"], &[1]).await?;
    let (path, scopes) =
        (format!("/access/users/{}", whole.id), format!("/access/users/{}/scopes", whole.id));
    for change in
        [json!({"enabled": false}), json!({"sees_all_tenants": false}), json!({"roles": ["viewer"]})]
    {
        world.put(&whole, "PUT", &path, &path, change).await?.refused(409, "conflict");
    }
    world.send(&whole, "DELETE", &path, json!({})).await?.refused(409, "conflict");
    world.put(&whole, "PUT", &scopes, &scopes, scope("deny", "tenant", 7)).await?.refused(409, "conflict");
    // Neither by a role that has a denial.
    let id = made(world, &whole, role("kept", &["can_view_migration"])).await?;
    let of_role = format!("/access/roles/{id}/scopes");
    world.put(&whole, "PUT", &of_role, &of_role, scope("deny", "tenant", 7)).await?.with(200);
    let both = json!({"roles": ["admin", "kept"]});
    world.put(&whole, "PUT", &path, &path, both.clone()).await?.refused(409, "conflict");
    world.put(&whole, "PUT", &of_role, &of_role, json!({"items": []})).await?.with(200);
    world.put(&whole, "PUT", &path, &path, both).await?.with(200);
    let whole = world.log_in("whole").await?;
    world.put(&whole, "PUT", &of_role, &of_role, scope("deny", "tenant", 7)).await?.refused(409, "conflict");
    // Where another sees all of it too, one may go.
    world.user("other", &["admin"], &[]).await?;
    world.put(&whole, "PUT", &path, &path, json!({"sees_all_tenants": false})).await?.with(200);
    Ok(())
}
