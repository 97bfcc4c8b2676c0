//! Where the mail of a domain may be, by what others know of it and by what it publishes itself.
//! Never logs in, and never believes: each place comes with its evidence, and a person confirms it.
//!
//! The order is that of trust: who is known by name, what the domain publishes (autoconfig, SRV), what its mail
//! exchangers betray, and last the names that mail hosts usually have.

mod autoconfig;
mod known;
pub mod records;

use std::time::Duration;

use futures_util::future::{join, join3};
use malote_engine::token::Http;

pub use records::{Lookup, Records};

use autoconfig::{Offered, User};

/// How long the questions to name servers and web servers of a domain may take, all together.
const GATHER_MAX: Duration = Duration::from_secs(8);
/// Places that are proposed at most: a domain may publish any number.
pub const PLACES_MAX: usize = 16;
/// Sentences about what was not found, at most.
const NOTES_MAX: usize = 16;
/// Records of one name that are followed, the preferred first.
const FOLLOWED_MAX: usize = 4;
/// Redirections of one address that are followed.
const HOPS_MAX: usize = 2;

/// A place where the mail may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The host, checked to be a name.
    pub host: String,
    /// The port.
    pub port: u16,
    /// `implicit` or `starttls`.
    pub tls: &'static str,
    /// The profile that is known to fit; empty: to be recognised.
    pub profile: &'static str,
    /// How it was found first: `preset`, `autoconfig`, `srv`, `mx` or `probe`.
    pub by: &'static str,
    /// What says so, in sentences; one for each way that led here.
    pub evidence: Vec<String>,
    /// What a login is called: `address`, `local_part`, or empty where nobody says.
    pub user: &'static str,
    /// It is told even where nobody answers there: somebody said that it is there.
    pub is_published: bool,
}

/// What was gathered.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Places, the best first.
    pub places: Vec<Place>,
    /// What could not be learnt, and why.
    pub notes: Vec<String>,
}

/// By what a domain is asked about.
pub struct Outlook<'a> {
    /// Name servers.
    pub records: &'a Records,
    /// Web servers, behind walls.
    pub web: &'a Http,
    /// The port of web servers.
    pub https_port: u16,
}

/// The place of a domain whose servers are known by name; nobody is asked.
#[must_use]
pub fn preset(domain: &str) -> Option<Place> {
    let (host, profile) = known::preset(domain)?;
    let evidence = format!("{domain} is known by name");
    Some(Place { profile, ..place(host, 993, "implicit", ("preset", evidence)) })
}

/// Asks name servers and web servers about a domain, in bounded time, and adds the usual names.
pub async fn gather(outlook: &Outlook<'_>, domain: &str) -> Gathered {
    let mut gathered = Gathered::default();
    let asked = join3(
        tokio::time::timeout(GATHER_MAX, by_autoconfig(outlook, domain)),
        tokio::time::timeout(GATHER_MAX, by_service_records(outlook.records, domain)),
        tokio::time::timeout(GATHER_MAX, by_exchangers(outlook.records, domain)),
    );
    let (autoconfig, services, exchangers) = asked.await;
    for (what, found) in [("autoconfig", autoconfig), ("SRV records", services), ("MX records", exchangers)] {
        match found {
            Ok(found) => gathered.add(found),
            Err(_) => gathered.note(format!("{what} of {domain}: no answer in time")),
        }
    }
    for place in usual(domain) {
        gathered.place(place);
    }
    gathered
}

impl Gathered {
    fn add(&mut self, other: Self) {
        other.places.into_iter().for_each(|place| self.place(place));
        other.notes.into_iter().for_each(|note| self.note(note));
    }

