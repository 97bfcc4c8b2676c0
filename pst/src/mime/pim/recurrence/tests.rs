//! Binary series made by hand, whole, cut and changed octet by octet.
//! Never a series that this crate wrote elsewhere: it writes none.

use super::{Changed, Days, End, Moment, Pattern, Series, Unit};

pub fn minutes(year: i16, month: i8, day: i8, hour: i8, minute: i8) -> u32 {
    let civil = jiff::civil::date(year, month, day).at(hour, minute, 0, 0);
    let moment = Moment::of_civil(civil).expect("a year that calendars can name");
    u32::try_from(moment.seconds() / 60).expect("a year that recurrences can name")
}

/// What a test says of a pattern: frequency, kind, period, and what follows of the kind.
pub struct Made {
    pub frequency: u16,
    pub kind: u16,
    pub period: u32,
    pub of_kind: Vec<u32>,
    pub end: [u32; 2],
    pub deleted: Vec<u32>,
    pub modified: Vec<u32>,
    pub start: u32,
    pub end_date: u32,
}

impl Made {
    pub fn weekly() -> Self {
        Self {
            frequency: 0x200B,
            kind: 1,
            period: 1,
            of_kind: vec![0x02 | 0x08],
            end: [0x2021, 10],
            deleted: Vec::new(),
            modified: Vec::new(),
            start: minutes(2026, 3, 2, 0, 0),
            end_date: minutes(2026, 6, 29, 0, 0),
        }
    }

    pub fn pattern(&self) -> Vec<u8> {
        let mut octets = vec![0x04, 0x30, 0x04, 0x30];
        for half in [self.frequency, self.kind, 0] {
            octets.extend(half.to_le_bytes());
        }
        let mut words = vec![0, self.period, 0];
        words.extend(&self.of_kind);
        words.extend(self.end);
        words.push(1);
        words.push(self.deleted.len() as u32);
        words.extend(&self.deleted);
        words.push(self.modified.len() as u32);
        words.extend(&self.modified);
        words.extend([self.start, self.end_date]);
        octets.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        octets
    }

    pub fn series(&self, start_minutes: u32, end_minutes: u32, changed: &[Vec<u8>], wide: &[u8]) -> Vec<u8> {
        let mut octets = self.pattern();
        for word in [0x3006, 0x3009, start_minutes, end_minutes] {
            octets.extend(u32::to_le_bytes(word));
        }
        octets.extend((changed.len() as u16).to_le_bytes());
        octets.extend(changed.concat());
        octets.extend(0_u32.to_le_bytes());
        octets.extend(wide);
        octets.extend(0_u32.to_le_bytes());
        octets
    }
}

pub fn changed_octets(times: [u32; 3], subject: &[u8]) -> Vec<u8> {
    let mut octets: Vec<u8> = times.iter().flat_map(|time| time.to_le_bytes()).collect();
    octets.extend(0x0021_u16.to_le_bytes());
    octets.extend((subject.len() as u16 + 1).to_le_bytes());
    octets.extend((subject.len() as u16).to_le_bytes());
    octets.extend(subject);
    octets.extend(3_u32.to_le_bytes());
    octets
}

pub fn wide_octets(times: [u32; 3], subject: &str) -> Vec<u8> {
    let mut octets: Vec<u8> = [4_u32, 0, 0].iter().flat_map(|word| word.to_le_bytes()).collect();
    octets.extend(times.iter().flat_map(|time| time.to_le_bytes()));
    octets.extend((subject.encode_utf16().count() as u16).to_le_bytes());
    octets.extend(subject.encode_utf16().flat_map(u16::to_le_bytes));
    octets.extend(0_u32.to_le_bytes());
    octets
}

fn whole() -> Vec<u8> {
    let times = [minutes(2026, 3, 11, 15, 0), minutes(2026, 3, 11, 16, 0), minutes(2026, 3, 11, 10, 0)];
    let mut made = Made::weekly();
    made.deleted = vec![minutes(2026, 3, 4, 0, 0), minutes(2026, 3, 11, 0, 0)];
    made.modified = vec![minutes(2026, 3, 11, 0, 0)];
    made.series(600, 660, &[changed_octets(times, b"Umzug \xFC")], &wide_octets(times, "Umzug ü☃"))
}

#[test]
fn a_series_is_read_with_its_changed_instances() {
    let series = Series::read(&whole()).expect("a sound series");
    assert_eq!((series.pattern.unit, series.pattern.interval), (Unit::Week, 1));
    assert_eq!(series.pattern.days, Days::OfWeek(0x0A));
    assert!(matches!(series.pattern.end, End::On(_)));
    assert_eq!((series.start_minutes, series.end_minutes, series.is_cut), (600, 660, false));
    let [Changed { original, wide_subject, busy, .. }] = &series.changed[..] else {
        panic!("one was changed")
    };
    assert_eq!(original.basic(), "20260311T100000");
    assert_eq!((wide_subject.as_deref(), *busy), (Some("Umzug ü☃"), Some(3)));
}

#[test]
fn cut_and_changed_octets_are_bounded_and_never_panic() {
    let whole = whole();
    for end in 0..whole.len() {
        let _ = Series::read(&whole[..end]);
    }
    for place in 0..whole.len() {
        for octet in [0, 1, 0x7F, 0x80, 0xFF] {
            let mut changed = whole.clone();
            changed[place] = octet;
            if let Some(series) = Series::read(&changed) {
                assert!(series.pattern.deleted.len() <= super::INSTANCES_MAX);
            }
        }
    }
    let mut endless = Made::weekly();
    endless.deleted = vec![0; super::INSTANCES_MAX + 1];
    assert!(Pattern::read(&endless.pattern()).is_none());
}

#[test]
fn patterns_without_sense_are_refused() {
    for (frequency, kind, period, of_kind) in [
        (0x200A, 0, 0, vec![]),
        (0x200A, 0, 100, vec![]),
        (0x200B, 1, 1, vec![0]),
        (0x200C, 2, 1, vec![0]),
        (0x200C, 2, 1, vec![32]),
        (0x200C, 3, 1, vec![2, 6]),
        (0x200C, 1, 1, vec![2]),
        (0x1234, 0, 1440, vec![]),
        (0x200B, 99, 1, vec![]),
    ] {
        let made = Made { frequency, kind, period, of_kind, ..Made::weekly() };
        assert!(Pattern::read(&made.pattern()).is_none(), "{frequency:x} {kind} {period}");
    }
}
