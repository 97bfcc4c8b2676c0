//! What an administrator of the source has to do before tokens are given: `/oauth/{provider}/admin-consent-url`.
//! Never does it for him: these are words to be read, and commands to be typed by somebody else.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{At, Body};
use super::caller::Caller;
use super::kept;
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::oauth::{Flow, Plan};

/// Mailboxes that commands are written for, at most.
const MAILBOXES_MAX: usize = 500;

/// What is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentAsked {
    /// A credential that is kept at a server, with a grant of this provider.
    credential_id: String,
    /// Microsoft: the object id of the enterprise application, which is another one than the application's.
    #[serde(default)]
    object_id: String,
    /// Mailboxes to be opened.
    #[serde(default)]
    mailboxes: Vec<String>,
}

/// What is to be done.
#[derive(Serialize, ToSchema)]
pub struct ConsentView {
    /// Where an administrator consents; nothing where that is no page.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// What is to be done, in order.
    steps: Vec<String>,
    /// Commands to be typed, in order.
    commands: Vec<String>,
}

/// `POST /oauth/{provider}/admin-consent-url`.
#[utoipa::path(post, path = "/oauth/{provider}/admin-consent-url", tag = "credentials",
    params(("provider" = String, Path)), request_body = ConsentAsked,
    responses((status = 200, body = ConsentView), (status = 404), (status = 422)))]
pub async fn words(
    State(app): State<App>,
    caller: Caller,
    At(provider): At<String>,
    Body(asked): Body<ConsentAsked>,
) -> Result<Json<ConsentView>> {
    caller.may(Permission::ManageCredentials)?;
    let row = kept::read(&app, &caller, &asked.credential_id).await?;
    let plan = Plan::parse(&row.grant_json).ok().filter(|plan| plan.provider == provider);
    let plan = plan.ok_or_else(|| ApiError::field("credential_id", "it has no grant of this provider"))?;
    if asked.mailboxes.len() > MAILBOXES_MAX {
        return Err(ApiError::field("mailboxes", format!("at most {MAILBOXES_MAX}")));
    }
    // They become part of a command: nothing that could end one goes in.
    let is_word = |text: &String| {
        !text.is_empty()
            && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".@_+-".contains(&octet))
    };
    if !asked.mailboxes.iter().all(is_word) {
        return Err(ApiError::field("mailboxes", "addresses of letters, digits and . @ _ + -"));
    }
    if !asked.object_id.is_empty() && !is_word(&asked.object_id) {
        return Err(ApiError::field("object_id", "an id such as 00000000-0000-0000-0000-000000000000"));
    }
    if !plan.client_id.is_empty() && !is_word(&plan.client_id) {
        return Err(ApiError::field("credential_id", "its client_id is no id"));
    }
    let addresses = plan
        .check(&app.config.outside)
        .map_err(|(field, words)| ApiError::conflict("conflict", format!("{field}: {words}")))?;
    Ok(Json(match plan.flow {
        Flow::Dwd => delegation(&plan, &addresses.scope),
        _ => microsoft(&app, &plan, &addresses, &asked),
    }))
}

fn delegation(plan: &Plan, scope: &str) -> ConsentView {
    let id = if plan.client_id.is_empty() { "the service account's client id" } else { &plan.client_id };
    ConsentView {
        url: Some("https://admin.google.com/ac/owl/domainwidedelegation".to_owned()),
        steps: vec![
            "open the admin console: Security, Access and data control, API controls, Domain-wide delegation"
                .to_owned(),
            format!("add the client id: {id}"),
            format!("with the scope: {scope}"),
            "wait some minutes, then test the credential with one mailbox".to_owned(),
        ],
        commands: Vec::new(),
    }
}

fn microsoft(
    app: &App,
    plan: &Plan,
    addresses: &crate::oauth::Addresses,
    asked: &ConsentAsked,
) -> ConsentView {
    let url = addresses.admin.as_ref().map(|page| {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("client_id", plan.client_id.as_str()),
                ("scope", "https://ps.outlook.com/.default"),
                ("redirect_uri", &format!("{}/oauth/callback", app.config.outside.public_url)),
            ])
            .finish();
        format!("{page}?{query}")
    });
    let object = if asked.object_id.is_empty() { "OBJECT_ID" } else { &asked.object_id };
    let mut commands = vec![
        "Connect-ExchangeOnline".to_owned(),
        format!("New-ServicePrincipal -AppId {} -ObjectId {object}", plan.client_id),
    ];
    commands.extend(asked.mailboxes.iter().map(|mailbox| {
        format!("Add-MailboxPermission -Identity \"{mailbox}\" -User {object} -AccessRights FullAccess")
    }));
    ConsentView {
        url: url.filter(|_| plan.provider == "microsoft"),
        steps: vec![
            "give the application the permission IMAP.AccessAsApp of Office 365 Exchange Online".to_owned(),
            "have an administrator consent at the address above".to_owned(),
            "type the commands in PowerShell; OBJECT_ID is the enterprise application's, not the registration's"
                .to_owned(),
            "test the credential with each mailbox".to_owned(),
        ],
        commands,
    }
}
