//! What operators, servers and users do with folders, and what becomes of them.
//! Never looks inside the mapping's working: sources, a destination and a policy go in, a printable line comes out.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::folder_name::{decode, encode};
use crate::pattern::Pattern;

fn path(text: &str) -> FolderPath {
    FolderPath::new(text.split('/').map(String::from).collect()).unwrap()
}

/// `name`, or `name\Use` with a special use; `(name)` cannot be selected, `-name` is not subscribed, `@name` is
/// shared, `name!` takes no children.
fn folder(text: &str) -> Folder {
    let (text, special_use) = match text.split_once('\\') {
        Some((text, special_use)) => (text, Some(special_use)),
        None => (text, None),
    };
    let roles = [Role::Sent, Role::Drafts, Role::Trash, Role::Junk, Role::Archive, Role::All, Role::Flagged];
    let special_use = special_use.map(|name| {
        *roles.iter().find(|role| role.special_use().unwrap()[1..] == *name).expect("a special use")
    });
    let name = match text.strip_prefix('(').and_then(|inside| inside.strip_suffix(')')) {
        Some(inside) => inside,
        None => text.trim_start_matches(['-', '@']).trim_end_matches('!'),
    };
    Folder {
        path: path(name),
        wire: WireName(name.into()),
        delimiter: Some('/'),
        is_selectable: !text.starts_with('('),
        may_have_children: !text.ends_with('!'),
        is_subscribed: !text.starts_with('-'),
        special_use,
        namespace: if text.starts_with('@') { NamespaceKind::Shared } else { NamespaceKind::Personal },
        status: None,
    }
}

fn folders(texts: &[&str]) -> Vec<Folder> {
    texts.iter().map(|text| folder(text)).collect()
}

fn naming(text: &str) -> Naming {
    let ignores_case = text.ends_with("/i");
    let text = text.trim_end_matches("/i");
    let delimiter = text.chars().last();
    let prefix = if text.len() > 1 { text.into() } else { String::new() };
    Naming { delimiter, prefix, is_utf8: false, ignores_case }
}

/// Pairs as `source>destination`, with `+` where it is created, `~` where renamed, `&` where merged.
fn shown(mapping: &Mapping) -> String {
    let created: BTreeSet<_> = mapping.create.iter().map(|creation| &creation.path).collect();
    let pairs: Vec<String> = mapping
        .pairs
        .iter()
        .map(|pair| {
            let mut marks = String::new();
            for (mark, is_set) in [
                ("+", created.contains(&pair.destination)),
                ("~", pair.renamed.is_some()),
                ("&", !pair.merged_with.is_empty()),
            ] {
                marks.push_str(if is_set { mark } else { "" });
            }
            format!("{}>{marks}{}", pair.source.path, pair.destination)
        })
        .collect();
    pairs.join(" ")
}

fn check(
    source: &[&str],
    destination: &[&str],
    server: &str,
    policy: &MappingPolicy,
    expected: &str,
) -> Mapping {
    let mapping = map(&folders(source), &folders(destination), &naming(server), &[], policy);
    assert_eq!(shown(&mapping), expected, "{source:?} to {destination:?} at {server}");
    mapping
}

fn plain() -> MappingPolicy {
    MappingPolicy::default()
}

fn maps(maps: &[(&str, &str)]) -> MappingPolicy {
    let maps = maps.iter().map(|(from, to)| ((*from).into(), (*to).into())).collect();
    MappingPolicy { maps, ..plain() }
}

fn clashing(on_clash: OnClash) -> MappingPolicy {
    MappingPolicy { on_clash, ..plain() }
}

