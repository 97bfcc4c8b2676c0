//! Logs in: chooses the mechanism, runs it, and says what became of it.
//! Never tries a weaker mechanism after the server has refused the credentials.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use malote_plan::failure::{Class, Reach, Retry};
use secrecy::ExposeSecret;
use std::collections::VecDeque;
use zeroize::Zeroizing;

use super::capability::Capabilities;
use super::classify::refused_login;
use super::command::Command;
use super::connect::{Greeted, ask_capabilities};
use super::connection::{Connection, Sent};
use super::endpoint::{AuthMethod, Endpoint, Security, hex};
use super::limits::SASL_ROUNDS_MAX;
use super::response::{Answer, Code, Kind, Reply};
use super::sasl::{Exchange, Identity, Mechanism};
use crate::failure::{Failure, Result};

/// How to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Sasl(Mechanism),
    Command,
}

/// Logs in on a greeted connection and asks the capabilities that hold from then on.
pub(super) async fn log_in(endpoint: &Endpoint, greeted: &mut Greeted, secret: &str) -> Result<()> {
    if greeted.is_authenticated {
        return Ok(());
    }
    let location = &endpoint.location;
    let is_clear = location.security == Security::Clear;
    let asked = location.auth.or_else(|| token_method(endpoint, &greeted.capabilities));
    let way = choose(asked, location.authzid.is_some(), is_clear, &greeted.capabilities);
    let way = way.ok_or_else(|| unsupported(endpoint, &greeted.capabilities))?;
    let is_proxied = location.auth == Some(AuthMethod::ProxyAuth);
    let identity = Identity {
        user: &location.user,
        authzid: location.authzid.as_deref().filter(|_| !is_proxied),
        secret,
        host: &location.host,
        port: location.port,
    };
    let connection = &mut greeted.connection;
    let (reply, is_token_expired) = match way {
        Way::Command => (login(connection, endpoint, &identity).await?, false),
        Way::Sasl(mechanism) => {
            let has_initial = greeted.capabilities.has("SASL-IR");
            authenticate(connection, endpoint, &identity, mechanism, has_initial).await?
        }
    };
    if reply.kind != Kind::Ok {
        let what = format!("logging in at {}", location.host);
        let mut failure = refused_login(endpoint, &what, &reply);
        if is_token_expired && failure.class == Class::AuthBadCredentials {
            let expired = Reply { code: Some(Code::Expired), ..reply.clone() };
            failure = refused_login(endpoint, &what, &expired);
        }
        if endpoint.secret.is_token() && failure.class == Class::AuthBadCredentials {
            failure
                .message
                .push_str("; the secret is a token: it must be for this mailbox, with the scope for IMAP");
        }
        let is_hashed = !matches!(way, Way::Command | Way::Sasl(Mechanism::Plain | Mechanism::Login));
        if is_hashed && failure.class == Class::AuthNoMailboxRights {
            failure.message.push_str("; an administrator is let in by ?auth=plain alone at some servers");
        }
        return Err(failure);
    }
    if let Some(owner) = location.authzid.as_deref().filter(|_| is_proxied) {
        go_on_as(connection, endpoint, owner).await?;
    }
    greeted.is_authenticated = true;
    greeted.capabilities = match reply.code {
        Some(Code::Capability(names)) => Capabilities::new(names),
        _ => ask_capabilities(connection).await?,
    };
    Ok(())
}

/// How a token is handed over where nobody says: XOAUTH2 is what every large provider takes, and is tried also
/// where a server forgot to offer anything; OAUTHBEARER (RFC 7628) where that alone is offered.
fn token_method(endpoint: &Endpoint, offered: &Capabilities) -> Option<AuthMethod> {
    let is_bearer = offered.has("AUTH=OAUTHBEARER") && !offered.has("AUTH=XOAUTH2");
    let method = if is_bearer { AuthMethod::OauthBearer } else { AuthMethod::XOauth2 };
    endpoint.secret.is_token().then_some(method)
}

/// Opens the mailbox of `owner` for an administrator who has logged in as himself.
async fn go_on_as(connection: &mut Connection, endpoint: &Endpoint, owner: &str) -> Result<()> {
    let what = format!("going on as another user (PROXYAUTH) at {}", endpoint.location.host);
    let command = Command::new("PROXYAUTH").string(owner.as_bytes());
    let command = command.map_err(|error| no_rights(endpoint, what.clone()).because(error))?;
    let reply = connection.run(command, drop).await?;
    if reply.kind == Kind::Ok {
        return Ok(());
    }
    let mut failure = refused_login(endpoint, &what, &reply);
    // The password was right, or we would not be here.
    if matches!(failure.class, Class::AuthBadCredentials | Class::ServerProtocol) {
        failure = no_rights(endpoint, failure.message);
    }
    Err(failure)
}

