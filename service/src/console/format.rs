//! Numbers, sizes, dates and spans as a language and a place write them.
//! Never rounds a share up: what is not complete is not shown as complete.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::language::Language;

/// How values are written for a visitor.
#[derive(Debug, Clone)]
pub struct Format {
    /// The language.
    pub language: Language,
    /// The time zone.
    pub zone: TimeZone,
    /// Its name, as the visitor chose it.
    pub zone_name: String,
    /// The moment of the page, in milliseconds since 1970.
    pub now_ms: i64,
}

/// Where nothing is chosen.
pub const ZONE: &str = "America/Sao_Paulo";
/// What can be chosen: Brazil's own, and one for people elsewhere.
pub const ZONES: [&str; 7] = [
    "America/Sao_Paulo",
    "America/Manaus",
    "America/Cuiaba",
    "America/Rio_Branco",
    "America/Noronha",
    "Europe/Lisbon",
    "UTC",
];

/// Digits in groups of three.
pub fn whole(language: Language, number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let point = if language == Language::Portuguese { '.' } else { ',' };
    let mut text = String::new();
    if number < 0 {
        text.push('-');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(point);
        }
        text.push(digit);
    }
    text
}

/// A number with so many places, cut off and not rounded.
pub fn decimal(language: Language, number: f64, places: u32) -> String {
    let scale = 10_i64.pow(places.min(6));
    // A hair more, so that 0.29 · 100 is 29 and not 28.
    let scaled = (number * scale as f64 + 1e-6).floor() as i64;
    let (front, back) = (scaled / scale, (scaled % scale).abs());
    if places == 0 {
        return whole(language, front);
    }
    let comma = if language == Language::Portuguese { ',' } else { '.' };
    let width = places.min(6) as usize;
    format!("{}{comma}{back:0width$}", whole(language, front))
}

/// A number as it comes: without places where it has none.
pub fn plain(language: Language, number: f64) -> String {
    if number.fract() == 0.0 { whole(language, number as i64) } else { decimal(language, number, 2) }
}

/// A share of a hundred: `99,96 %` in Portuguese with a narrow blank, `99.96%` in English.
pub fn percent(language: Language, number: f64) -> String {
    let places = if number.fract() == 0.0 { 0 } else { 2 };
    match language {
        Language::Portuguese => format!("{}%", decimal(language, number, places)),
        Language::English => format!("{}%", decimal(language, number, places)),
    }
}

/// Octets in IEC units.
pub fn bytes(language: Language, octets: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut value, mut unit) = (octets.max(0.0), 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let places = u32::from(unit > 0 && value < 100.0);
    format!("{}\u{a0}{}", decimal(language, value, places), UNITS[unit])
}

/// Seconds, in the two largest units.
pub fn span(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}\u{a0}s"),
        (0, 0, _) => format!("{minutes}\u{a0}min"),
        (0, _, _) => format!("{hours}\u{a0}h\u{a0}{minutes}\u{a0}min"),
        _ => format!("{days}\u{a0}d\u{a0}{hours}\u{a0}h"),
    }
}

impl Format {
    /// For a language and a zone's name; UTC where the machine does not know the zone.
    pub fn new(language: Language, zone_name: &str, now_ms: i64) -> Self {
        let zone_name = ZONES.into_iter().find(|known| *known == zone_name).unwrap_or(ZONE);
        match TimeZone::get(zone_name) {
            Ok(zone) => Self { language, zone, zone_name: zone_name.to_owned(), now_ms },
            Err(_) => Self { language, zone: TimeZone::UTC, zone_name: "UTC".to_owned(), now_ms },
        }
    }

    fn written(&self, moment: &str, portuguese: &str, english: &str) -> String {
        let Ok(moment) = moment.parse::<Timestamp>() else { return moment.to_owned() };
        let form = if self.language == Language::Portuguese { portuguese } else { english };
        moment.to_zoned(self.zone.clone()).strftime(form).to_string()
    }

    /// A moment of RFC 3339, in the visitor's zone.
    pub fn moment(&self, moment: &str) -> String {
        self.written(moment, "%d/%m/%Y %H:%M", "%-d %b %Y, %H:%M")
    }

    /// The same with seconds.
    pub fn exact(&self, moment: &str) -> String {
        self.written(moment, "%d/%m/%Y %H:%M:%S", "%-d %b %Y, %H:%M:%S")
    }

    /// The day alone.
    pub fn day(&self, moment: &str) -> String {
        self.written(moment, "%d/%m/%Y", "%-d %b %Y")
    }

    /// The time of the day alone.
    pub fn clock(&self, moment: &str) -> String {
        self.written(moment, "%H:%M:%S", "%H:%M:%S")
    }

    /// The moment at which a day begins in the visitor's zone, or one so many days later; nothing for what is no day.
    pub fn begins(&self, day: &str, later: i64) -> Option<String> {
        let day = day.parse::<Date>().ok()?.checked_add(Span::new().try_days(later).ok()?).ok()?;
        Some(day.to_zoned(self.zone.clone()).ok()?.timestamp().to_string())
    }

    /// How long ago, in seconds; nothing for what is no moment.
    pub fn seconds_since(&self, moment: &str) -> Option<i64> {
        let moment = moment.parse::<Timestamp>().ok()?;
        Some((self.now_ms - moment.as_millisecond()).max(0) / 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::Language::{English, Portuguese};
    use super::*;

    #[test]
    fn numbers_follow_the_language() {
        for (language, number, expected) in [
            (Portuguese, 1_234_567, "1.234.567"),
            (English, 1_234_567, "1,234,567"),
            (English, 0, "0"),
            (English, 999, "999"),
            (Portuguese, -1000, "-1.000"),
        ] {
            assert_eq!(whole(language, number), expected);
        }
        assert_eq!(decimal(Portuguese, 1234.5, 1), "1.234,5");
        assert_eq!(decimal(English, 1234.5, 1), "1,234.5");
    }

    #[test]
    fn a_share_is_never_rounded_up() {
        for (number, expected) in [(99.999, "99.99%"), (100.0, "100%"), (0.29, "0.29%"), (0.0, "0%")] {
            assert_eq!(percent(English, number), expected);
        }
        assert_eq!(percent(Portuguese, 99.96), "99,96%");
    }

    #[test]
    fn sizes_have_iec_units() {
        for (octets, expected) in
            [(0.0, "0\u{a0}B"), (1023.0, "1.023\u{a0}B"), (1024.0, "1,0\u{a0}KiB"), (1.5e9, "1,3\u{a0}GiB")]
        {
            assert_eq!(bytes(Portuguese, octets), expected);
        }
    }

    #[test]
    fn a_moment_stands_in_the_zone_and_form_of_the_reader() {
        let moment = "2026-06-19T17:26:42.000Z";
        let format = |language, zone| Format::new(language, zone, 0);
        assert_eq!(format(English, "UTC").moment(moment), "19 Jun 2026, 17:26");
        assert_eq!(format(Portuguese, "UTC").moment(moment), "19/06/2026 17:26");
        assert_eq!(format(Portuguese, "nowhere").zone_name, ZONE);
        assert_eq!(format(Portuguese, "UTC").moment(""), "");
        let day = |day, later| format(Portuguese, "America/Sao_Paulo").begins(day, later);
        assert_eq!(day("2026-06-19", 0).as_deref(), Some("2026-06-19T03:00:00Z"));
        assert_eq!(day("2026-12-31", 1).as_deref(), Some("2027-01-01T03:00:00Z"));
        assert_eq!((day("", 0), day("9999-12-31", 1)), (None, None));
    }
}
