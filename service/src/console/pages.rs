//! The pages, one file for each screen.
//! Never a number that the API did not tell.

pub mod account;
pub mod job;
pub mod jobs;
pub mod live;
pub mod overview;
pub mod session;
