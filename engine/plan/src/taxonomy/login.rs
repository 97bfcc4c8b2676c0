//! Refusals of a login: who we are, what we may open, how we must come.
//! Never tried again without a change by somebody, so that no account is locked.

use super::advice::{APP_PASSWORD, CREDENTIALS, RIGHTS, TLS, TOKEN};
use super::row::{Doing, Row, Seen, Verdict};
use crate::failure::Class::{
    AuthAppPassword, AuthBadCredentials, AuthNoMailboxRights, AuthTokenExpired, TlsRequired,
};
use crate::failure::Reach::Account;

/// Words of providers that take no password of a person from a program.
const WANTS_APP_PASSWORD: &[&str] = &[
    "application-specific password",
    "app password",
    "application password",
    "app-specific password",
    "via your web browser",
    "web login required",
    "basicauthblocked",
];

const LOGIN: &[Doing] = &[Doing::Login];

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "auth.bad_credentials",
        seen: Seen::code("AUTHENTICATIONFAILED"),
        verdict: Verdict::never(AuthBadCredentials, Account),
        sample: "NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)",
        advice: CREDENTIALS,
        source: "RFC 5530 §3",
    },
    Row {
        id: "auth.app_password_needed",
        seen: Seen::texts(WANTS_APP_PASSWORD).at(LOGIN).by("Gmail"),
        verdict: Verdict::never(AuthAppPassword, Account),
        sample: "NO [ALERT] Application-specific password required: \
            https://support.google.com/accounts/answer/185833 (Failure)",
        advice: APP_PASSWORD,
        source: "Gmail, Microsoft 365",
    },
    Row {
        id: "auth.app_password_coded",
        seen: Seen::code("AUTHENTICATIONFAILED").saying(WANTS_APP_PASSWORD).by("iCloud"),
        verdict: Verdict::never(AuthAppPassword, Account),
        sample: "NO [AUTHENTICATIONFAILED] Please use an app-specific password",
        advice: APP_PASSWORD,
        source: "iCloud, Yahoo",
    },
    Row {
        id: "auth.web_login",
        seen: Seen::code("WEBALERT").at(LOGIN).by("Gmail"),
        verdict: Verdict::never(AuthAppPassword, Account),
        sample: "NO [WEBALERT https://accounts.google.com/signin/continue] Web login required. (Failure)",
        advice: "let the mailbox's owner log in once in a browser and confirm, or make an app password or a \
            token; then run again",
        source: "Gmail",
    },
    Row {
        id: "auth.no_mailbox_rights",
        seen: Seen::code("AUTHORIZATIONFAILED"),
        verdict: Verdict::never(AuthNoMailboxRights, Account),
        sample: "NO [AUTHORIZATIONFAILED] Not allowed to act as that user",
        advice: RIGHTS,
        source: "RFC 5530 §3",
    },
    Row {
        id: "auth.no_permission",
        seen: Seen::code("NOPERM").at(LOGIN),
        verdict: Verdict::never(AuthNoMailboxRights, Account),
        sample: "NO [NOPERM] No permission",
        advice: RIGHTS,
        source: "RFC 5530 §3",
    },
    Row {
        id: "auth.not_connected",
        seen: Seen::texts(&["authenticated but not connected"]).by("Exchange"),
        verdict: Verdict::never(AuthNoMailboxRights, Account),
        sample: "BAD User is authenticated but not connected.",
        advice: "the login worked and the mailbox does not open: check that it exists and has a licence, and \
            grant the login full access to it (Add-MailboxPermission … -AccessRights FullAccess)",
        source: "Microsoft 365, Exchange",
    },
    Row {
        id: "auth.imap_off",
        seen: Seen::texts(&[
            "enable imap",
            "not enabled for imap",
            "imap * disabled",
            "imap access is not",
            "imap is not enabled",
        ])
        .at(LOGIN),
        verdict: Verdict::never(AuthNoMailboxRights, Account),
        sample: "NO [ALERT] Your account is not enabled for IMAP use. Please visit your Gmail settings page \
            and enable your account for IMAP access. (Failure)",
        advice: "switch IMAP on for this mailbox at the provider, then run again",
        source: "Gmail, Zoho, Microsoft 365",
    },
    Row {
        id: "auth.locked",
        seen: Seen::texts(&[
            "account * locked",
            "account * disabled",
            "account * blocked",
            "account * suspended",
            "lockout",
            "too many login attempts",
            "too many failed",
        ])
        .at(LOGIN),
        verdict: Verdict::never(AuthNoMailboxRights, Account),
        sample: "NO Account is temporarily locked",
        advice: "the account is locked, maybe for some time only: let its administrator open it or wait, check the \
            password, then run again",
        source: "Zimbra, Exchange",
    },
    Row {
        id: "auth.contact_admin",
        seen: Seen::code("CONTACTADMIN").at(LOGIN),
        verdict: Verdict::never(AuthNoMailboxRights, Account),
        sample: "NO [CONTACTADMIN] Please call the help desk",
        advice: "ask the server's administrator: the server says that only he can help",
        source: "RFC 5530 §3",
    },
    Row {
        id: "auth.referral",
        seen: Seen::code("REFERRAL").at(LOGIN),
        verdict: Verdict::never(AuthNoMailboxRights, Account),
        sample: "NO [REFERRAL IMAP://ana@mail2.example.com/] Your mailbox is elsewhere",
        advice: "the mailbox is on another server: give the one that the answer names",
        source: "RFC 2221",
    },
    Row {
        id: "auth.token_expired",
        seen: Seen::code("EXPIRED"),
        verdict: Verdict::never(AuthTokenExpired, Account),
        sample: "NO [EXPIRED] That password is no longer valid",
        advice: TOKEN,
        source: "RFC 5530 §3",
    },
    Row {
        id: "auth.token_refused",
        seen: Seen::code("AUTHENTICATIONFAILED").saying(&["access token", "invalid_token"]).by("Yahoo"),
        verdict: Verdict::never(AuthTokenExpired, Account),
        sample: "NO [AUTHENTICATIONFAILED] (#AUTH901) The provided OAuth2 access token is invalid",
        advice: TOKEN,
        source: "Yahoo",
    },
    Row {
        id: "auth.token_expired_text",
        seen: Seen::texts(&["token * expired", "expired token", "invalid_token", "accesstokenexpired"])
            .at(LOGIN),
        verdict: Verdict::never(AuthTokenExpired, Account),
        sample: "NO AUTHENTICATE failed: the access token has expired",
        advice: TOKEN,
        source: "Microsoft 365, RFC 7628 §3.2.2",
    },
    Row {
        id: "tls.required",
        seen: Seen::code("PRIVACYREQUIRED"),
        verdict: Verdict::never(TlsRequired, Account),
        sample: "NO [PRIVACYREQUIRED] Cleartext authentication disallowed on non-secure connections.",
        advice: TLS,
        source: "RFC 5530 §3",
    },
    Row {
        id: "tls.required_text",
        seen: Seen::texts(&[
            "cleartext authentication dis",
            "plaintext authentication dis",
            "must issue a starttls",
            "encryption required",
        ]),
        verdict: Verdict::never(TlsRequired, Account),
        sample: "NO cleartext authentication disabled",
        advice: TLS,
        source: "Dovecot, Cyrus, Zimbra",
    },
    Row {
        id: "auth.login_failed",
        seen: Seen::texts(&[
            "login fail",
            "authenticate failed",
            "authentication failed",
            "invalid credentials",
            "invalid login",
            "incorrect password",
            "username or password",
            "user name or password",
            "password not accepted",
            "wrong password",
        ])
        .at(LOGIN),
        verdict: Verdict::never(AuthBadCredentials, Account),
        sample: "NO LOGIN failed.",
        advice: CREDENTIALS,
        source: "Exchange, Cyrus, Courier",
    },
];
