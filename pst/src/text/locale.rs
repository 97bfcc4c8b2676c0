//! From a language, or from an Internet code page, to the Windows page that its 8-bit strings are in.
//! Never knows of strings: numbers in, numbers out.

/// The ANSI page of a locale id ([MS-LCID] §2.2; pages as Windows assigns them). Languages without an ANSI page of
/// their own, which only exist in Unicode, have none.
#[must_use]
pub fn ansi_page_of_locale(locale: u32) -> Option<u16> {
    let script = (locale >> 10) & 0x3F;
    let page = match locale & 0x3FF {
        0x11 => 932,
        0x12 => 949,
        // Chinese: Taiwan, Hong Kong and Macao write traditional characters.
        0x04 if matches!(script, 1 | 3 | 5 | 31) => 950,
        0x04 => 936,
        0x1E => 874,
        0x2A => 1258,
        0x0D => 1255,
        0x01 | 0x20 | 0x29 | 0x59 | 0x8C | 0x80 => 1256,
        0x08 => 1253,
        0x1F => 1254,
        // Azeri and Uzbek are written in Latin (1) and Cyrillic (2) letters.
        0x2C | 0x43 if script == 2 => 1251,
        0x2C | 0x43 => 1254,
        0x25..=0x27 => 1257,
        // Croatian, Serbian and Bosnian share one number; some of its scripts are Cyrillic.
        0x1A if matches!(script, 3 | 7 | 8 | 10 | 12) => 1251,
        0x05 | 0x0E | 0x15 | 0x18 | 0x1A | 0x1B | 0x1C | 0x24 | 0x42 => 1250,
        0x02 | 0x19 | 0x22 | 0x23 | 0x2F | 0x3F | 0x40 | 0x44 | 0x6D | 0x85 => 1251,
        0x03
        | 0x06
        | 0x07
        | 0x09..=0x0C
        | 0x0F
        | 0x10
        | 0x13
        | 0x14
        | 0x16
        | 0x1D
        | 0x21
        | 0x2D
        | 0x36
        | 0x38
        | 0x3E
        | 0x41
        | 0x56 => 1252,
        _ => return None,
    };
    Some(page)
}

/// The Windows page of the family that an Internet page (`PidTagInternetCodepage`) belongs to.
#[must_use]
pub fn ansi_page_of_internet(page: u16) -> Option<u16> {
    let ansi = match page {
        874 | 932 | 936 | 949 | 950 | 1250..=1258 => page,
        28591 | 28605 | 10000 => 1252,
        28592 | 28606 => 1250,
        28593 | 28599 => 1254,
        28594 | 28603 => 1257,
        28595 | 20866 | 21866 | 10007 => 1251,
        28596 => 1256,
        28597 => 1253,
        28598 | 38598 => 1255,
        50220..=50222 | 20932 | 51932 => 932,
        50225 | 51949 => 949,
        50227 | 51936 | 52936 | 54936 => 936,
        _ => return None,
    };
    Some(ansi)
}

#[cfg(test)]
mod tests {
    use super::{ansi_page_of_internet, ansi_page_of_locale};

    #[test]
    fn a_locale_leads_to_its_ansi_page() {
        for (locale, page) in [
            (0x0411, Some(932)),
            (0x0416, Some(1252)),
            (0x0816, Some(1252)),
            (0x0404, Some(950)),
            (0x0C04, Some(950)),
            (0x0804, Some(936)),
            (0x041A, Some(1250)),
            (0x0C1A, Some(1251)),
            (0x0419, Some(1251)),
            (0x0439, None),
            (0, None),
        ] {
            assert_eq!(ansi_page_of_locale(locale), page, "{locale:#x}");
        }
    }

    #[test]
    fn an_internet_page_leads_to_the_windows_page_of_its_family() {
        for (internet, page) in
            [(50220, Some(932)), (28592, Some(1250)), (20866, Some(1251)), (51949, Some(949)), (65001, None)]
        {
            assert_eq!(ansi_page_of_internet(internet), page, "{internet}");
        }
    }
}
