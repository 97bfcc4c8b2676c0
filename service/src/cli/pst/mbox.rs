//! Messages as lines of an mbox file: line ends are LF, and every line of `>`s and `From ` gets one `>` more (mboxrd).
//! Never decides on a line before enough of it is there.

use malote_pst::mime::Gathered;
use malote_pst::wide::text::{STEP_ROOM, plain_lines};

/// Octets that are looked at in one go for lines that are not quoted.
const PLAIN_OCTETS: usize = 4096;
/// Longest line that is held whole, in octets.
const LINE_OCTETS_MAX: usize = 1024 * 1024;

/// Lines that wait to be written.
#[derive(Debug)]
pub(super) struct Lines {
    gathered: Gathered,
    /// Where the line that is not whole yet begins; nothing once it is decided whether it is quoted.
    undecided: Option<usize>,
}

impl Lines {
    /// None yet, gathered in `room`.
    pub(super) fn new(mut room: Gathered) -> Self {
        room.clear();
        Self { gathered: room, undecided: Some(0) }
    }

    /// What they are gathered in.
    pub(super) const fn room(&mut self) -> &mut Gathered {
        &mut self.gathered
    }

    /// Whole lines of the file's own, ended by LF.
    pub(super) fn own(&mut self, lines: &[u8]) {
        self.gathered.append(lines);
        self.undecided = Some(self.gathered.len());
    }

    /// Text of a message in any portions.
    pub(super) fn text(&mut self, octets: &[u8]) {
        let mut rest = octets;
        loop {
            rest = &rest[self.plain(rest)..];
            let Some(end) = memchr::memchr(b'\n', rest) else { break };
            self.gathered.append(&rest[..end]);
            // Also one that an earlier portion ended with: it is never written before what follows is known.
            let is_two = self.gathered.ends_with(b"\r");
            self.gathered.truncate(self.gathered.len() - usize::from(is_two));
            self.gathered.append(b"\n");
            self.decide();
            self.undecided = Some(self.gathered.len());
            rest = &rest[end + 1..];
        }
        self.gathered.append(rest);
        if self.undecided.is_some_and(|begin| self.gathered.len() - begin > LINE_OCTETS_MAX) {
            self.decide();
        }
    }

    /// Takes lines that are not quoted, in steps of many octets where this processor has them; gives how many octets it
    /// took.
    fn plain(&mut self, octets: &[u8]) -> usize {
        let mut taken = 0;
        loop {
            let begin = self.gathered.len();
            let is_begin = self.undecided == Some(begin);
            let is_decided = is_begin || self.undecided.is_none();
            let some = &octets[taken..octets.len().min(taken + PLAIN_OCTETS)];
            if !is_decided || some.len() < STEP_ROOM || self.gathered.ends_with(b"\r") {
                return taken;
            }
            let (read, written) = plain_lines(some, is_begin, self.gathered.space(some.len() + STEP_ROOM));
            self.gathered.fill(written);
            if read == 0 {
                return taken;
            }
            let is_end = self.gathered.ends_with(b"\n");
            self.undecided = is_end.then_some(self.gathered.len());
            taken += read;
        }
    }

    /// Where lines of base64 are appended: none of them is ever quoted.
    pub(super) fn base64(&mut self) -> &mut Gathered {
        self.decide();
        &mut self.gathered
    }

    /// Ends the message: its last line is whole, and an empty one follows.
    pub(super) fn end_message(&mut self) {
        let is_whole = self.undecided == Some(self.gathered.len());
        self.decide();
        self.own(if is_whole { b"\n" } else { b"\n\n" });
    }

    fn decide(&mut self) {
        let Some(begin) = self.undecided.take() else { return };
        let line = &self.gathered[begin..];
        if !matches!(line.first(), Some(b'>' | b'F')) {
            return;
        }
        let quotes = line.iter().take_while(|octet| **octet == b'>').count();
        if line[quotes..].starts_with(b"From ") {
            self.gathered.insert(begin, b'>');
        }
    }

    /// What can be written.
    pub(super) fn ready(&self) -> &[u8] {
        // A CR may belong to a line end of which the LF is still to come.
        let decided = self.gathered.len() - usize::from(self.gathered.ends_with(b"\r"));
        &self.gathered[..self.undecided.unwrap_or(decided)]
    }

