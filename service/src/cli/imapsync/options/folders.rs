//! Options that choose folders and name them at the destination.

use super::super::getopt::Takes::{Nothing, Pair, Switch, Text};
use super::{Fate, Row, auto, no, to};

const NO_FOLDER_REMOVED: &str =
    "Malote never removes a folder; remove it by hand once `malote verify` agrees";
const EXACT: &str = "--map SRC=DST, exact; a name that is not ASCII is taken as decoded";

pub(super) const CHOICE: &[Row] = &[
    to("folder", Text, "--folder, exact; the name as on the wire, or decoded where it is not ASCII"),
    to("folderrec", Text, "--folder NAME/**"),
    to("include", Text, "a --folder for each name that the regular expression finds"),
    to("exclude", Text, "no --folder for the names that the regular expression finds"),
    to("noexclude", Nothing, "the --exclude of --gmail2 and --office1 is left off"),
    to("subscribed", Nothing, "a --folder for each subscribed one"),
    auto("folderfirst", Text, "several folders are worked on at once, INBOX first"),
    auto("folderlast", Text, "several folders are worked on at once, Junk and Trash last"),
    to("skipemptyfolders", Switch, "folders without a message are not taken"),
    auto("checkselectable", Switch, "folders that cannot be opened are known from the listing"),
    auto("checkfoldersexist", Switch, "only listed folders are taken"),
    auto("subscribe", Switch, "subscriptions are carried over").off(Fate::Refused(
        "subscriptions are always carried over; unsubscribe at the destination afterwards",
    )),
    to("subscribeall|subscribe_all", Switch, "each folder that was worked on is subscribed to at the end"),
    to("justfolders", Switch, "--only-folders"),
    to("justfolderlists", Switch, "the lists and the mapping are shown, nothing is done"),
    to("justautomap", Switch, "the lists and the mapping are shown, nothing is done"),
    no("delete2folders", Switch, NO_FOLDER_REMOVED),
    no("delete2foldersonly", Text, NO_FOLDER_REMOVED),
    no("delete2foldersbutnot", Text, NO_FOLDER_REMOVED),
    no("delete1emptyfolders", Nothing, "the source is never written to; remove folders there by hand"),
    no("syncacls", Switch, "access rights are not carried over; set them at the destination"),
    auto("create_folder_old", Switch, "folders are created parents first"),
];

pub(super) const NAMES: &[Row] = &[
    to(
        "automap",
        Switch,
        "a folder of a role goes to the destination's folder of that role, as `malote copy` does",
    )
    .off(Fate::Translated("every folder keeps its own name")),
    to("f1f2", Text, EXACT),
    to("f1f2h", Pair, EXACT),
    to("nof1f2", Nothing, "the --f1f2 of --office2 is left off"),
    to(
        "regextrans2",
        Text,
        "s and tr of Perl, applied in turn to the name at the destination; a modifier e, which runs \
        Perl, is refused",
    ),
    to("subfolder1", Text, "--folder NAME/**, and the name is taken off"),
    to("subfolder2", Text, "--into NAME"),
    to("prefix1", Text, "taken off the names of host1 instead of what NAMESPACE says"),
    to("prefix2", Text, "put before the names of host2 instead of what NAMESPACE says"),
    to("sep1", Text, "parts the levels of host1's names instead of what LIST says"),
    to("sep2", Text, "parts the levels of host2's names instead of what LIST says"),
    to("fixslash2", Switch, "a / in a name becomes _ where / parts levels on host1 only")
        .off(Fate::Automatic("a / that stands in a name becomes _ where the destination cannot hold it")),
    auto("fixInboxINBOX", Switch, "INBOX is one folder in any case (RFC 9051 §5.1)"),
    to("mixfolders", Switch, "--on-clash merge").off(Fate::Translated("--on-clash block")),
    auto("sanitize", Switch, "blanks around hosts and users are taken off"),
];
