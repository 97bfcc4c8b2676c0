//! libpff as a second reader of stores: in this process, or in a child process that may stall or die alone.
//! Never trusts a count of 0 or an empty success; what the library cannot say is in each file's comments.
//!
//! Two things no caller of libpff can see, so that the native reader must be heard as well before a file is called
//! clean: it does not refuse blocks whose checksum is wrong (`check` finds those, as damage of the whole file), and it
//! gives a value whose block is missing as an empty one. It also loses every property of an item that has one of a
//! type it does not know.

mod bounded;
mod check;
mod child;
mod ffi;
mod folders;
mod jail;
mod names;
mod read;
pub mod serve;
mod starter;
mod store;
mod value;

pub use bounded::BoundedStore;
pub use child::{ChildLimits, ChildStore, ReaderCommand};

pub use read::{EMBEDDED_DEPTH_MAX, ITEM_OCTETS_MAX, ITEM_PARTS_MAX};
pub use store::LibpffStore;
