//! How a credential comes by its tokens: everything of it that is no secret.
//! Never holds one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::provider::{self, Addresses};
use crate::config::Outside;

/// The longest name, id or scope, in octets.
const WORD_BYTES_MAX: usize = 512;

/// By which way a token comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    /// A person consents in this browser (RFC 6749 §4.1, RFC 7636).
    AuthCode,
    /// A person consents on another device (RFC 8628).
    DeviceCode,
    /// The application asks for itself (RFC 6749 §4.4): Microsoft 365 for a whole tenant.
    ClientCredentials,
    /// A service account asks for each mailbox (RFC 7523): domain-wide delegation of a whole Google Workspace.
    Dwd,
}

impl Flow {
    /// The name in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthCode => "auth_code",
            Self::DeviceCode => "device_code",
            Self::ClientCredentials => "client_credentials",
            Self::Dwd => "dwd",
        }
    }

    /// A person has to consent before there is a token.
    #[must_use]
    pub const fn needs_a_person(self) -> bool {
        matches!(self, Self::AuthCode | Self::DeviceCode)
    }
}

/// How a credential comes by its tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// `microsoft` or `google`.
    pub provider: String,
    /// By which way.
    pub flow: Flow,
    /// The application that the provider knows; none for a service account.
    #[serde(default)]
    pub client_id: String,
    /// Microsoft: the directory's domain or id; anybody's where nothing is said.
    #[serde(default)]
    pub directory: String,
    /// What for, instead of the provider's scope for mail.
    #[serde(default)]
    pub scope: String,
}

impl Plan {
    /// Reads one as it was written down.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|_| "how its tokens come cannot be read".to_owned())
    }

    /// Looks at one that somebody asks for.
    ///
    /// # Errors
    /// The field, and a sentence.
    pub fn check(&self, outside: &Outside) -> Result<Addresses, (&'static str, String)> {
        let words = [("client_id", &self.client_id), ("directory", &self.directory), ("scope", &self.scope)];
        for (field, text) in words {
            if text.len() > WORD_BYTES_MAX || text.chars().any(char::is_control) {
                return Err((field, format!("at most {WORD_BYTES_MAX} octets, none of control")));
            }
        }
        if self.flow != Flow::Dwd && self.client_id.is_empty() {
            return Err(("client_id", "the application's id at the provider".to_owned()));
        }
        let addresses = provider::addresses(outside, self)?;
        match (self.flow, self.provider.as_str()) {
            (Flow::Dwd, "microsoft") => Err((
                "flow",
                "Microsoft has no delegation to service accounts: use client_credentials".to_owned(),
            )),
            (Flow::ClientCredentials, "google") => {
                Err(("flow", "Google gives applications no tokens for mail: use dwd".to_owned()))
            }
            (Flow::DeviceCode, _) if addresses.device.is_none() => {
                Err(("flow", format!("{} gives no device codes for mail", self.provider)))
            }
            _ => Ok(addresses),
        }
    }
}
