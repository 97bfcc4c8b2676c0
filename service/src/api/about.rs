//! What the program is and what it is built of: `/system/about`.
//! Never a path or a name of the machine that built it.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Caller;
use crate::about::{ASSETS, parts};

/// Something that is in the program.
#[derive(Serialize, ToSchema)]
pub struct PartView {
    /// Its name.
    name: &'static str,
    /// Its version.
    version: &'static str,
    /// Its licence (SPDX); empty where it names none.
    licence: &'static str,
}

/// Something in the program or beside it that is no crate.
#[derive(Serialize, ToSchema)]
pub struct AssetView {
    /// Its name.
    name: &'static str,
    /// `reports`, `database`, `stores` or `pages`.
    used_for: &'static str,
    /// Its licence (SPDX).
    licence: &'static str,
}

/// What the program is.
#[derive(Serialize, ToSchema)]
pub struct AboutView {
    /// `malote`.
    name: &'static str,
    /// Its version.
    version: &'static str,
    /// Its licence (SPDX).
    licence: &'static str,
    /// What it was built for, such as `x86_64-unknown-linux-gnu`.
    target: &'static str,
    /// `release` or `debug`.
    profile: &'static str,
    /// By which compiler.
    compiler: &'static str,
    /// The crates that are in it, by name; none where the build was not told of them.
    parts: Vec<PartView>,
    /// What else is.
    assets: Vec<AssetView>,
}

/// `GET /system/about`: for whoever is logged in.
#[utoipa::path(get, path = "/system/about", tag = "system", responses((status = 200, body = AboutView)))]
pub async fn about(_caller: Caller) -> Json<AboutView> {
    let parts =
        parts().map(|part| PartView { name: part.name, version: part.version, licence: part.licence });
    let assets = ASSETS.map(|(name, used_for, licence)| AssetView { name, used_for, licence });
    Json(AboutView {
        name: "malote",
        version: env!("CARGO_PKG_VERSION"),
        licence: env!("CARGO_PKG_LICENSE"),
        target: env!("MALOTE_BUILD_TARGET"),
        profile: env!("MALOTE_BUILD_PROFILE"),
        compiler: env!("MALOTE_BUILD_COMPILER"),
        parts: parts.collect(),
        assets: assets.into(),
    })
}
