//! The console: pages for people, made of what the API answers.
//! Never touches the database: each page asks the API as its visitor would, and may do no more than the visitor.

pub mod assets;
pub mod chart;
pub mod client;
pub mod form;
pub mod format;
pub mod language;
pub mod layer;
pub mod member;
pub mod names;
pub mod pages;
pub mod phrases;
pub mod problem;
pub mod proof;
pub mod qr;
pub mod report;
pub mod rhythm;
pub mod routes;
pub mod templates;
pub mod texts;
pub mod view;
pub mod visitor;
pub mod words;

pub use routes::beside;

/// What a page's handler gives; a problem is written out by the layer around it.
pub type Answer = Result<axum::response::Response, problem::Problem>;
