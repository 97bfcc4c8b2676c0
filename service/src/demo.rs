//! placeholder
pub async fn demo(
    _: crate::cli::args::DemoArgs,
) -> Result<crate::cli::exit::Exit, crate::cli::exit::Stopped> {
    Ok(crate::cli::exit::Exit::Success)
}
