//! What a throw-away Dovecot is asked to be, and the configuration that says so.
//! Never starts anything.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Everything Dovecot 2.3 announces after login, before options take words away.
const CAPABILITIES: &str = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES \
    THREAD=REFS THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS \
    LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY \
    MOVE SPECIAL-USE STATUS=SIZE SAVEDATE LITERAL+ NOTIFY";

/// Where mail lies and how folder names look on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// One file per message, separator `/`, no prefix: the fastest.
    #[default]
    Sdbox,
    /// Maildir++: prefix `INBOX.`, separator `.`.
    MaildirPlusPlus,
    /// Maildir in nested folders, separator `/`.
    MaildirFs,
}

/// One account.
#[derive(Clone, Debug)]
pub struct DovecotUser {
    /// Login name.
    pub name: String,
    /// Password in clear; any octets but NUL.
    pub password: String,
    /// Storage limit in kibibytes; none when absent.
    pub quota_kib: Option<u64>,
}

impl DovecotUser {
    /// An account without a storage limit.
    #[must_use]
    pub fn new(name: &str, password: &str) -> Self {
        Self { name: name.to_owned(), password: password.to_owned(), quota_kib: None }
    }

    /// The same account with a storage limit, for `NO [OVERQUOTA]`.
    #[must_use]
    pub fn with_quota_kib(self, quota_kib: u64) -> Self {
        Self { quota_kib: Some(quota_kib), ..self }
    }
}

/// How one Dovecot is set up.
#[derive(Clone, Debug)]
pub struct DovecotOptions {
    /// Storage format and folder names.
    pub layout: Layout,
    /// Accounts.
    pub users: Vec<DovecotUser>,
    /// Administrators that may log in as `user*master`, with their own password.
    pub masters: Vec<(String, String)>,
    /// Offers STARTTLS on the plain port and TLS on a second one, with a certificate of the test CA.
    pub tls: bool,
    /// Capability words that are not announced, e.g. `MULTIAPPEND`.
    pub hidden_capabilities: Vec<String>,
    /// SASL mechanisms offered.
    pub mechanisms: Vec<String>,
    /// Sessions that one user may hold at once.
    pub user_sessions_max: u32,
    /// Offers COMPRESS=DEFLATE.
    pub compresses: bool,
    /// Largest message taken, in kibibytes.
    pub message_kib_max: Option<u64>,
    /// Where tokens are looked up (RFC 7662); XOAUTH2 and OAUTHBEARER are offered when present.
    pub introspection_url: Option<String>,
    /// Waits for the disk; off, because a throw-away server has nothing to lose.
    pub fsync: bool,
}

impl Default for DovecotOptions {
    fn default() -> Self {
        Self {
            layout: Layout::default(),
            users: vec![DovecotUser::new("ana", "segredo"), DovecotUser::new("bia", "segredo")],
            masters: Vec::new(),
            tls: false,
            hidden_capabilities: Vec::new(),
            mechanisms: ["plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256"]
                .map(String::from)
                .to_vec(),
            user_sessions_max: 50,
            compresses: false,
            message_kib_max: None,
            introspection_url: None,
            fsync: false,
        }
    }
}

/// The account that owns mail and runs the services.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) is_root: bool,
    pub(super) user: String,
    pub(super) group: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// Where one server listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    pub(super) plain: u16,
    pub(super) tls: Option<u16>,
}

/// Text of `dovecot.conf` for a server whose whole world is `root`.
pub(super) fn configuration(options: &DovecotOptions, owner: &Owner, ports: Ports, root: &Path) -> String {
    let root = root.display();
    let mut mechanisms = options.mechanisms.clone();
    if options.introspection_url.is_some() {
        mechanisms.extend(["xoauth2", "oauthbearer"].map(String::from));
    }
    let mut text = format!(
        "protocols = imap\nlisten = 127.0.0.1\nbase_dir = {root}/run\nstate_dir = {root}/run\n\
         log_path = {root}/log\nmail_fsync = {}\nmail_home = {root}/mail/%u\nauth_username_chars =\n\
         disable_plaintext_auth = no\nauth_mechanisms = {}\nauth_master_user_separator = *\n\
         auth_failure_delay = 0\nmail_max_keyword_length = 100\nmail_plugins = quota\n\
         service auth {{\n  unix_listener auth-userdb {{\n    mode = 0666\n  }}\n}}\n",
        if options.fsync { "optimized" } else { "never" },
        mechanisms.join(" "),
    );
    write_services(&mut text, owner, ports);
    write_accounts(&mut text, options, owner, &root.to_string());
    write_namespace(&mut text, options.layout);
    let hidden = &options.hidden_capabilities;
    let announced: Vec<&str> =
        CAPABILITIES.split_whitespace().filter(|word| !hidden.iter().any(|gone| gone == word)).collect();
    if !hidden.is_empty() {
        line(&mut text, &format!("imap_capability = {}", announced.join(" ")));
    }
    line(
        &mut text,
        &format!(
            "protocol imap {{\n  mail_plugins = quota imap_quota{}\n  mail_max_userip_connections = {}\n}}",
            if options.compresses { " imap_zlib" } else { "" },
            options.user_sessions_max
        ),
    );
    line(&mut text, "plugin {\n  quota = count:User quota\n  quota_vsizes = yes");
    if let Some(kib) = options.message_kib_max {
        line(&mut text, &format!("  quota_max_mail_size = {kib}k"));
    }
    line(&mut text, "}");
    if options.tls {
        line(&mut text, &format!("ssl = yes\nssl_cert = <{root}/cert.pem\nssl_key = <{root}/key.pem"));
    } else {
        line(&mut text, "ssl = no");
    }
    text
}

