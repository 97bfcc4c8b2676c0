//! The style, the script and the icon: our own, embedded, under names that change with their contents.
//! Never anything from another machine.

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

/// The style sheet.
pub const STYLE: &str = include_str!("assets/console.css");
/// The script; every page works without it.
pub const SCRIPT: &str = include_str!("assets/console.js");
/// The script that brings files in parts; without it they come by a form.
pub const UPLOAD: &str = include_str!("assets/upload.js");
/// The icon.
pub const ICON: &str = include_str!("assets/icon.svg");
/// Where the icon lies.
pub const ICON_PATH: &str = "/console/assets/icon.svg";

/// Where the style sheet lies.
pub static STYLE_PATH: LazyLock<String> = LazyLock::new(|| named(STYLE, "css"));
/// Where the script lies.
pub static SCRIPT_PATH: LazyLock<String> = LazyLock::new(|| named(SCRIPT, "js"));

/// Where the script for files lies.
pub static UPLOAD_PATH: LazyLock<String> = LazyLock::new(|| named(UPLOAD, "js"));

fn named(text: &str, ending: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mark = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    format!("/console/assets/console-{mark:08x}.{ending}")
}

fn kept(text: &'static str, kind: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    (headers, text).into_response()
}

/// Gives the style sheet.
pub async fn style() -> Response {
    kept(STYLE, "text/css; charset=utf-8")
}

/// Gives the script.
pub async fn script() -> Response {
    kept(SCRIPT, "text/javascript; charset=utf-8")
}

/// Gives the script for files.
pub async fn upload() -> Response {
    kept(UPLOAD, "text/javascript; charset=utf-8")
}

/// Gives the icon.
pub async fn icon() -> Response {
    kept(ICON, "image/svg+xml")
}
