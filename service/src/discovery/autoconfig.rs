//! Reads what a domain publishes for mail programs: the XML form that Mozilla's began and others took over.
//! Never resolves an entity, never takes a place without TLS, and never holds more of a document than its limit.

use malote_engine::token::Url;
use roxmltree::{Document, Node, ParsingOptions};

use crate::dialer::is_host;

/// Nodes of a document that are read, at most.
const NODES_MAX: u32 = 10_000;
/// Octets of a document that are read, at most.
const OCTETS_MAX: usize = 256 * 1024;
/// Servers of a document that are read, at most.
const SERVERS_MAX: usize = 8;

/// What a login is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    /// The whole address.
    Address,
    /// What stands before the `@`.
    LocalPart,
    /// Something else, or nothing is said.
    Unsaid,
}

/// An IMAP server that a document offers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offered {
    pub host: String,
    pub port: u16,
    pub tls: &'static str,
    pub user: User,
}

/// An address to be read: `https` alone, as what is published in clear may be anybody's word.
pub(super) fn address(text: &str) -> Result<Url, String> {
    let said: String = text.chars().filter(char::is_ascii_graphic).take(200).collect();
    if !text.starts_with("https://") {
        return Err(format!("{said} is not read: it must begin with https://"));
    }
    let url = Url::parse(text).map_err(|_| format!("{said} is no address"))?;
    if is_host(url.host()) { Ok(url) } else { Err(format!("{said} names no host")) }
}

/// The IMAP servers of a document.
pub(super) fn read(octets: &[u8], domain: &str) -> Result<Vec<Offered>, String> {
    if octets.len() > OCTETS_MAX {
        return Err(format!("it has more than {OCTETS_MAX} octets"));
    }
    let text = std::str::from_utf8(octets).map_err(|_| "it is not UTF-8")?;
    let options = ParsingOptions { nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document =
        Document::parse_with_options(text, options).map_err(|_| "it is no XML that can be read")?;
    if document.root_element().tag_name().name() != "clientConfig" {
        return Err("it is no configuration of mail programs".to_owned());
    }
    let is_server = |node: &Node<'_, '_>| {
        node.has_tag_name("incomingServer") && node.attribute("type").is_some_and(|kind| kind == "imap")
    };
    let servers = document.descendants().filter(is_server).take(SERVERS_MAX);
    Ok(servers.filter_map(|server| offered(&server, domain)).collect())
}

fn offered(server: &Node<'_, '_>, domain: &str) -> Option<Offered> {
    let text = |name: &str| {
        let child = server.children().find(|node| node.has_tag_name(name))?;
        child.text().map(str::trim)
    };
    let host = text("hostname")?.replace("%EMAILDOMAIN%", domain).to_ascii_lowercase();
    let port = text("port")?.parse().ok().filter(|port| *port != 0)?;
    let tls = match text("socketType")? {
        "SSL" => "implicit",
        "STARTTLS" => "starttls",
        _ => return None,
    };
    let user = match text("username") {
        Some("%EMAILADDRESS%" | "%EMAILLOCALPART%@%EMAILDOMAIN%") => User::Address,
        Some("%EMAILLOCALPART%") => User::LocalPart,
        _ => User::Unsaid,
    };
    is_host(&host).then_some(Offered { host, port, tls, user })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(server: &str) -> String {
        format!(
            r#"<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="x">{server}</emailProvider>
            </clientConfig>"#
        )
    }

    #[test]
    fn servers_are_read_and_what_is_not_safe_is_left_out() {
        let good = "<hostname>IMAP.%EMAILDOMAIN%</hostname><port>993</port><socketType>SSL</socketType>\
                    <username>%EMAILADDRESS%</username>";
        let imap =
            |inner: &str| document(&format!(r#"<incomingServer type="imap">{inner}</incomingServer>"#));
        let expected =
            Offered { host: "imap.x.example".to_owned(), port: 993, tls: "implicit", user: User::Address };
        assert_eq!(read(imap(good).as_bytes(), "x.example"), Ok(vec![expected]));
        for inner in [
            &good.replace("SSL", "plain"),
            &good.replace("993", "0"),
            &good.replace("993", "99999"),
            &good.replace("IMAP", "a b"),
            &good.replace("IMAP.%EMAILDOMAIN%", "2130706433"),
            "",
        ] {
            assert_eq!(read(imap(inner).as_bytes(), "x.example"), Ok(vec![]), "{inner}");
        }
        let pop = document(&format!(r#"<incomingServer type="pop3">{good}</incomingServer>"#));
        assert_eq!(read(pop.as_bytes(), "x.example"), Ok(vec![]));
    }

    #[test]
    fn hostile_documents_are_refused() {
        let bomb = r#"<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><clientConfig>&b;</clientConfig>"#;
        let deep = format!("<clientConfig>{}", "<a>".repeat(20_000));
        let wide = format!("<clientConfig>{}</clientConfig>", "<a/>".repeat(20_000));
        for text in ["", "<", "<html></html>", bomb, &deep, &wide, &"x".repeat(OCTETS_MAX + 1)] {
            assert!(read(text.as_bytes(), "x.example").is_err(), "{:.60}", text);
        }
        assert!(read(b"<clientConfig>\xff</clientConfig>", "x.example").is_err());
    }

    #[test]
    fn only_addresses_with_tls_are_read() {
        for (text, is_taken) in [
            ("https://autoconfig.x.example/mail/config-v1.1.xml", true),
            ("http://127.0.0.1/", false),
            ("https://2130706433/", false),
            ("https://a@b.example/", false),
            ("//x.example/", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(address(text).is_ok(), is_taken, "{text}");
        }
    }
}
