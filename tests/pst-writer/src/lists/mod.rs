//! Lists, tables and properties: heaps of small values inside of nodes ([MS-PST] §2.3).
//! Never knows which properties a message has.

pub mod heap;
pub mod properties;
pub mod table;
