//! The command `admin`: users and service tokens, for installation scripts.
//! Never takes a password from the command line, and prints a token once.

use std::io::Read as _;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use zeroize::Zeroizing;

use super::args::{AdminCommand, TokenAddArgs, TokenCommand, UserAddArgs, UserCommand};
use super::exit::{Exit, Stopped};
use super::{migrate, output};
use crate::api::ApiError;
use crate::api::access::{Made, TokenMake, make, new_token};
use crate::store::{Store, at, migrate as tables};

/// A password file is at most so long, in octets.
const PASSWORD_BYTES_MAX: u64 = 4096;
/// Who stands in the log for what scripts do.
const ACTOR: &str = "command line";

/// Does what was asked.
pub async fn admin(command: AdminCommand) -> Result<Exit, Stopped> {
    match command {
        AdminCommand::User(UserCommand::Add(args)) => add_user(args).await,
        AdminCommand::Token(TokenCommand::Add(args)) => add_token(args).await,
    }
}

/// The database with its tables, made where they are missing: this runs before the service does.
async fn open(place: &super::args::PlaceArgs) -> Result<Store, Stopped> {
    let store = migrate::connect(place).await?;
    tables::up(&store).await?;
    Ok(store)
}

fn of_api(error: ApiError) -> Stopped {
    let message = error.detail.clone();
    match error.status.as_u16() {
        400..=499 => Stopped::usage(message),
        503 => Stopped::early(message),
        _ => Stopped::bug(message),
    }
}

async fn add_user(args: UserAddArgs) -> Result<Exit, Stopped> {
    let password = password(&args.password_file)?;
    let store = open(&args.place).await?;
    for tenant in &args.tenant {
        let mut transaction = store.begin().await?;
        transaction.know(*tenant, true).await?;
        transaction.commit().await?;
    }
    let made = Made {
        name: &args.name,
        display_name: &args.name,
        email: "",
        roles: &args.role,
        tenants: &args.tenant,
        sees_all_tenants: args.tenant.is_empty(),
        by: ACTOR,
    };
    let now_ms = store.now_ms().await?;
    let id = make(&store, &made, password, now_ms).await.map_err(of_api)?;
    store.close().await;
    if args.output.json {
        output::print_json(&json!({"id": id, "name": args.name, "roles": args.role}))?;
    } else {
        output::print(&format!("{} is a user with the roles {}\n", args.name, args.role.join(", ")))?;
    }
    Ok(Exit::Success)
}

fn password(path: &Path) -> Result<SecretString, Stopped> {
    let fail = |cause: std::io::Error| {
        Stopped::usage(format!("reading the password from {}: {cause}", path.display()))
    };
    let mut text = Zeroizing::new(String::new());
    if path == Path::new("-") {
        std::io::stdin().take(PASSWORD_BYTES_MAX).read_to_string(&mut text).map_err(fail)?;
    } else {
        let file = std::fs::File::open(path).map_err(fail)?;
        file.take(PASSWORD_BYTES_MAX).read_to_string(&mut text).map_err(fail)?;
    }
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned()))
}

async fn add_token(args: TokenAddArgs) -> Result<Exit, Stopped> {
    let store = open(&args.place).await?;
    if let Some(tenant) = args.tenant {
        let mut transaction = store.begin().await?;
        transaction.know(tenant, true).await?;
        transaction.commit().await?;
    }
    let asked = TokenMake {
        name: args.name,
        scopes: args.scope,
        tenant_id: args.tenant,
        allowed_networks: args.allow_from,
        expires_days: Some(args.expires_days),
    };
    let now_ms = store.now_ms().await?;
    let (row, secret) = new_token(&store, asked, ACTOR, now_ms).await.map_err(of_api)?;
    store.close().await;
    if args.output.json {
        let told = json!({
            "id": row.id, "name": row.name, "token": secret.expose_secret(), "expires_at": at(row.expires_ms),
        });
        output::print_json(&told)?;
    } else {
        output::print(&format!("{}\n", secret.expose_secret()))?;
    }
    Ok(Exit::Success)
}
