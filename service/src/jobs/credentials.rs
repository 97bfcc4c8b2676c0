//! Where a worker gets the secrets by which it logs in, and the walls around where it connects.
//! Never keeps one: each run asks anew.

use std::sync::Arc;

use async_trait::async_trait;
use malote_engine::failure::Side;
use malote_engine::imap::{Resolver, SecretSource, SystemResolver};

use crate::store::mailboxes::Mailbox;

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum NoSecret {
    /// None was ever given, or it was purged: somebody must give one.
    #[error("no credential is kept for the {} of this mailbox: give one", .0.as_str())]
    Missing(Side),
    /// It could not be had at this moment; the words say why, without the secret.
    #[error("the credential could not be read: {0}")]
    Passing(String),
    /// It is there and cannot be used; the words say why, without the secret.
    #[error("the credential cannot be used: {0}")]
    Unusable(String),
}

/// As whom a side is opened, where that is not the mailbox itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The login's name; the mailbox is opened in its right.
    pub user: String,
}

/// Gives the secrets of mailboxes: the vault, or a test's double.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// By what one side of a mailbox is opened: a password, or a token that renews itself.
    ///
    /// # Errors
    /// Where there is none, or it cannot be had.
    async fn secret(&self, mailbox: &Mailbox, side: Side) -> Result<Arc<dyn SecretSource>, NoSecret>;

    /// Who logs in for one side of a mailbox, where that is another one: an administrator who opens many.
    ///
    /// # Errors
    /// As [`Self::secret`].
    async fn login(&self, _mailbox: &Mailbox, _side: Side) -> Result<Option<Login>, NoSecret> {
        Ok(None)
    }

    /// Certificates (PEM) that are trusted beside the platform's.
    fn roots(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Where the names of one side lead: asked before each connection, so that none is made to where users must not
    /// reach through us. Any address will do where nobody says otherwise.
    ///
    /// # Errors
    /// Where it is not known which networks that side may lead into.
    async fn resolver(&self, _mailbox: &Mailbox, _side: Side) -> Result<Arc<dyn Resolver>, NoSecret> {
        Ok(Arc::new(SystemResolver))
    }
}
