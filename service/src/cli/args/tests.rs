//! What the command line takes and refuses.

use clap::{CommandFactory as _, Parser as _};

use super::pair::{ClashArg, DuplicatesArg, FlagsArg};
use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_option_of_the_contract_is_taken() {
    let pair = "--from imaps://a@h --to imaps://b@h --from-password-file f --to-password-file - --state s \
        --connections 3 --folder A --folder B/** --exclude C --map A=B --map C=D --into P --since 2024-01-31 \
        --before 2024-02-01T00:00:00Z --max-size 35M --duplicates collapse --mirror-deletes --delete-limit 20 \
        --flags source --quarantine q --rate-bytes 5M --rate-messages 50 --json --verbose --log-format json \
        --allow-cleartext --ca-file c --from-ca-file c --to-ca-file c --on-clash suffix --timeout 9 --progress never";
    for command in ["copy", "plan", "verify", "verify --content full"] {
        parse(&format!("malote {command} {pair}")).unwrap_or_else(|error| panic!("{command}: {error}"));
    }
    for line in [
        "malote copy --from a --to b --from-token-file t --to-token-file t --quiet",
        "malote probe imaps://u@h --json",
        "malote probe imaps://u@h --password-file -",
        "malote batch f.csv --from t --to t --jobs 9 --validate-only --require-all --state-dir d --json",
        "malote quarantine ls --state s --json --folder A --reason refused",
        "malote quarantine show --from imaps://a@h --to imaps://b@h --folder INBOX --uid 3:9,12",
        "malote quarantine retry --from a --to b --state s --folder INBOX --uid 7 --reason too_large --max-size 9M",
        "malote quarantine export --out d --state s --quarantine q",
        "malote quarantine acknowledge --state s",
        "malote copy --from a --to b --repair off",
        "malote demo",
        "malote completions bash",
    ] {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn what_is_left_unsaid_has_the_contracts_defaults() {
    let Command::Copy(pair) = parse("malote copy --from a --to b").unwrap().command else { panic!() };
    let changes = &pair.work.changes;
    assert_eq!((changes.duplicates, changes.flags), (DuplicatesArg::Keep, FlagsArg::Merge));
    assert_eq!(
        (changes.mirror_deletes, changes.delete_limit, changes.on_clash),
        (false, 10, ClashArg::Block)
    );
    assert_eq!((pair.work.pace.connections, pair.work.selection.max_size, pair.state), (None, None, None));
    assert_eq!((pair.output.progress, pair.output.log_format), (ProgressArg::Auto, LogFormatArg::Text));
}

#[test]
fn what_is_unknown_or_wrong_is_a_usage_error() {
    for line in [
        "malote",
        "malote fly",
        "malote copy",
        "malote copy --from a",
        "malote copy --from a --to b --what",
        "malote copy --from a --to b --password secret",
        "malote copy --from a --to b --connections 0",
        "malote copy --from a --to b --connections many",
        "malote copy --from a --to b --since yesterday",
        "malote copy --from a --to b --max-size huge",
        "malote copy --from a --to b --map nothing",
        "malote copy --from a --to b --duplicates both",
        "malote copy --from a --to b --mirror-deletes --delete-limit 101",
        "malote copy --from a --to b --quiet --verbose",
        "malote copy --from a --to b --from-token-file t --from-password-file p",
        "malote copy --from a --to b --rate-messages 0",
        "malote probe",
        "malote batch",
        "malote quarantine",
        "malote quarantine ls",
        "malote quarantine ls --from a",
        "malote quarantine ls --state s --uid 7",
        "malote quarantine ls --state s --folder A --uid seven",
        "malote quarantine export --state s",
        "malote quarantine retry --state s",
        "malote batch f --jobs 0",
        "malote serve --listen here",
        "malote pst",
        "malote pst export f.pst --to eml",
        "malote completions klingon",
    ] {
        let error = parse(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
    for line in
        ["malote --help", "malote --version", "malote copy --help", "malote batch --help", "malote help copy"]
    {
        assert_eq!(parse(line).expect_err(line).exit_code(), 0, "{line}");
    }
}
