//! What a profile can turn: each a typed value with one name.
//! Never a free text that something would have to understand.

use toml::Value;

/// Something that the engine does differently for a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Knob {
    /// Connections to one mailbox at once.
    ConnectionsPerMailbox(u32),
    /// Connections to the host at once, all mailboxes together.
    ConnectionsPerHost(u32),
    /// Refusals after which a connection is replaced by a new one.
    ErrorsPerConnection(u32),
    /// Longest command line, in octets.
    CommandOctets(u32),
    /// Messages that one command may name.
    UidsPerCommand(u32),
    /// Largest message that is likely to be taken, in octets; the server's own word goes before it.
    MessageOctets(u64),
    /// One message to an APPEND, whatever is promised.
    AvoidMultiappend,
    /// No trust in modification sequences (RFC 7162).
    DistrustCondstore,
    /// No trust in QRESYNC (RFC 7162).
    DistrustQresync,
    /// No trust in `LIST … RETURN` (RFC 5819, RFC 5258).
    DistrustListStatus,
    /// SELECT where EXAMINE would do: UIDVALIDITY is not lasting otherwise.
    SelectInsteadOfExamine,
    /// Characters that no folder's name may have.
    RefusedNameCharacters(String),
    /// Blanks at the ends of a name, or several together, are refused.
    RefuseSpareBlanks,
    /// Names at the top level that the server keeps for itself.
    ReservedFolders(Vec<String>),
    /// CREATEs after which something else is said.
    CreatesBetweenNoops(u32),
    /// Octets that may be read of one mailbox in a day.
    OctetsDownPerDay(u64),
    /// Octets that may be written to one mailbox in a day.
    OctetsUpPerDay(u64),
    /// Messages that may be appended in a second.
    AppendsPerSecond(u32),
    /// Folders that hold no mail.
    FoldersWithoutMail(Vec<String>),
    /// Special-use folders that only show what others hold.
    Views(Vec<String>),
    /// One message stands in several folders: which of them counts has to be decided.
    LabelsAreFolders,
    /// The server drops a message that it has already.
    MergesDuplicates,
    /// Flags that an APPEND does not keep, and a STORE does.
    FlagsAfterAppend(Vec<String>),
    /// Keywords that become something else at the server.
    UnwantedKeywords(Vec<String>),
    /// The last day that INTERNALDATE may name, as `YYYY-MM-DD`.
    LatestDate(String),
    /// A message has to end in a line end.
    FinalLineEnd,
    /// A connection that ends without a word means that we were too fast.
    SilenceIsThrottle,
}

/// Reads one value.
type Reader = fn(&Value) -> Option<Knob>;

/// Every knob by its name in a file.
pub(super) const KNOBS: [(&str, Reader); 27] = [
    ("connections_per_mailbox", |value| small(value).map(Knob::ConnectionsPerMailbox)),
    ("connections_per_host", |value| small(value).map(Knob::ConnectionsPerHost)),
    ("errors_per_connection", |value| small(value).map(Knob::ErrorsPerConnection)),
    ("command_octets", |value| small(value).filter(|octets| *octets >= 512).map(Knob::CommandOctets)),
    ("uids_per_command", |value| small(value).map(Knob::UidsPerCommand)),
    ("message_octets", |value| large(value).map(Knob::MessageOctets)),
    ("avoid_multiappend", |value| set(value, Knob::AvoidMultiappend)),
    ("distrust_condstore", |value| set(value, Knob::DistrustCondstore)),
    ("distrust_qresync", |value| set(value, Knob::DistrustQresync)),
    ("distrust_list_status", |value| set(value, Knob::DistrustListStatus)),
    ("select_instead_of_examine", |value| set(value, Knob::SelectInsteadOfExamine)),
    ("refused_name_characters", |value| text(value).map(Knob::RefusedNameCharacters)),
    ("refuse_spare_blanks", |value| set(value, Knob::RefuseSpareBlanks)),
    ("reserved_folders", |value| texts(value).map(Knob::ReservedFolders)),
    ("creates_between_noops", |value| small(value).map(Knob::CreatesBetweenNoops)),
    ("octets_down_per_day", |value| large(value).map(Knob::OctetsDownPerDay)),
    ("octets_up_per_day", |value| large(value).map(Knob::OctetsUpPerDay)),
    ("appends_per_second", |value| small(value).map(Knob::AppendsPerSecond)),
    ("folders_without_mail", |value| texts(value).map(Knob::FoldersWithoutMail)),
    ("views", |value| texts(value).map(Knob::Views)),
    ("labels_are_folders", |value| set(value, Knob::LabelsAreFolders)),
    ("merges_duplicates", |value| set(value, Knob::MergesDuplicates)),
    ("flags_after_append", |value| texts(value).map(Knob::FlagsAfterAppend)),
    ("unwanted_keywords", |value| texts(value).map(Knob::UnwantedKeywords)),
    ("latest_date", |value| text(value).filter(|day| is_day(day)).map(Knob::LatestDate)),
    ("final_line_end", |value| set(value, Knob::FinalLineEnd)),
    ("silence_is_throttle", |value| set(value, Knob::SilenceIsThrottle)),
];

