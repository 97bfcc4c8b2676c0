//! The conversion of items into messages, from plain values: every class, every pitfall, and items at random.
//! Never opens a store: what readers give is made by hand here.

mod bodies;
mod files;
mod items;
mod peers;
mod people;
mod random;
mod shape;
mod snapshots;
