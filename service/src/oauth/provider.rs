//! Where the identity providers that are known answer, and where the operator says they do instead.
//! Never an address that a user named: a secret goes there.

use malote_engine::token::Url;
use malote_engine::token::provider::Provider;

use super::plan::{Flow, Plan};
use crate::config::Outside;

/// What the engine's table of providers does not have: pages for people, and ways to take a token back.
struct Pages {
    name: &'static str,
    authorize: &'static str,
    /// What the authorization page is told beside the standard's own.
    more: &'static [(&'static str, &'static str)],
    revoke: Option<&'static str>,
    /// With this an answer's `iss` begins (RFC 9207).
    issuer: &'static str,
    admin: Option<&'static str>,
}

/// Sources: learn.microsoft.com (identity platform, v2.0), developers.google.com (OAuth 2.0 for web servers).
const PAGES: [Pages; 2] = [
    Pages {
        name: "microsoft",
        authorize: "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
        more: &[("prompt", "select_account"), ("response_mode", "query")],
        revoke: None,
        issuer: "https://login.microsoftonline.com/",
        admin: Some("https://login.microsoftonline.com/{tenant}/v2.0/adminconsent"),
    },
    Pages {
        name: "google",
        authorize: "https://accounts.google.com/o/oauth2/v2/auth",
        // Without them a second consent gives no refresh token.
        more: &[("access_type", "offline"), ("prompt", "consent")],
        revoke: Some("https://oauth2.googleapis.com/revoke"),
        issuer: "https://accounts.google.com",
        admin: None,
    },
];

/// Where one grant's provider answers.
pub struct Addresses {
    /// Where a person's browser is sent.
    pub authorize: String,
    /// What that page is told beside the standard's own.
    pub more: &'static [(&'static str, &'static str)],
    /// Where tokens are asked for.
    pub token: Url,
    /// Where device codes are asked for.
    pub device: Option<Url>,
    /// Where tokens are taken back.
    pub revoke: Option<Url>,
    /// With this an answer's `iss` begins.
    pub issuer: String,
    /// Where an administrator consents for all.
    pub admin: Option<String>,
    /// What for.
    pub scope: String,
    /// The operator named the address.
    pub is_named_by_operator: bool,
}

/// The addresses of a grant.
///
/// # Errors
/// The field that is not right, and a sentence.
pub fn addresses(outside: &Outside, plan: &Plan) -> Result<Addresses, (&'static str, String)> {
    let unknown = || ("provider", "microsoft or google".to_owned());
    let known = Provider::named(&plan.provider).ok_or_else(unknown)?;
    let pages = PAGES.iter().find(|pages| pages.name == known.name).ok_or_else(unknown)?;
    let named = outside.identity_providers.iter().find(|(name, _)| *name == plan.provider);
    let directory = Some(plan.directory.as_str()).filter(|directory| !directory.is_empty());
    let place = |pattern: &str| {
        let filled = known.filled(pattern, directory).map_err(|wrong| ("directory", wrong))?;
        Ok::<_, (&'static str, String)>(named.map_or(filled.clone(), |(_, base)| moved(&filled, base)))
    };
    let url = |pattern: &str| Url::parse(&place(pattern)?).map_err(|wrong| ("provider", wrong));
    let shipped = match plan.flow {
        Flow::ClientCredentials | Flow::Dwd => known.application_scope,
        Flow::AuthCode | Flow::DeviceCode => known.user_scope,
    };
    Ok(Addresses {
        authorize: place(pages.authorize)?,
        more: pages.more,
        token: url(known.token_url)?,
        device: known.device_url.map(url).transpose()?,
        revoke: pages.revoke.map(url).transpose()?,
        issuer: named.map_or_else(|| pages.issuer.to_owned(), |(_, base)| base.clone()),
        admin: pages.admin.map(place).transpose()?,
        scope: if plan.scope.is_empty() { shipped.to_owned() } else { plan.scope.clone() },
        is_named_by_operator: named.is_some(),
    })
}

/// An address with another beginning: scheme, host and port.
fn moved(address: &str, base: &str) -> String {
    let path = address.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
    format!("{base}/{}", path.map_or("", |(_, path)| path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(provider: &str, directory: &str) -> Plan {
        Plan {
            provider: provider.to_owned(),
            flow: Flow::AuthCode,
            client_id: "c".to_owned(),
            directory: directory.to_owned(),
            scope: String::new(),
        }
    }

    #[test]
    fn addresses_are_the_providers_own_or_the_operators() {
        let outside = Outside::default();
        let found = addresses(&outside, &plan("microsoft", "acme.example")).ok().unwrap();
        assert_eq!(found.token.as_str(), "https://login.microsoftonline.com/acme.example/oauth2/v2.0/token");
        assert!(!found.is_named_by_operator && found.device.is_some() && found.revoke.is_none());
        let named = vec![("google".to_owned(), "http://127.0.0.1:81".to_owned())];
        let outside = Outside { identity_providers: named, ..outside };
        let found = addresses(&outside, &plan("google", "")).ok().unwrap();
        assert_eq!(found.authorize, "http://127.0.0.1:81/o/oauth2/v2/auth");
        assert_eq!(found.token.as_str(), "http://127.0.0.1:81/token");
        assert!(found.is_named_by_operator && found.device.is_none());
        for (provider, directory, field) in [
            ("evil", "", "provider"),
            ("microsoft", "a/../b", "directory"),
            ("microsoft", "a@b", "directory"),
        ] {
            let wrong = addresses(&Outside::default(), &plan(provider, directory)).err();
            assert_eq!(wrong.map(|(field, _)| field), Some(field), "{provider} {directory}");
        }
    }
}
