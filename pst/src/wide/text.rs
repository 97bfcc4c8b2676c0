//! Texts in steps of many octets (AVX-512 VBMI2): UTF-16 as UTF-8, quoted-printable, line ends of this system.
//! Never a character that has not its plain form: where a step is at a loss, it ends before it, and others go on.

use multiversion::multiversion;

/// Units of UTF-16 of one step.
#[cfg(target_arch = "x86_64")]
const STEP_UNITS: usize = 32;
/// Octets of quoted-printable of one step.
#[cfg(target_arch = "x86_64")]
const STEP_QUOTED: usize = 21;
/// Octets that a step writes, whether they count or not: there must be room for them.
pub const STEP_ROOM: usize = 64;

/// Stores a whole vector.
#[cfg(target_arch = "x86_64")]
macro_rules! store {
    ($octets:expr, $out:expr) => {{
        use std::arch::x86_64::{_mm256_extract_epi64, _mm512_castsi512_si256, _mm512_extracti64x4_epi64};
        let octets = $octets;
        let out: &mut [u8; STEP_ROOM] = $out;
        let (low, high) = out.split_at_mut(32);
        for (half, out) in
            [(_mm512_castsi512_si256(octets), low), (_mm512_extracti64x4_epi64::<1>(octets), high)]
        {
            let words = [
                _mm256_extract_epi64::<0>(half),
                _mm256_extract_epi64::<1>(half),
                _mm256_extract_epi64::<2>(half),
                _mm256_extract_epi64::<3>(half),
            ];
            super::put(words, out);
        }
    }};
}

/// Loads a whole vector.
#[cfg(target_arch = "x86_64")]
macro_rules! load {
    ($octets:expr) => {{
        let octets: &[u8; 64] = $octets;
        let [a, b, c, d, e, f, g, h] = super::words(octets);
        std::arch::x86_64::_mm512_set_epi64(h, g, f, e, d, c, b, a)
    }};
}

/// Writes UTF-16LE as UTF-8 from its beginning on, as long as no unit needs more than two octets of it, whole steps are
/// left, and there is room for them. Gives how many octets were read and written.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512vbmi+avx512vbmi2"))]
pub fn utf8_of_utf16(octets: &[u8], out: &mut [u8]) -> (usize, usize) {
    multiversion::target::match_target! {
        "x86_64+avx512f+avx512bw+avx512vl+avx512vbmi+avx512vbmi2" => {
            use std::arch::x86_64::{
                _mm512_and_si512, _mm512_mask_blend_epi16, _mm512_maskz_compress_epi8, _mm512_movepi8_mask,
                _mm512_or_si512, _mm512_set1_epi16, _mm512_slli_epi16, _mm512_srli_epi16,
                _mm512_test_epi16_mask,
            };
            /// Of each two octets the first: that of a unit which is one octet of UTF-8.
            const FIRST_OF_TWO: u64 = 0x5555_5555_5555_5555;
            let long = _mm512_set1_epi16(0xF800_u16.cast_signed());
            let two = _mm512_set1_epi16(0xFF80_u16.cast_signed());
            let marks = _mm512_set1_epi16(0x80C0_u16.cast_signed());
            let low = _mm512_set1_epi16(0x3F);
            let (mut read, mut written) = (0, 0);
            for step in octets.as_chunks::<{ 2 * STEP_UNITS }>().0 {
                let units = load!(step);
                let Some(room) = out.get_mut(written..).and_then(|out| out.first_chunk_mut()) else { break };
                if _mm512_test_epi16_mask(units, long) != 0 {
                    break;
                }
                let heads = _mm512_srli_epi16::<6>(units);
                let tails = _mm512_slli_epi16::<8>(_mm512_and_si512(units, low));
                let pairs = _mm512_or_si512(_mm512_or_si512(heads, tails), marks);
                let both = _mm512_mask_blend_epi16(_mm512_test_epi16_mask(units, two), units, pairs);
                let kept = FIRST_OF_TWO | _mm512_movepi8_mask(both);
                store!(_mm512_maskz_compress_epi8(kept, both), room);
                read += step.len();
                written += kept.count_ones() as usize;
            }
            (read, written)
        },
        _ => {
            let _ = (octets, out);
            (0, 0)
        }
    }
}

