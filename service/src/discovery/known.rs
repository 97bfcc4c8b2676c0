//! Domains and mail exchangers whose mail servers are published by those who run them.
//! Never a guess: a name that is not here is not known.

/// Domains: domain, host, profile.
const PRESETS: [(&str, &str, &str); 14] = [
    ("gmail.com", "imap.gmail.com", "gmail"),
    ("googlemail.com", "imap.gmail.com", "gmail"),
    ("outlook.com", "outlook.office365.com", "microsoft365"),
    ("hotmail.com", "outlook.office365.com", "microsoft365"),
    ("live.com", "outlook.office365.com", "microsoft365"),
    ("yahoo.com", "imap.mail.yahoo.com", "yahoo"),
    ("yahoo.com.br", "imap.mail.yahoo.com", "yahoo"),
    ("icloud.com", "imap.mail.me.com", "icloud"),
    ("me.com", "imap.mail.me.com", "icloud"),
    ("zoho.com", "imap.zoho.com", "zoho"),
    ("uol.com.br", "imap.uol.com.br", "uol"),
    ("bol.com.br", "imap.bol.com.br", "uol"),
    ("terra.com.br", "imap.terra.com.br", "terra"),
    ("titan.email", "imap.titan.email", "titan"),
];

/// Exchangers, by what their names end with: ending, host, profile.
const EXCHANGERS: [(&str, &str, &str); 9] = [
    ("google.com", "imap.gmail.com", "gmail"),
    ("googlemail.com", "imap.gmail.com", "gmail"),
    ("mail.protection.outlook.com", "outlook.office365.com", "microsoft365"),
    ("yahoodns.net", "imap.mail.yahoo.com", "yahoo"),
    ("mail.icloud.com", "imap.mail.me.com", "icloud"),
    ("zoho.com", "imap.zoho.com", "zoho"),
    ("titan.email", "imap.titan.email", "titan"),
    ("locaweb.com.br", "email-ssl.com.br", "locaweb"),
    ("kinghost.net", "imap.kinghost.net", "kinghost"),
];

/// Host and profile of a domain.
pub(super) fn preset(domain: &str) -> Option<(&'static str, &'static str)> {
    PRESETS.iter().find(|(known, ..)| *known == domain).map(|(_, host, profile)| (*host, *profile))
}

/// Host and profile of whoever runs a mail exchanger.
pub(super) fn exchanger(host: &str) -> Option<(&'static str, &'static str)> {
    let ends =
        |ending: &str| host.strip_suffix(ending).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    EXCHANGERS.iter().find(|(ending, ..)| ends(ending)).map(|(_, host, profile)| (*host, *profile))
}

#[cfg(test)]
mod tests {
    use malote_engine::profile::named;

    use super::*;

    #[test]
    fn every_place_names_a_profile_that_is_shipped() {
        for (name, host, profile) in PRESETS.iter().chain(&EXCHANGERS) {
            assert!(named(profile).is_some(), "{name}: {profile}");
            assert!(crate::dialer::is_host(host), "{name}: {host}");
        }
    }

    #[test]
    fn an_exchanger_is_known_by_whole_labels() {
        for (host, expected) in [
            ("aspmx.l.google.com", Some("imap.gmail.com")),
            ("acme-com.mail.protection.outlook.com", Some("outlook.office365.com")),
            ("google.com", Some("imap.gmail.com")),
            ("evilgoogle.com", None),
            ("google.com.evil.example", None),
            ("", None),
        ] {
            assert_eq!(exchanger(host).map(|(host, _)| host), expected, "{host}");
        }
    }
}
