//! Every value that a frame can hold, there and back, and what is no frame.
//! Never reads a file.

use std::sync::Arc;

use super::*;
use crate::item::{Attachment, Content, Counts, Damage, Folder, Item, Part};
use crate::names::{Name, Names, PS_MAPI};
use crate::property::{Properties, Value, ValueType};
use crate::store::{Blob, BlobKey, Format, NodeId, Summary};

fn path() -> Blob {
    let key = BlobKey::Path { node: NodeId(0x20_0024), attachments: vec![1, 2], property: 0x3701 };
    Blob { octets: 7, key }
}

fn values() -> Properties {
    let all = vec![
        Value::Null,
        Value::Integer16(-1),
        Value::Integer32(i32::MIN),
        Value::Integer64(i64::MAX),
        Value::Floating32(1.5),
        Value::Floating64(-2.5),
        Value::FloatingTime(0.25),
        Value::Boolean(true),
        Value::ErrorCode(0x8004_010F),
        Value::Time(u64::MAX),
        Value::Guid([9; 16]),
        Value::String("naïve\0x".to_owned()),
        Value::String8(vec![0xE9]),
        Value::Binary(vec![0; 30]),
        Value::Object,
        Value::Long(ValueType::String, path()),
        Value::Long(ValueType::String8, Blob { octets: 0, key: BlobKey::Block(5) }),
        Value::Long(ValueType::Binary, Blob { octets: 2, key: BlobKey::Held(Arc::from([1, 2])) }),
        Value::Many(vec![Value::String("a".to_owned()), Value::Integer16(2)]),
    ];
    Properties((0_u16..).zip(all).collect())
}

fn damage() -> Vec<Damage> {
    let parts = [
        Part::File,
        Part::Folder,
        Part::Contents,
        Part::Property(0x1000),
        Part::Properties,
        Part::Recipients,
        Part::Attachments,
        Part::Data,
        Part::Limit,
    ];
    parts.map(|part| Damage { part, reason: "a reason".to_owned() }).into()
}

fn item(depth: usize) -> Item {
    let contents = [
        Content::None,
        Content::Octets(path()),
        Content::Ole(path()),
        Content::Reference,
        Content::Unreadable,
    ];
    let mut contents: Vec<Content> = contents.into();
    if depth > 0 {
        contents.push(Content::Embedded(Box::new(item(depth - 1))));
    }
    let attachments = (0..)
        .zip(contents)
        .map(|(number, content)| Attachment { number, properties: values(), content, damage: damage() })
        .collect();
    Item {
        node: NodeId(4),
        properties: values(),
        recipients: vec![values(), Properties::default()],
        attachments,
        damage: damage(),
    }
}

fn answers() -> Vec<Answer> {
    let names = Names(
        [((PS_MAPI, Name::Number(3)), 0x8000), (([1; 16], Name::Text("Keywords".to_owned())), 0x8001)].into(),
    );
    let folder = Folder {
        node: NodeId(0x122),
        parent: NodeId(0x122),
        properties: values(),
        items: vec![NodeId(4), NodeId(36)],
        counts: Counts { table_rows: None, node_children: Some(3), claimed: Some(u64::MAX) },
        damage: damage(),
    };
    vec![
        Answer::Began { version: VERSION, guards: vec!["seccomp: on".to_owned()] },
        Answer::Opened {
            summary: Summary { format: Format::Ansi, properties: values(), names, damage: damage() },
            guard: "seccomp".to_owned(),
        },
        Answer::Folders(vec![folder]),
        Answer::Item(Box::new(item(1))),
        Answer::Recovered(vec![NodeId(1), NodeId(u32::MAX)]),
        Answer::Octets(vec![1, 2, 3]),
        Answer::Refused(Refusal::Io("x".to_owned())),
        Answer::Refused(Refusal::NotAStore(String::new())),
        Answer::Refused(Refusal::Unreadable(NodeId(9), "y".to_owned())),
    ]
}

