//! Starts real and scripted servers for the acceptance tests.

pub mod world;