fn no_rights(endpoint: &Endpoint, message: String) -> Failure {
    Failure::new(endpoint.side, Class::AuthNoMailboxRights, Reach::Account, Retry::Never, message)
}

/// The strongest way that the server offers, or the one that was asked for. With `has_authzid` only such as can
/// name another user: any other would open the mailbox of whoever logs in.
fn choose(
    asked: Option<AuthMethod>,
    has_authzid: bool,
    is_clear: bool,
    offered: &Capabilities,
) -> Option<Way> {
    use Mechanism::{CramMd5, Login, OauthBearer, Plain, ScramSha1, ScramSha256, XOauth2};
    let mechanism = |mechanism: &Mechanism| offered.has(&format!("AUTH={}", mechanism.name()));
    let first = |mechanisms: &[Mechanism]| mechanisms.iter().copied().find(mechanism).map(Way::Sasl);
    let command = (!offered.has("LOGINDISABLED") && !has_authzid).then_some(Way::Command);
    match asked {
        // What was asked for by name is tried even where the server forgot to offer it.
        Some(AuthMethod::Plain) => Some(Way::Sasl(Plain)),
        Some(AuthMethod::CramMd5) => (!has_authzid).then_some(Way::Sasl(CramMd5)),
        Some(AuthMethod::XOauth2) => Some(Way::Sasl(XOauth2)),
        Some(AuthMethod::OauthBearer) => Some(Way::Sasl(OauthBearer)),
        Some(AuthMethod::Scram) => first(&[ScramSha256, ScramSha1]).or(Some(Way::Sasl(ScramSha256))),
        Some(AuthMethod::Login) if has_authzid => None,
        Some(AuthMethod::Login) => command.or_else(|| first(&[Login])),
        Some(AuthMethod::ProxyAuth) => choose(None, false, is_clear, offered),
        // Dovecot takes another user's name by PLAIN alone; TLS keeps the password from others there.
        None if has_authzid && !is_clear => first(&[Plain, ScramSha256, ScramSha1]),
        None if has_authzid => first(&[ScramSha256, ScramSha1, Plain]),
        None if is_clear => {
            first(&[ScramSha256, ScramSha1, CramMd5, Plain]).or(command).or_else(|| first(&[Login]))
        }
        None => first(&[ScramSha256, ScramSha1, Plain]).or(command).or_else(|| first(&[Login, CramMd5])),
    }
}

fn unsupported(endpoint: &Endpoint, offered: &Capabilities) -> Failure {
    let names: Vec<_> =
        offered.names().filter(|name| name.starts_with("AUTH=") || *name == "LOGINDISABLED").collect();
    let what = if names.is_empty() { "nothing".to_owned() } else { names.join(" ") };
    let wanted = match endpoint.location.authzid {
        Some(_) => "no way that both sides know and that can name another user (authzid)",
        None => "no way that both sides know",
    };
    let message = format!(
        "logging in at {}: {wanted}; the server offers {what}; name one with ?auth=",
        endpoint.location.host
    );
    Failure::new(endpoint.side, Class::AuthUnsupported, Reach::Account, Retry::Never, message)
}

async fn login(connection: &mut Connection, endpoint: &Endpoint, identity: &Identity<'_>) -> Result<Reply> {
    let command = Command::new("LOGIN").string(identity.user.as_bytes());
    let command = command.and_then(|command| command.string(identity.secret.as_bytes()));
    let command = command.map_err(|error| {
        let message = format!("logging in at {}: user name or password", endpoint.location.host);
        Failure::new(endpoint.side, Class::AuthBadCredentials, Reach::Account, Retry::Never, message)
            .because(error)
    })?;
    connection.run(command, drop).await
}

/// Runs AUTHENTICATE to its tagged answer, which comes with whether the server called the token expired.
async fn authenticate(
    connection: &mut Connection,
    endpoint: &Endpoint,
    identity: &Identity<'_>,
    mechanism: Mechanism,
    has_initial: bool,
) -> Result<(Reply, bool)> {
    connection.set_busy(true);
    let mut exchange = Exchange::new(mechanism, identity, nonce(endpoint)?);
    let mut command = Command::new("AUTHENTICATE").words(mechanism.name());
    if has_initial && let Some(initial) = exchange.initial() {
        let encoded = Zeroizing::new(STANDARD.encode(&*initial));
        command = command.words(if encoded.is_empty() { "=" } else { &encoded });
    }
    let tag = match connection.send(command).await? {
        Sent::Whole(tag) => tag,
        Sent::Refused(reply) => return Ok((reply, false)),
    };
    let mut rounds = 0;
    let reply = loop {
        match connection.next().await? {
            Answer::Tagged(given, reply) if given == tag => break reply,
            Answer::Continue(challenge) => {
                rounds += 1;
                if rounds > SASL_ROUNDS_MAX {
                    return Err(connection.protocol("the login never ends"));
                }
                let challenge = STANDARD.decode(challenge.trim_ascii()).unwrap_or_default();
                let answer = match exchange.answer(&challenge) {
                    Ok(answer) => Zeroizing::new(STANDARD.encode(&*answer)),
                    Err(stopped) => {
                        send_line(connection, Zeroizing::new("*".to_owned())).await?;
                        return Err(connection.protocol("the login cannot go on").because(stopped));
                    }
                };
                send_line(connection, answer).await?;
            }
            _ => {}
        }
    };
    connection.set_busy(false);
    if reply.kind == Kind::Ok && !exchange.is_proven() {
        return Err(connection.protocol("the server let us in without proving that it knows the password"));
    }
    Ok((reply, exchange.says_token_expired()))
}