fn requests() -> Vec<Request> {
    vec![
        Request::Begin { version: VERSION, memory_octets: 1 << 31, processor_seconds: 60 },
        Request::Open,
        Request::Folders,
        Request::Item(NodeId(36)),
        Request::Recovered,
        Request::Read { blob: path(), offset: 1 << 40, octets: READ_OCTETS_MAX },
    ]
}

#[test]
fn every_answer_and_request_comes_back_as_it_went() {
    for answer in answers() {
        assert_eq!(Answer::decode(&answer.encode()), Ok(answer));
    }
    for request in requests() {
        assert_eq!(Request::decode(&request.encode()), Ok(request));
    }
}

#[test]
fn an_answer_that_is_cut_or_goes_on_is_none() {
    for answer in answers() {
        let mut octets = answer.encode();
        for length in 0..octets.len() {
            assert!(Answer::decode(&octets[..length]).is_err(), "{length} octets of {answer:?}");
        }
        octets.push(0);
        assert_eq!(Answer::decode(&octets), Err(Wrong::Long));
    }
}

#[test]
fn changed_octets_are_refused_or_are_another_answer_that_comes_back() {
    for (number, answer) in answers().into_iter().enumerate() {
        let octets = answer.encode();
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(number as u64 + 1);
        for _ in 0..2_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let place = (seed >> 33) as usize % octets.len();
            let mut changed = octets.clone();
            changed[place] = (seed >> 20) as u8;
            if let Ok(other) = Answer::decode(&changed) {
                // Compared as octets: a NaN is not equal to itself.
                let again = Answer::decode(&other.encode()).map(|again| again.encode());
                assert_eq!(again, Ok(other.encode()), "seed {seed:#x}");
            }
        }
    }
}

#[test]
fn few_octets_never_become_many_elements_or_deep_ones() {
    // A list of so many empty values, in an answer of one item.
    let mut many = vec![3_u8, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 16];
    many.extend_from_slice(&u32::MAX.to_le_bytes());
    many.extend(vec![0_u8; ELEMENTS_MAX + 10]);
    assert_eq!(Answer::decode(&many), Err(Wrong::Elements));
    // Lists within lists.
    let mut deep = vec![3_u8, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0];
    for _ in 0..10_000 {
        deep.extend_from_slice(&[16, 1, 0, 0, 0]);
    }
    assert_eq!(Answer::decode(&deep), Err(Wrong::Depth));
    assert_eq!(Answer::decode(&[5, 0xFF, 0xFF, 0xFF, 0xFF, 1]), Err(Wrong::Short));
}

fn check_line(octets: &[u8], octets_max: usize, expected: Result<Option<Frame>, io::ErrorKind>) {
    assert_eq!(read(&mut &octets[..], octets_max).map_err(|error| error.kind()), expected, "{octets:02x?}");
}

#[test]
fn a_frame_is_read_as_it_was_written_and_nothing_else_is_one() -> io::Result<()> {
    let mut line = Vec::new();
    write(&mut line, 7, b"octets")?;
    let frame = Frame { number: 7, octets: b"octets".to_vec() };
    check_line(&line, 6, Ok(Some(frame)));
    check_line(&[], 6, Ok(None));
    check_line(&line, 5, Err(io::ErrorKind::InvalidData));
    for length in 1..line.len() {
        check_line(&line[..length], 6, Err(io::ErrorKind::UnexpectedEof));
    }
    check_line(&[b'X'; 16], 6, Err(io::ErrorKind::InvalidData));
    Ok(())
}

#[test]
fn room_is_made_for_what_comes_and_not_for_what_is_claimed() {
    let mut line = b"MPST".to_vec();
    line.extend_from_slice(&u32::try_from(FRAME_OCTETS_MAX).expect("the limit fits its field").to_le_bytes());
    line.extend_from_slice(&[0; 8]);
    check_line(&line, FRAME_OCTETS_MAX, Err(io::ErrorKind::UnexpectedEof));
    let too_long = vec![0; FRAME_OCTETS_MAX + 1];
    assert!(write(&mut Vec::new(), 1, &too_long).is_err());
}
