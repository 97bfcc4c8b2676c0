//! The native reader against stores of many writers, whole and damaged, with what is known of each.
//! Never needs a file that is not here: what needs the corpus says so aloud where it is missing.

mod content;
mod corpus;
mod damage;
mod truth;