#[test]
fn names_become_what_the_destination_can_hold() {
    for (source, server, expected) in [
        (&["Work/2024.Q1"][..], "INBOX.", "Work/2024.Q1>+~Work/2024_Q1"),
        (
            &["Work/2024.Q1", "Work/2024_Q1"],
            "INBOX.",
            "Work/2024.Q1>+~Work/2024_Q1 (2) Work/2024_Q1>+Work/2024_Q1",
        ),
        (&["a.b/c", "a_b/c"], ".", "a.b/c>+~a_b/c (2) a_b/c>+a_b/c"),
        (&["a.b", "a.b/c", "a_b"], ".", "a.b>+~a_b (2) a.b/c>+~a_b (2)/c a_b>+a_b"),
        (&["INBOX", "Inbox/Status"], "/", "INBOX>+INBOX INBOX/Status>+INBOX/Status"),
        (&["INBOX", "inbox/Status"], "INBOX.", "INBOX>+INBOX INBOX/Status>+Status"),
        (
            &["(P)", "P/c", "2024", "a  b ", "\"*%{10}"],
            "/",
            "\"*%{10}>+\"*%{10} 2024>+2024 P/c>+P/c a  b >+a  b ",
        ),
    ] {
        check(source, &[], server, &plain(), expected);
    }
    check(&["INBOX", "INBOX/Status"], &["INBOX!"], "/", &plain(), "INBOX>INBOX INBOX/Status>+~INBOX_Status");
    let flat = Naming { delimiter: None, ..naming("/") };
    assert_eq!(shown(&map(&folders(&["a/b", "a_b"]), &[], &flat, &[], &plain())), "a/b>+~a_b (2) a_b>+a_b");
}

#[test]
fn a_path_too_deep_or_too_long_is_cut_in_a_fixed_way() {
    let rules = NameRules { levels_max: 3, ..NameRules::default() };
    let policy = MappingPolicy { rules, ..plain() };
    check(
        &["a/b/c", "a/b/c/d", "a/b/c/d/e"],
        &[],
        "/",
        &policy,
        "a/b/c>+a/b/c a/b/c/d>+~a/b/c_d a/b/c/d/e>+~a/b/c_d_e",
    );
    let long = ["x".repeat(300), "y".repeat(150)].join("/");
    let deep = vec!["z".repeat(180); 9].join("/");
    for name in [long, deep] {
        let mapping = map(&folders(&[&name]), &[], &naming("/"), &[], &plain());
        let wire = encode(&mapping.pairs[0].destination, &naming("/"));
        assert!(wire.0.len() <= crate::substitution::NAME_OCTETS_MAX);
        assert_eq!(mapping.pairs[0].renamed.as_ref().unwrap().reason, Reason::TooLong);
    }
}

#[test]
fn roles_lead_to_the_destinations_own_folders() {
    for (source, destination, expected) in [
        (
            &["Gesendete Elemente", "Gesendete Elemente/Kunden"][..],
            &["INBOX", "Sent\\Sent"][..],
            "Gesendete Elemente>Sent Gesendete Elemente/Kunden>+Sent/Kunden",
        ),
        (
            &["Enviados", "Itens Enviados\\Sent"],
            &[],
            "Enviados>+&Itens Enviados Itens Enviados>+&Itens Enviados",
        ),
        (
            &["Enviados/X", "Itens Enviados/X", "Enviados"],
            &["Sent"],
            "Enviados>Sent Enviados/X>+&Sent/X Itens Enviados/X>+&Sent/X",
        ),
        (&["Sent"], &["Sent Items", "Sent"], "Sent>Sent"),
        (&["Enviados"], &["Sent Items", "Sent"], "Enviados>Sent"),
        (&["Sent"], &["Enviadas\\Sent", "Sent"], "Sent>Enviadas"),
        (&["INBOX/Sent"], &["Sent"], "INBOX/Sent>Sent"),
        (&["Lixo", "Lixeira"], &["Junk", "Trash"], "Lixo>Junk Lixeira>Trash"),
        (&["Sent\\Archive"], &["Archive"], "Sent>Archive"),
        (&["Sent", "Sent/x\\Sent"], &[], "Sent>+&Sent/x Sent/x>+&Sent/x"),
        (&["Caixa de entrada", "Outbox"], &[], "Caixa de entrada>+Caixa de entrada Outbox>+Outbox"),
    ] {
        let mapping = check(source, destination, "/", &plain(), expected);
        assert_eq!(mapping.clashes, []);
    }
}

