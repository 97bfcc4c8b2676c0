//! Items that somebody made to break the writer of parts: every value at every place, lists without end, long texts.
//! Never a panic, never a part beyond its named limit.

use proptest::prelude::{Strategy, any, prop, proptest};

use super::super::calendar::PART_OCTETS_MAX;
use super::super::recurrence::tests::{Made as Pattern, changed_octets, minutes};
use super::{LossKind, Made, Value, at, text, time, unfolded};
use crate::mime::tag;
use crate::names::{
    PSETID_ADDRESS, PSETID_APPOINTMENT, PSETID_COMMON, PSETID_LOG, PSETID_MEETING, PSETID_TASK,
};

const CLASSES: [&str; 8] = [
    "IPM.Appointment",
    "IPM.Schedule.Meeting.Request",
    "IPM.Schedule.Meeting.Resp.Tent",
    "IPM.Contact",
    "IPM.DistList",
    "IPM.Task",
    "IPM.Activity",
    "IPM.StickyNote",
];

/// Every named property that some part looks at.
const NUMBERS: [(crate::names::Guid, &[u32]); 6] = [
    (
        PSETID_APPOINTMENT,
        &[
            0x8201, 0x8205, 0x8208, 0x820D, 0x820E, 0x8215, 0x8216, 0x8217, 0x8228, 0x8233, 0x8234, 0x8250,
            0x8251, 0x8257, 0x825E, 0x8260,
        ],
    ),
    (PSETID_COMMON, &[0x8501, 0x8502, 0x8503, 0x8516, 0x8517, 0x8560]),
    (PSETID_MEETING, &[0x0001, 0x0003, 0x001A, 0x0023]),
    (PSETID_TASK, &[0x8101, 0x8102, 0x8104, 0x8105, 0x810F, 0x8116, 0x811C, 0x811F]),
    (PSETID_LOG, &[0x8700, 0x8706, 0x8707, 0x8708]),
    (
        PSETID_ADDRESS,
        &[0x8005, 0x8015, 0x8022, 0x8045, 0x8053, 0x8054, 0x8055, 0x8064, 0x8082, 0x8083, 0x8085, 0x80DE],
    ),
];

fn any_value() -> impl Strategy<Value = Value> {
    let simple = prop::strategy::Union::new([
        any::<i32>().prop_map(Value::Integer32).boxed(),
        any::<bool>().prop_map(Value::Boolean).boxed(),
        any::<f64>().prop_map(Value::Floating64).boxed(),
        any::<u64>().prop_map(Value::Time).boxed(),
        (0..300_000_000_000_000_000_u64).prop_map(Value::Time).boxed(),
        ".{0,40}".prop_map(Value::String).boxed(),
        prop::collection::vec(any::<u8>(), 0..120).prop_map(Value::Binary).boxed(),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::String8).boxed(),
    ]);
    let many = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60).prop_map(Value::Binary), 0..4);
    prop::strategy::Union::new([simple.boxed(), many.prop_map(Value::Many).boxed()])
}

proptest! {
    #[test]
    fn any_values_give_a_part_of_whole_lines_or_none(
        class in 0..CLASSES.len(),
        values in prop::collection::vec(any_value(), 50),
        is_timed in any::<bool>(),
    ) {
        let mut made = Made::new(CLASSES[class]).recipient(1, "x\r\nATTENDEE:y", "a@b.example", &[]);
        let mut values = values.into_iter();
        for (set, numbers) in NUMBERS {
            for number in numbers {
                if let Some(value) = values.next() {
                    made = made.named(set, *number, value);
                }
            }
        }
        if is_timed {
            made = made.named(PSETID_APPOINTMENT, 0x820D, time(at(2026, 3, 2, 9, 0)));
        }
        if let (Some(part), _) = made.part() {
            let lines = unfolded(&part);
            let begins = lines.iter().filter(|line| line.starts_with("BEGIN:")).count();
            let ends = lines.iter().filter(|line| line.starts_with("END:")).count();
            assert_eq!(begins, ends);
            assert!(lines.iter().all(|line| !line.starts_with("ATTENDEE:") && !line.is_empty()));
            assert_eq!(made.part(), made.part());
        }
    }
}

#[test]
fn thousands_of_changed_instances_of_a_long_text_stay_below_the_limit() {
    let day = |number: u32| minutes(2026, 3, 2, 10, 0) + number * 1440;
    let changed: Vec<Vec<u8>> =
        (0..5000).map(|number| changed_octets([day(number), day(number) + 60, day(number)], b"x")).collect();
    let octets = Pattern::weekly().series(600, 660, &changed, &[]);
    let made = Made::new("IPM.Appointment").with(tag::BODY, text(&"☃".repeat(100_000)));
    let made = made.named(PSETID_APPOINTMENT, 0x820D, time(at(2026, 3, 2, 9, 0)));
    let (part, losses) = made.named(PSETID_APPOINTMENT, 0x8216, Value::Binary(octets)).part();
    assert!(part.expect("an appointment has a part").octets.len() < PART_OCTETS_MAX + 1024 * 1024);
    assert!(losses.contains(&LossKind::PimProperty), "{losses:?}");
}

#[test]
fn a_broken_series_keeps_its_first_instance_and_is_told() {
    let made = Made::new("IPM.Appointment").named(PSETID_APPOINTMENT, 0x820D, time(at(2026, 3, 2, 9, 0)));
    let made = made.named(PSETID_APPOINTMENT, 0x8216, Value::Binary(vec![0xFF; 40]));
    let (part, losses) = made.part();
    let lines = unfolded(&part.expect("an appointment has a part"));
    assert!(lines.contains(&"DTSTART:20260302T090000Z".to_owned()));
    assert_eq!(losses, [LossKind::PimProperty]);
}
