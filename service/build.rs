//! Writes down what the program is built of, with versions and licences, as cargo knows it without a network.
//! Never ends a build: where cargo cannot tell, the list is empty, and the program says that it does not know.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    for place in ["build.rs", "Cargo.toml", "../Cargo.lock"] {
        println!("cargo:rerun-if-changed={place}");
    }
    let told = |name: &str| env::var(name).unwrap_or_default();
    let compiler = output(Command::new(told("RUSTC")).arg("--version")).unwrap_or_default();
    println!("cargo:rustc-env=MALOTE_BUILD_TARGET={}", told("TARGET"));
    println!("cargo:rustc-env=MALOTE_BUILD_PROFILE={}", told("PROFILE"));
    println!("cargo:rustc-env=MALOTE_BUILD_COMPILER={}", compiler.trim());
    let parts = parts(&told("TARGET")).unwrap_or_else(|| {
        println!(
            "cargo:warning=cargo does not tell the licences of the crates: the program will not know them"
        );
        String::new()
    });
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it for every build script"));
    std::fs::write(folder.join("parts.tsv"), parts).expect("a build can write where it builds");
}

/// A line for each crate: name, version, licence (SPDX), parted by tabs, each crate once.
fn parts(target: &str) -> Option<String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let wish = ["tree", "--offline", "--locked", "-p", "malote", "-e", "normal", "--prefix", "none"];
    let form = ["--format", "{p}\t{l}", "--target", target];
    let tree = output(Command::new(cargo).args(wish).args(form))?;
    let mut lines: Vec<String> = tree.lines().filter_map(part).collect();
    lines.sort_unstable();
    lines.dedup();
    Some(lines.join("\n"))
}

/// `name v1.2.3 (where)`, a tab, a licence, and a mark where it was told before.
fn part(line: &str) -> Option<String> {
    let (package, licence) = line.split_once('\t')?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    let licence = licence.strip_suffix(" (*)").unwrap_or(licence).trim();
    // The older way to write a choice.
    let licence = licence.replace(" / ", "/").replace('/', " OR ");
    Some(format!("{name}\t{version}\t{licence}"))
}

fn output(command: &mut Command) -> Option<String> {
    let done = command.output().ok().filter(|done| done.status.success())?;
    String::from_utf8(done.stdout).ok()
}
