//! Which tenants and jobs a caller may see, in the form that every query takes.
//! Never left out: what a caller asks for goes through a query that has these four binds first.

use super::Bind;
use super::people::Rights;

/// What a caller may see. A denial outweighs everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    sees_all: bool,
    tenants: Vec<i64>,
    jobs: Vec<i64>,
    denied: Vec<String>,
}

impl Reach {
    /// Every tenant.
    #[must_use]
    pub fn everything() -> Self {
        Self { sees_all: true, ..Self::default() }
    }

    /// One tenant.
    #[must_use]
    pub fn of_tenant(tenant: i64) -> Self {
        Self { tenants: vec![tenant], ..Self::default() }
    }

    /// A user's: own tenants, and what is allowed or denied to the user or a role.
    #[must_use]
    pub fn of_user(sees_all: bool, rights: &Rights) -> Self {
        let mut reach = Self { sees_all, tenants: rights.tenants.clone(), ..Self::default() };
        for (effect, kind, id) in &rights.scopes {
            match (effect.as_str(), kind.as_str(), id.parse::<i64>()) {
                ("allow", "tenant", Ok(id)) => reach.tenants.push(id),
                ("allow", "job", Ok(id)) => reach.jobs.push(id),
                ("deny", "tenant", Ok(id)) => reach.denied.push(format!("t{id}")),
                ("deny", "job", Ok(id)) => reach.denied.push(format!("j{id}")),
                _ => (),
            }
        }
        reach
    }

    /// True where the caller may make things for this tenant.
    #[must_use]
    pub fn has_tenant(&self, tenant: i64) -> bool {
        (self.sees_all || self.tenants.contains(&tenant)) && !self.denied.contains(&format!("t{tenant}"))
    }

    /// True where every tenant is seen.
    #[must_use]
    pub const fn sees_all(&self) -> bool {
        self.sees_all
    }

    /// True where every tenant and job is seen, and nothing is denied.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.sees_all && self.denied.is_empty()
    }

    /// True where whoever has `other` sees no tenant that is not seen here; [`Self::jobs`] are to be looked at singly.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let tenants = if other.sees_all {
            self.sees_all
        } else {
            let seen = other.tenants.iter().filter(|tenant| other.has_tenant(**tenant));
            seen.into_iter().all(|tenant| self.has_tenant(*tenant))
        };
        // Who sees all tenants is kept from those that are denied here, and whatever is denied here of a tenant's jobs
        // is denied there.
        let is_kept = |word: &String| {
            let tenant = word.strip_prefix('t').and_then(|number| number.parse().ok());
            other.denied.contains(word) || tenant.is_some_and(|tenant| !other.has_tenant(tenant))
        };
        tenants && self.denied.iter().all(is_kept)
    }

    /// Jobs that are seen beside those of the tenants.
    #[must_use]
    pub fn jobs(&self) -> &[i64] {
        &self.jobs
    }

    /// The four binds that come first in each query: everything or not, tenants, jobs, denials.
    #[must_use]
    pub fn binds(&self) -> Vec<Bind> {
        let list = |numbers: &[i64]| {
            numbers.iter().fold(String::from(","), |text, number| format!("{text}{number},"))
        };
        let denied = self.denied.iter().fold(String::from(","), |text, word| format!("{text}{word},"));
        vec![self.sees_all.into(), list(&self.tenants).into(), list(&self.jobs).into(), denied.into()]
    }
}

/// The condition that holds where a caller may see a job; its binds are [`Reach::binds`], $1 to $4. `$tenant` and
/// `$job` name the columns.
macro_rules! within_reach {
    ($tenant:literal, $job:literal) => {
        concat!(
            "(($1 = 1 OR $2 LIKE '%,' || CAST(",
            $tenant,
            " AS TEXT) || ',%' OR $3 LIKE '%,' || CAST(",
            $job,
            " AS TEXT) || ',%') AND $4 NOT LIKE '%,t' || CAST(",
            $tenant,
            " AS TEXT) || ',%' AND $4 NOT LIKE '%,j' || CAST(",
            $job,
            " AS TEXT) || ',%')"
        )
    };
}
pub(crate) use within_reach;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_covers_what_is_denied_to_them() {
        let scoped = |sees_all: bool, tenants: &[i64], denied: &[(&str, &str)]| {
            let deny = |(kind, id): &(&str, &str)| ("deny".to_owned(), (*kind).to_owned(), (*id).to_owned());
            let scopes = denied.iter().map(deny).collect();
            Reach::of_user(sees_all, &Rights { tenants: tenants.to_vec(), scopes, ..Rights::default() })
        };
        for (own, other, expected) in [
            (Reach::everything(), Reach::everything(), true),
            (scoped(false, &[1], &[]), Reach::everything(), false),
            (scoped(false, &[1], &[]), scoped(false, &[1], &[]), true),
            (scoped(false, &[1], &[]), scoped(false, &[1, 2], &[]), false),
            (scoped(false, &[1], &[]), scoped(false, &[1, 2], &[("tenant", "2")]), true),
            (scoped(false, &[1], &[("job", "9")]), scoped(false, &[1], &[]), false),
            (scoped(false, &[1], &[("job", "9")]), scoped(false, &[1], &[("job", "9")]), true),
            (scoped(true, &[], &[("tenant", "2")]), Reach::everything(), false),
            (scoped(true, &[], &[("tenant", "2")]), scoped(true, &[], &[("tenant", "2")]), true),
            (scoped(true, &[], &[("tenant", "2")]), scoped(false, &[1], &[]), true),
            (scoped(true, &[], &[("tenant", "2")]), scoped(false, &[2], &[]), false),
        ] {
            assert_eq!(own.covers(&other), expected, "{own:?} {other:?}");
        }
    }

    #[test]
    fn a_denial_outweighs_what_is_allowed() {
        let scope = |effect: &str, kind: &str, id: &str| (effect.to_owned(), kind.to_owned(), id.to_owned());
        let rights = Rights {
            tenants: vec![1, 2],
            scopes: vec![
                scope("deny", "tenant", "2"),
                scope("allow", "job", "9"),
                scope("allow", "tenant", "x"),
            ],
            ..Rights::default()
        };
        let reach = Reach::of_user(false, &rights);
        for (tenant, expected) in [(1, true), (2, false), (3, false)] {
            assert_eq!(reach.has_tenant(tenant), expected, "{tenant}");
        }
        assert!(!Reach::of_user(true, &rights).has_tenant(2));
        assert!(Reach::everything().has_tenant(5));
    }
}
