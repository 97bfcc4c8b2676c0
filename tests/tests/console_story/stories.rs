//! The stories: who does what in which order, and what lies at both servers in the end.
//! Never a step of its own.

use anyhow::{Result, ensure};

use super::ground::{ANA, BRUNO, CARLA, Ground, STORE_GOOD};
use super::person::{Manner, Person};

/// Messages of the longest mailbox.
const MESSAGES: usize = 60;
/// Messages that come while the move is under way.
const NEW: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_is_moved_from_the_printed_link_to_the_customers_link() -> Result<()> {
    let mut ground = Ground::lay(MESSAGES).await?;
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
    olivia.brings_store(&ground.store()?).await?;
    ground.delivers(ANA, NEW).await?;
    olivia.copies_differences().await?;
    olivia.settles_quarantine().await?;
    olivia.copies_differences().await?;
    olivia.verifies().await?;
    olivia.may_not_approve().await?;
    olivia.leaves().await?;
    let Some(mut livia) = Person::sits_down(&ground.base, Manner::Pointer).await? else { return Ok(()) };
    livia.comes_first("livia").await?;
    livia.opens_gate().await?;
    let link = livia.closes_the_file().await?;
    livia.leaves().await?;
    let Some(customer) = Person::sits_down(&ground.base, Manner::Pointer).await? else { return Ok(()) };
    customer.looks_from_outside(&link).await?;
    customer.leaves().await?;
    all_is_there(&ground).await?;
    ground.ends().await
}

/// Holds both servers against each other, as a client sees them that shares nothing with the engine.
async fn all_is_there(ground: &Ground) -> Result<()> {
    for (user, more) in [(ANA, STORE_GOOD), (BRUNO, 0), (CARLA, 0)] {
        let (source, mut destination) = ground.counts(user).await?;
        for mut message in source {
            // Her folder was sent elsewhere by the map.
            if user == ANA && message.folder == "Projetos" {
                "Projects".clone_into(&mut message.folder);
            }
            let place = destination.iter().position(|one| *one == message);
            let place = place.ok_or_else(|| anyhow::anyhow!("{user} misses {message:?}"))?;
            destination.swap_remove(place);
        }
        ensure!(destination.len() == more, "{user} has more than there was: {destination:?}");
    }
    Ok(())
}

/// The essential part: from the printed link to an open gate, as one person uses the console; a second one approves.
async fn essential(manner: Manner) -> Result<()> {
    let mut ground = Ground::lay(MESSAGES / 4).await?;
    let Some(mut root) = Person::sits_down(&ground.base, manner).await? else { return Ok(()) };
    root.sets_up(&ground.setup_link).await?;
    root.names_servers(&ground).await?;
    root.makes_user("livia", "Operations lead").await?;
    root.registers().await?;
    root.mends_password().await?;
    root.looks_at_folders().await?;
    root.watches_copy().await?;
    root.brings_store(&ground.store()?).await?;
    ground.delivers(ANA, NEW).await?;
    root.copies_differences().await?;
    root.settles_quarantine().await?;
    root.copies_differences().await?;
    root.verifies().await?;
    root.leaves().await?;
    let Some(mut livia) = Person::sits_down(&ground.base, manner).await? else { return Ok(()) };
    livia.comes_first("livia").await?;
    livia.opens_gate().await?;
    livia.closes_the_file().await?;
    livia.leaves().await?;
    all_is_there(&ground).await?;
    ground.ends().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_by_keys_alone() -> Result<()> {
    essential(Manner::Keys).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_in_a_browser_that_runs_no_script() -> Result<()> {
    essential(Manner::WithoutScript).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_a_telephone() -> Result<()> {
    essential(Manner::Narrow).await
}