impl Knob {
    /// Reads the knob of this name; says what is wrong with name or value.
    pub(super) fn read(name: &str, value: &Value) -> Result<Self, String> {
        let Some((_, reader)) = KNOBS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = KNOBS.iter().map(|(known, _)| *known).collect();
            return Err(format!("there is no knob \"{name}\"; there are {}", known.join(", ")));
        };
        reader(value).ok_or_else(|| format!("\"{name}\" cannot have the value {value:?}"))
    }

    /// Its name in a file.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ConnectionsPerMailbox(_) => "connections_per_mailbox",
            Self::ConnectionsPerHost(_) => "connections_per_host",
            Self::ErrorsPerConnection(_) => "errors_per_connection",
            Self::CommandOctets(_) => "command_octets",
            Self::UidsPerCommand(_) => "uids_per_command",
            Self::MessageOctets(_) => "message_octets",
            Self::AvoidMultiappend => "avoid_multiappend",
            Self::DistrustCondstore => "distrust_condstore",
            Self::DistrustQresync => "distrust_qresync",
            Self::DistrustListStatus => "distrust_list_status",
            Self::SelectInsteadOfExamine => "select_instead_of_examine",
            Self::RefusedNameCharacters(_) => "refused_name_characters",
            Self::RefuseSpareBlanks => "refuse_spare_blanks",
            Self::ReservedFolders(_) => "reserved_folders",
            Self::CreatesBetweenNoops(_) => "creates_between_noops",
            Self::OctetsDownPerDay(_) => "octets_down_per_day",
            Self::OctetsUpPerDay(_) => "octets_up_per_day",
            Self::AppendsPerSecond(_) => "appends_per_second",
            Self::FoldersWithoutMail(_) => "folders_without_mail",
            Self::Views(_) => "views",
            Self::LabelsAreFolders => "labels_are_folders",
            Self::MergesDuplicates => "merges_duplicates",
            Self::FlagsAfterAppend(_) => "flags_after_append",
            Self::UnwantedKeywords(_) => "unwanted_keywords",
            Self::LatestDate(_) => "latest_date",
            Self::FinalLineEnd => "final_line_end",
            Self::SilenceIsThrottle => "silence_is_throttle",
        }
    }

    /// Its value for people; empty where the name says all.
    #[must_use]
    pub fn value(&self) -> String {
        match self {
            Self::ConnectionsPerMailbox(number)
            | Self::ConnectionsPerHost(number)
            | Self::ErrorsPerConnection(number)
            | Self::CommandOctets(number)
            | Self::UidsPerCommand(number)
            | Self::CreatesBetweenNoops(number)
            | Self::AppendsPerSecond(number) => number.to_string(),
            Self::MessageOctets(number) | Self::OctetsDownPerDay(number) | Self::OctetsUpPerDay(number) => {
                number.to_string()
            }
            Self::RefusedNameCharacters(text) | Self::LatestDate(text) => text.clone(),
            Self::ReservedFolders(texts)
            | Self::FoldersWithoutMail(texts)
            | Self::Views(texts)
            | Self::FlagsAfterAppend(texts)
            | Self::UnwantedKeywords(texts) => texts.join(", "),
            _ => String::new(),
        }
    }

    /// True for what this version acts on by itself; the others are told, so that an operator can.
    #[must_use]
    pub const fn is_acted_on(&self) -> bool {
        // What an APPEND may hold, the server itself is asked.
        !matches!(self, Self::MessageOctets(_))
    }
}

fn small(value: &Value) -> Option<u32> {
    value.as_integer().and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0)
}

fn large(value: &Value) -> Option<u64> {
    value.as_integer().and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0)
}

fn set(value: &Value, knob: Knob) -> Option<Knob> {
    (value.as_bool() == Some(true)).then_some(knob)
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let texts: Option<Vec<String>> = value.as_array()?.iter().map(text).collect();
    texts.filter(|texts| !texts.is_empty())
}

fn is_day(text: &str) -> bool {
    text.parse::<jiff::civil::Date>().is_ok()
}
