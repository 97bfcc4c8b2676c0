//! Time zones as appointments carry them: two binary forms, the offsets they give, and VTIMEZONE (RFC 5545 §3.6.5).
//! Never looks a zone up by its name: what the store holds is what the appointment was made by.

use super::lines::{Lines, quoted};
use super::moment::{Moment, nth_weekday};
use super::octets::Octets;

/// Most rules of one zone.
pub const RULES_MAX: usize = 64;
/// Furthest that a clock can be from UTC, in minutes.
const OFFSET_MINUTES_MAX: i32 = 24 * 60;
/// The year in which a zone's first rule begins, as calendars are used to it.
const FIRST_YEAR: i16 = 1601;
const YEAR_MAX: i16 = 9998;

/// A zone: its name, and what its clocks did from which year on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Its name within the calendar.
    pub id: String,
    rules: Vec<Rule>,
}

/// What the clocks of a zone do from a year on. Offsets are minutes east of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    from_year: i16,
    standard: i32,
    daylight: Option<Daylight>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Daylight {
    offset: i32,
    begins: Change,
    ends: Change,
}

/// When clocks are changed each year, by the clock that is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Change {
    month: i8,
    day: Day,
    hour: i8,
    minute: i8,
    second: i8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    /// The nth weekday, the last one for 5; weekdays count from Sunday, 0.
    Nth {
        weekday: i8,
        nth: i8,
    },
    Fixed(i8),
}

impl Zone {
    /// Reads `PidLidTimeZoneStruct` ([MS-OXOCAL] §2.2.1.39); its name is a property of its own.
    #[must_use]
    pub fn of_struct(octets: &[u8], name: &str) -> Option<Self> {
        let mut octets = Octets(octets);
        let biases = [octets.signed()?, octets.signed()?, octets.signed()?];
        octets.half()?;
        let ends = octets.take(16)?;
        octets.half()?;
        let begins = octets.take(16)?;
        let rule = Rule::read(FIRST_YEAR, biases, ends, begins)?;
        Some(Self { id: named(name), rules: vec![rule] })
    }

    /// Reads `PidLidAppointmentTimeZoneDefinitionRecur` and its sisters ([MS-OXOCAL] §2.2.1.41).
    #[must_use]
    pub fn of_definition(octets: &[u8]) -> Option<Self> {
        const RULE_OCTETS_BEFORE_BIASES: usize = 14;
        let mut octets = Octets(octets);
        octets.take(2)?;
        let header_octets = usize::from(octets.half()?);
        let mut header = Octets(octets.take(header_octets)?);
        header.half()?;
        let units = usize::from(header.half()?);
        let name = header.wide(units)?;
        let count = usize::from(header.half()?);
        if count == 0 || count > RULES_MAX {
            return None;
        }
        let mut rules = Vec::with_capacity(count);
        for nth in 0..count {
            octets.take(6)?;
            let year = i16::try_from(octets.half()?).ok()?.clamp(FIRST_YEAR, YEAR_MAX);
            octets.take(RULE_OCTETS_BEFORE_BIASES)?;
            let biases = [octets.signed()?, octets.signed()?, octets.signed()?];
            let (ends, begins) = (octets.take(16)?, octets.take(16)?);
            rules.push(Rule::read(if nth == 0 { FIRST_YEAR } else { year }, biases, ends, begins)?);
        }
        let is_ordered = rules.windows(2).all(|pair| pair[0].from_year < pair[1].from_year);
        is_ordered.then(|| Self { id: named(&name), rules })
    }

    /// A zone that is always so many minutes ahead of UTC; more than a day counts as none.
    #[must_use]
    pub fn fixed(id: &str, offset_minutes: i64) -> Self {
        let most = i64::from(OFFSET_MINUTES_MAX);
        let offset = i32::try_from(offset_minutes).ok().filter(|_| (-most..=most).contains(&offset_minutes));
        let rule = Rule { from_year: FIRST_YEAR, standard: offset.unwrap_or(0), daylight: None };
        Self { id: id.to_owned(), rules: vec![rule] }
    }

    /// What the zone's clocks show at a moment of UTC.
    #[must_use]
    pub fn local(&self, utc: Moment) -> Option<Moment> {
        utc.plus(i64::from(self.offset_at(utc)) * 60)
    }

