//! Options that say where the accounts are, who logs in and how the line is protected.

use super::super::getopt::Takes::{Nothing, Pair, Real, Switch, Text, Whole};
use super::{Fate, Row, auto, no, to};

const PRESET_GMAIL: &str = "the host, TLS, --automap and imapsync's name rules of this preset; --gmail-labels \
    folders: every label is a folder, each message is read once and All Mail adds only what has no label; its ceilings \
    are not taken over: Malote slows down when the server asks for it";
const PRESET_EXCHANGE: &str = "its ceilings and changes to messages are not taken over: Malote slows down when the \
    server asks for it, alters no message, and quarantines the one that is refused";
const OWN_AUTH: &str = "?auth=; LOGIN, PLAIN, CRAM-MD5, XOAUTH2 with --oauthaccesstoken; any other is refused by name: \
    NTLM, DIGEST-MD5, EXTERNAL, PREAUTH, X-MASTERAUTH are not spoken";
const DIRECT: &str = "the ready-made XOAUTH2 string; give the token alone with --oauthaccesstoken1 or 2";
const SSL_ARGS: &str = "SSL_ca_file to --from-ca-file or --to-ca-file, SSL_fingerprint=sha256$HEX to ?pin=, \
    SSL_verify_mode=1 is always so; SSL_verify_mode=0 is refused: pin the certificate instead";

pub(super) const LOGINS: &[Row] = &[
    to("host1", Text, "the host of --from"),
    to("host2", Text, "the host of --to"),
    to("port1", Whole, "the port of --from"),
    to("port2", Whole, "the port of --to"),
    to("user1", Text, "the user of --from, or its ?authzid= where --authuser1 logs in"),
    to("user2", Text, "the user of --to, or its ?authzid= where --authuser2 logs in"),
    to(
        "password1",
        Text,
        "MALOTE_FROM_PASSWORD; the process starts itself anew without it, so that no list of \
        processes shows it for longer than a moment; better is --passfile1",
    ),
    to("password2", Text, "MALOTE_TO_PASSWORD; as --password1; better is --passfile2"),
    to("passfile1", Text, "--from-password-file"),
    to("passfile2", Text, "--to-password-file"),
    to("authuser1", Text, "?auth=plain&authzid=: the administrator logs in, --user1 is the mailbox"),
    to("authuser2", Text, "?auth=plain&authzid=: the administrator logs in, --user2 is the mailbox"),
    to("proxyauth1", Nothing, "?auth=proxyauth; needs --authuser1"),
    to("proxyauth2", Nothing, "?auth=proxyauth; needs --authuser2"),
    to("authmech1", Text, OWN_AUTH),
    to("authmech2", Text, OWN_AUTH),
    to("authmd5", Switch, "?auth=cram-md5 on both sides"),
    to("authmd51", Switch, "?auth=cram-md5 of --from"),
    to("authmd52", Switch, "?auth=cram-md5 of --to"),
    auto(
        "trylogin",
        Switch,
        "what the server offers is tried from the safest; an --authmech that was asked for is \
        never undone by plain LOGIN",
    ),
    auto("domain1", Text, "only NTLM has use for it, which is not spoken"),
    auto("domain2", Text, "only NTLM has use for it, which is not spoken"),
    to("oauthaccesstoken1", Text, "--from-token-file; a file is read again when the token changes"),
    to("oauthaccesstoken2", Text, "--to-token-file; a file is read again when the token changes"),
    no("oauthdirect1", Text, DIRECT),
    no("oauthdirect2", Text, DIRECT),
    to("gmail1", Nothing, PRESET_GMAIL),
    to("gmail2", Nothing, PRESET_GMAIL),
    to("office1", Nothing, "the host outlook.office365.com, TLS, and no folder Files"),
    to(
        "office2",
        Nothing,
        "the host outlook.office365.com, TLS, and Files=Files_renamed_by_imapsync; the rest of it \
        is not taken over: no message is altered, and the one that is refused is quarantined",
    ),
    auto("exchange1", Nothing, "it does nothing in imapsync either"),
    auto("exchange2", Nothing, PRESET_EXCHANGE),
    to("domino1", Nothing, "separator \\ and no prefix on host1"),
    to("domino2", Nothing, "separator \\ and no prefix on host2, and names below Inbox come to the top"),
];

pub(super) const LINES: &[Row] = &[
    to("ssl1", Switch, "imaps:// of --from").off(Fate::Translated("no TLS from the first octet")),
    to("ssl2", Switch, "imaps:// of --to").off(Fate::Translated("no TLS from the first octet")),
    to("tls1", Switch, "imap:// of --from: STARTTLS, required")
        .off(Fate::Translated("with --nossl1 too: ?tls=off and --allow-cleartext")),
    to("tls2", Switch, "imap:// of --to: STARTTLS, required")
        .off(Fate::Translated("with --nossl2 too: ?tls=off and --allow-cleartext")),
    to("sslcheck", Switch, "port 993 is tried first where neither port nor protection is named")
        .off(Fate::Translated("port 143 at once")),
    to("sslargs1", Pair, SSL_ARGS),
    to("sslargs2", Pair, SSL_ARGS),
    auto("ssl1_ssl_version", Text, "TLS 1.2 and 1.3 are spoken, nothing older"),
    auto("ssl2_ssl_version", Text, "TLS 1.2 and 1.3 are spoken, nothing older"),
    auto("inet4|ipv4", Nothing, "all addresses of the host are tried, beginning with the system's choice"),
    auto("inet6|ipv6", Nothing, "all addresses of the host are tried, beginning with the system's choice"),
    to("timeout", Real, "--timeout"),
    to("timeout1", Real, "--timeout of the source"),
    to("timeout2", Real, "--timeout of the destination"),
    auto("keepalive1", Switch, "TCP keepalive is always on"),
    auto("keepalive2", Switch, "TCP keepalive is always on"),
    auto("compress1", Switch, "not used; pipelining is what makes slow lines fast"),
    auto("compress2", Switch, "not used; pipelining is what makes slow lines fast"),
    auto("reconnectretry1", Whole, "lost connections are taken up again with growing pauses"),
    auto("reconnectretry2", Whole, "lost connections are taken up again with growing pauses"),
    auto("split1", Whole, "commands are cut to what the server bears"),
    auto("split2", Whole, "commands are cut to what the server bears"),
    auto("buffersize", Whole, "messages are streamed within one budget of memory"),
    auto("fastio1", Switch, "reading and writing are always buffered"),
    auto("fastio2", Switch, "reading and writing are always buffered"),
    auto("id", Switch, "the server's ID is asked for where it offers it"),
];