/// How many octets of a text need an escape in quoted-printable, line ends apart.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl"))]
pub fn escapes(text: &[u8]) -> usize {
    let plainly = |octets: &[u8]| octets.iter().filter(|octet| needs_escape(**octet)).count();
    multiversion::target::match_target! {
        "x86_64+avx512f+avx512bw+avx512vl" => {
            use std::arch::x86_64::{
                _mm512_cmpeq_epi8_mask, _mm512_cmpge_epu8_mask, _mm512_cmplt_epu8_mask, _mm512_set1_epi8,
            };
            let same = |octet: u8| _mm512_set1_epi8(octet.cast_signed());
            let (blank, delete, equals) = (same(b' '), same(0x7F), same(b'='));
            let (tab, feed, carriage) = (same(b'\t'), same(b'\n'), same(b'\r'));
            let (steps, rest) = text.as_chunks::<STEP_ROOM>();
            let mut count = plainly(rest);
            for step in steps {
                let all = load!(step);
                let beyond = _mm512_cmpge_epu8_mask(all, delete) | _mm512_cmpeq_epi8_mask(all, equals);
                let ends = _mm512_cmpeq_epi8_mask(all, feed) | _mm512_cmpeq_epi8_mask(all, carriage);
                let allowed = ends | _mm512_cmpeq_epi8_mask(all, tab);
                let controls = _mm512_cmplt_epu8_mask(all, blank) & !allowed;
                count += (controls | beyond).count_ones() as usize;
            }
            count
        },
        _ => plainly(text),
    }
}

/// True for an octet that quoted-printable cannot carry as itself, line ends apart (RFC 2045 §6.7).
pub const fn needs_escape(octet: u8) -> bool {
    (octet < b' ' && !matches!(octet, b'\t' | b'\r' | b'\n')) || octet >= 0x7F || octet == b'='
}

/// Writes the first of the octets, so many, as letters of quoted-printable, each as itself or as three, while there is
/// room for a step. What follows them is read with them, and not used. Gives how many octets were read and written.
/// What needs an escape are all controls but TAB, DEL, `=`, and all beyond ASCII.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512vbmi+avx512vbmi2"))]
pub fn quoted(octets: &[u8], wanted: usize, out: &mut [u8]) -> (usize, usize) {
    multiversion::target::match_target! {
        "x86_64+avx512f+avx512bw+avx512vl+avx512vbmi+avx512vbmi2" => {
            use std::arch::x86_64::{
                _mm512_and_si512, _mm512_cmpeq_epi8_mask, _mm512_cmpge_epu8_mask, _mm512_cmplt_epu8_mask,
                _mm512_mask_blend_epi8, _mm512_mask_mov_epi8, _mm512_maskz_compress_epi8,
                _mm512_permutexvar_epi8, _mm512_set1_epi8, _mm512_srli_epi16,
            };
            /// Where in a vector the first, second and third letter of each octet stand; 63 are of whole octets.
            const FIRSTS: u64 = 0x1249_2492_4924_9249;
            const SECONDS: u64 = FIRSTS << 1;
            const THIRDS: u64 = FIRSTS << 2;
            /// For each letter, which octet of the step it is made of.
            const SOURCES: [u8; 64] = {
                let (mut sources, mut at) = ([0; 64], 0);
                while at < 63 {
                    sources[at] = (at / 3) as u8;
                    at += 1;
                }
                sources
            };
            const DIGITS: [u8; 64] = {
                let (mut digits, mut at) = ([0; 64], 0);
                while at < 64 {
                    digits[at] = b"0123456789ABCDEF"[at % 16];
                    at += 1;
                }
                digits
            };
            let (sources, digits) = (load!(&SOURCES), load!(&DIGITS));
            let same = |octet: u8| _mm512_set1_epi8(octet.cast_signed());
            let (blank, delete, equals, tab, nibble) =
                (same(b' '), same(0x7F), same(b'='), same(b'\t'), same(0x0F));
            let (mut read, mut written) = (0, 0);
            while read < wanted.min(octets.len()) {
                let Some(room) = out.get_mut(written..).and_then(|out| out.first_chunk_mut()) else { break };
                let rest = &octets[read..];
                let count = (wanted - read).min(rest.len()).min(STEP_QUOTED);
                let all = match rest.first_chunk() {
                    Some(step) => load!(step),
                    None => {
                        let mut last = [0; 64];
                        last[..rest.len()].copy_from_slice(rest);
                        load!(&last)
                    }
                };
                // Each octet three times.
                let three = _mm512_permutexvar_epi8(sources, all);
                let controls = _mm512_cmplt_epu8_mask(three, blank) & !_mm512_cmpeq_epi8_mask(three, tab);
                let beyond = _mm512_cmpge_epu8_mask(three, delete) | _mm512_cmpeq_epi8_mask(three, equals);
                let escaped = (controls | beyond) & (FIRSTS | SECONDS | THIRDS);
                let highs = _mm512_and_si512(_mm512_srli_epi16::<4>(three), nibble);
                let places = _mm512_mask_blend_epi8(SECONDS, _mm512_and_si512(three, nibble), highs);
                let letters = _mm512_mask_mov_epi8(three, escaped & FIRSTS, equals);
                let hex = _mm512_permutexvar_epi8(places, digits);
                let letters = _mm512_mask_mov_epi8(letters, escaped & (SECONDS | THIRDS), hex);
                let kept = (FIRSTS | escaped) & ((1 << (3 * count)) - 1);
                store!(_mm512_maskz_compress_epi8(kept, letters), room);
                read += count;
                written += kept.count_ones() as usize;
            }
            (read, written)
        },
        _ => {
            let _ = (octets, wanted, out);
            (0, 0)
        }
    }
}