    /// Forgets what was written: all that was [`Self::ready`].
    pub(super) fn forget_ready(&mut self) {
        let ready = self.ready().len();
        self.gathered.forget(ready);
        self.undecided = self.undecided.map(|begin| begin - ready);
    }

    /// Takes lines back, down to the beginning of a message.
    pub(super) fn cut(&mut self, octets: usize) {
        self.gathered.truncate(octets);
        self.undecided = Some(self.gathered.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message as lines, put in by portions and written whenever anything is ready.
    fn written(message: &[u8], portion: usize, is_passed_on: bool) -> Vec<u8> {
        let (mut lines, mut file) = (Lines::new(Gathered::default()), Vec::new());
        for part in message.chunks(portion) {
            lines.text(part);
            if is_passed_on {
                file.extend_from_slice(lines.ready());
                lines.forget_ready();
            }
        }
        lines.end_message();
        assert_eq!(lines.ready().len(), lines.room().len(), "a message's end leaves nothing open");
        file.extend_from_slice(lines.room());
        file
    }

    #[test]
    fn a_message_is_quoted_alike_in_whatever_portions_it_comes() {
        let message = b"From: ana\r\n\r\nFrom here\r\n>From there\r\nnot From\nbare\r\n\r\rend";
        let wanted = b"From: ana\n\n>From here\n>>From there\nnot From\nbare\n\r\rend\n\n";
        for portion in 1..=message.len() {
            for is_passed_on in [false, true] {
                let file = written(message, portion, is_passed_on);
                assert_eq!(String::from_utf8_lossy(&file), String::from_utf8_lossy(wanted), "by {portion}");
            }
        }
    }

    #[test]
    fn one_cr_is_taken_from_before_an_lf_wherever_it_stands() {
        for before in 0..140 {
            let message =
                [&vec![b'a'; before][..], b"\r\r\n", &[b'b'; 150], b"\r\n\r\n>c", &[b'd'; 90]].concat();
            let wanted =
                [&vec![b'a'; before][..], b"\r\n", &[b'b'; 150], b"\n\n>c", &[b'd'; 90], b"\n\n"].concat();
            for portion in [1, 64, 65, 100, message.len()] {
                let file = written(&message, portion, portion % 2 == 0);
                assert_eq!(String::from_utf8_lossy(&file), String::from_utf8_lossy(&wanted), "{before}");
            }
        }
    }

    #[test]
    fn a_line_too_long_to_be_held_is_passed_on_unchanged() {
        let message = [vec![b'x'; LINE_OCTETS_MAX * 2], b"\r\nFrom\r\nFrom \r\n".to_vec()].concat();
        for portion in [1000, LINE_OCTETS_MAX + 1, LINE_OCTETS_MAX * 2 + 1] {
            for is_passed_on in [false, true] {
                let file = written(&message, portion, is_passed_on);
                let tail = &file[LINE_OCTETS_MAX * 2..];
                assert_eq!(String::from_utf8_lossy(tail), "\nFrom\n>From \n\n", "by {portion}");
            }
        }
    }

    #[test]
    fn base64_between_texts_is_left_as_it_is() {
        for (before, base64, after, wanted) in [
            ("a\r\n\r\n", "From\nAAAA", "\r\n--x--\r\n", "a\n\nFrom\nAAAA\n--x--\n\n"),
            ("From x", "AAAA", "From y\r\nFrom z", ">From xAAAAFrom y\n>From z\n\n"),
            ("\r", "AAAA", "\n", "\rAAAA\n\n"),
        ] {
            let mut earlier = Gathered::default();
            earlier.append(b"an earlier portion");
            let mut lines = Lines::new(earlier);
            lines.text(before.as_bytes());
            lines.base64().append(base64.as_bytes());
            lines.text(after.as_bytes());
            lines.end_message();
            assert_eq!(String::from_utf8_lossy(lines.ready()), wanted);
        }
    }

    #[test]
    fn what_is_taken_back_leaves_what_came_before() {
        let mut lines = Lines::new(Gathered::default());
        lines.text(b"one\r\n");
        lines.end_message();
        let begin = lines.room().len();
        lines.own(b"From ...\n");
        lines.text(b"half a li");
        lines.cut(begin);
        lines.text(b"From\r\n");
        lines.end_message();
        assert_eq!(String::from_utf8_lossy(lines.ready()), "one\n\nFrom\n\n");
    }
}