#[test]
fn the_operators_map_wins_and_children_follow() {
    for (source, destination, policy, expected) in [
        (
            &["Old Sent", "Sent"][..],
            &["Sent"][..],
            maps(&[("Old Sent", "Sent")]),
            "Sent>&Sent Old Sent>&Sent",
        ),
        (
            &["a", "a/b", "a/c", "a/c/d"],
            &[],
            maps(&[("a", "x/y"), ("a/c", "z")]),
            "a>+x/y a/b>+x/y/b a/c>+z a/c/d>+z/d",
        ),
        (&["a/x", "b/x"], &[], maps(&[("a", "b")]), "a/x>+&b/x b/x>+&b/x"),
        (&["INBOX", "INBOX/x"], &["INBOX"], maps(&[("inbox", "Old")]), "INBOX>+Old INBOX/x>+Old/x"),
        (
            &["INBOX", "Sent", "x"],
            &["Sent\\Sent"],
            MappingPolicy { into: Some("Ana/Old".into()), ..maps(&[("x", "y")]) },
            "INBOX>+Ana/Old/INBOX Sent>+Ana/Old/Sent x>+y",
        ),
    ] {
        let mapping = check(source, destination, "/", &policy, expected);
        assert_eq!((mapping.clashes, mapping.warnings), (vec![], vec![]));
    }
    let mapping = check(&["a"], &[], "/", &maps(&[("b", "c"), ("a", "/")]), "a>+a");
    assert_eq!(mapping.warnings, [Warning::MapWithoutSource("b".into()), Warning::NoDestination("/".into())]);
}

#[test]
fn names_that_meet_undeclared_wait_for_a_decision() {
    const SENT: [&str; 3] = ["x/Sent", "x/SENT", "x/sent"];
    let mapping = check(&SENT, &[], "//i", &plain(), "x/SENT>+&x/SENT x/Sent>+&x/SENT x/sent>+&x/SENT");
    assert_eq!(mapping.clashes.len(), 1);
    assert_eq!((mapping.clashes[0].sources.len(), mapping.clashes[0].kind), (3, ClashKind::Case));
    check(&SENT, &[], "/", &plain(), "x/SENT>+x/SENT x/Sent>+x/Sent x/sent>+x/sent");
    for (source, destination, on_clash, expected) in [
        (&SENT[..], &[][..], OnClash::Suffix, "x/SENT>+x/SENT x/Sent>+~x/Sent (2) x/sent>+~x/sent (3)"),
        (&SENT, &["x/sent"], OnClash::Suffix, "x/SENT>+~x/sent (2) x/Sent>+~x/sent (3) x/sent>x/sent"),
        (&SENT, &["x/sent"], OnClash::Merge, "x/SENT>&x/sent x/Sent>&x/sent x/sent>&x/sent"),
        (&["A", "a", "a/b"], &[], OnClash::Suffix, "A>+A a>+~a (2) a/b>+~a (2)/b"),
        (&["A", "a", "a (2)"], &[], OnClash::Suffix, "A>+A a>+~a (3) a (2)>+a (2)"),
    ] {
        let mapping = check(source, destination, "//i", &clashing(on_clash), expected);
        assert_eq!(mapping.clashes, []);
    }
    for (source, destination, server, kind) in [
        (&["INBOX/Status", "Status"][..], &[][..], "INBOX.", ClashKind::Place),
        (&["Sai\u{301}da", "Saída"], &[], "/", ClashKind::Composition),
        (&["Enviados", "Saída"], &["Saída\\Sent"], "/", ClashKind::Place),
    ] {
        let mapping = map(&folders(source), &folders(destination), &naming(server), &[], &plain());
        assert_eq!(mapping.clashes.len(), 1, "{source:?}");
        assert_eq!(mapping.clashes[0].kind, kind);
    }
}

