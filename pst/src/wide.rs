//! Substitution, base64 and texts in steps of many octets, where the processor has what that takes (AVX-512 VBMI).
//! Never another result than octet by octet: what is done is chosen while the program runs.

use multiversion::multiversion;

/// Stores a whole vector.
#[cfg(target_arch = "x86_64")]
macro_rules! store {
    ($octets:expr, $out:expr) => {{
        use std::arch::x86_64::{_mm256_extract_epi64, _mm512_castsi512_si256, _mm512_extracti64x4_epi64};
        let octets = $octets;
        let out: &mut [u8; 64] = $out;
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
            $crate::wide::put(words, out);
        }
    }};
}

/// Loads a whole vector.
#[cfg(target_arch = "x86_64")]
macro_rules! load {
    ($octets:expr) => {{
        let octets: &[u8; 64] = $octets;
        let [a, b, c, d, e, f, g, h] = $crate::wide::words(octets);
        std::arch::x86_64::_mm512_set_epi64(h, g, f, e, d, c, b, a)
    }};
}

// After the macros that they use.
pub mod quoted;
pub mod text;

/// Octets of a line of base64, and its letters (RFC 2045 §6.8).
pub const LINE_OCTETS: usize = 57;
/// Letters of a line of base64, without its end.
pub const LINE_LETTERS: usize = 76;
/// The alphabet of base64 (RFC 4648 §4).
#[cfg(target_arch = "x86_64")]
const LETTERS: [u8; 64] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// For each four letters, which octets of three they are made of, so that 16 bits after each other hold all their bits.
#[cfg(target_arch = "x86_64")]
const ORDER: [u8; 64] = {
    let (mut order, mut at) = ([0; 64], 0);
    while at < 64 {
        order[at] = (at / 4 * 3) as u8 + [1, 0, 2, 1][at % 4];
        at += 1;
    }
    order
};
/// Where in eight octets of [`ORDER`] the six bits of each letter begin.
#[cfg(target_arch = "x86_64")]
const SHIFTS: [u8; 8] = [10, 4, 22, 16, 42, 36, 54, 48];

/// Octets as words of eight, the first of which stands lowest.
#[cfg(target_arch = "x86_64")]
#[inline]
fn words<const OCTETS: usize, const WORDS: usize>(octets: &[u8; OCTETS]) -> [i64; WORDS] {
    let (words, _) = octets.as_chunks::<8>();
    std::array::from_fn(|at| i64::from_le_bytes(words[at]))
}

/// Puts words where their octets are wanted.
#[cfg(target_arch = "x86_64")]
#[inline]
fn put(words: [i64; 4], out: &mut [u8]) {
    let (slots, _) = out.as_chunks_mut::<8>();
    slots.iter_mut().zip(words).for_each(|(slot, word)| *slot = word.to_le_bytes());
}

/// Writes for each octet the one that stands under it in `table` to `into`, which is as long.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512vbmi"))]
pub fn substitute(table: &[u8; 256], octets: &[u8], into: &mut [u8]) {
    multiversion::target::match_target! {
        "x86_64+avx512f+avx512bw+avx512vl+avx512vbmi" => {
            use std::arch::x86_64::{
                _mm512_mask_blend_epi8, _mm512_movepi8_mask, _mm512_permutex2var_epi8,
            };
            let (tables, _) = table.as_chunks::<64>();
            let (a, b) = (load!(&tables[0]), load!(&tables[1]));
            let (c, d) = (load!(&tables[2]), load!(&tables[3]));
            let ((steps, rest), (outs, rest_out)) = (octets.as_chunks::<64>(), into.as_chunks_mut::<64>());
            for (step, out) in steps.iter().zip(outs) {
                let places = load!(step);
                let low = _mm512_permutex2var_epi8(a, places, b);
                let high = _mm512_permutex2var_epi8(c, places, d);
                store!(_mm512_mask_blend_epi8(_mm512_movepi8_mask(places), low, high), out);
            }
            one_by_one(table, rest, rest_out);
        },
        _ => one_by_one(table, octets, into),
    }
}

