//! The configuration of one throw-away Dovecot, in the language of 2.3 and of 2.4.
//! Never names a folder outside the server's own.

use std::path::Path;

/// Who owns the mail and runs the processes.
#[derive(Debug, Clone)]
pub struct Owner {
    /// True where the master runs as root and gives its rights up.
    pub is_root: bool,
    /// The user's number that owns mail.
    pub uid: u32,
    /// The group's number that owns mail.
    pub gid: u32,
    /// The name of the user who runs this program.
    pub user: String,
    /// The name of his group.
    pub group: String,
}

/// What one server is told.
#[derive(Debug)]
pub struct Settings<'a> {
    /// Its own folder.
    pub root: &'a Path,
    /// Its port on loopback.
    pub port: u16,
    /// Who runs it.
    pub owner: &'a Owner,
    /// `2.4.1` of `dovecot --version`.
    pub version: &'a str,
    /// Folders with a special use: name and use.
    pub roles: &'a [(&'a str, &'a str)],
}

/// The text of `dovecot.conf`.
pub fn configuration(settings: &Settings<'_>) -> String {
    let is_new = is_2_4(settings.version);
    let words = if is_new { new_words(settings) } else { old_words(settings) };
    format!("{words}{}{}{}", common(settings), services(settings), namespace(settings.roles))
}

/// The accounts.
pub fn users(users: &[String], password: &str) -> String {
    users.iter().map(|user| format!("{user}:{{PLAIN}}{password}::::::\n")).collect()
}

fn is_2_4(version: &str) -> bool {
    let mut numbers = version.split(['.', ' ', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (2, 4)
}

fn common(settings: &Settings<'_>) -> String {
    let (root, owner) = (settings.root.display(), settings.owner);
    format!(
        "listen = 127.0.0.1\nbase_dir = {root}/run\nstate_dir = {root}/run\nlog_path = {root}/log\n\
         mail_fsync = never\nauth_mechanisms = plain login\nssl = no\nfirst_valid_uid = {}\n\
         first_valid_gid = {}\nmail_max_keyword_length = 100\n",
        owner.uid, owner.gid
    )
}

fn old_words(settings: &Settings<'_>) -> String {
    let (root, owner) = (settings.root.display(), settings.owner);
    format!(
        "protocols = imap\ndisable_plaintext_auth = no\nmail_location = sdbox:~/sdbox\n\
         mail_home = {root}/mail/%u\nauth_username_chars =\n\
         passdb {{\n  driver = passwd-file\n  args = username_format=%u {root}/users\n}}\n\
         userdb {{\n  driver = static\n  args = uid={} gid={} home={root}/mail/%u\n}}\n",
        owner.uid, owner.gid
    )
}

fn new_words(settings: &Settings<'_>) -> String {
    let (root, owner) = (settings.root.display(), settings.owner);
    let number = settings.version.split_whitespace().next().unwrap_or("2.4.0");
    format!(
        "dovecot_config_version = {number}\ndovecot_storage_version = 2.4.0\nprotocols {{\n  imap = yes\n}}\n\
         auth_allow_cleartext = yes\nmail_driver = sdbox\nmail_path = ~/sdbox\n\
         mail_home = {root}/mail/%{{user}}\nauth_username_chars =\n\
         passdb passwd-file {{\n  passwd_file_path = {root}/users\n}}\n\
         userdb static {{\n  fields {{\n    uid = {}\n    gid = {}\n    home = {root}/mail/%{{user}}\n  }}\n}}\n",
        owner.uid, owner.gid
    )
}

fn services(settings: &Settings<'_>) -> String {
    let owner = settings.owner;
    let mut text = format!(
        "service imap-login {{\n  service_count = 0\n  process_min_avail = 1\n  \
         inet_listener imap {{\n    port = {}\n  }}\n  inet_listener imaps {{\n    port = 0\n  }}\n}}\n\
         service imap {{\n  process_limit = 256\n}}\n",
        settings.port
    );
    if !owner.is_root {
        // Without root nothing can change user or root folder, so every service stays who started it.
        text.push_str(&format!(
            "default_internal_user = {0}\ndefault_login_user = {0}\ndefault_internal_group = {1}\n\
             service anvil {{\n  chroot =\n}}\nservice stats {{\n  chroot =\n}}\n\
             service auth-worker {{\n  user = {0}\n}}\nservice imap-login {{\n  chroot =\n}}\n",
            owner.user, owner.group
        ));
    }
    text
}

fn namespace(roles: &[(&str, &str)]) -> String {
    let mailboxes = roles.iter().map(|(name, role)| {
        format!("  mailbox {name} {{\n    auto = subscribe\n    special_use = \\{role}\n  }}\n")
    });
    format!("namespace inbox {{\n  inbox = yes\n  separator = /\n{}}}\n", mailboxes.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dovecot_is_spoken_to_in_its_own_words() {
        let owner =
            Owner { is_root: false, uid: 1000, gid: 1000, user: "ana".to_owned(), group: "ana".to_owned() };
        let text = |version| {
            let roles = &[("Enviados", "Sent")];
            configuration(&Settings { root: Path::new("/t"), port: 1143, owner: &owner, version, roles })
        };
        for (version, is_new) in
            [("2.3.19.1 (9b53102964)", false), ("2.4.1-4 (7d8c0e5759)", true), ("3.0", true)]
        {
            assert_eq!(text(version).starts_with("dovecot_config_version"), is_new, "{version}");
            assert_eq!(text(version).contains("mail_location"), !is_new, "{version}");
            assert!(text(version).contains("port = 1143"));
        }
    }
}