#[test]
fn existing_folders_are_found_however_they_are_spelt() {
    check(&["Saída/x"], &["Sai\u{301}da"], "/", &plain(), "Saída/x>+Sai\u{301}da/x");
    check(&["WORK"], &["Work", "WORK"], "/", &plain(), "WORK>WORK");
    check(&["WORK", "WORK/x"], &["Work"], "//i", &plain(), "WORK>Work WORK/x>+Work/x");
    check(&["WORK"], &["Work"], "/", &plain(), "WORK>+WORK");
    check(&["a"], &["(a)"], "/", &plain(), "a>+a");
}

#[test]
fn what_is_not_taken_is_named_with_its_reason() {
    let patterns =
        |texts: &[&str]| texts.iter().map(|text| Pattern::parse(text).unwrap()).collect::<Vec<_>>();
    let source = ["INBOX", "Gm/All\\All", "Gm/Star\\Flagged", "@public/x", "Trash", "(Gm)"];
    let mapping = check(&source, &[], "/", &plain(), "INBOX>+INBOX Trash>+Trash");
    let reasons: BTreeMap<String, LeftOutReason> =
        mapping.left_out.iter().map(|left| (left.folder.to_string(), left.reason)).collect();
    let expected = [
        ("Gm/All", LeftOutReason::View(Role::All)),
        ("Gm/Star", LeftOutReason::View(Role::Flagged)),
        ("public/x", LeftOutReason::OtherNamespace(NamespaceKind::Shared)),
    ];
    assert_eq!(reasons, expected.map(|(name, reason)| (name.to_string(), reason)).into());
    assert_eq!(mapping.warnings, [Warning::AllLeftOut(path("Gm/All"))]);

    let all = MappingPolicy { include_views: true, include_other_namespaces: true, ..plain() };
    check(
        &source,
        &[],
        "/",
        &all,
        "INBOX>+INBOX Gm/All>+Gm/All Gm/Star>+Gm/Star public/x>+public/x Trash>+Trash",
    );
    let selection = Selection { take: patterns(&["Gm/All", "T*"]), leave: vec![] };
    check(&source, &[], "/", &MappingPolicy { selection, ..plain() }, "Gm/All>+Gm/All Trash>+Trash");
    let selection = Selection { take: vec![], leave: patterns(&["Tr*"]) };
    let mapping = check(&source, &[], "/", &MappingPolicy { selection, ..plain() }, "INBOX>+INBOX");
    assert!(mapping.left_out.iter().any(|left| left.reason == LeftOutReason::Excluded));
}

