//! One key of 32 octets, what it seals, and how it is wrapped by another.
//! Never leaves this process in clear.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use fernet::Fernet;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::VaultError;

/// Octets of every key here.
pub const KEY_BYTES: usize = 32;

/// Fills octets from the operating system.
///
/// # Errors
/// Where it gives none.
pub fn chance<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut octets = [0; N];
    SystemRandom::new().fill(&mut octets).map_err(|_| VaultError::Chance)?;
    Ok(octets)
}

/// The raw octets of a key; wiped when dropped.
pub(super) type Octets = Zeroizing<[u8; KEY_BYTES]>;

/// Seals with AES-256-GCM under a random nonce, which comes first.
pub(super) fn seal(key: &Octets, bound_to: &[u8], clear: &[u8]) -> Result<Vec<u8>, VaultError> {
    let nonce: [u8; NONCE_LEN] = chance()?;
    let mut text = Zeroizing::new(Vec::with_capacity(clear.len() + AES_256_GCM.tag_len()));
    text.extend_from_slice(clear);
    aead(key)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound_to), &mut *text)
        .map_err(|_| VaultError::Closed)?;
    let mut sealed = nonce.to_vec();
    sealed.extend_from_slice(&text);
    Ok(sealed)
}

/// Opens what [`seal`] sealed.
pub(super) fn open(key: &Octets, bound_to: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(VaultError::Closed)?;
    let mut text = Zeroizing::new(text.to_vec());
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let clear =
        aead(key).open_in_place(nonce, Aad::from(bound_to), &mut text).map_err(|_| VaultError::Closed)?.len();
    text.truncate(clear);
    Ok(text)
}

fn aead(key: &Octets) -> LessSafeKey {
    let key = UnboundKey::new(&AES_256_GCM, &key[..]).expect("32 octets are what AES-256 takes");
    LessSafeKey::new(key)
}

/// The key of a job, or the service's own. A job's seals Fernet tokens alone, the service's AES-256-GCM alone.
pub struct DataKey {
    id: String,
    octets: Octets,
}

impl DataKey {
    /// A new one under a random name.
    ///
    /// # Errors
    /// Where there is no randomness.
    pub fn new() -> Result<Self, VaultError> {
        let name: [u8; 8] = chance()?;
        let id = format!("k{}", hex(&name));
        Ok(Self { id, octets: Zeroizing::new(chance()?) })
    }

    pub(super) fn from_parts(id: &str, octets: &[u8]) -> Result<Self, VaultError> {
        let octets = <[u8; KEY_BYTES]>::try_from(octets).map_err(|_| VaultError::Closed)?;
        Ok(Self { id: id.to_owned(), octets: Zeroizing::new(octets) })
    }

    /// Its name within sealed values.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn octets(&self) -> &Octets {
        &self.octets
    }

    pub(super) fn fernet(&self) -> Fernet {
        let text = Zeroizing::new(URL_SAFE.encode(&self.octets[..]));
        Fernet::new(&text).expect("32 octets in base64 are what Fernet takes")
    }

    pub(super) fn seal(&self, bound_to: &[u8], clear: &[u8]) -> Result<Vec<u8>, VaultError> {
        seal(&self.octets, bound_to, clear)
    }

    pub(super) fn open(&self, bound_to: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        open(&self.octets, bound_to, sealed)
    }
}

/// Octets in hexadecimal digits.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        text.push(char::from(b"0123456789abcdef"[usize::from(octet >> 4)]));
        text.push(char::from(b"0123456789abcdef"[usize::from(octet & 15)]));
        text
    })
}