async fn send_line(connection: &mut Connection, line: Zeroizing<String>) -> Result<()> {
    let line = Zeroizing::new(line.as_bytes().to_vec());
    connection.write(&mut VecDeque::from([Bytes::from_owner(line), Bytes::from_static(b"\r\n")])).await
}

fn nonce(endpoint: &Endpoint) -> Result<String> {
    let octets = ring::rand::generate::<[u8; 18]>(&ring::rand::SystemRandom::new()).map_err(|_| {
        let message = "this machine gives no random octets";
        Failure::new(endpoint.side, Class::Internal, Reach::Endpoint, Retry::Never, message)
    })?;
    Ok(hex(&octets.expose()))
}

/// The secret as it is at this moment.
pub(super) async fn secret(endpoint: &Endpoint) -> Result<Zeroizing<String>> {
    Ok(Zeroizing::new(endpoint.secret.secret().await?.expose_secret().to_owned()))
}

/// Whether a login that failed is worth another one, because the secret was a token and can be renewed.
pub(super) fn is_renewed(endpoint: &Endpoint, failure: &Failure, secret: &str) -> bool {
    let is_refused = matches!(failure.class, Class::AuthTokenExpired | Class::AuthBadCredentials);
    is_refused && endpoint.secret.is_renewed_after_refusal(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        asked: Option<AuthMethod>,
        has_authzid: bool,
        is_clear: bool,
        offered: &str,
        expected: Option<Way>,
    ) {
        let offered = Capabilities::new(offered.split(' ').map(str::to_owned).collect());
        assert_eq!(choose(asked, has_authzid, is_clear, &offered), expected, "{asked:?} {offered:?}");
    }

    #[test]
    fn the_strongest_offered_way_is_taken_and_a_named_one_kept() {
        use Mechanism as M;
        let sasl = |mechanism| Some(Way::Sasl(mechanism));
        check(None, false, false, "AUTH=PLAIN AUTH=LOGIN AUTH=SCRAM-SHA-256", sasl(M::ScramSha256));
        check(None, false, false, "AUTH=PLAIN AUTH=CRAM-MD5", sasl(M::Plain));
        check(None, false, true, "AUTH=PLAIN AUTH=CRAM-MD5", sasl(M::CramMd5));
        check(None, false, false, "IMAP4REV1", Some(Way::Command));
        check(None, false, false, "LOGINDISABLED AUTH=LOGIN", sasl(M::Login));
        check(None, false, false, "LOGINDISABLED", None);
        check(None, true, false, "AUTH=LOGIN", None);
        check(None, true, false, "AUTH=PLAIN", sasl(M::Plain));
        check(None, true, false, "AUTH=SCRAM-SHA-256 AUTH=PLAIN", sasl(M::Plain));
        check(None, true, true, "AUTH=SCRAM-SHA-256 AUTH=PLAIN", sasl(M::ScramSha256));
        check(Some(AuthMethod::Login), true, false, "AUTH=LOGIN AUTH=PLAIN", None);
        check(Some(AuthMethod::CramMd5), true, false, "AUTH=CRAM-MD5", None);
        check(Some(AuthMethod::ProxyAuth), true, false, "AUTH=PLAIN", sasl(M::Plain));
        check(Some(AuthMethod::ProxyAuth), true, false, "IMAP4REV1", Some(Way::Command));
        check(None, false, false, "AUTH=XOAUTH2 LOGINDISABLED", None);
        check(Some(AuthMethod::XOauth2), false, false, "AUTH=XOAUTH2", sasl(M::XOauth2));
        check(Some(AuthMethod::Login), false, false, "AUTH=PLAIN", Some(Way::Command));
        check(Some(AuthMethod::Login), false, false, "LOGINDISABLED AUTH=PLAIN", None);
        check(Some(AuthMethod::Scram), false, false, "AUTH=SCRAM-SHA-1", sasl(M::ScramSha1));
    }
}
