//! Proof on whole stores, foreign ones and our own: what comes out is what the properties say, nothing of it is lost
//! without a name, other readers find no more. Never looks into a parser: stores go in, messages come out.

mod expected;
mod heavy;
mod letter;
mod mutants;
mod rivals;
mod stores;
mod whole;