#[test]
fn labels_keep_their_folders_or_are_gathered_and_all_mail_comes_last() {
    let gmail = [
        "INBOX",
        "([Gmail])",
        "[Gmail]/Todos os e-mails\\All",
        "[Gmail]/Com estrela\\Flagged",
        "[Gmail]/E-mails enviados\\Sent",
        "[Gmail]/Lixeira\\Trash",
        "Casa",
        "Trabalho/2024",
    ];
    let by = |labels| MappingPolicy { labels: Some(labels), ..plain() };
    let kept = "INBOX>INBOX [Gmail]/E-mails enviados>Sent Casa>+Casa Trabalho/2024>+Trabalho/2024 \
         [Gmail]/Lixeira>+Lixeira [Gmail]/Todos os e-mails>+Archive";
    for labels in [LabelPolicy::Folders, LabelPolicy::First] {
        let mapping = check(&gmail, &["INBOX", "Sent\\Sent"], "/", &by(labels), kept);
        assert_eq!(mapping.left_out.len(), 1, "the starred are a view");
        assert!(mapping.warnings.is_empty(), "{:?}", mapping.warnings);
    }
    let gathered = "INBOX>INBOX [Gmail]/E-mails enviados>Sent Casa>&Arquivo Trabalho/2024>&Arquivo \
         [Gmail]/Lixeira>+Lixeira [Gmail]/Todos os e-mails>&Arquivo";
    for labels in [LabelPolicy::Keywords, LabelPolicy::Archive] {
        let destination = ["INBOX", "Sent\\Sent", "Arquivo\\Archive"];
        check(&gmail, &destination, "/", &by(labels), gathered);
    }
    let hidden = ["INBOX", "Aaa", "Bbb"];
    let archive = "INBOX>INBOX Aaa>+&Archive Bbb>+&Archive";
    check(&hidden, &["INBOX"], "/", &by(LabelPolicy::Archive), archive);
    let other = ["INBOX", "(G)", "G/All Mail\\All", "G/Bin\\Trash"];
    let between = "INBOX>INBOX Casa>+Casa [Gmail]/Lixeira>G/Bin [Gmail]/Todos os e-mails>G/All Mail";
    let few = ["INBOX", "([Gmail])", "[Gmail]/Todos os e-mails\\All", "[Gmail]/Lixeira\\Trash", "Casa"];
    check(&few, &other, "/", &by(LabelPolicy::Folders), between);
}

#[test]
fn the_work_goes_from_inbox_to_trash() {
    check(
        &["Trash/z", "Junk", "b", "Archive", "Drafts", "Sent/a", "a", "Sent", "Trash", "INBOX/q", "INBOX"],
        &[],
        "/",
        &plain(),
        "INBOX>+INBOX Sent>+Sent Drafts>+Drafts Archive>+Archive INBOX/q>+INBOX/q Sent/a>+Sent/a a>+a b>+b \
         Junk>+Junk Trash>+Trash Trash/z>+Trash/z",
    );
}

#[test]
fn parents_are_created_first_with_special_use_and_subscription() {
    let mapping = check(
        &["-a/b", "a", "Enviados", "Sent\\Sent", "-Trash"],
        &["Trash"],
        "/",
        &plain(),
        "Enviados>+&Sent Sent>+&Sent a>+a a/b>+a/b Trash>Trash",
    );
    let created: Vec<_> = mapping
        .create
        .iter()
        .map(|creation| (creation.path.to_string(), creation.special_use, creation.subscribe))
        .collect();
    let expected = [("Sent", Some(Role::Sent), true), ("a", None, true), ("a/b", None, false)];
    assert_eq!(created, expected.map(|(name, role, subscribe)| (name.to_string(), role, subscribe)));
}

#[test]
fn what_was_recorded_stays_so() {
    let recorded = |source: &str, destination: &str| RecordedPair {
        source_wire: WireName(source.into()),
        source: path(source),
        destination: path(destination),
    };
    for (source, recorded, policy, expected) in [
        (
            &["Enviados", "Enviados/x"][..],
            vec![recorded("Enviados", "Alt")],
            plain(),
            "Enviados>+Alt Enviados/x>+Alt/x",
        ),
        (
            &["W/2024.Q1", "W/2024_Q1"],
            vec![recorded("W/2024.Q1", "W/2024_Q1")],
            plain(),
            "W/2024.Q1>+~W/2024_Q1 W/2024_Q1>+~W/2024_Q1 (2)",
        ),
        (&["a"], vec![recorded("a", "b")], maps(&[("a", "c")]), "a>+c"),
    ] {
        let found = map(&folders(source), &[], &naming("."), &recorded, &policy);
        assert_eq!(shown(&found), expected);
        assert_eq!(found.clashes, []);
    }
}

