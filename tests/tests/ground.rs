//! The servers themselves, before anything is tested with them.

use acceptance::servers::*;

#[test]
fn dovecot() {
    let t = std::time::Instant::now();
    let mut d = Dovecot::start(DovecotOptions { tls: true, ..Default::default() }).unwrap();
    eprintln!("{:?} {}", t.elapsed(), d.log());
    let t = std::time::Instant::now();
    d.stop_and_keep();
    eprintln!("stop {:?}", t.elapsed());
    d.start_again().unwrap();
    if std::env::var("HOLD").is_ok() {
        eprintln!("{:?}", d);
        std::thread::sleep(std::time::Duration::from_secs(20));
    }
}
#[test]
fn cyrus() {
    let t = std::time::Instant::now();
    let mut d = Cyrus::start_or_skip(CyrusOptions::default()).unwrap().unwrap();
    eprintln!("{:?}", t.elapsed());
    let t = std::time::Instant::now();
    d.stop_and_keep();
    eprintln!("stop {:?}", t.elapsed());
    d.start_again().unwrap();
    if std::env::var("HOLD").is_ok() {
        eprintln!("{:?}", d);
        std::thread::sleep(std::time::Duration::from_secs(20));
    }
}
