//! The service and the world outside: name servers, web servers and identity providers, each of which may lie.
//! Never asks a real one: all of them are the tests' own, on the loopback.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made ends its test")]

mod service_outside {
    #[allow(dead_code, reason = "the world has more ways to ask than these tables need")]
    #[path = "../service_api/world.rs"]
    pub mod world;

    pub mod ground;

    mod consents;
    mod cutover;
    mod discovery;
    mod kept;
    mod upkeep;
}