#[test]
fn a_prefix_that_comes_after_a_folder_was_brought_elsewhere_is_told() {
    let recorded = |source: &str, destination: &str| RecordedPair {
        source_wire: WireName(source.into()),
        source: path(source),
        destination: path(destination),
    };
    let rows = [recorded("a", "a"), recorded("b", "old/b"), recorded("c/d", "c/d"), recorded("e", "Old")];
    let check = |into: &str, maps: MappingPolicy, expected: &[(&str, &str)], told: &str| {
        let policy = MappingPolicy { into: Some(into.into()), ..maps };
        let names = ["a", "b", "c/d", "e", "new"];
        let found = map(&folders(&names), &folders(&["Old"]), &naming("/"), &rows, &policy);
        let into = path(into);
        let elsewhere: Vec<_> = expected.iter().map(|(from, to)| (path(from), path(to))).collect();
        let expected: Vec<Warning> = if elsewhere.is_empty() {
            vec![]
        } else {
            vec![Warning::IntoTooLate { into, folders: elsewhere }]
        };
        assert_eq!(found.warnings, expected);
        let shown: String = found.warnings.iter().map(ToString::to_string).collect();
        assert!(shown.starts_with(told), "{shown}");
    };
    check(
        "old",
        plain(),
        &[("a", "a"), ("c/d", "c/d"), ("e", "Old")],
        "`a` went to `a`, `c/d` went to `c/d`, `e`",
    );
    check("old", maps(&[("c", "c"), ("a", "a"), ("e", "Old")]), &[], "");
    let many: Vec<_> = (0..7).map(|number| (path(&format!("f{number}")), path("x"))).collect();
    let told = Warning::IntoTooLate { into: path("i"), folders: many }.to_string();
    assert!(told.contains("`f4` went to `x` and 2 more elsewhere in an earlier run"), "{told}");
}

fn check_that_only_roles_merge(mapping: &Mapping, naming: &Naming) {
    let role_of = |path: &FolderPath| {
        core::iter::successors(Some(path.clone()), FolderPath::parent)
            .find_map(|above| role::role_of_unlisted(&above))
    };
    let mut places = BTreeSet::new();
    for pair in &mapping.pairs {
        let place = pair.destination.to_string();
        let is_new = places.insert(if naming.ignores_case { place.to_lowercase() } else { place });
        assert!(is_new || !pair.merged_with.is_empty(), "{mapping:?}");
        let role = role_of(&pair.source.path);
        let are_alike = pair.merged_with.iter().all(|other| role.is_some() && role_of(other) == role);
        assert!(are_alike, "{mapping:?}");
    }
}

#[test]
fn two_names_that_read_the_same_stay_two_folders() {
    let mut twin = folder("a/b");
    twin.wire = WireName(b"a//b".to_vec());
    let source = [twin, folder("a/b")];
    check_laws(&source, &[], &naming("/"), &clashing(OnClash::Suffix));
    assert_eq!(map(&source, &[], &naming("/"), &[], &plain()).clashes[0].kind, ClashKind::Place);
}

