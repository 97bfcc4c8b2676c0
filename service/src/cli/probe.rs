//! The command `probe`.
//! Never opens a folder.

use malote_engine::failure::Side;

use super::args::ProbeArgs;
use super::exit::{Exit, Stopped};
use super::progress::Screen;
use super::secret::{self, Asking, Brokers, Wish};
use super::{assemble, output, render};

/// Asks one server what it is and tells it.
pub async fn probe(args: ProbeArgs) -> Result<Exit, Stopped> {
    let _screen = Screen::open(&args.output);
    let location = assemble::location(Side::Source, &args.url, &args.trust)
        .map_err(|stopped| Stopped { message: stopped.message.replacen("--from", "URL", 1), ..stopped })?;
    let place = assemble::identity(&location);
    let wish =
        Wish { password_file: args.password_file, token_file: args.token_file, oauth_file: args.oauth };
    let brokers = Brokers::new(&args.trust, Asking::Always)?;
    let secret = secret::find(Side::Source, &wish, &location, &secret::surroundings(), &brokers)?;
    let endpoint = assemble::endpoint(Side::Source, location, secret, &args.trust)?;
    let probe = assemble::probe(&endpoint).await?;
    if args.output.json {
        output::print_json(&probe)?;
    } else {
        output::print(&render::probe(&probe, &place, output::look()))?;
    }
    Ok(Exit::Success)
}
