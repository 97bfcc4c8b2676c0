//! Every limit of the wire layer, named once.
//! Never a setting: what an operator may choose stands in `Endpoint`.

use std::time::Duration;

/// Longest response without its literals, in octets: a SEARCH answer that names two million UIDs one by one.
pub const RESPONSE_TEXT_OCTETS_MAX: usize = 16 * 1024 * 1024;

/// Largest literal held in memory where it was not asked for as a body: a header, a folder name, in octets.
pub const LITERAL_OCTETS_HELD_MAX: u64 = 4 * 1024 * 1024;

/// Most octets of literals held within one response.
pub const RESPONSE_LITERAL_OCTETS_MAX: u64 = 8 * 1024 * 1024;

/// Most literals within one response.
pub const RESPONSE_LITERALS_MAX: usize = 10_000;

/// Most responses between two tagged ones: FETCH and EXPUNGE of two million messages.
pub const RESPONSES_MAX: u64 = 4_000_000;

/// Deepest nesting of lists that is read; deeper ones are skipped as a whole.
pub const LIST_DEPTH_MAX: usize = 32;

/// Most values in one list; the rest of it is skipped.
pub const LIST_VALUES_MAX: usize = 100_000;

/// Most folders that one account may list.
pub const FOLDERS_MAX: usize = 100_000;

/// Longest text of a server that is carried into a message, in characters.
pub const SERVER_TEXT_CHARS_MAX: usize = 300;

/// Longest UID set in one command, in octets: Exchange cuts lines at 10,240, RFC 7162 §4 asks for 8,192.
pub const UID_SET_OCTETS_MAX: usize = 7_800;

/// Most UIDs in one FETCH of metadata, so that one answer stays bounded.
pub const STUB_UIDS_MAX: u64 = 50_000;

/// Most UIDs asked for in the same breath as their folder is opened.
pub const PEEKED_UIDS_MAX: u64 = 100;

/// Most UIDs in one FETCH of bodies.
pub const BODY_UIDS_MAX: u64 = 5_000;

/// Most UIDs in one COPY: Zimbra takes no more than a thousand.
pub const COPY_UIDS_MAX: u64 = 500;

/// Most labels of one message that are looked at.
pub const LABELS_MAX: usize = 200;

/// Longest string sent in quotes, in octets; longer ones go as literals.
pub const QUOTED_OCTETS_MAX: usize = 1_000;

/// Largest literal that LITERAL- lets through without waiting, in octets (RFC 7888 §5).
pub const LITERAL_MINUS_OCTETS_MAX: u64 = 4_096;

/// Most commands sent before the first of them is answered.
pub const COMMANDS_IN_FLIGHT_MAX: usize = 100;

/// Most messages in one MULTIAPPEND.
pub const BATCH_MESSAGES_MAX: usize = 100;

/// Largest chunk of a body that is streamed, in octets.
pub const CHUNK_OCTETS_MAX: usize = 64 * 1024;

/// Most chunks of a streamed body that wait between reading and writing.
pub const CHUNKS_WAITING_MAX: usize = 8;

/// Octets asked of the socket at once.
pub const READ_OCTETS: usize = 128 * 1024;

/// Fewest octets per second of one answer, over as long as a server may be silent; a slower one is given up.
pub const RATE_OCTETS_MIN: u64 = 10;

/// Most responses kept while a command is being written.
pub const RESPONSES_WAITING_MAX: usize = 100_000;

/// Rounds that a SASL exchange may take.
pub const SASL_ROUNDS_MAX: usize = 8;

/// Most SCRAM iterations that we compute: 600,000 is what OWASP asks for PBKDF2.
pub const SCRAM_ITERATIONS_MAX: u32 = 1_000_000;

/// How long a goodbye may take.
pub const LOGOUT_MAX: Duration = Duration::from_secs(2);
