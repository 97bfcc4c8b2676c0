//! Holds every declaration of the crate against the header that is installed, by the C compiler's own eyes.
//! Never opens a file with it: the library is asked for its version alone.

use std::fs;
use std::process::Command;

use libpff_sys as sys;

/// The crate's own text: what is declared is read from where it is declared.
const DECLARATIONS: &str = include_str!("../src/lib.rs");

/// The handle types; the header makes them all the same integer, so that a compiler could not tell them apart.
const HANDLES: [&str; 5] =
    ["libpff_error_t", "libpff_file_t", "libpff_item_t", "libpff_record_set_t", "libpff_record_entry_t"];

/// One declared function as C writes it: `int (*check_NAME)(TYPES) = NAME;`.
fn as_c(function: &str) -> String {
    let (name, rest) = function.split_once('(').expect("a declaration has arguments");
    let (arguments, result) = rest.split_once(')').expect("arguments end");
    let types: Vec<String> = arguments
        .split(',')
        .filter_map(|argument| argument.split_once(':'))
        .map(|(_, declared)| c_type(declared))
        .collect();
    let types = if types.is_empty() { "void".to_owned() } else { types.join(", ") };
    let result = result.trim().strip_prefix("->").map_or_else(|| "void".to_owned(), c_type);
    let name = name.trim();
    format!("{result} (*check_{name})({types}) = {name};\n")
}

fn c_type(declared: &str) -> String {
    let declared = declared.trim();
    if let Some(inner) = declared.strip_prefix("*mut ") {
        return format!("{} *", c_type(inner));
    }
    if let Some(inner) = declared.strip_prefix("*const ") {
        return format!("const {} *", c_type(inner));
    }
    match declared {
        "c_char" => "char",
        "c_int" => "int",
        "u8" => "uint8_t",
        "u32" => "uint32_t",
        "u64" => "uint64_t",
        "i64" => "int64_t",
        "usize" => "size_t",
        "isize" => "ssize_t",
        handle if HANDLES.contains(&handle) => handle,
        other => panic!("a type of a declaration is not known to this test: {other}"),
    }
    .to_owned()
}

/// Every function that `text` declares.
fn declared(text: &str) -> Vec<String> {
    let block = text.split_once("unsafe extern \"C\" {").expect("there are declarations").1;
    let code: Vec<&str> = block.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join(" ");
    code.split("pub fn ").skip(1).map(|rest| rest.split(';').next().unwrap_or_default().to_owned()).collect()
}

fn constants() -> [(&'static str, i64); 8] {
    [
        ("LIBPFF_ACCESS_FLAG_READ", sys::LIBPFF_ACCESS_FLAG_READ.into()),
        ("LIBPFF_FILE_TYPE_32BIT", sys::LIBPFF_FILE_TYPE_32BIT.into()),
        ("LIBPFF_FILE_TYPE_64BIT", sys::LIBPFF_FILE_TYPE_64BIT.into()),
        ("LIBPFF_FILE_TYPE_64BIT_4K_PAGE", sys::LIBPFF_FILE_TYPE_64BIT_4K_PAGE.into()),
        ("LIBPFF_FILE_CONTENT_TYPE_PAB", sys::LIBPFF_FILE_CONTENT_TYPE_PAB.into()),
        ("LIBPFF_FILE_CONTENT_TYPE_PST", sys::LIBPFF_FILE_CONTENT_TYPE_PST.into()),
        ("LIBPFF_FILE_CONTENT_TYPE_OST", sys::LIBPFF_FILE_CONTENT_TYPE_OST.into()),
        ("SEEK_SET", sys::SEEK_SET.into()),
    ]
}

/// A C file that compiles only where the header says the same as `text`.
fn program(text: &str) -> String {
    let hide: String = HANDLES.iter().map(|name| format!("#define {name} hidden_{name}\n")).collect();
    let show: String = HANDLES.iter().map(|name| format!("#undef {name}\n")).collect();
    let apart: String = HANDLES.iter().map(|name| format!("typedef struct own_{name} {name};\n")).collect();
    let sizes = format!(
        "_Static_assert(sizeof(size_t) == {0}, \"size_t\");\n_Static_assert(sizeof(ssize_t) == {0}, \"ssize_t\");\n\
         _Static_assert(sizeof(off64_t) == 8, \"off64_t\");\n_Static_assert(sizeof(size64_t) == 8, \"size64_t\");\n\
         _Static_assert(sizeof(int) == {1}, \"int\");\n",
        size_of::<usize>(),
        size_of::<core::ffi::c_int>()
    );
    let values: String = constants()
        .iter()
        .map(|(name, value)| format!("_Static_assert({name} == {value}, \"{name}\");\n"))
        .collect();
    let functions: String = declared(text).iter().map(|function| as_c(function)).collect();
    format!(
        "#include <stdio.h>\n#include <libpff/features.h>\n#undef LIBPFF_HAVE_BFIO\n{hide}#include <libpff/types.h>\n#include <libpff/error.h>\n{show}{apart}\
         #include <libpff.h>\n{sizes}{values}{functions}"
    )
}

/// What the C compiler says of the declarations in `text`; nothing where it has nothing to say.
fn complaints(text: &str, name: &str) -> Option<String> {
    let source = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.c"));
    fs::write(&source, program(text)).expect("the folder for tests can be written");
    let told = Command::new("cc")
        .args(["-std=gnu11", "-fsyntax-only", "-Wall", "-Wextra", "-Werror"])
        .arg(&source)
        .output()
        .expect("Rust links with cc, so it is there");
    (!told.status.success()).then(|| String::from_utf8_lossy(&told.stderr).into_owned())
}

#[test]
fn every_declaration_says_what_the_installed_header_says() {
    assert!(declared(DECLARATIONS).len() > 40, "the declarations were not found");
    if let Some(said) = complaints(DECLARATIONS, "as_declared") {
        panic!("{said}");
    }
}

#[test]
fn a_wrong_declaration_is_seen() {
    assert_eq!(complaints(DECLARATIONS, "to_be_changed"), None);
    for (number, (right, wrong)) in [
        ("content_type: *mut u8", "content_type: *mut u32"),
        ("size: *mut u64", "size: *mut u32"),
        (
            "pub fn libpff_item_free(item: *mut *mut libpff_item_t",
            "pub fn libpff_item_free(item: *mut libpff_item_t",
        ),
        ("record_set: *mut *mut libpff_record_set_t", "record_set: *mut *mut libpff_record_entry_t"),
        ("whence: c_int, error", "error"),
        ("-> isize", "-> c_int"),
        ("libpff_file_get_root_folder", "libpff_file_get_root_folders"),
    ]
    .into_iter()
    .enumerate()
    {
        let flat = DECLARATIONS.replace(",\n        ", ", ").replace("(\n        ", "(");
        let text = flat.replacen(right, wrong, 1);
        assert_ne!(text, flat, "{right} is not declared");
        assert!(complaints(&text, &format!("wrong_{number}")).is_some(), "{wrong} was not seen");
    }
}

#[test]
fn a_library_answers_under_the_version_that_was_asked_for() {
    // SAFETY: takes nothing, and gives a string that lives as long as the library.
    let version = unsafe { core::ffi::CStr::from_ptr(sys::libpff_get_version()) };
    let version: u32 = version.to_string_lossy().parse().expect("a version is a date");
    assert!((20_180_714..20_270_101).contains(&version), "{version}");
}