fn one_by_one(table: &[u8; 256], octets: &[u8], into: &mut [u8]) {
    into.iter_mut().zip(octets).for_each(|(into, octet)| *into = table[usize::from(*octet)]);
}

/// Writes whole lines of base64, each with its end before it; `WHOLE` is how long it then is. False where this
/// processor cannot, and nothing is written.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512vbmi"))]
pub fn base64_lines<const WHOLE: usize>(
    lines: &[[u8; LINE_OCTETS]],
    end: &[u8],
    out: &mut [[u8; WHOLE]],
) -> bool {
    multiversion::target::match_target! {
        "x86_64+avx512f+avx512bw+avx512vl+avx512vbmi" => {
            use std::arch::x86_64::{
                __m512i, _mm512_multishift_epi64_epi8, _mm512_permutexvar_epi8, _mm512_set1_epi64, _mm512_set_epi64,
            };
            // 48 octets become 64 letters.
            let load = |octets: &[u8; 48]| {
                let [a, b, c, d, e, f] = words(octets);
                _mm512_set_epi64(0, 0, f, e, d, c, b, a)
            };
            let (order, letters) = (load!(&ORDER), load!(&LETTERS));
            let shifts = _mm512_set1_epi64(i64::from_le_bytes(SHIFTS));
            let encode = |octets: __m512i| {
                let spread = _mm512_permutexvar_epi8(order, octets);
                _mm512_permutexvar_epi8(_mm512_multishift_epi64_epi8(shifts, spread), letters)
            };
            let begin = WHOLE - LINE_LETTERS;
            for (line, whole) in lines.iter().zip(out) {
                whole[..begin].copy_from_slice(&end[..begin]);
                // Two steps that lie upon one another make the line: its first 64 letters, and its last.
                let head = line.first_chunk().expect("a line has 57 octets");
                let tail = line.last_chunk().expect("a line has 57 octets");
                store!(encode(load(head)), whole[begin..].first_chunk_mut().expect("a line has 76 letters"));
                store!(encode(load(tail)), whole.last_chunk_mut().expect("a line has 76 letters"));
            }
            true
        },
        _ => {
            let _ = (lines, end, out);
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Octets that look like none in particular.
    fn octets(count: usize) -> Vec<u8> {
        (0..count as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
    }

    #[test]
    fn octets_are_substituted_one_by_one_in_whatever_steps() {
        let table: [u8; 256] = std::array::from_fn(|at| (at as u8).wrapping_mul(167).wrapping_add(13));
        for count in (0..200).chain([8176, 8177]) {
            let before = octets(count);
            let mut after = vec![0; count];
            substitute(&table, &before, &mut after);
            let wanted: Vec<u8> = before.iter().map(|octet| table[usize::from(*octet)]).collect();
            assert_eq!(after, wanted, "{count} octets");
        }
        let mut all = [0; 256];
        substitute(&table, &std::array::from_fn::<_, 256, _>(|at| at as u8), &mut all);
        assert_eq!(all, table, "every octet");
    }

    #[test]
    fn lines_of_base64_are_what_another_encoder_makes_of_them() {
        use base64::Engine as _;
        let octets = octets(LINE_OCTETS * 300);
        let (lines, _) = octets.as_chunks::<LINE_OCTETS>();
        let mut out = vec![[0; LINE_LETTERS + 2]; lines.len()];
        if !base64_lines(lines, b"\r\n", &mut out) {
            return assert!(out.iter().all(|line| *line == [0; LINE_LETTERS + 2]), "nothing is written");
        }
        for (line, whole) in lines.iter().zip(&out) {
            let letters = base64::engine::general_purpose::STANDARD.encode(line);
            assert_eq!(whole.strip_prefix(b"\r\n"), Some(letters.as_bytes()));
        }
    }
}
