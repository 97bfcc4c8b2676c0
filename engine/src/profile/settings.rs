//! A profile's knobs gathered by name, for those who act on them.
//! Never more than the knobs say: what is absent is as the standards have it.

use malote_plan::substitution::NameRules;

use super::knob::Knob;

/// What a profile turns; absent, empty or false where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the knob of its name")]
pub struct Settings {
    pub connections_per_mailbox: Option<u32>,
    pub connections_per_host: Option<u32>,
    pub errors_per_connection: Option<u32>,
    pub command_octets: Option<u32>,
    pub uids_per_command: Option<u32>,
    pub message_octets: Option<u64>,
    pub avoid_multiappend: bool,
    pub distrust_condstore: bool,
    pub distrust_qresync: bool,
    pub distrust_list_status: bool,
    pub select_instead_of_examine: bool,
    pub refused_name_characters: String,
    pub refuse_spare_blanks: bool,
    pub reserved_folders: Vec<String>,
    pub creates_between_noops: Option<u32>,
    pub octets_down_per_day: Option<u64>,
    pub octets_up_per_day: Option<u64>,
    pub appends_per_second: Option<u32>,
    pub folders_without_mail: Vec<String>,
    pub views: Vec<String>,
    pub labels_are_folders: bool,
    pub merges_duplicates: bool,
    pub flags_after_append: Vec<String>,
    pub unwanted_keywords: Vec<String>,
    pub latest_date: Option<String>,
    pub final_line_end: bool,
    pub silence_is_throttle: bool,
}

impl Settings {
    /// Gathers knobs; of one name the last one counts.
    pub(super) fn of<'a>(knobs: impl Iterator<Item = &'a Knob>) -> Self {
        let mut settings = Self::default();
        knobs.for_each(|knob| settings.turn(knob.clone()));
        settings
    }

    fn turn(&mut self, knob: Knob) {
        match knob {
            Knob::ConnectionsPerMailbox(number) => self.connections_per_mailbox = Some(number),
            Knob::ConnectionsPerHost(number) => self.connections_per_host = Some(number),
            Knob::ErrorsPerConnection(number) => self.errors_per_connection = Some(number),
            Knob::CommandOctets(octets) => self.command_octets = Some(octets),
            Knob::UidsPerCommand(number) => self.uids_per_command = Some(number),
            Knob::MessageOctets(octets) => self.message_octets = Some(octets),
            Knob::AvoidMultiappend => self.avoid_multiappend = true,
            Knob::DistrustCondstore => self.distrust_condstore = true,
            Knob::DistrustQresync => self.distrust_qresync = true,
            Knob::DistrustListStatus => self.distrust_list_status = true,
            Knob::SelectInsteadOfExamine => self.select_instead_of_examine = true,
            Knob::RefusedNameCharacters(characters) => self.refused_name_characters = characters,
            Knob::RefuseSpareBlanks => self.refuse_spare_blanks = true,
            Knob::ReservedFolders(names) => self.reserved_folders = names,
            Knob::CreatesBetweenNoops(number) => self.creates_between_noops = Some(number),
            Knob::OctetsDownPerDay(octets) => self.octets_down_per_day = Some(octets),
            Knob::OctetsUpPerDay(octets) => self.octets_up_per_day = Some(octets),
            Knob::AppendsPerSecond(number) => self.appends_per_second = Some(number),
            Knob::FoldersWithoutMail(names) => self.folders_without_mail = names,
            Knob::Views(uses) => self.views = uses,
            Knob::LabelsAreFolders => self.labels_are_folders = true,
            Knob::MergesDuplicates => self.merges_duplicates = true,
            Knob::FlagsAfterAppend(flags) => self.flags_after_append = flags,
            Knob::UnwantedKeywords(keywords) => self.unwanted_keywords = keywords,
            Knob::LatestDate(day) => self.latest_date = Some(day),
            Knob::FinalLineEnd => self.final_line_end = true,
            Knob::SilenceIsThrottle => self.silence_is_throttle = true,
        }
    }

    /// What the server's folders may be called.
    #[must_use]
    pub fn name_rules(&self) -> NameRules {
        NameRules {
            refused: self.refused_name_characters.chars().collect(),
            refuses_spare_blanks: self.refuse_spare_blanks,
            reserved: self.reserved_folders.clone(),
            ..NameRules::default()
        }
    }
}
