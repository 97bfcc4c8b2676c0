//! Reads Outlook's personal stores (PST, OST) and turns their items into RFC 5322 messages.
//! Never knows of migrations, servers or ledgers, and never writes to a store.

pub mod item;
pub mod loss;
pub mod mime;
pub mod names;
pub mod property;
pub mod rtf;
pub mod store;
pub mod text;
