//! Reads Outlook's personal stores (PST, OST) and turns their items into RFC 5322 messages.
//! Never knows of migrations, servers or ledgers, and never writes to a store.

pub mod both;
pub mod dump;
pub mod frame;
pub mod imprint;
pub mod item;
pub mod libpff;
pub mod loss;
pub mod mailbox;
pub mod mime;
pub mod names;
pub mod native;
pub mod property;
pub mod rtf;
pub mod store;
pub mod text;
pub mod tree;
pub mod weight;
pub mod wide;
