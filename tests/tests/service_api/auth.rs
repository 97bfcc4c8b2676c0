//! Who gets in: set-up, passwords, waits, sessions, second factors.
//! Never a real clock: the tests turn the world's own.

use anyhow::Result;
use malote_service::config::Mfa;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::world::{PASSWORD, Person, World};

const HOUR: i64 = 3_600_000;

#[tokio::test]
async fn the_first_administrator_comes_in_once_and_within_the_hour() -> Result<()> {
    let world = World::new().await?;
    let nobody = Person::default();
    let setup = |token: &str| json!({"token": token, "name": "root1", "password": PASSWORD});
    let old = world.app.setup_token().await?.unwrap();
    world.pass(HOUR + 1);
    world.post(&nobody, "/auth/setup", setup(old.expose_secret())).await?.refused(401, "bad_credentials");
    let token = world.app.setup_token().await?.unwrap();
    world.post(&nobody, "/auth/setup", setup("setup_x")).await?.refused(401, "bad_credentials");
    let weak = json!({"token": token.expose_secret(), "name": "root1", "password": "short"});
    world.post(&nobody, "/auth/setup", weak).await?.refused(422, "invalid");
    assert_eq!(world.get(&nobody, "/auth/status").await?.json()["needs_setup"], true);
    let told = world.post(&nobody, "/auth/setup", setup(token.expose_secret())).await?.with(201);
    let person = world.person(&told).await?;
    assert_eq!(world.get(&person, "/auth/me").await?.json()["roles"], json!(["admin"]));
    world.post(&nobody, "/auth/setup", setup(token.expose_secret())).await?.refused(409, "conflict");
    assert!(world.app.setup_token().await?.is_none());
    Ok(())
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_are_told_alike_and_make_wait_ever_longer() -> Result<()> {
    let world = World::new().await?;
    world.make_user("ana", &["operator"], &[]).await?;
    let nobody = Person::default();
    let login = |name: &str, password: &str| json!({"name": name, "password": password});
    for name in ["ana", "nobody"] {
        let mut told = Vec::new();
        for _ in 0..5 {
            told.push(world.post(&nobody, "/auth/login", login(name, "wrong password!")).await?);
        }
        for answer in told {
            let answer = answer.refused(401, "bad_credentials");
            assert_eq!(answer.json()["detail"], "the name, the password or the code is wrong");
        }
        // Also the right password waits, and knows how long.
        let waiting =
            world.post(&nobody, "/auth/login", login(name, PASSWORD)).await?.refused(429, "rate_limited");
        assert_eq!(waiting.header("retry-after"), "2");
    }
    world.pass(2_000);
    world.post(&nobody, "/auth/login", login("ana", "wrong password!")).await?.with(401);
    world.pass(1_500);
    world.post(&nobody, "/auth/login", login("ana", PASSWORD)).await?.with(429);
    world.pass(1_000);
    world.post(&nobody, "/auth/login", login("ANA", PASSWORD)).await?.with(200);
    Ok(())
}

#[tokio::test]
async fn one_address_may_try_ten_times_a_minute() -> Result<()> {
    let world = World::new().await?;
    let address = ([198, 51, 100, 7], 9).into();
    let mut last = 0;
    for number in 0..11 {
        let body = json!({"name": format!("n{number}"), "password": "x"});
        let request = world.request("POST", "/auth/login", &Person::default(), Some(body))?;
        last = world.ask_from(address, request).await?.status;
    }
    assert_eq!(last, 429);
    Ok(())
}

#[tokio::test]
async fn a_session_ends_when_idle_when_old_and_when_told() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let told =
        world.post(&Person::default(), "/auth/login", json!({"name": "ana", "password": PASSWORD})).await?;
    let line = told.header("set-cookie");
    for part in ["__Host-session=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.contains("Domain"), "{line}");
    for _ in 0..24 {
        world.pass(29 * 60_000);
        world.get(&ana, "/auth/me").await?.with(200);
    }
    world.pass(29 * 60_000);
    world.get(&ana, "/auth/me").await?.refused(401, "unauthenticated");
    let ana = world.log_in("ana").await?;
    world.pass(30 * 60_000);
    world.get(&ana, "/auth/me").await?.with(401);
    let ana = world.log_in("ana").await?;
    let other = world.log_in("ana").await?;
    world.send(&ana, "DELETE", "/auth/sessions", json!({})).await?.with(204);
    world.get(&other, "/auth/me").await?.with(401);
    world.post(&ana, "/auth/logout", json!({})).await?.with(204);
    world.get(&ana, "/auth/me").await?.with(401);
    Ok(())
}

#[tokio::test]
async fn another_sites_page_cannot_make_a_browser_change_anything() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let bob = world.user("bob", &["operator"], &[]).await?;
    let body = json!({"tenant_id": 1, "domain": "example.com"});
    let check = |csrf: &str, header: Option<(&'static str, &'static str)>| {
        let who = Person { csrf: csrf.to_owned(), ..ana.clone() };
        let mut request = world.request("POST", "/migration/jobs", &who, Some(body.clone()))?;
        if let Some((name, value)) = header {
            request.headers_mut().insert(name, value.parse()?);
        }
        anyhow::Ok(request)
    };
    for request in [
        check("", None)?,
        check("x.y", None)?,
        check(&bob.csrf, None)?,
        check(&ana.csrf, Some(("sec-fetch-site", "cross-site")))?,
        check(&ana.csrf, Some(("sec-fetch-site", "same-site")))?,
    ] {
        world.ask(request).await?.refused(403, "csrf");
    }
    let mut foreign = check(&ana.csrf, Some(("origin", "https://evil.example")))?;
    foreign.headers_mut().insert("host", "malote.example".parse()?);
    world.ask(foreign).await?.refused(403, "csrf");
    let mut own = check(&ana.csrf, Some(("origin", "https://malote.example")))?;
    own.headers_mut().insert("host", "malote.example".parse()?);
    world.ask(own).await?.with(201);
    Ok(())
}