    /// The moment of UTC at which the zone's clocks show `local`; the first of two, and for times that are skipped the
    /// one by the clock before the change (RFC 5545 §3.3.5).
    #[must_use]
    pub fn utc(&self, local: Moment) -> Option<Moment> {
        let rule = self.rule_of(local.date().year());
        let by = |offset: i32| local.plus(-i64::from(offset) * 60);
        let standard = by(rule.standard)?;
        let Some(daylight) = rule.daylight else { return Some(standard) };
        let early = by(daylight.offset)?;
        let is_own = |utc: Moment, offset: i32| self.offset_at(utc) == offset;
        Some(if is_own(early, daylight.offset) { early } else { standard })
    }

    /// Minutes that the zone's clocks are ahead of UTC.
    fn offset_at(&self, utc: Moment) -> i32 {
        let year = utc.date().year();
        let rule = self.rule_of(year);
        let Some(daylight) = rule.daylight else { return rule.standard };
        let changes = daylight.begins.in_year(year).zip(daylight.ends.in_year(year));
        let Some((begins, ends)) = changes else { return rule.standard };
        let begins = begins.seconds() - i64::from(rule.standard) * 60;
        let ends = ends.seconds() - i64::from(daylight.offset) * 60;
        let is_daylight = if begins < ends {
            (begins..ends).contains(&utc.seconds())
        } else {
            !(ends..begins).contains(&utc.seconds())
        };
        if is_daylight { daylight.offset } else { rule.standard }
    }

    fn rule_of(&self, year: i16) -> Rule {
        let later = self.rules.iter().rev().find(|rule| rule.from_year <= year);
        *later.unwrap_or(&self.rules[0])
    }

    /// `;TZID="…":20261121T163000`, what follows the name of a property.
    #[must_use]
    pub fn stamp(&self, local: Moment) -> String {
        format!(";TZID={}:{}", quoted(&self.id), local.basic())
    }

    /// Writes the zone as a component, with the rules of the years from `first` to `last` by its wall clock; some
    /// zones have a rule for every year.
    pub fn put(&self, lines: &mut Lines, first: Moment, last: Option<Moment>) {
        let (first, last) = (first.date().year(), last.map_or(i16::MAX, |last| last.date().year()));
        lines.line("BEGIN:VTIMEZONE");
        lines.text("TZID", &self.id);
        let own = self.rules.iter().rposition(|rule| rule.from_year <= first).unwrap_or(0);
        let wanted = self.rules.iter().enumerate().skip(own);
        for (nth, rule) in wanted.take_while(|(nth, rule)| *nth == own || rule.from_year <= last) {
            let next = self.rules.get(nth + 1);
            let until = next
                .and_then(|next| Moment::of_civil(jiff::civil::date(next.from_year, 1, 1).at(0, 0, 0, 0)));
            let until = until.and_then(|until| until.plus(-i64::from(rule.standard) * 60 - 1));
            let until = until.map(|until| format!(";UNTIL={}", until.utc())).unwrap_or_default();
            match rule.daylight {
                Some(daylight) => {
                    let standard = Observance { name: "STANDARD", from: daylight.offset, to: rule.standard };
                    standard.put(lines, rule.from_year, daylight.ends, &until);
                    let summer = Observance { name: "DAYLIGHT", from: rule.standard, to: daylight.offset };
                    summer.put(lines, rule.from_year, daylight.begins, &until);
                }
                None => {
                    lines.line("BEGIN:STANDARD");
                    lines.line(&format!("DTSTART:{:04}0101T000000", rule.from_year));
                    let offset = offset_text(rule.standard);
                    lines.line(&format!("TZOFFSETFROM:{offset}"));
                    lines.line(&format!("TZOFFSETTO:{offset}"));
                    lines.line("END:STANDARD");
                }
            }
        }
        lines.line("END:VTIMEZONE");
    }
}

struct Observance {
    name: &'static str,
    from: i32,
    to: i32,
}

