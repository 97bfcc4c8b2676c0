//! Finds libpff by pkg-config and has it linked dynamically, as its licence (LGPL-3.0-or-later) makes simplest.
//! Never compiles or copies anything of libpff.

/// The versions whose functions are as declared here: Debian's 20180714 is the oldest that was tried; 20260926 still
/// has every function of that header under the same soname.
const VERSIONS: std::ops::Range<&str> = "20180714".."20270101";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let found = pkg_config::Config::new().statik(false).range_version(VERSIONS).probe("libpff");
    if let Err(cause) = found {
        println!("cargo:warning=libpff is missing: on Debian and Ubuntu, install libpff-dev and pkg-config");
        panic!("libpff from {} to before {} is needed: {cause}", VERSIONS.start, VERSIONS.end);
    }
}