    /// Takes a place; one that is known already gains the evidence.
    fn place(&mut self, place: Place) {
        let is_same = |known: &Place| {
            (known.host.as_str(), known.port, known.tls) == (place.host.as_str(), place.port, place.tls)
        };
        match self.places.iter().position(is_same) {
            Some(index) => {
                let known = &mut self.places[index];
                // The usual names are no evidence where something else led here.
                if place.by != "probe" {
                    known.evidence.extend(place.evidence);
                }
                known.is_published |= place.is_published;
                if known.user.is_empty() {
                    known.user = place.user;
                }
            }
            None if self.places.len() < PLACES_MAX => self.places.push(place),
            None => self.note(format!("more than {PLACES_MAX} places: the rest was left out")),
        }
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < NOTES_MAX && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

fn place(host: &str, port: u16, tls: &'static str, (by, evidence): (&'static str, String)) -> Place {
    Place {
        host: host.to_owned(),
        port,
        tls,
        profile: "",
        by,
        evidence: vec![evidence],
        user: "",
        is_published: by != "probe",
    }
}

/// The names that mail hosts usually have.
fn usual(domain: &str) -> impl Iterator<Item = Place> {
    let hosts = [format!("imap.{domain}"), format!("mail.{domain}"), domain.to_owned()];
    hosts.into_iter().flat_map(|host| {
        [(993, "implicit"), (143, "starttls")]
            .map(|(port, tls)| place(&host, port, tls, ("probe", format!("{host} is a usual name"))))
    })
}

/// What the domain publishes for mail programs, at the two addresses that Mozilla's asks.
async fn by_autoconfig(outlook: &Outlook<'_>, domain: &str) -> Gathered {
    let port = match outlook.https_port {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let own = format!("https://autoconfig.{domain}{port}/mail/config-v1.1.xml");
    let known = format!("https://{domain}{port}/.well-known/autoconfig/mail/config-v1.1.xml");
    let (own, known) = join(fetch(outlook, own, domain), fetch(outlook, known, domain)).await;
    let mut gathered = Gathered::default();
    gathered.add(own);
    gathered.add(known);
    gathered
}

async fn fetch(outlook: &Outlook<'_>, first: String, domain: &str) -> Gathered {
    let mut gathered = Gathered::default();
    let mut address = first;
    for _ in 0..=HOPS_MAX {
        let answered = match autoconfig::address(&address) {
            Ok(url) => outlook.web.get(&url).await,
            Err(wrong) => Err(wrong),
        };
        let answered = match answered {
            Ok(answered) => answered,
            Err(why) => {
                gathered.note(why);
                return gathered;
            }
        };
        match (answered.status, answered.location) {
            (200, _) => {
                match autoconfig::read(&answered.body, domain) {
                    Ok(offered) => {
                        offered.into_iter().for_each(|one| gathered.place(configured(one, &address)))
                    }
                    Err(wrong) => gathered.note(format!("{address}: {wrong}")),
                }
                return gathered;
            }
            (301 | 302 | 303 | 307 | 308, Some(next)) => address = next,
            // Nothing is there: the usual case, and no word worth.
            _ => return gathered,
        }
    }
    gathered.note(format!("{address}: it leads on and on"));
    gathered
}

fn configured(offered: Offered, address: &str) -> Place {
    let evidence = format!("{address} names {}:{}", offered.host, offered.port);
    Place {
        user: match offered.user {
            User::Address => "address",
            User::LocalPart => "local_part",
            User::Unsaid => "",
        },
        ..place(&offered.host, offered.port, offered.tls, ("autoconfig", evidence))
    }
}

/// SRV records (RFC 6186 §3.2; implicit TLS first, RFC 8314 §5.1).
async fn by_service_records(records: &Records, domain: &str) -> Gathered {
    let names = [format!("_imaps._tcp.{domain}"), format!("_imap._tcp.{domain}")];
    let exchange = format!("_autodiscover._tcp.{domain}");
    let (implicit, starttls, exchange) =
        join3(records.services(&names[0]), records.services(&names[1]), records.services(&exchange)).await;
    let mut gathered = Gathered::default();
    for (name, tls, found) in [(&names[0], "implicit", implicit), (&names[1], "starttls", starttls)] {
        match found {
            Ok(services) => {
                for one in services.into_iter().take(FOLLOWED_MAX) {
                    if one.host.is_empty() {
                        // "." says that the service is decidedly not there (RFC 6186 §3.4).
                        gathered.note(format!("{name} says that there is no such service"));
                        continue;
                    }
                    let evidence =
                        format!("SRV {name}: {} {} {} {}", one.priority, one.weight, one.port, one.host);
                    gathered.place(place(&one.host, one.port, tls, ("srv", evidence)));
                }
            }
            Err(why) => gathered.note(format!("SRV {name}: {why}")),
        }
    }
    if let Ok(services) = exchange
        && let Some(one) = services.first().filter(|one| !one.host.is_empty())
    {
        gathered.note(format!("_autodiscover._tcp.{domain} leads to {}: it may be Exchange", one.host));
    }
    gathered
}

/// Where a domain takes its mail: a provider's exchanger betrays the provider, and a small server often does both.
async fn by_exchangers(records: &Records, domain: &str) -> Gathered {
    let mut gathered = Gathered::default();
    let exchangers = match records.exchangers(domain).await {
        Ok(exchangers) => exchangers,
        Err(why) => {
            gathered.note(format!("MX {domain}: {why}"));
            return gathered;
        }
    };
    for one in exchangers.into_iter().take(FOLLOWED_MAX) {
        if one.host.is_empty() {
            gathered.note(format!("{domain} says that it takes no mail (RFC 7505)"));
            continue;
        }
        let evidence = format!("MX {domain}: {} {}", one.preference, one.host);
        match known::exchanger(&one.host) {
            Some((host, profile)) => {
                gathered.place(Place { profile, ..place(host, 993, "implicit", ("mx", evidence)) });
            }
            None => {
                let own = place(&one.host, 993, "implicit", ("mx", evidence));
                gathered.place(Place { is_published: false, ..own });
            }
        }
    }
    gathered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_proposed_once_with_all_that_speaks_for_it() {
        let mut gathered = Gathered::default();
        let one = |by, words: &str| place("imap.x.example", 993, "implicit", (by, words.to_owned()));
        for place in [one("srv", "a"), one("mx", "b"), one("probe", "c")] {
            gathered.place(place);
        }
        usual("x.example").for_each(|place| gathered.place(place));
        assert_eq!(gathered.places.len(), 6);
        assert_eq!(
            (gathered.places[0].by, gathered.places[0].evidence.as_slice()),
            ("srv", &["a".to_owned(), "b".to_owned()][..])
        );
    }

    #[test]
    fn a_domain_that_names_a_thousand_places_names_a_few() {
        let mut gathered = Gathered::default();
        for number in 0..1_000_u16 {
            gathered.place(place("x.example", number, "implicit", ("srv", String::new())));
            gathered.note(number.to_string());
        }
        assert_eq!((gathered.places.len(), gathered.notes.len()), (PLACES_MAX, NOTES_MAX));
    }
}