impl Observance {
    fn put(&self, lines: &mut Lines, year: i16, change: Change, until: &str) {
        let Some(first) = change.in_year(year) else { return };
        lines.line(&format!("BEGIN:{}", self.name));
        lines.line(&format!("DTSTART:{}", first.basic()));
        let day = match change.day {
            Day::Nth { weekday, nth } => {
                let nth = if nth == 5 { -1 } else { nth };
                format!("BYDAY={nth}{}", WEEKDAYS[usize::from(weekday.unsigned_abs()) % 7])
            }
            Day::Fixed(day) => format!("BYMONTHDAY={day}"),
        };
        lines.line(&format!("RRULE:FREQ=YEARLY;{day};BYMONTH={}{until}", change.month));
        lines.line(&format!("TZOFFSETFROM:{}", offset_text(self.from)));
        lines.line(&format!("TZOFFSETTO:{}", offset_text(self.to)));
        lines.line(&format!("END:{}", self.name));
    }
}

/// Days of the week as calendars write them, from Sunday on.
pub const WEEKDAYS: [&str; 7] = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];

impl Rule {
    /// `ends` and `begins` are the dates of standard and daylight time, SYSTEMTIMEs; `biases` are minutes to be added
    /// to local time: the zone's own, the standard and the daylight one.
    fn read(
        from_year: i16,
        [bias, standard, daylight]: [i32; 3],
        ends: &[u8],
        begins: &[u8],
    ) -> Option<Self> {
        let offset = |more: i32| {
            let offset = bias.checked_add(more)?.checked_neg()?;
            (-OFFSET_MINUTES_MAX..=OFFSET_MINUTES_MAX).contains(&offset).then_some(offset)
        };
        let daylight_offset = offset(daylight)?;
        let changes = Change::read(begins)?.zip(Change::read(ends)?);
        let daylight = changes.map(|(begins, ends)| Daylight { offset: daylight_offset, begins, ends });
        Some(Self { from_year, standard: offset(standard)?, daylight })
    }
}

impl Change {
    /// Reads a SYSTEMTIME; `Some(None)` where there is no change, nothing where it is none.
    fn read(octets: &[u8]) -> Option<Option<Self>> {
        let mut octets = Octets(octets);
        let mut number = || i16::try_from(octets.half()?).ok();
        let (year, month, weekday, day) = (number()?, number()?, number()?, number()?);
        let (hour, minute, second) = (number()?, number()?, number()?);
        if month == 0 {
            return Some(None);
        }
        let is_nth = year == 0;
        let day_range = if is_nth { 1..=5 } else { 1..=31 };
        let is_sound = (1..=12).contains(&month)
            && (0..=6).contains(&weekday)
            && day_range.contains(&day)
            && (0..=23).contains(&hour)
            && (0..=59).contains(&minute)
            && (0..=59).contains(&second);
        if !is_sound {
            return None;
        }
        let narrow = |number: i16| i8::try_from(number).ok();
        let day = if is_nth {
            Day::Nth { weekday: narrow(weekday)?, nth: narrow(day)? }
        } else {
            Day::Fixed(narrow(day)?)
        };
        Some(Some(Self {
            month: narrow(month)?,
            day,
            hour: narrow(hour)?,
            minute: narrow(minute)?,
            second: narrow(second)?,
        }))
    }

    fn in_year(self, year: i16) -> Option<Moment> {
        let date = match self.day {
            Day::Nth { weekday, nth } => nth_weekday(year, self.month, weekday, nth)?,
            Day::Fixed(day) => jiff::civil::Date::new(year, self.month, day).ok()?,
        };
        Moment::of_civil(date.at(self.hour, self.minute, self.second, 0))
    }
}

