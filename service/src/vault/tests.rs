//! What is sealed opens with its key and in its place, and nowhere else.
//! Never a key or a row that anybody uses.

use super::key::chance;
use super::master::{MasterError, Wrapped};
use super::*;
use std::os::unix::fs::PermissionsExt as _;

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

#[test]
fn a_mailbox_secret_is_a_fernet_token_that_names_its_key() {
    let key = DataKey::new().unwrap();
    for clear in ["", "p", r#"{"password":"çã\u0000"}"#] {
        let sealed = seal_for_mailbox(&key, &secret(clear)).unwrap();
        assert!(sealed.starts_with(&format!("v1.{}.fernet.gAAAA", key.id())), "{sealed}");
        assert_eq!(open_for_mailbox(&key, &sealed).unwrap().expose_secret(), clear);
        let payload = Sealed::parse(&sealed).unwrap().payload;
        assert_eq!(key.fernet().decrypt(&payload).unwrap(), clear.as_bytes());
    }
    assert_ne!(
        seal_for_mailbox(&key, &secret("same")).unwrap(),
        seal_for_mailbox(&key, &secret("same")).unwrap()
    );
}

#[test]
fn what_was_changed_moved_or_sealed_by_another_key_stays_shut() {
    let (key, other) = (DataKey::new().unwrap(), DataKey::new().unwrap());
    let sealed = seal_for_mailbox(&key, &secret("x")).unwrap();
    let error = |told: Result<SecretString, VaultError>| told.map(|_| ()).unwrap_err();
    assert_eq!(error(open_for_mailbox(&other, &sealed)), VaultError::NoKey(key.id().to_owned()));
    let renamed = sealed.replace(key.id(), other.id());
    assert_eq!(error(open_for_mailbox(&other, &renamed)), VaultError::Closed);
    for broken in ["", "v1", "v2.k.fernet.x", "v1.k.rot13.x", "v1..fernet.x", "v1.k.fernet."] {
        assert_eq!(error(open_for_mailbox(&key, broken)), VaultError::Form, "{broken}");
    }
    let place = Place { table: "endpoint_credentials", column: "secret_encrypted", row: "1" };
    let sealed = seal_for_place(&key, place, &secret("token")).unwrap();
    assert_eq!(open_in_place(&key, place, &sealed).unwrap().expose_secret(), "token");
    for elsewhere in [Place { row: "2", ..place }, Place { column: "other", ..place }] {
        assert_eq!(error(open_in_place(&key, elsewhere, &sealed)), VaultError::Closed);
    }
    let last = sealed.chars().last().unwrap();
    let changed = format!("{}{}", &sealed[..sealed.len() - 1], if last == 'A' { 'Q' } else { 'A' });
    assert!(open_in_place(&key, place, &changed).is_err());
    let long = "x".repeat(SECRET_BYTES_MAX + 1);
    assert_eq!(seal_for_mailbox(&key, &secret(&long)), Err(VaultError::TooLong(SECRET_BYTES_MAX + 1)));
}

#[test]
fn a_wrapped_key_opens_for_its_job_and_version_after_the_master_key_was_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let mut masters = MasterKeys::load_or_make(&path).unwrap();
    let mode = fs_mode(&path);
    assert_eq!(mode, 0o400);
    let key = DataKey::new().unwrap();
    let octets = masters.wrap(&key, 7, 1).unwrap();
    let first = masters.current_id().to_owned();
    masters.renew(&path).unwrap();
    assert_ne!(masters.current_id(), first);
    assert_eq!(fs_mode(&path), 0o400);
    let again = MasterKeys::load(&path).unwrap();
    assert_eq!(again.current_id(), masters.current_id());
    let wrapped = Wrapped { key_id: key.id(), job_id: 7, version: 1, master_key_id: &first, octets: &octets };
    assert_eq!(again.unwrap_key(&wrapped).ok().unwrap().octets()[..], key.octets()[..]);
    for wrong in [
        Wrapped { job_id: 8, ..wrapped },
        Wrapped { version: 2, ..wrapped },
        Wrapped { master_key_id: "m0", ..wrapped },
        Wrapped { master_key_id: masters.current_id(), ..wrapped },
        Wrapped { octets: &[], ..wrapped },
    ] {
        assert!(again.unwrap_key(&wrong).is_err());
    }
}

#[test]
fn a_master_key_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    drop(MasterKeys::load_or_make(&path).unwrap());
    for (mode, is_taken) in [(0o400, true), (0o600, true), (0o440, false), (0o604, false)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(MasterKeys::load(&path).is_ok(), is_taken, "{mode:o}");
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    for text in ["", "# nothing\n", "not base64", "YWJj\n"] {
        std::fs::write(&path, text).unwrap();
        let told = MasterKeys::load(&path).err().unwrap();
        assert!(matches!(told, MasterError::Form { .. }), "{text:?}: {told}");
    }
}

#[test]
fn chance_does_not_repeat_itself() {
    assert_ne!(chance::<32>().unwrap(), chance::<32>().unwrap());
}

fn fs_mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
