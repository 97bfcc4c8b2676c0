//! Quoted-printable in steps of many octets (AVX-512 VBMI2): what needs an escape, its letters, its lines.
//! Never a line that is not plain: where a step is at a loss, it ends before it, and others go on.

use multiversion::multiversion;

use super::text::STEP_ROOM;

/// Longest line of quoted-printable, without its end (RFC 2045 §6.7).
pub const LINE_MAX: usize = 76;
/// Octets that become letters in one step.
#[cfg(target_arch = "x86_64")]
const STEP_OCTETS: usize = 21;

/// How many octets of a text need an escape in quoted-printable, line ends apart.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+popcnt"))]
pub fn escapes(text: &[u8]) -> usize {
    let plainly = |octets: &[u8]| octets.iter().filter(|octet| needs_escape(**octet)).count();
    multiversion::target::match_target! {
        "x86_64+avx512f+avx512bw+avx512vl+popcnt" => {
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
/// What needs an escape are all controls but TAB, CR and LF, DEL, `=`, and all beyond ASCII.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512vbmi+avx512vbmi2+bmi1+bmi2+popcnt"))]
pub fn letters(octets: &[u8], wanted: usize, out: &mut [u8]) -> (usize, usize) {
    multiversion::target::match_target! {
        "x86_64+avx512f+avx512bw+avx512vl+avx512vbmi+avx512vbmi2+bmi1+bmi2+popcnt" => {
            use std::arch::x86_64::{
                __m512i, _mm512_add_epi8, _mm512_and_si512, _mm512_cmpeq_epi8_mask, _mm512_cmpge_epu8_mask,
                _mm512_cmplt_epu8_mask, _mm512_mask_blend_epi8, _mm512_mask_mov_epi8,
                _mm512_maskz_compress_epi8, _mm512_permutexvar_epi8, _mm512_set1_epi8, _mm512_srli_epi16,
                _pdep_u64,
            };
            /// Where in a vector the first and the second letter of each octet stand; 63 are of whole octets.
            const FIRSTS: u64 = 0x1249_2492_4924_9249;
            const SECONDS: u64 = FIRSTS << 1;
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
            let (blank, delete, equals, nibble) = (same(b' '), same(0x7F), same(b'='), same(0x0F));
            let (tab, feed, carriage) = (same(b'\t'), same(b'\n'), same(b'\r'));
            let escapes = |all: __m512i| {
                let ends = _mm512_cmpeq_epi8_mask(all, feed) | _mm512_cmpeq_epi8_mask(all, carriage);
                let allowed = ends | _mm512_cmpeq_epi8_mask(all, tab);
                let controls = _mm512_cmplt_epu8_mask(all, blank) & !allowed;
                let beyond = _mm512_cmpge_epu8_mask(all, delete) | _mm512_cmpeq_epi8_mask(all, equals);
                controls | beyond
            };
            // Three letters of each octet: itself or `=`, and two digits, which are kept where it is escaped.
            let letters = |all: __m512i, sources: __m512i, escapes: u64| {
                let three = _mm512_permutexvar_epi8(sources, all);
                let first = _pdep_u64(escapes, FIRSTS);
                let highs = _mm512_and_si512(_mm512_srli_epi16::<4>(three), nibble);
                let places = _mm512_mask_blend_epi8(SECONDS, _mm512_and_si512(three, nibble), highs);
                let letters = _mm512_mask_mov_epi8(three, first, equals);
                let hex = _mm512_permutexvar_epi8(places, digits);
                (_mm512_mask_mov_epi8(letters, first * 6, hex), FIRSTS | (first * 7))
            };
            let (mut read, mut written) = (0, 0);
            let wanted = wanted.min(octets.len());
            // Three steps of one vector, then what is left, step by step.
            let thirds = [0, 1, 2].map(|third: u8| {
                let skipped = third * STEP_OCTETS as u8;
                (u32::from(skipped), _mm512_add_epi8(sources, same(skipped)))
            });
            while wanted - read >= 3 * STEP_OCTETS
                && let Some(step) = octets[read..].first_chunk()
                && out.len() - written >= 4 * STEP_ROOM
            {
                let all = load!(step);
                let escapes = escapes(all);
                for (skipped, sources) in thirds {
                    let own = escapes >> skipped & ((1 << STEP_OCTETS) - 1);
                    let (letters, kept) = letters(all, sources, own);
                    let room = out[written..].first_chunk_mut().expect("there is room for four steps");
                    store!(_mm512_maskz_compress_epi8(kept, letters), room);
                    written += kept.count_ones() as usize;
                }
                read += 3 * STEP_OCTETS;
            }
            while read < wanted {
                let Some(room) = out.get_mut(written..).and_then(|out| out.first_chunk_mut()) else { break };
                let rest = &octets[read..];
                let count = (wanted - read).min(STEP_OCTETS);
                let mut step = [0; 64];
                let known = rest.len().min(STEP_OCTETS);
                step[..known].copy_from_slice(&rest[..known]);
                let all = load!(&step);
                let (letters, kept) = letters(all, sources, escapes(all) & ((1 << STEP_OCTETS) - 1));
                let kept = kept & ((1 << (3 * count)) - 1);
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

/// Octets of letters that [`lines`] looks at for one line.
pub const LOOKED_AT: usize = 128;

/// How far [`lines`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// Letters that were read.
    pub read: usize,
    /// Octets that these letters stand for.
    pub octets: usize,
    /// Octets that were written.
    pub written: usize,
    /// True where a line of the text begins behind them, false behind a soft break.
    pub is_begin: bool,
}

/// Breaks letters of quoted-printable into lines of at most 76, line ends of any kind becoming CRLF, as long as enough
/// letters are left that a line's end must be among them, there is room, and no line of the text begins with `From ` or
/// ends in a blank that its escape would not fit in the place of. `is_begin` says whether the first letter begins a
/// line of the text.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+bmi1+bmi2+popcnt"))]
pub fn lines(letters: &[u8], is_begin: bool, out: &mut [u8]) -> Broken {
    let begin = Broken { read: 0, octets: 0, written: 0, is_begin };
    multiversion::target::match_target! {
        "x86_64+avx512f+avx512bw+avx512vl+bmi1+bmi2+popcnt" => {
            use std::arch::x86_64::{
                _mm512_cmpeq_epi8_mask, _mm512_cmplt_epu8_mask, _mm512_set1_epi8, _mm512_sub_epi8,
            };
            let same = |octet: u8| _mm512_set1_epi8(octet.cast_signed());
            // Of the octets from LF to CR no others are letters.
            let (feed, width) = (same(b'\n'), same(b'\r' - b'\n' + 1));
            let mut broken = begin;
            while let Some(step) = letters[broken.read..].first_chunk::<LOOKED_AT>() {
                let room = out.get_mut(broken.written..).and_then(|out| out.first_chunk_mut::<LOOKED_AT>());
                let Some(room) = room else { break };
                if step.starts_with(b"From ") & broken.is_begin {
                    break;
                }
                let (halves, _) = step.as_chunks::<64>();
                let (low, high) = (load!(&halves[0]), load!(&halves[1]));
                let ends = |octets| _mm512_cmplt_epu8_mask(_mm512_sub_epi8(octets, feed), width);
                let (in_low, in_high) = (ends(low), ends(high) | 1 << (LINE_MAX + 1 - 64));
                let end = if in_low != 0 { in_low.trailing_zeros() } else { 64 + in_high.trailing_zeros() };
                // Nothing is asked where the answer would be another one for each line: only reckoned.
                let (end, is_soft) = (end as usize, end as usize > LINE_MAX);
                // One column is for the soft break, and no escape is broken.
                let is_broken = |at: usize| usize::from(step[at] == b'=');
                let cut = LINE_MAX - 1 - is_broken(LINE_MAX - 2) - 2 * is_broken(LINE_MAX - 3);
                let mut kept = if is_soft { cut } else { end };
                let is_crlf = (step[end] == b'\r') & (step[end + 1] == b'\n');
                let (slots, _) = room.as_chunks_mut::<64>();
                store!(low, &mut slots[0]);
                store!(high, &mut slots[1]);
                let read = kept + usize::from(!is_soft) + usize::from(!is_soft & is_crlf);
                // A blank at the end of a line would be taken off on the way.
                // Where there is a soft break, what stands before it is made other than any blank.
                let last = step[kept.saturating_sub(1)] | u8::from(is_soft) << 7;
                if matches!(last, b' ' | b'\t') {
                    if kept + 2 > LINE_MAX {
                        break;
                    }
                    room[kept - 1..kept + 2].copy_from_slice(if last == b' ' { b"=20" } else { b"=09" });
                    kept += 2;
                }
                let tail = u32::from_le_bytes(if is_soft { *b"=\r\n\n" } else { *b"\r\n\n\n" });
                room[kept..kept + 4].copy_from_slice(&tail.to_le_bytes());
                broken.read += read;
                broken.written += kept + 2 + usize::from(is_soft);
                broken.is_begin = !is_soft;
            }
            let (steps, rest) = letters[..broken.read].as_chunks::<64>();
            let escapes = |step| _mm512_cmpeq_epi8_mask(load!(step), same(b'=')).count_ones() as usize;
            let escapes = steps.iter().map(escapes).sum::<usize>()
                + rest.iter().filter(|letter| **letter == b'=').count();
            broken.octets = broken.read - 2 * escapes;
            broken
        },
        _ => {
            let _ = (letters, out);
            begin
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wide::text::tests::{check, mixed};

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
            let quoted = |octet: &u8| match octet {
                b'\t' | b'\r' | b'\n' | b' '..=b'<' | b'>'..=b'~' => vec![*octet],
                octet => format!("={octet:02X}").into_bytes(),
            };
            octets.iter().flat_map(quoted).collect()
        };
        let all: Vec<u8> = (0..=u8::MAX).cycle().take(700).collect();
        let whole = |octets: &[u8], out: &mut [u8]| letters(octets, octets.len(), out);
        for from in 0..STEP_ROOM {
            check(whole, &all[from..], wanted);
        }
        check(whole, &mixed(b"plain text of no other kind", 500, 1), wanted);
        check(whole, &mixed(b"a\xC3\xA7=", 500, 2), wanted);
        for count in 0..all.len() {
            let mut out = vec![0; 3 * count + STEP_ROOM];
            let (read, written) = letters(&all, count, &mut out);
            assert!(read == 0 || read == count, "there is room for all of {count}");
            assert_eq!(out[..written], wanted(&all[..read]));
        }
    }
}
