//! Scripts that speak as servers of certain kinds do: greeting, ID, capabilities, and what they do not bear.
//! Never more than what was seen of them; a test adds what it wants to see happen.

use super::behaviour::Manners;
use super::server::Script;
use super::strict::Strictness;

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the server of its name")]
pub enum Dialect {
    Gmail,
    Microsoft365,
    Exchange,
    Yahoo,
    Icloud,
    Zimbra,
    Stalwart,
    Courier,
    Cyrus,
    Dovecot,
    Cpanel,
}

impl Dialect {
    /// All of them, with the names of their profiles.
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::Gmail, "gmail"),
        (Self::Microsoft365, "microsoft365"),
        (Self::Exchange, "exchange"),
        (Self::Yahoo, "yahoo"),
        (Self::Icloud, "icloud"),
        (Self::Zimbra, "zimbra"),
        (Self::Stalwart, "stalwart"),
        (Self::Courier, "courier"),
        (Self::Cyrus, "cyrus"),
        (Self::Dovecot, "dovecot"),
        (Self::Cpanel, "cpanel"),
    ];

    /// A script in this dialect.
    #[must_use]
    pub fn script(self) -> Script {
        Script::new().manners(|manners| self.speak(manners))
    }

    fn speak(self, manners: &mut Manners) {
        let (greeting, id, capabilities) = self.words();
        manners.greeting = greeting.to_owned();
        manners.id = id.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        manners.capabilities = capabilities.to_owned();
        manners.strict = self.strictness();
        match self {
            Self::Gmail => {
                manners.append_limit = Some(35_651_584);
                manners.merges_duplicates = true;
            }
            Self::Yahoo => manners.append_limit = Some(41_697_280),
            Self::Microsoft365 | Self::Exchange => manners.is_case_insensitive = true,
            Self::Zimbra => manners.refused_name_characters = ":\"".to_owned(),
            Self::Cpanel | Self::Courier => {
                manners.delimiter = Some('.');
                manners.namespace = Some(r#"(("INBOX." ".")) NIL NIL"#.to_owned());
            }
            _ => {}
        }
    }

    /// Greeting, ID and capabilities after login.
    const fn words(self) -> (&'static str, &'static [(&'static str, &'static str)], &'static str) {
        match self {
            Self::Gmail => (
                "OK Gimap ready for requests from 192.0.2.7 a640c23a62f3amb",
                &[("name", "GImap"), ("vendor", "Google, Inc.")],
                "IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 UIDPLUS ENABLE MOVE \
                 CONDSTORE ESEARCH UTF8=ACCEPT LIST-EXTENDED LIST-STATUS LITERAL- SPECIAL-USE",
            ),
            Self::Microsoft365 => (
                "OK The Microsoft Exchange IMAP4 service is ready. [TABPADIAUAAyADYANQBDAEEAMAAwADcANAA=]",
                &[("name", "Microsoft.Exchange.Imap4.Imap4Server"), ("version", "15.20")],
                "IMAP4 IMAP4rev1 SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+",
            ),
            Self::Exchange => (
                "OK The Microsoft Exchange IMAP4 service is ready.",
                &[("name", "Microsoft.Exchange.Imap4.Imap4Server"), ("version", "15.1")],
                "IMAP4 IMAP4rev1 UIDPLUS CHILDREN IDLE NAMESPACE LITERAL+ ID",
            ),
            Self::Yahoo => (
                "OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=XOAUTH2 AUTH=OAUTHBEARER ID MOVE NAMESPACE \
                 XYMHIGHESTMODSEQ UIDPLUS LITERAL+ CHILDREN UNSELECT X-MSG-EXT OBJECTID IDLE ENABLE UIDONLY \
                 LIST-EXTENDED LIST-STATUS SPECIAL-USE PARTIAL APPENDLIMIT=41697280] IMAP4rev1 \
                 imapgate-2.1.7 imap425.mail.bf1.yahoo.com",
                &[("vendor", "Yahoo! Inc."), ("support-url", "https://help.yahoo.com/")],
                "IMAP4rev1 SASL-IR ID MOVE NAMESPACE XYMHIGHESTMODSEQ UIDPLUS LITERAL+ CHILDREN UNSELECT \
                 X-MSG-EXT OBJECTID IDLE ENABLE UIDONLY LIST-EXTENDED LIST-STATUS SPECIAL-USE PARTIAL",
            ),
            Self::Icloud => (
                "OK [CAPABILITY XAPPLEPUSHSERVICE IMAP4 IMAP4rev1 SASL-IR AUTH=ATOKEN AUTH=PLAIN] \
                 (2109B29-d3afe4d5aba6) pv33p00im-iscream021.me.com",
                &[("vendor", "Apple")],
                "XAPPLEPUSHSERVICE IMAP4 IMAP4rev1 CONDSTORE ENABLE QRESYNC QUOTA NAMESPACE UIDPLUS CHILDREN \
                 BINARY UNSELECT SORT CATENATE ESEARCH WITHIN SASL-IR SEARCHRES METADATA ID X-SUN-IMAP XUM1 IDLE \
                 LIST-STATUS",
            ),
            Self::Zimbra => (
                "OK mail.example.com Zimbra IMAP4rev1 server ready",
                &[("NAME", "Zimbra"), ("VERSION", "8.8.15_GA_4059"), ("USER", "ana")],
                "IMAP4rev1 CHILDREN CONDSTORE ENABLE ESEARCH ID IDLE LIST-EXTENDED LIST-STATUS LITERAL+ \
                 MULTIAPPEND NAMESPACE QRESYNC QUOTA SASL-IR UIDPLUS UNSELECT XLIST",
            ),
            Self::Stalwart => (
                "OK Stalwart IMAP4rev2 at your service.",
                &[("name", "Stalwart"), ("version", "0.13")],
                "IMAP4rev2 IMAP4rev1 ENABLE SASL-IR LITERAL+ ID UTF8=ACCEPT NAMESPACE UIDPLUS MULTIAPPEND \
                 CONDSTORE ESEARCH LIST-EXTENDED LIST-STATUS SPECIAL-USE CHILDREN UNSELECT MOVE STATUS=SIZE",
            ),
            Self::Courier => (
                "OK Courier-IMAP ready. Copyright 1998-2022 Double Precision, Inc.  See COPYING for \
                 distribution information.",
                &[("name", "Courier")],
                "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE",
            ),
            Self::Cyrus => (
                "OK mail Cyrus IMAP 3.6.1-Debian-3.6.1-4+deb12u3 server ready",
                &[("name", "Cyrus IMAPD"), ("vendor", "Project Cyrus")],
                "IMAP4rev1 LITERAL+ ID ENABLE NAMESPACE UIDPLUS MULTIAPPEND CONDSTORE ESEARCH LIST-EXTENDED \
                 LIST-STATUS SPECIAL-USE CHILDREN UNSELECT MOVE STATUS=SIZE",
            ),
            Self::Dovecot => (
                "OK Dovecot ready.",
                &[("name", "Dovecot")],
                "IMAP4rev1 SASL-IR LITERAL+ ID ENABLE NAMESPACE UIDPLUS MULTIAPPEND CONDSTORE ESEARCH \
                 LIST-EXTENDED LIST-STATUS SPECIAL-USE CHILDREN UNSELECT MOVE",
            ),
            Self::Cpanel => (
                "OK Dovecot ready.",
                &[("name", "Dovecot")],
                "IMAP4rev1 SASL-IR LITERAL+ ID ENABLE NAMESPACE UIDPLUS CONDSTORE ESEARCH LIST-EXTENDED \
                 LIST-STATUS SPECIAL-USE CHILDREN UNSELECT MOVE",
            ),
        }
    }

    /// What it does not bear.
    fn strictness(self) -> Strictness {
        let own = String::from;
        match self {
            Self::Gmail => Strictness {
                spare_blanks: Some(own("NO [CANNOT] Folder contains excess whitespace (Failure)")),
                connections_refusal: Some(own("NO [ALERT] Too many simultaneous connections. (Failure)")),
                ..Strictness::default()
            },
            Self::Microsoft365 => Strictness {
                refusals_max: Some(10),
                command_octets: Some((4_096, own("BAD Command Error. 12"))),
                uids: Some((1_000, own("BAD Command Error. 10"))),
                reserved: Some((vec![own("Files")], own("NO Folder name is reserved"))),
                ..Strictness::default()
            },
            Self::Exchange => Strictness {
                refusals_max: Some(10),
                command_octets: Some((10_240, own("BAD Command Error. 12"))),
                spare_blanks: Some(own("NO Invalid mailbox name")),
                ..Strictness::default()
            },
            Self::Yahoo => Strictness {
                tells_modseq_without_condstore: true,
                uids: Some((1_000, own("NO [LIMIT] UID FETCH Rate limit hit."))),
                final_line_end: Some(own(
                    "BAD [CLIENTBUG] APPEND Additional arguments found after last expected argument",
                )),
                ..Strictness::default()
            },
            Self::Icloud => Strictness { refuses_list_return: true, ..Strictness::default() },
            Self::Zimbra => Strictness {
                refusals_max: Some(5),
                command_octets: Some((10_240, own("BAD request too long"))),
                creates_in_row_max: Some(25),
                spare_blanks: Some(own("NO CREATE failed: invalid name")),
                reserved: Some((vec![own("Contacts"), own("Calendar")], own("NO CREATE failed"))),
                ..Strictness::default()
            },
            Self::Courier => Strictness {
                forgets_uidvalidity_on_examine: true,
                connections_refusal: Some(String::new()),
                ..Strictness::default()
            },
            Self::Cyrus => Strictness {
                connections_refusal: Some(own("NO Too many open connections (4 of this user)")),
                ..Strictness::default()
            },
            Self::Dovecot | Self::Cpanel => Strictness {
                connections_refusal: Some(own(
                    "NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded \
                     (mail_max_userip_connections=3)",
                )),
                ..Strictness::default()
            },
            Self::Stalwart => Strictness::default(),
        }
    }
}