/// Copies lines without the CR of their CRLF, from the beginning on, as long as whole steps are left that end in no CR
/// of a CRLF, something follows them, there is room, and no line begins with `>` or `F`. `is_begin` says whether the
/// first octet begins one. Gives how many octets were read and written.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512vbmi+avx512vbmi2"))]
pub fn plain_lines(octets: &[u8], is_begin: bool, out: &mut [u8]) -> (usize, usize) {
    multiversion::target::match_target! {
        "x86_64+avx512f+avx512bw+avx512vl+avx512vbmi+avx512vbmi2" => {
            use std::arch::x86_64::{_mm512_cmpeq_epi8_mask, _mm512_maskz_compress_epi8, _mm512_set1_epi8};
            let same = |octet: u8| _mm512_set1_epi8(octet.cast_signed());
            let (returns, feeds, quotes, letters) = (same(b'\r'), same(b'\n'), same(b'>'), same(b'F'));
            let (mut read, mut written) = (0, 0);
            let mut begins = u64::from(is_begin);
            while let Some(step) = octets.get(read..).and_then(|rest| rest.first_chunk()) {
                let Some(next) = octets.get(read + STEP_ROOM) else { break };
                let Some(room) = out.get_mut(written..).and_then(|out| out.first_chunk_mut()) else { break };
                // Whoever goes on behind a step must not take another CR for that of its LF.
                if step[STEP_ROOM - 1] == b'\r' && *next == b'\n' {
                    break;
                }
                let all = load!(step);
                let ends = _mm512_cmpeq_epi8_mask(all, feeds);
                let quoted = _mm512_cmpeq_epi8_mask(all, quotes) | _mm512_cmpeq_epi8_mask(all, letters);
                if quoted & (ends << 1 | begins) != 0 {
                    break;
                }
                begins = ends >> 63;
                let kept = !(_mm512_cmpeq_epi8_mask(all, returns) & (ends >> 1));
                store!(_mm512_maskz_compress_epi8(kept, all), room);
                read += STEP_ROOM;
                written += kept.count_ones() as usize;
            }
            (read, written)
        },
        _ => {
            let _ = (octets, is_begin, out);
            (0, 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Octets of few kinds in an order that looks like none.
    fn mixed(kinds: &[u8], count: usize, seed: u32) -> Vec<u8> {
        let number = |at: usize| (at as u32).wrapping_add(seed).wrapping_mul(2_654_435_761) >> 7;
        (0..count).map(|at| kinds[number(at) as usize % kinds.len()]).collect()
    }

    /// Whatever a step does, it did to the octets that it says it has read.
    fn check(step: fn(&[u8], &mut [u8]) -> (usize, usize), octets: &[u8], wanted: impl Fn(&[u8]) -> Vec<u8>) {
        for room in [0, STEP_ROOM - 1, STEP_ROOM, octets.len(), 3 * octets.len() + STEP_ROOM] {
            let mut out = vec![0; room];
            let (read, written) = step(octets, &mut out);
            assert_eq!(out[..written], wanted(&octets[..read]), "{read} of {octets:x?}");
        }
    }

    #[test]
    fn utf_16_becomes_the_utf_8_that_the_standard_library_makes_of_it() {
        let text = |octets: &[u8]| {
            let (units, _) = octets.as_chunks::<2>();
            let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
            String::from_utf16(&units).expect("steps end before what is no character").into_bytes()
        };
        for kinds in [&[0x41, 0x7F, 0][..], &[0x41, 0x80, 0x7FF, 0xE9, 0], &[0x41, 0xE9, 0x20AC], &[0xD83D]] {
            for count in [31, 32, 33, 64, 200] {
                let number = |at: u32| at.wrapping_mul(2_654_435_761) >> 7;
                let units = (0..count).map(|at| kinds[number(at) as usize % kinds.len()]);
                let octets: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
                check(utf8_of_utf16, &octets, text);
                check(utf8_of_utf16, &octets[..octets.len() - 1], text);
            }
        }
    }

    #[test]
    fn escapes_are_counted_as_they_are_written() {
        for (kinds, count) in
            [(&b"plain text"[..], 700), (b"a\xC3\xA7=\t\r\n", 900), (b"\x00\x1F\x7F\x80 ~\xFF", 65)]
        {
            for seed in 0..40 {
                let all = mixed(kinds, count, seed);
                for from in 0..STEP_ROOM {
                    let text = &all[from..];
                    let kept = text
                        .iter()
                        .filter(|octet| matches!(octet, b'\t' | b'\n' | b'\r' | b' '..=b'<' | b'>'..=b'~'));
                    assert_eq!(escapes(text), text.len() - kept.count());
                }
            }
        }
    }

    #[test]
    fn every_octet_is_quoted_as_it_must_be() {
        let wanted = |octets: &[u8]| {
            let letters = |octet: &u8| match octet {
                b'\t' | b' '..=b'<' | b'>'..=b'~' => vec![*octet],
                octet => format!("={octet:02X}").into_bytes(),
            };
            octets.iter().flat_map(letters).collect()
        };
        let all: Vec<u8> = (0..=u8::MAX).cycle().take(700).collect();
        let whole = |octets: &[u8], out: &mut [u8]| quoted(octets, octets.len(), out);
        for from in 0..STEP_ROOM {
            check(whole, &all[from..], wanted);
        }
        check(whole, &mixed(b"plain text of no other kind", 500, 1), wanted);
        check(whole, &mixed(b"a\xC3\xA7=", 500, 2), wanted);
        for count in 0..all.len() {
            let mut out = vec![0; 3 * count + STEP_ROOM];
            let (read, written) = quoted(&all, count, &mut out);
            assert!(read == 0 || read == count, "there is room for all of {count}");
            assert_eq!(out[..written], wanted(&all[..read]));
        }
    }

    #[test]
    fn only_the_cr_of_a_crlf_is_taken_out_and_no_line_that_may_be_quoted_is_read() {
        let wanted = |octets: &[u8]| {
            let mut kept: Vec<u8> = Vec::new();
            for octet in octets {
                if *octet == b'\n' && kept.last() == Some(&b'\r') {
                    kept.pop();
                }
                kept.push(*octet);
            }
            kept
        };
        for (kinds, count) in [(&b"\r\na"[..], 700), (b"\r\naaaaaaaaa>F", 3000), (b"aF>", 65), (b"\n\r", 129)]
        {
            for seed in 0..40 {
                let octets = mixed(kinds, count, seed);
                for (room, is_begin) in
                    [(0, false), (STEP_ROOM, true), (200, false), (5000, true), (5000, false)]
                {
                    let mut out = vec![0; room];
                    let (read, written) = plain_lines(&octets, is_begin, &mut out);
                    let ours = [&out[..written], &wanted(&octets[read..])].concat();
                    assert_eq!(ours, wanted(&octets), "{octets:x?}");
                    let lines = octets[..read].split(|octet| *octet == b'\n').skip(usize::from(!is_begin));
                    assert!(lines.into_iter().all(|line| !matches!(line.first(), Some(b'>' | b'F'))));
                }
            }
        }
    }
}
