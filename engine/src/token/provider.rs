//! What is known of the identity providers that most mail stands behind: addresses and scopes.
//! Never the only way: a document may name its own addresses.
//!
//! Sources: the providers' own pages on IMAP with OAuth 2.0 (learn.microsoft.com, developers.google.com).

/// An identity provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    /// Its name in a document.
    pub name: &'static str,
    /// Where tokens are asked for; `{tenant}` is filled in.
    pub token_url: &'static str,
    /// Where a device code is asked for; none where the provider gives none for mail.
    pub device_url: Option<&'static str>,
    /// The tenant where a document names none; empty where there are no tenants.
    pub tenant: &'static str,
    /// The scope of an application that acts for itself (client credentials, service account).
    pub application_scope: &'static str,
    /// The scope of an application that acts for a user.
    pub user_scope: &'static str,
}

/// Every provider that is known.
pub const PROVIDERS: [Provider; 2] = [
    Provider {
        name: "microsoft",
        token_url: "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        device_url: Some("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/devicecode"),
        tenant: "organizations",
        application_scope: "https://outlook.office365.com/.default",
        user_scope: "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
    },
    Provider {
        name: "google",
        token_url: "https://oauth2.googleapis.com/token",
        // Mail is not among the scopes that Google gives to devices.
        device_url: None,
        tenant: "",
        application_scope: "https://mail.google.com/",
        user_scope: "https://mail.google.com/",
    },
];

impl Provider {
    /// The provider of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        PROVIDERS.into_iter().find(|provider| provider.name == name)
    }

    /// A pattern with the tenant in its place; the error says what is wrong with the tenant.
    pub fn filled(&self, pattern: &str, tenant: Option<&str>) -> Result<String, String> {
        let tenant = tenant.unwrap_or(self.tenant);
        let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_');
        if !tenant.bytes().all(is_plain) || tenant.contains("..") {
            return Err("tenant must be a domain or an id such as contoso.onmicrosoft.com".to_owned());
        }
        Ok(pattern.replace("{tenant}", tenant))
    }
}

#[cfg(test)]
mod tests {
    use super::super::http::Url;
    use super::*;

    #[test]
    fn every_shipped_address_is_one_that_secrets_may_go_to() {
        for provider in PROVIDERS {
            for pattern in [Some(provider.token_url), provider.device_url].into_iter().flatten() {
                let url = Url::parse(&provider.filled(pattern, None).unwrap()).unwrap();
                assert!(url.as_str().starts_with("https://") && !url.as_str().contains('{'), "{pattern}");
            }
        }
    }

    #[test]
    fn a_tenant_cannot_lead_elsewhere() {
        let microsoft = Provider::named("microsoft").unwrap();
        for (tenant, is_taken) in [
            ("contoso.onmicrosoft.com", true),
            ("00000000-0000-0000-0000-000000000000", true),
            ("common/../evil", false),
            ("..", false),
            ("a@evil.example", false),
            ("a?b", false),
        ] {
            assert_eq!(microsoft.filled(microsoft.token_url, Some(tenant)).is_ok(), is_taken, "{tenant}");
        }
    }
}
