//! The command `gate`: asks a running service whether a domain's DNS may be changed.
//! Never takes anything but a clear yes for one.

use malote_client::{Gate, GateClient, Shut};
use secrecy::SecretString;
use serde_json::json;

use super::args::GateArgs;
use super::exit::{Exit, Stopped};
use super::output;
use super::render::clean;

/// The longest token file, in octets.
const TOKEN_OCTETS_MAX: u64 = 4096;

/// 0 where the gate is open, 8 where it is shut, 5 where the token is refused, 4 where nobody could tell.
pub async fn gate(args: GateArgs) -> Result<Exit, Stopped> {
    let client = GateClient::new(&args.url, token(&args)?).map_err(|bad| Stopped::usage(bad.to_string()))?;
    let domain = args.domain.clone();
    let asked = tokio::task::spawn_blocking(move || client.ask(&domain)).await;
    let gate = asked.map_err(|_| Stopped::bug("the client of the gate stopped"))?;
    let exit = exit(&gate);
    if args.output.json {
        let told = match &gate {
            Gate::Open(open) => json!({
                "domain": args.domain, "dns_allowed": true, "job_id": open.job_id,
                "approved_by": open.approved_by, "expires_at": open.expires_at.to_string(),
                "snapshot_hash": open.snapshot_hash,
            }),
            Gate::Shut(shut) => {
                json!({"domain": args.domain, "dns_allowed": false, "reason": shut.to_string()})
            }
        };
        output::print_json(&told)?;
    } else {
        let look = output::look();
        let text = match &gate {
            Gate::Open(open) => look.good(&format!(
                "open: DNS of {} may be changed until {} (job {}, approved by {})",
                args.domain, open.expires_at, open.job_id, open.approved_by
            )),
            Gate::Shut(shut) => look.bad(&clean(&format!("do not change DNS of {}: {shut}", args.domain))),
        };
        output::print(&format!("{}\n", text))?;
    }
    Ok(exit)
}

fn exit(gate: &Gate) -> Exit {
    match gate {
        Gate::Open(_) => Exit::Success,
        Gate::Shut(Shut::Closed { .. } | Shut::Refused { status: 404, .. }) => Exit::Decision,
        Gate::Shut(Shut::Refused { status: 401 | 403, .. }) => Exit::Auth,
        Gate::Shut(Shut::Refused { .. } | Shut::NoAnswer { .. } | Shut::Unreliable(_)) => Exit::Early,
    }
}

fn token(args: &GateArgs) -> Result<SecretString, Stopped> {
    use std::io::Read as _;
    let Some(path) = &args.token_file else {
        let told = std::env::var("MALOTE_TOKEN").ok().filter(|token| !token.is_empty());
        let missing =
            || Stopped::usage("no token: give --token-file FILE, or MALOTE_TOKEN in the environment");
        return told.map(SecretString::from).ok_or_else(missing);
    };
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(TOKEN_OCTETS_MAX).read_to_string(&mut text))
        .map_err(|cause| Stopped::usage(format!("reading the token in {}: {cause}", path.display())))?;
    Ok(SecretString::from(text.trim().to_owned()))
}