/// What every mapping keeps, and that a second one after the first was carried out changes nothing.
fn check_laws(source: &[Folder], destination: &[Folder], naming: &Naming, policy: &MappingPolicy) {
    let mapping = map(source, destination, naming, &[], policy);
    let backwards: Vec<_> = source.iter().rev().cloned().collect();
    assert_eq!(map(&backwards, destination, naming, &[], policy), mapping);
    let mut seen: Vec<_> = mapping
        .pairs
        .iter()
        .map(|pair| &pair.source.path)
        .chain(mapping.left_out.iter().map(|left| &left.folder))
        .collect();
    seen.sort();
    let mut selectable: Vec<_> =
        source.iter().filter(|folder| folder.is_selectable).map(|folder| &folder.path).collect();
    selectable.sort();
    assert_eq!(seen, selectable);

    if policy.on_clash == OnClash::Suffix && policy.maps.is_empty() {
        check_that_only_roles_merge(&mapping, naming);
    }
    for pair in &mapping.pairs {
        let wire = encode(&pair.destination, naming);
        assert_eq!(decode(&wire.0, naming.delimiter, naming), pair.destination, "not as listed");
        assert!(pair.existing.is_some() || mapping.create.iter().any(|made| made.path == pair.destination));
    }
    if !mapping.clashes.is_empty() {
        assert_eq!(policy.on_clash, OnClash::Block);
        return;
    }
    let mut then = destination.to_vec();
    for creation in &mapping.create {
        then.retain(|folder| folder.path != creation.path);
        let mut made = folder("made");
        made.path = creation.path.clone();
        made.wire = encode(&creation.path, naming);
        then.push(made);
    }
    let recorded: Vec<_> = mapping
        .pairs
        .iter()
        .rev()
        .map(|pair| RecordedPair {
            source_wire: pair.source.wire.clone(),
            source: pair.source.path.clone(),
            destination: pair.destination.clone(),
        })
        .collect();
    let again = map(source, &then, naming, &recorded, policy);
    let places = |mapping: &Mapping| -> Vec<_> {
        mapping.pairs.iter().map(|pair| (pair.source.path.clone(), pair.destination.clone())).collect()
    };
    assert_eq!(places(&again), places(&mapping));
    assert_eq!((&again.create, &again.clashes), (&vec![], &vec![]), "{mapping:?}");
    let is_renamed =
        |mapping: &Mapping| -> Vec<_> { mapping.pairs.iter().map(|pair| pair.renamed.is_some()).collect() };
    assert_eq!(is_renamed(&again), is_renamed(&mapping), "{mapping:?}");
}

const NAMES: [&str; 14] = [
    "INBOX", "inbox/x", "INBOX/a", "a", "A", "a/b", "(a/B)", "a.b", "a_b", "a_b (2)", "Sent", "Enviados",
    "SENT/a", "x",
];

#[test]
fn small_worlds_keep_the_laws() {
    for bits in 0_u32..1 << NAMES.len() {
        if bits.count_ones() > 3 {
            continue;
        }
        let source: Vec<_> = NAMES
            .iter()
            .enumerate()
            .filter(|(at, _)| bits >> at & 1 == 1)
            .map(|(_, name)| folder(name))
            .collect();
        for server in ["/", "//i", ".", "INBOX.", "INBOX./i"] {
            for on_clash in [OnClash::Block, OnClash::Suffix, OnClash::Merge] {
                let policy = clashing(on_clash);
                for destination in [&["INBOX"][..], &["INBOX", "Enviados\\Sent", "A"]] {
                    check_laws(&source, &folders(destination), &naming(server), &policy);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn any_world_keeps_the_laws(
        source in prop::collection::btree_set(
            "[aAs.é_/]{1,6}|(INBOX|Sent|Itens Enviados|Lixo)(/[aA])?|[(][aA](/[aA])?[)]", 0..9,
        ),
        destination in prop::collection::btree_set("[aAsé_]{1,2}!?|Sent|INBOX!?|Enviados|Trash", 0..5),
        server in prop::sample::select(vec!["/", "//i", ".", "INBOX.", "INBOX./i", "Mail/"]),
        on_clash in prop::sample::select(vec![OnClash::Block, OnClash::Suffix, OnClash::Merge]),
        map_to in prop::option::of("[aA]/?[bs]"),
        into in prop::option::of("[as]"),
    ) {
        let listed = |names: &BTreeSet<String>| -> Vec<Folder> {
            let whole = |name: &&String| !name.split('/').any(str::is_empty);
            let folders: Vec<_> = names.iter().filter(whole).map(|name| folder(name)).collect();
            let mut paths = BTreeSet::new();
            folders.into_iter().filter(|folder| paths.insert(folder.path.clone())).collect()
        };
        let policy = MappingPolicy {
            on_clash,
            into,
            maps: map_to.map(|to| ("a".into(), to)).into_iter().collect(),
            ..plain()
        };
        check_laws(&listed(&source), &listed(&destination), &naming(server), &policy);
    }
}