/// The code of a secret at a moment, by its own arithmetic (RFC 6238).
fn code(secret: &str, now_ms: i64) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let (mut key, mut bits, mut held) = (Vec::new(), 0, 0_u64);
    for letter in secret.bytes() {
        let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|own| *own == letter).unwrap();
        held = (held << 5) | value as u64;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            key.push((held >> bits) as u8);
        }
    }
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&key).unwrap();
    mac.update(&(now_ms / 30_000).to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let start = (digest[19] & 15) as usize;
    let four: [u8; 4] = digest[start..start + 4].try_into().unwrap();
    format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_each_code_is_taken_once() -> Result<()> {
    let world = World::with(Mfa::Required).await?;
    let lead = world.user("lead", &["ops_lead"], &[]).await?;
    world.get(&lead, "/migration/jobs").await?.refused(403, "mfa_enrolment_required");
    let made = world.post(&lead, "/auth/totp", json!({})).await?.with(201).json();
    let secret = made["secret"].as_str().unwrap_or_default().to_owned();
    world.post(&lead, "/auth/totp/confirm", json!({"code": "000000"})).await?.with(401);
    let first = code(&secret, world.now());
    let told = world.post(&lead, "/auth/totp/confirm", json!({"code": first})).await?.with(200).json();
    let recovery = told["recovery_codes"][0].as_str().unwrap_or_default().to_owned();
    world.get(&lead, "/migration/jobs").await?.with(200);
    world.post(&lead, "/auth/totp", json!({})).await?.with(409);

    let login = json!({"name": "lead", "password": PASSWORD});
    let half = world.post(&Person::default(), "/auth/login", login.clone()).await?.with(401);
    assert_eq!(half.json()["status"], "mfa_required");
    let waiting = world.person(&half).await?;
    world.get(&waiting, "/migration/jobs").await?.refused(401, "mfa_required");
    world.post(&waiting, "/auth/mfa", json!({"code": first})).await?.refused(401, "bad_credentials");
    world.pass(60_000);
    let next = code(&secret, world.now());
    let told = world.post(&waiting, "/auth/mfa", json!({"code": next})).await?.with(200);
    let whole = world.person(&told).await?;
    world.get(&whole, "/migration/jobs").await?.with(200);
    world.get(&waiting, "/auth/me").await?.with(401);
    // Who has a second factor does not step up by the password.
    world.post(&whole, "/auth/step-up", json!({"password": PASSWORD})).await?.with(401);

    for expected in [200, 401] {
        let half = world.post(&Person::default(), "/auth/login", login.clone()).await?;
        let waiting = world.person(&half).await?;
        world.post(&waiting, "/auth/mfa", json!({"code": recovery})).await?.with(expected);
    }
    Ok(())
}

#[tokio::test]
async fn a_changed_password_ends_every_other_session() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let other = world.log_in("ana").await?;
    let change = |current: &str, new: &str| json!({"current": current, "new": new});
    world.send(&ana, "PUT", "/auth/password", change("wrong", "another long phrase")).await?.with(401);
    world.send(&ana, "PUT", "/auth/password", change(PASSWORD, "password1234")).await?.with(422);
    world.send(&ana, "PUT", "/auth/password", change(PASSWORD, "another long phrase")).await?.with(204);
    world.get(&ana, "/auth/me").await?.with(200);
    world.get(&other, "/auth/me").await?.with(401);
    Ok(())
}
