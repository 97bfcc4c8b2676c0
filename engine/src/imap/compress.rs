//! COMPRESS=DEFLATE (RFC 4978): on where the line proves to be faster with it, off elsewhere.
//! Never decides by what a server claims: both ways are measured on the same line.

use std::time::Duration;

use async_compression::Level;
use async_compression::tokio::bufread::DeflateDecoder;
use async_compression::tokio::write::DeflateEncoder;
use tokio::io::{BufReader, join, split};

use super::connection::Wire;

/// Nearer servers are faster without.
const FAR_ROUND_TRIP: Duration = Duration::from_millis(5);

/// Octets that have to pass before a rate is believed.
const OCTETS_TO_BELIEVE: u64 = 4 * 1024 * 1024;

/// A session that moved less says nothing of the line.
const OCTETS_TO_COUNT: u64 = 256 * 1024;

/// Octets per second above which the line is not what is waited for.
const RATE_ENOUGH: u64 = 32 * 1024 * 1024;

/// Puts DEFLATE over a wire, both ways.
pub(super) fn deflated(wire: Box<dyn Wire>) -> Box<dyn Wire> {
    let (reader, writer) = split(wire);
    let reader = DeflateDecoder::new(BufReader::with_capacity(64 * 1024, reader));
    Box::new(join(reader, DeflateEncoder::with_quality(writer, Level::Fastest)))
}

/// What passed, and how long it took.
#[derive(Debug, Clone, Copy, Default)]
struct Meter {
    octets: u64,
    took: Duration,
}

impl Meter {
    /// Octets per second, once enough has passed.
    fn rate(&self) -> Option<u64> {
        let rate = self.octets as f64 / self.took.as_secs_f64().max(0.001);
        (self.octets >= OCTETS_TO_BELIEVE).then_some(rate as u64)
    }
}

/// What was learnt of one server's line.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Learnt {
    plain: Meter,
    compressed: Meter,
}

impl Learnt {
    /// Takes in what one session moved from its being taken to its being given back.
    pub fn take_in(&mut self, is_compressed: bool, octets: u64, took: Duration) {
        if octets < OCTETS_TO_COUNT {
            return;
        }
        let meter = if is_compressed { &mut self.compressed } else { &mut self.plain };
        meter.octets += octets;
        meter.took += took;
    }

    /// Whether the next session is to be compressed: it is tried once the plain line has proved slow, and stays
    /// where it gained a tenth at least.
    pub fn pays(&self, round_trip: Option<Duration>) -> bool {
        let is_far = round_trip.is_some_and(|round_trip| round_trip >= FAR_ROUND_TRIP);
        let Some(plain) = self.plain.rate().filter(|_| is_far) else { return false };
        plain < RATE_ENOUGH && self.compressed.rate().is_none_or(|compressed| compressed > plain + plain / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[test]
    fn it_is_tried_on_a_slow_line_and_kept_where_it_gains() {
        let far = Some(Duration::from_millis(30));
        for (round_trip, plain_mb_s, compressed_mb_s, expected) in [
            (far, None, None, false),
            (far, Some(5), None, true),
            (far, Some(200), None, false),
            (far, Some(5), Some(8), true),
            (far, Some(5), Some(5), false),
            (Some(Duration::from_micros(300)), Some(5), None, false),
            (None, Some(5), None, false),
        ] {
            let mut learnt = Learnt::default();
            for (is_compressed, rate) in [(false, plain_mb_s), (true, compressed_mb_s)] {
                if let Some(rate) = rate {
                    learnt.take_in(is_compressed, rate * 1_048_576, Duration::from_secs(1));
                }
            }
            assert_eq!(
                learnt.pays(round_trip),
                expected,
                "{round_trip:?} {plain_mb_s:?} {compressed_mb_s:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_goes_in_compressed_comes_out_as_it_was_and_at_once() {
        let (ours, theirs) = tokio::io::duplex(256);
        let (mut ours, mut theirs) = (deflated(Box::new(ours)), deflated(Box::new(theirs)));
        let octets: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
        let send = async {
            for piece in octets.chunks(7_000) {
                ours.write_all(piece).await.unwrap();
                ours.flush().await.unwrap();
                let mut answer = [0; 2];
                ours.read_exact(&mut answer).await.unwrap();
                assert_eq!(&answer, b"ok");
            }
        };
        let take = async {
            for piece in octets.chunks(7_000) {
                let mut read = vec![0; piece.len()];
                theirs.read_exact(&mut read).await.unwrap();
                assert_eq!(read, piece);
                theirs.write_all(b"ok").await.unwrap();
                theirs.flush().await.unwrap();
            }
        };
        tokio::join!(send, take);
    }
}
