//! What a server says that it can do.
//! A promise is a claim: whoever uses one has a way to go on when it proves false.

use alloc::string::String;

/// How an APPEND may carry its literal (RFC 7888).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LiteralMode {
    /// Wait for `+` before each literal (RFC 9051 §4.3).
    #[default]
    Synchronising,
    /// Without waiting, up to 4,096 octets (`LITERAL-`).
    Minus,
    /// Without waiting, any size (`LITERAL+`).
    Plus,
}

/// The capabilities of one server that a copy makes use of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Promises {
    /// APPENDUID and COPYUID response codes (RFC 4315).
    pub uidplus: bool,
    /// Several messages in one APPEND, all or none (RFC 3502).
    pub multiappend: bool,
    /// How literals are sent.
    pub literal: LiteralMode,
    /// MODSEQ, CHANGEDSINCE and HIGHESTMODSEQ (RFC 7162).
    pub condstore: bool,
    /// VANISHED (RFC 7162).
    pub qresync: bool,
    /// `SEARCH RETURN` (RFC 4731).
    pub esearch: bool,
    /// `LIST … RETURN (STATUS …)` (RFC 5819).
    pub list_status: bool,
    /// `\Sent` and its like in LIST (RFC 6154).
    pub special_use: bool,
    /// `CREATE … (USE (\Sent))` (RFC 6154 §3).
    pub create_special_use: bool,
    /// UTF-8 names once enabled (RFC 6855).
    pub utf8_accept: bool,
    /// Folder names are UTF-8 from the first command on, by `IMAP4rev2` enabled or `UTF8=ONLY`.
    pub names_are_utf8: bool,
    /// `* NAMESPACE` (RFC 2342).
    pub namespace: bool,
    /// `ID` (RFC 2971).
    pub id: bool,
    /// Folders are labels: `X-GM-MSGID` and `X-GM-LABELS` of each message (`X-GM-EXT-1`, Gmail's extension).
    pub labels: bool,
    /// Largest message that an APPEND takes, in octets (RFC 7889).
    pub append_octets_max: Option<u64>,
    /// The software's name, by ID or greeting.
    pub software: String,
}
