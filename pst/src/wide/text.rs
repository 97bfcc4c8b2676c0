//! Texts in steps of many octets (AVX-512 VBMI2): UTF-16 as UTF-8, line ends of this system.
//! Never a character that has not its plain form: where a step is at a loss, it ends before it, and others go on.

use multiversion::multiversion;

/// Units of UTF-16 of one step.
#[cfg(target_arch = "x86_64")]
const STEP_UNITS: usize = 32;
/// Octets that a step writes, whether they count or not: there must be room for them.
pub const STEP_ROOM: usize = 64;

/// Writes UTF-16LE as UTF-8 from its beginning on, as long as no unit needs more than two octets of it, whole steps are
/// left, and there is room for them. Gives how many octets were read and written.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512vbmi+avx512vbmi2+bmi1+bmi2+popcnt"))]
pub fn utf8_of_utf16(octets: &[u8], out: &mut [u8]) -> (usize, usize) {
    multiversion::target::match_target! {
        "x86_64+avx512f+avx512bw+avx512vl+avx512vbmi+avx512vbmi2+bmi1+bmi2+popcnt" => {
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

/// Copies lines without the CR of their CRLF, from the beginning on, as long as whole steps are left that end in no CR
/// of a CRLF, something follows them, there is room, and no line begins with `>` or `F`. `is_begin` says whether the
/// first octet begins one. Gives how many octets were read and written.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512vbmi+avx512vbmi2+bmi1+bmi2+popcnt"))]
pub fn plain_lines(octets: &[u8], is_begin: bool, out: &mut [u8]) -> (usize, usize) {
    multiversion::target::match_target! {
        "x86_64+avx512f+avx512bw+avx512vl+avx512vbmi+avx512vbmi2+bmi1+bmi2+popcnt" => {
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
pub(super) mod tests {
    use super::*;

    /// Octets of few kinds in an order that looks like none.
    pub(in crate::wide) fn mixed(kinds: &[u8], count: usize, seed: u32) -> Vec<u8> {
        let number = |at: usize| (at as u32).wrapping_add(seed).wrapping_mul(2_654_435_761) >> 7;
        (0..count).map(|at| kinds[number(at) as usize % kinds.len()]).collect()
    }

    /// Whatever a step does, it did to the octets that it says it has read.
    pub(in crate::wide) fn check(
        step: fn(&[u8], &mut [u8]) -> (usize, usize),
        octets: &[u8],
        wanted: impl Fn(&[u8]) -> Vec<u8>,
    ) {
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
