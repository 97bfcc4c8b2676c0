//! Damaged stores.
//! Never x.
