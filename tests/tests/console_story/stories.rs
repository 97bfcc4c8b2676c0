//! The stories: who does what in which order, and what lies at both servers in the end.
//! Never a step of its own.

use anyhow::Result;

use super::ground::Ground;
use super::person::{Manner, Person};

/// Messages of the longest mailbox.
const MESSAGES: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_is_moved_from_the_printed_link_to_the_customers_link() -> Result<()> {
    let ground = Ground::lay(MESSAGES).await?;
    let Some(mut root) = Person::sits_down(&ground.base, Manner::Pointer).await? else { return Ok(()) };
    root.sets_up(&ground.setup_link).await?;
    root.logs_out_and_in("raiz").await?;
    root.names_servers(&ground).await?;
    root.makes_user("olivia", "Operations lead").await?;
    root.makes_user("livia", "Operations lead").await?;
    root.leaves().await?;
    let Some(mut olivia) = Person::sits_down(&ground.base, Manner::Pointer).await? else { return Ok(()) };
    olivia.comes_first("olivia").await?;
    olivia.registers().await?;
    olivia.mends_password().await?;
    olivia.looks_at_folders().await?;
    olivia.watches_copy().await?;
    olivia.leaves().await?;
    ground.ends().await
}
