//! The expressions that people write for imapsync, and what Perl makes of them.

use super::*;

fn check(change: &str, name: &str, expected: &str) {
    let read = Change::read(change).unwrap_or_else(|wrong| panic!("{change}: {wrong}"));
    assert_eq!(read.apply(name).as_deref(), Ok(expected), "{change} on {name}");
}

fn check_refused(change: &str, word: &str) {
    let wrong = Change::read(change).err().unwrap_or_else(|| panic!("{change} was taken"));
    assert!(wrong.contains(word), "{change}: {wrong}");
}

#[test]
fn substitutions_do_what_perl_does() {
    for (change, name, expected) in [
        (r"s,^INBOX(.*),INBOX.FOO$1,", "INBOX.Sent", "INBOX.FOO.Sent"),
        (r"s/^INBOX\.(.+)/$1/", "INBOX.Sent", "Sent"),
        (r"s/^INBOX\.(.+)/\1/", "INBOX.Sent", "Sent"),
        (r"s,\[Gmail\].,,", "[Gmail]/Drafts", "Drafts"),
        (r"s,^ +| +$,,g", "  a b  ", "a b"),
        (r"s,/ +| +/,/,g", "a / b/  c", "a/ b/c"),
        (r#"s/['\\^"]/_/g"#, r#"it's "a\b^""#, "it_s _a_b__"),
        (r"s/[ ]+/_/g", "a  b c", "a_b_c"),
        (r"s,(/|^) +,$1,g", "  a/ b", "a/b"),
        (r"s, +(/|$),$1,g", "a /b ", "a/b"),
        (r"s{^Sent$|^Sent Messages$|^Gesendet$}{Sent}", "Gesendet", "Sent"),
        (r"s{(.*)}{Archive_$1_2018}", "Work", "Archive_Work_2018"),
        (r"s{a{2}} {b}", "caac", "cbc"),
        (r"s#^INBOX/Sent$#^Sent#", "INBOX/Sent", "^Sent"),
        (r"s,([^.]+),\u\L$1\E,g", "mY.BOX", "My.Box"),
        (r"s,([^/]+),\U$1\E,g", "a/b", "A/B"),
        (r"s/(\w+)x/${1}2/", "abx", "ab2"),
        (r"s/b/[$&]/", "abc", "a[b]c"),
        (r"s/.*/INBOX/", "Old/2020", "INBOX"),
        (r"s/sent/X/i", "SENT", "X"),
        (r"s,a\,b,x,", "a,b", "x"),
        (r"s/^(?!INBOX)(.+)$/Old.$1/", "Work", "Old.Work"),
        (r"s/^(?!INBOX)(.+)$/Old.$1/", "INBOX", "INBOX"),
        (r"s,^Inbox\\(.*),$1,i", r"Inbox\Work", "Work"),
        (r"s/\Qa.b\E/x/", "a.b", "x"),
        (r"s/[[:digit:]]+/n/;", "a12", "an"),
        (r"s/[]x]/-/g", "a]x", "a--"),
        (r"s,\<b\>,y,", "a<b>c", "ayc"),
        (r"s,x,y,", "abc", "abc"),
    ] {
        check(change, name, expected);
    }
}

#[test]
fn transliterations_do_what_perl_does() {
    for (change, name, expected) in [
        ("tr,*%.#,_,", "a*b%c.d#e", "a_b_c_d_e"),
        ("tr/a-c/A-C/", "abcd", "ABCd"),
        ("y/ //d", "a b c", "abc"),
        ("tr/ab/x/s", "aabbc", "xc"),
        (r"tr/\//./", "a/b", "a.b"),
        ("tr/a/a/", "banana", "banana"),
    ] {
        check(change, name, expected);
    }
}

#[test]
fn what_only_perl_itself_could_do_is_refused_with_the_reason() {
    for (change, word) in [
        (r"s/x/lc($1)/e", "modifier e"),
        (r"s,^$h2_prefix,,", "variable"),
        (r"s,a,$sync->{x},", "variable"),
        (r"s/a$,b/x/", "variable"),
        (r"s,a@b,x,", "variable"),
        (r"s,a,x@-,", "variable"),
        (r"s,a,$2,", "names no group"),
        ("s/a/b", "does not end"),
        ("lc", "only s/"),
        ("s/a/b/; system 'x'", "Perl itself"),
        ("s//x/", "empty pattern"),
        ("s/(/x/", "pattern between /"),
        (r"s|a\|b|c|", "two ways"),
        ("s'a'b'", "another delimiter"),
        ("tr/a-z/b/c", "modifier c"),
    ] {
        check_refused(change, word);
    }
}

#[test]
fn patterns_find_as_perls_do() {
    for (pattern, name, is_found) in [
        (r"\[Gmail\]$", "[Gmail]", true),
        (r"\[Gmail\]$", "[Gmail]/Spam", false),
        ("^INBOX$", "INBOX", true),
        ("(?i)spam", "My SPAM", true),
        ("Junk|Drafts", "Drafts", true),
        (r"^user\.", "user.ana", true),
        ("^(?!Sent)", "Sent", false),
        ("fold1|fold2|f3", "xf3", true),
        ("[&]", "R&AOk-", true),
    ] {
        let read = Pattern::read(pattern).unwrap_or_else(|wrong| panic!("{pattern}: {wrong}"));
        assert_eq!(read.finds(name), Ok(is_found), "{pattern} on {name}");
    }
    assert!(Pattern::read("(").is_err());
}

#[test]
fn no_expression_makes_it_stumble() {
    const LETTERS: &[u8] = br"s/,{}[]()\$1@a.*+?^|-trgimex&~:QULE<> ;#'9";
    const TRIED: u64 = 3_000;
    // A linear congruential generator from a fixed seed: the same expressions in every run.
    let mut state = 20_261_121_u64;
    let mut chance = move |most: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or(0) % most
    };
    let mut taken = 0;
    for _ in 0..TRIED {
        let length = chance(14);
        let body: String = (0..length).map(|_| char::from(LETTERS[chance(LETTERS.len())])).collect();
        for text in [format!("s/{body}/"), format!("s,{body},$1,g"), format!("tr,{body},"), body.clone()] {
            if let Ok(change) = Change::read(&text) {
                taken += 1;
                // What it comes to is Perl's business; that it comes to an end is ours.
                let _ = change.apply("INBOX/Ré.[x] 1$");
            }
            let _ = Pattern::read(&text).map(|pattern| pattern.finds("INBOX/Ré.[x] 1$"));
        }
    }
    assert!(taken > 200, "only {taken} were taken");
}