fn offset_text(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// A name that can stand as one; zones have been seen without any.
fn named(name: &str) -> String {
    const NAME_CHARACTERS_MAX: usize = 200;
    let name: String = name.trim_matches(['\0', ' ']).chars().take(NAME_CHARACTERS_MAX).collect();
    let name: String =
        name.chars().map(|one| if one.is_control() || one == '"' { ' ' } else { one }).collect();
    if name.trim().is_empty() { "Custom".to_owned() } else { name }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Moment, Zone};

    fn system_time(numbers: [u16; 8]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    /// Berlin, as `PidLidTimeZoneStruct` holds it.
    pub fn berlin_struct() -> Vec<u8> {
        let mut octets: Vec<u8> = [-60_i32, 0, -60].iter().flat_map(|bias| bias.to_le_bytes()).collect();
        octets.extend([0; 2]);
        octets.extend(system_time([0, 10, 0, 5, 3, 0, 0, 0]));
        octets.extend([0; 2]);
        octets.extend(system_time([0, 3, 0, 5, 2, 0, 0, 0]));
        octets
    }

    /// New York with the rules before and after 2007, as `PidLidAppointmentTimeZoneDefinitionRecur` holds it.
    pub fn new_york_definition() -> Vec<u8> {
        let name: Vec<u8> = "Eastern Standard Time".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut octets = vec![2, 1];
        octets.extend((6 + name.len() as u16).to_le_bytes());
        octets.extend(2_u16.to_le_bytes());
        octets.extend((name.len() as u16 / 2).to_le_bytes());
        octets.extend(&name);
        octets.extend(2_u16.to_le_bytes());
        for (year, ends, begins) in [(1987_u16, [10_u16, 5], [4_u16, 1]), (2007, [11, 1], [3, 2])] {
            octets.extend([2, 1, 0x3E, 0, 2, 0]);
            octets.extend(year.to_le_bytes());
            octets.extend([0; 14]);
            octets.extend([300_i32, 0, -60].iter().flat_map(|bias| bias.to_le_bytes()));
            for [month, nth] in [ends, begins] {
                octets.extend(system_time([0, month, 0, nth, 2, 0, 0, 0]));
            }
        }
        octets
    }

    fn at(year: i16, month: i8, day: i8, hour: i8, minute: i8) -> Moment {
        let civil = jiff::civil::date(year, month, day).at(hour, minute, 0, 0);
        Moment::of_civil(civil).expect("a year that calendars can name")
    }

    fn check(zone: &Zone, utc: Moment, local: Moment) {
        assert_eq!(zone.local(utc), Some(local), "{} at {}", zone.id, utc.utc());
        assert_eq!(zone.utc(local), Some(utc), "{} back from {}", zone.id, local.basic());
    }

    #[test]
    fn clocks_change_when_the_rule_of_the_year_says() {
        let berlin = Zone::of_struct(&berlin_struct(), "(UTC+01:00) Berlin").expect("a sound zone");
        check(&berlin, at(2026, 1, 15, 12, 0), at(2026, 1, 15, 13, 0));
        check(&berlin, at(2026, 7, 15, 12, 0), at(2026, 7, 15, 14, 0));
        check(&berlin, at(2026, 3, 29, 0, 59), at(2026, 3, 29, 1, 59));
        check(&berlin, at(2026, 3, 29, 1, 0), at(2026, 3, 29, 3, 0));
        check(&berlin, at(2026, 10, 25, 0, 59), at(2026, 10, 25, 2, 59));
        let york = Zone::of_definition(&new_york_definition()).expect("a sound zone");
        assert_eq!(york.id, "Eastern Standard Time");
        check(&york, at(2006, 3, 20, 12, 0), at(2006, 3, 20, 7, 0));
        check(&york, at(2026, 3, 20, 12, 0), at(2026, 3, 20, 8, 0));
        check(&york, at(2026, 12, 31, 23, 0), at(2026, 12, 31, 18, 0));
    }

    #[test]
    fn a_skipped_time_is_read_by_the_clock_before_and_a_doubled_one_is_the_first() {
        let berlin = Zone::of_struct(&berlin_struct(), "").expect("a sound zone");
        assert_eq!(berlin.utc(at(2026, 3, 29, 2, 30)), Some(at(2026, 3, 29, 1, 30)));
        assert_eq!(berlin.utc(at(2026, 10, 25, 2, 30)), Some(at(2026, 10, 25, 0, 30)));
        assert_eq!(berlin.id, "Custom");
    }

    #[test]
    fn a_cut_or_changed_zone_is_no_zone_and_never_panics() {
        let (whole_struct, whole_definition) = (berlin_struct(), new_york_definition());
        for end in 0..whole_struct.len() {
            assert_eq!(Zone::of_struct(&whole_struct[..end], "x"), None, "{end}");
        }
        for end in 0..whole_definition.len() {
            assert_eq!(Zone::of_definition(&whole_definition[..end]), None, "{end}");
        }
        for place in 0..whole_definition.len() {
            for octet in [0, 1, 0x7F, 0x80, 0xFF] {
                let mut changed = whole_definition.clone();
                changed[place] = octet;
                if let Some(zone) = Zone::of_definition(&changed) {
                    let _ = (zone.local(at(1601, 1, 1, 0, 0)), zone.utc(at(9999, 12, 31, 23, 59)));
                    zone.put(&mut super::Lines::default(), at(1601, 1, 1, 0, 0), None);
                }
            }
        }
    }
}
