//! Breaks a text into lines of a width: at blanks, else behind signs that join names, else anywhere.
//! Never adds a hyphen and never loses a character: the lines put together are the text.

use crate::TEXT_CHARACTERS_MAX;
use crate::font::{Face, Faces};

/// Signs behind which a name may be broken.
const JOINTS: [char; 12] = ['/', '\\', '.', '@', '_', '-', ':', ',', ';', '|', '+', '}'];

/// What of a line has to be full before it is broken behind a joint.
const JOINT_SHARE_MIN: f32 = 0.4;

/// A text made legible and cut to what is shown; how many characters are left out is told at its end.
pub(crate) fn prepared(faces: &Faces, text: &str) -> String {
    let Some((end, _)) = text.char_indices().nth(TEXT_CHARACTERS_MAX) else {
        return faces.shown(text).into_owned();
    };
    let more = text[end..].chars().count();
    format!("{}… (+{more})", faces.shown(&text[..end]))
}

/// The lines of a text; one empty line for an empty text. A single character may be wider than the width.
pub(crate) fn broken(face: &Face, size: f32, width: f32, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut begin, mut used) = (0, 0.0_f32);
    let (mut blank, mut joint): (Option<usize>, Option<usize>) = (None, None);
    // A joint that would leave most of the line empty is none: long digests break where they are full.
    let far = width * JOINT_SHARE_MIN;
    let mut letters = text.char_indices().peekable();
    while let Some((place, letter)) = letters.next() {
        let own = face.width_of(letter, size);
        // A blank at the end of a line may hang over.
        while used + own > width && place > begin && letter != ' ' && own > 0.0 {
            let end = blank.or(joint).unwrap_or(place);
            lines.push(text[begin..end].to_owned());
            used = face.width(&text[end..place], size);
            begin = end;
            blank = None;
            joint = None;
        }
        used += own;
        let next = place + letter.len_utf8();
        if letters.peek().is_some() {
            if letter == ' ' {
                blank = Some(next);
            } else if JOINTS.contains(&letter) && used >= far {
                joint = Some(next);
            }
        }
    }
    lines.push(text[begin..].to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::font::Weight;

    fn check(width: f32, text: &str) -> Vec<String> {
        let faces = Faces::new().unwrap();
        let face = faces.of(Weight::Regular);
        let lines = broken(face, 10.0, width, text);
        assert_eq!(lines.concat(), text, "nothing is lost or added");
        for line in &lines {
            let visible = line.trim_end();
            assert!(
                face.width(visible, 10.0) <= width || visible.chars().count() == 1,
                "{line:?} in {width}"
            );
        }
        lines
    }

    #[test]
    fn words_stay_whole_where_there_are_blanks() {
        assert_eq!(check(60.0, "one two three four"), ["one two ", "three four"]);
    }

    #[test]
    fn names_break_behind_their_joints() {
        assert_eq!(check(70.0, "Arquivo/Clientes/2019")[0], "Arquivo/");
        let digest = format!("sha256:{}", "0".repeat(64));
        assert!(check(200.0, &digest)[0].len() > 20, "a joint near the beginning is none");
    }

    #[test]
    fn a_name_without_any_joint_breaks_anywhere_and_loses_nothing() {
        assert!(check(50.0, &"x".repeat(1000)).len() > 50);
        assert!(check(1.0, "abc").len() == 3);
        assert_eq!(check(50.0, ""), [""]);
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let faces = Faces::new().unwrap();
        let long = "a".repeat(TEXT_CHARACTERS_MAX + 7);
        assert!(prepared(&faces, &long).ends_with("a… (+7)"));
        assert_eq!(prepared(&faces, "short"), "short");
    }
}