/// One line per account: name, password, and limits. Base64 lets a password hold colons and blanks.
pub(super) fn password_file(users: &[DovecotUser]) -> String {
    users.iter().fold(String::new(), |mut text, user| {
        let quota =
            user.quota_kib.map(|kib| format!("userdb_quota_rule=*:storage={kib}K")).unwrap_or_default();
        let secret = BASE64_STANDARD.encode(&user.password);
        line(&mut text, &format!("{}:{{PLAIN.b64}}{secret}::::::{quota}", user.name));
        text
    })
}

fn write_services(text: &mut String, owner: &Owner, ports: Ports) {
    if !owner.is_root {
        // Without root nothing can change user or root folder, so every service stays who started it.
        line(
            text,
            &format!(
                "default_internal_user = {0}\ndefault_login_user = {0}\ndefault_internal_group = {1}\n\
                 service anvil {{\n  chroot =\n}}\nservice stats {{\n  chroot =\n}}\n\
                 service auth-worker {{\n  user = {0}\n}}\nservice imap-login {{\n  chroot =\n}}",
                owner.user, owner.group
            ),
        );
    }
    let tls_port = ports.tls.unwrap_or(0);
    line(
        text,
        &format!(
            "service imap-login {{\n  service_count = 0\n  process_min_avail = 1\n  process_limit = 2\n  \
             client_limit = 2000\n  \
             inet_listener imap {{\n    address = 127.0.0.1\n    port = {}\n  }}\n  \
             inet_listener imaps {{\n    address = 127.0.0.1\n    port = {tls_port}\n    ssl = yes\n  }}\n}}\n\
             service imap {{\n  process_limit = 1000\n  service_count = 100\n}}\n\
             service anvil {{\n  client_limit = 4000\n  \
             unix_listener anvil-auth-penalty {{\n    mode = 0\n  }}\n}}\nservice auth {{\n  client_limit = 6000\n}}",
            ports.plain
        ),
    );
}

/// Text of the file that says how tokens are looked up: at each login, for nothing is cached.
pub(super) fn token_lookup(introspection_url: &str) -> String {
    format!(
        "introspection_url = {introspection_url}\nintrospection_mode = post\nforce_introspection = yes\n\
         username_attribute = username\nactive_attribute = active\nactive_value = true\ntimeout_msecs = 5000\n"
    )
}

fn write_accounts(text: &mut String, options: &DovecotOptions, owner: &Owner, root: &str) {
    if options.introspection_url.is_some() {
        line(
            text,
            &format!(
                "passdb {{\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = {root}/oauth2.conf\n}}"
            ),
        );
    }
    if !options.masters.is_empty() {
        line(
            text,
            &format!(
                "passdb {{\n  driver = passwd-file\n  master = yes\n  \
                 args = username_format=%u {root}/masters\n  result_success = continue\n}}"
            ),
        );
    }
    line(
        text,
        &format!(
            "passdb {{\n  driver = passwd-file\n  args = username_format=%u {root}/users\n}}\n\
             userdb {{\n  driver = passwd-file\n  args = username_format=%u {root}/users\n  \
             default_fields = uid={} gid={} home={root}/mail/%u\n}}",
            owner.uid, owner.gid
        ),
    );
    line(text, &format!("first_valid_uid = {}\nfirst_valid_gid = {}", owner.uid, owner.gid));
}

fn write_namespace(text: &mut String, layout: Layout) {
    let (location, prefix, separator) = match layout {
        Layout::Sdbox => ("sdbox:~/sdbox", "", "/"),
        Layout::MaildirPlusPlus => ("maildir:~/Maildir", "INBOX.", "."),
        Layout::MaildirFs => ("maildir:~/Maildir:LAYOUT=fs", "", "/"),
    };
    line(
        text,
        &format!(
            "mail_location = {location}\nnamespace {{\n  inbox = yes\n  prefix = {prefix}\n  separator = {separator}"
        ),
    );
    for (name, role) in
        [("Sent", "Sent"), ("Drafts", "Drafts"), ("Junk", "Junk"), ("Trash", "Trash"), ("Archive", "Archive")]
    {
        line(text, &format!("  mailbox {name} {{\n    special_use = \\{role}\n  }}"));
    }
    line(text, "}");
}

fn line(text: &mut String, addition: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{addition}");
}
