//! The command `migrate`: the tables of the service's own database, up, down and as they stand.
//! Never touches a ledger.

use super::args::{MigrateCommand, PlaceArgs};
use super::exit::{Exit, Stopped};
use super::output;
use crate::store::migrate::{self, StepStatus};
use crate::store::{Store, StoreError, Where};

/// Does what was asked and tells the steps.
pub async fn migrate(command: MigrateCommand) -> Result<Exit, Stopped> {
    match command {
        MigrateCommand::Up(args) => {
            let store = connect(&args.place).await?;
            let taken = migrate::up(&store).await?;
            tell(&taken, "taken", args.output.json)?;
            store.close().await;
        }
        MigrateCommand::Status(args) => {
            let store = connect(&args.place).await?;
            let all = migrate::status(&store).await?;
            tell(&all, "", args.output.json)?;
            store.close().await;
        }
        MigrateCommand::Down(args) => {
            if !args.yes {
                return Err(Stopped::usage(
                    "taking back a migration loses what its tables hold: make a backup (malote backup-state), \
                     then say --yes",
                ));
            }
            let store = connect(&args.place).await?;
            let taken = migrate::status(&store).await?.into_iter().filter(|step| !step.applied_at.is_empty());
            let newest = taken.map(|step| step.number).max().unwrap_or(0);
            let taken_back = migrate::down(&store, args.to.unwrap_or_else(|| (newest - 1).max(0))).await?;
            tell(&taken_back, "taken back", args.output.json)?;
            store.close().await;
        }
    }
    Ok(Exit::Success)
}

/// Connects to the database that the options name.
pub async fn connect(place: &PlaceArgs) -> Result<Store, Stopped> {
    Ok(Store::connect(&whereabouts(place)?).await?)
}

/// Which database the options name: the URL, else the file in the data folder.
pub fn whereabouts(place: &PlaceArgs) -> Result<Where, Stopped> {
    match (&place.database, &place.data) {
        (Some(url), _) => Ok(Where::parse(url)?),
        (None, Some(data)) => Ok(Where::in_folder(data)),
        (None, None) => Err(Stopped::usage("which database? Give --data DIR or --database URL")),
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        let message = match std::error::Error::source(&error) {
            // The cause's own words stand in the message already.
            _ if matches!(error, StoreError::Database { .. }) => error.to_string(),
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        match error {
            StoreError::Place(_) => Self::usage(message),
            StoreError::Newer { .. } | StoreError::Older { .. } => {
                Self { exit: Exit::Decision, message, error: None }
            }
            _ => Self::early(message),
        }
    }
}

fn tell(steps: &[StepStatus], done: &str, is_json: bool) -> Result<(), Stopped> {
    if is_json {
        return output::print_json(&steps);
    }
    if steps.is_empty() {
        return output::print("nothing to do\n");
    }
    let line = |step: &StepStatus| {
        let state = match (done.is_empty(), step.applied_at.is_empty()) {
            (false, _) => done.to_owned(),
            (true, true) => "not taken".to_owned(),
            (true, false) => format!("taken at {}", step.applied_at),
        };
        format!("{:04} {}: {state}\n", step.number, step.name)
    };
    output::print(&steps.iter().map(line).collect::<String>())
}
