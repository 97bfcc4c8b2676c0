//! An authenticator: the codes of a secret (RFC 6238), by arithmetic of its own.
//! Never gives a code twice: the service takes none a second time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use hmac::{Hmac, KeyInit as _, Mac as _};

/// One step, in seconds.
const STEP_S: u64 = 30;

/// An app on somebody's telephone.
#[derive(Default)]
pub struct Authenticator {
    secret: Vec<u8>,
    last_step: u64,
}

impl Authenticator {
    /// Takes a secret as it is typed in, in base32 (RFC 4648 §6).
    pub fn takes(&mut self, typed: &str) -> Result<()> {
        let (mut bits, mut held) = (0, 0_u64);
        self.secret.clear();
        for letter in typed.bytes().filter(|letter| !letter.is_ascii_whitespace()) {
            let place = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|own| *own == letter);
            held = (held << 5) | u64::try_from(place.context("no base32")?)?;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                self.secret.push(u8::try_from((held >> bits) & 0xff)?);
            }
        }
        Ok(())
    }

    /// The next code. A service bears clocks that are one step apart, so that three codes hold at any time; whoever
    /// needs a fourth waits.
    pub async fn code(&mut self) -> Result<String> {
        loop {
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
            // A step that ends in this second may have ended when the code arrives.
            let first = (now + 2) / STEP_S - 1;
            let step = first.max(self.last_step + 1);
            if step <= now / STEP_S + 1 {
                self.last_step = step;
                return self.at(step);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    fn at(&self, step: u64) -> Result<String> {
        let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&self.secret)?;
        mac.update(&step.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let start = usize::from(digest[19] & 0x0f);
        let four = [digest[start] & 0x7f, digest[start + 1], digest[start + 2], digest[start + 3]];
        Ok(format!("{:06}", u32::from_be_bytes(four) % 1_000_000))
    }
}
