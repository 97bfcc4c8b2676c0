//! Which addresses lead into places that users must not reach through us.
//! Never asks anybody: an address is looked at as the number it is.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// What is wrong with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// This machine.
    Loopback,
    /// A private network (RFC 1918, RFC 4193, RFC 6598).
    Private,
    /// The link, and what clouds tell their machines there (RFC 3927, RFC 4291).
    LinkLocal,
    /// Many machines at once.
    Multicast,
    /// Kept for documents, tests or nobody (RFC 6890).
    Reserved,
    /// An IPv4 address in the clothes of an IPv6 one.
    Disguised,
}

impl fmt::Display for Refusal {
    fn fmt(&self, into: &mut fmt::Formatter<'_>) -> fmt::Result {
        into.write_str(match self {
            Self::Loopback => "this machine itself",
            Self::Private => "in a private network",
            Self::LinkLocal => "on the link",
            Self::Multicast => "a multicast address",
            Self::Reserved => "a reserved address",
            Self::Disguised => "an IPv4 address written as IPv6",
        })
    }
}

/// Networks that are never the Internet, with what they are (IANA's special-purpose registries).
const V4: [(Ipv4Addr, u32, Refusal); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, Refusal::Reserved),
    (Ipv4Addr::new(10, 0, 0, 0), 8, Refusal::Private),
    (Ipv4Addr::new(100, 64, 0, 0), 10, Refusal::Private),
    (Ipv4Addr::new(127, 0, 0, 0), 8, Refusal::Loopback),
    (Ipv4Addr::new(169, 254, 0, 0), 16, Refusal::LinkLocal),
    (Ipv4Addr::new(172, 16, 0, 0), 12, Refusal::Private),
    (Ipv4Addr::new(192, 0, 0, 0), 24, Refusal::Reserved),
    (Ipv4Addr::new(192, 0, 2, 0), 24, Refusal::Reserved),
    (Ipv4Addr::new(192, 88, 99, 0), 24, Refusal::Reserved),
    (Ipv4Addr::new(192, 168, 0, 0), 16, Refusal::Private),
    (Ipv4Addr::new(198, 18, 0, 0), 15, Refusal::Reserved),
    (Ipv4Addr::new(198, 51, 100, 0), 24, Refusal::Reserved),
    (Ipv4Addr::new(203, 0, 113, 0), 24, Refusal::Reserved),
    (Ipv4Addr::new(224, 0, 0, 0), 4, Refusal::Multicast),
    (Ipv4Addr::new(240, 0, 0, 0), 4, Refusal::Reserved),
];

/// The same for IPv6: first 128 bits, prefix.
const V6: [(u128, u32, Refusal); 13] = [
    (0, 128, Refusal::Reserved),
    (1, 128, Refusal::Loopback),
    (0, 96, Refusal::Disguised),
    (0xffff << 32, 96, Refusal::Disguised),
    (0x0064_ff9b << 96, 96, Refusal::Disguised),
    (0x0064_ff9b_0001 << 80, 48, Refusal::Disguised),
    (0x2002 << 112, 16, Refusal::Disguised),
    (0x2001_0000 << 96, 32, Refusal::Disguised),
    (0x2001_0db8 << 96, 32, Refusal::Reserved),
    (0x0100 << 112, 64, Refusal::Reserved),
    (0xfc00 << 112, 7, Refusal::Private),
    (0xfe80 << 112, 9, Refusal::LinkLocal),
    (0xff00 << 112, 8, Refusal::Multicast),
];

/// Why an address is not connected to; nothing where it may be. `allowed` names networks that an administrator
/// allowed; a disguised address never is, because it is not the address that it says.
pub fn refusal(address: IpAddr, allowed: &[IpNet]) -> Option<Refusal> {
    let found = match address {
        IpAddr::V4(address) => of_v4(address),
        IpAddr::V6(address) => of_v6(address),
    }?;
    let is_allowed = found != Refusal::Disguised && allowed.iter().any(|network| network.contains(&address));
    (!is_allowed).then_some(found)
}

fn of_v4(address: Ipv4Addr) -> Option<Refusal> {
    let number = u32::from(address);
    let within = |(start, prefix, _): &&(Ipv4Addr, u32, Refusal)| {
        (number ^ u32::from(*start)).leading_zeros() >= *prefix
    };
    V4.iter().find(within).map(|(_, _, refusal)| *refusal)
}

fn of_v6(address: Ipv6Addr) -> Option<Refusal> {
    let number = u128::from(address);
    let within = |(start, prefix, _): &&(u128, u32, Refusal)| (number ^ start).leading_zeros() >= *prefix;
    V6.iter().find(within).map(|(_, _, refusal)| *refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_internet_is_open() {
        use Refusal::{Disguised, LinkLocal, Loopback, Multicast, Private, Reserved};
        for (text, expected) in [
            ("8.8.8.8", None),
            ("1.1.1.1", None),
            ("172.15.255.255", None),
            ("172.32.0.0", None),
            ("100.63.255.255", None),
            ("100.128.0.0", None),
            ("198.17.255.255", None),
            ("198.20.0.0", None),
            ("223.255.255.255", None),
            ("0.0.0.0", Some(Reserved)),
            ("10.0.0.1", Some(Private)),
            ("100.64.0.1", Some(Private)),
            ("127.0.0.1", Some(Loopback)),
            ("127.255.255.255", Some(Loopback)),
            ("169.254.169.254", Some(LinkLocal)),
            ("172.16.0.1", Some(Private)),
            ("172.31.255.255", Some(Private)),
            ("192.168.1.1", Some(Private)),
            ("192.0.2.1", Some(Reserved)),
            ("198.18.0.1", Some(Reserved)),
            ("203.0.113.7", Some(Reserved)),
            ("224.0.0.1", Some(Multicast)),
            ("255.255.255.255", Some(Reserved)),
            ("2606:4700:4700::1111", None),
            ("2a00:1450:4001::8a", None),
            ("::", Some(Reserved)),
            ("::1", Some(Loopback)),
            ("::127.0.0.1", Some(Disguised)),
            ("::ffff:10.0.0.1", Some(Disguised)),
            ("::ffff:8.8.8.8", Some(Disguised)),
            ("64:ff9b::7f00:1", Some(Disguised)),
            ("64:ff9b:1::1", Some(Disguised)),
            ("2002:7f00:1::", Some(Disguised)),
            ("2001:0:53aa::1", Some(Disguised)),
            ("2001:db8::1", Some(Reserved)),
            ("fc00::1", Some(Private)),
            ("fdff:ffff::1", Some(Private)),
            ("fe80::1", Some(LinkLocal)),
            ("fec0::1", Some(LinkLocal)),
            ("ff02::1", Some(Multicast)),
        ] {
            assert_eq!(refusal(text.parse().unwrap(), &[]), expected, "{text}");
        }
    }

    #[test]
    fn an_allowed_network_is_open_and_a_disguise_is_not() {
        let allowed = ["10.1.0.0/16".parse().unwrap(), "::/0".parse().unwrap()];
        for (text, is_open) in [
            ("10.1.2.3", true),
            ("10.2.0.1", false),
            ("::1", true),
            ("::ffff:10.1.2.3", false),
            ("fd00::1", true),
        ] {
            assert_eq!(refusal(text.parse().unwrap(), &allowed).is_none(), is_open, "{text}");
        }
    }
}
