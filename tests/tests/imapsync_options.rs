//! Every option of imapsync 2.229 is known, by command and by name; what is not done is refused before anything is.
//! Never looks at the program's own table: the list of options is a file of facts.

use std::collections::BTreeSet;

use acceptance::program::{Ended, Home};
use anyhow::Result;

/// Getopt::Long's specification of each option of imapsync 2.229.
const OPTIONS: &str = include_str!("../data/imapsync-2.229-options.txt");

#[tokio::test]
async fn none_of_imapsyncs_options_is_missing() -> Result<()> {
    let ended = Home::new()?.run(["imapsync", "--help"]).await?.with(0);
    let told: BTreeSet<&str> =
        ended.out.lines().filter_map(|line| line.split_whitespace().next()?.strip_prefix("--")).collect();
    let missing: Vec<&str> =
        OPTIONS.lines().filter(|line| !told.contains(line.trim_end_matches('@'))).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(OPTIONS.lines().count(), 218);
    let fates = ["translated", "automatic", "refused"];
    let rows = ended.out.lines().filter(|line| line.starts_with("--") && !line.starts_with("--explain"));
    for row in rows {
        let words: Vec<&str> = row.split_whitespace().collect();
        assert!(fates.contains(&words[1]) && words.len() > 2, "{row}");
    }
    Ok(())
}

#[tokio::test]
async fn each_option_is_taken_or_refused_by_its_own_name() -> Result<()> {
    let home = Home::new()?;
    for line in OPTIONS.lines() {
        let name = line.split(['|', '!', '=']).next().unwrap_or(line);
        let value = match line.split('=').nth(1).unwrap_or_default() {
            "" => None,
            "i" | "f" => Some("7"),
            "s%" => Some("SSL_verify_mode=1"),
            _ if name.starts_with("search") => Some("ALL"),
            _ if name.starts_with("authmech") => Some("PLAIN"),
            _ if name.starts_with("regextrans2") => Some("s/a/b/"),
            _ if name.starts_with("sep") => Some("."),
            _ if name.starts_with("f1f2") => Some("a=b"),
            _ if name.ends_with("ssl_version") => Some("TLSv1_2"),
            _ => Some("x"),
        };
        if ["version", "help", "justbanner"].contains(&name) {
            continue;
        }
        let option = format!("--{name}");
        let words = ["imapsync", "--explain", &option].into_iter().chain(value);
        let ended = home.run(words).await?;
        let is_refused = ended.out.contains("\n    refused: ");
        assert_eq!(ended.code, if is_refused { 64 } else { 0 }, "{line}\n{}\n{}", ended.out, ended.err);
        assert!(ended.out.contains(&option), "{line}\n{}", ended.out);
    }
    Ok(())
}

#[tokio::test]
async fn a_link_by_the_name_of_imapsync_is_imapsync() -> Result<()> {
    let home = Home::new()?;
    let link = home.path("imapsync");
    let own = home.command(["--version"]);
    std::os::unix::fs::symlink(own.as_std().get_program(), &link)?;
    let run = |words: &'static [&'static str]| {
        let mut command = tokio::process::Command::new(&link);
        command.args(words).current_dir(home.path(".")).stdin(std::process::Stdio::null());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        Ended::of(command)
    };
    assert_eq!(run(&["--version"]).await?.with(0).out, "2.229\n");
    assert!(run(&[]).await?.with(0).out.contains("--host1=s"));
    let refused = run(&["--host1", "h", "--delete1", "--pipemess", "cat"]).await?.with(64);
    assert!(refused.err.contains("--delete is refused") && refused.err.contains("--pipemess cat is refused"));
    assert!(run(&["--nope"]).await?.with(64).err.contains("Unknown option: nope"));
    assert!(!home.path("LOG_imapsync").exists(), "something was begun");
    let own = home.command(["imapsync", "--explain", "--host1", "h", "--user1", "u"]);
    assert!(Ended::of(own).await?.with(0).out.starts_with("malote copy --from imaps://u@h"));
    Ok(())
}
