//! People and programs: who they are, what they may do, and how they prove it.
//! Never keeps a password, a token or a code in clear.

pub mod code;
pub mod csrf;
pub mod password;
pub mod permission;
pub mod throttle;
pub mod token;
pub mod totp;
