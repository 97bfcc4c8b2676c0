//! Options that choose messages, and those about what becomes of messages, flags and dates.

use super::super::getopt::Takes::{Nothing, Real, Switch, Text, Whole};
use super::{Fate, Row, auto, no, to};

const BY_CONTENT: &str = "messages are known by Message-ID, other header fields, size and date, and in doubt by their \
    octets; there is nothing to choose";
const LEDGER: &str = "the ledger always remembers what was copied";
const UNALTERED: &str = "Malote alters no message; what the destination refuses is kept in quarantine, named, with its \
    octets: mend it there";
const SEARCH: &str = "ALL, SINCE, BEFORE, SENTSINCE, SENTBEFORE, LARGER, SMALLER together; dates mean the arrival, to \
    the day in UTC; any other criterion is refused by name";
const SOURCE_UNTOUCHED: &str = "the source is never written to; when `malote verify --content full` agrees, remove \
    its mail by the server's own means";
const SEARCH_WAYS: &str =
    "listings are counted against the server's own number and asked otherwise where they differ";

pub(super) const CHOICE: &[Row] = &[
    to("maxage", Real, "--since, that many days ago, by arrival; imapsync goes by the Date field"),
    to("minage", Real, "--before, that many days ago, by arrival; imapsync goes by the Date field"),
    to("search", Text, SEARCH),
    to("search1", Text, SEARCH),
    auto("search2", Text, "all of the destination is looked at, so that nothing is copied twice"),
    to("maxsize", Whole, "--skip-larger; a later run without it takes them"),
    to("minsize", Whole, "--skip-smaller"),
    auto(
        "appendlimit",
        Whole,
        "the destination's own limit is heeded; a message above it is quarantined and named",
    ),
    auto(
        "maxlinelength",
        Whole,
        "a message that the destination refuses for its lines is quarantined and named",
    ),
    auto("debugmaxlinelength", Switch, "see --maxlinelength"),
    no("minmaxlinelength", Whole, "messages are not chosen by the length of their lines"),
    no("maxlinelengthcmd", Text, UNALTERED),
    no("truncmess", Whole, UNALTERED),
    no("regexmess", Text, UNALTERED),
    auto("noregexmess", Nothing, "no message is altered anyway"),
    no("pipemess", Text, UNALTERED),
    auto("pipemesscheck", Switch, "no message is piped through anything"),
    no("skipmess", Text, "messages are not chosen by their text; choose by folder, date or size"),
    no("disarmreadreceipts", Switch, UNALTERED),
    auto(
        "addheader",
        Switch,
        "messages without Message-ID are copied too, known by their content, and not altered",
    ),
    auto("useheader", Text, BY_CONTENT),
    auto("skipheader", Text, BY_CONTENT),
    auto("wholeheaderifneeded", Switch, BY_CONTENT),
    auto("messageidnodomain", Switch, BY_CONTENT),
    auto("skipsize", Switch, BY_CONTENT),
    auto("allowsizemismatch", Switch, "the octets that came are what counts, not the size that was claimed"),
    auto("syncduplicates", Switch, "every copy is kept: three stay three")
        .off(Fate::Translated("--duplicates collapse: byte-identical ones of one folder become one")),
    no(
        "skipcrossduplicates",
        Switch,
        "a message in two folders is in two folders at the destination too; leave out a \
        folder that only shows others, such as All Mail, with --exclude",
    ),
    auto("debugcrossduplicates", Switch, "see --skipcrossduplicates"),
    auto("usecache", Switch, LEDGER),
    auto("cacheaftercopy", Switch, LEDGER),
    auto("debugcache", Switch, LEDGER),
    auto("useuid", Switch, "the ledger remembers UIDs with their UIDVALIDITY"),
    auto("uid1", Switch, "UIDs are always used"),
    auto("uid2", Switch, "UIDs are always used"),
    auto("abletosearch", Switch, SEARCH_WAYS),
    auto("abletosearch1", Switch, SEARCH_WAYS),
    auto("abletosearch2", Switch, SEARCH_WAYS),
    auto("checknoabletosearch", Switch, SEARCH_WAYS),
    auto("checkmessageexists", Switch, "a message that vanished meanwhile is found out and counted"),
    no("fetch_hash_set", Text, "messages are not chosen by number; choose by folder, date or size"),
    auto("fixcolonbug", Switch, "there are no cache files whose names could break"),
];

pub(super) const CHANGES: &[Row] = &[
    auto(
        "resyncflags",
        Switch,
        "--flags merge: changes of either side meet, and what a user did at the destination \
        is never undone",
    )
    .off(Fate::Translated("--flags destination")),
    auto("filterflags", Switch, "flags that the folder does not keep are left off and counted"),
    auto("filterbuggyflags", Switch, "flags that the folder does not keep are left off and counted"),
    auto("flagscase", Switch, "flags are compared without regard to case"),
    auto("syncflagsaftercopy", Switch, "flags are looked at after the copy, and set where they are missing"),
    auto("debugflags", Switch, "dropped flags are told at the end"),
    no(
        "regexflag",
        Text,
        "flags are not rewritten; what the destination does not keep is left off and counted",
    ),
    auto("noregexflag", Nothing, "flags are not rewritten anyway"),
    no("synclabels", Switch, "Gmail's labels travel as folders"),
    no("resynclabels", Switch, "Gmail's labels travel as folders"),
    auto("syncinternaldates", Switch, "arrival dates are always kept")
        .off(Fate::Refused("arrival dates are always kept")),
    no("idatefromheader", Switch, "arrival dates are kept; the Date field serves only where there is none"),
    no("delete|delete1", Switch, SOURCE_UNTOUCHED),
    no("expunge1|expunge", Switch, SOURCE_UNTOUCHED),
    auto("expungeaftereach", Switch, "nothing is expunged at the source"),
    to(
        "delete2",
        Switch,
        "--mirror-deletes with --delete-limit 10: only messages that Malote wrote, and never more \
        than the limit",
    ),
    no("delete2duplicates", Switch, "what others put at the destination is never removed"),
    auto("uidexpunge2", Switch, "with --delete2 exactly the removed UIDs are expunged"),
    no(
        "expunge2",
        Switch,
        "it would also destroy what users only marked; --delete2 expunges what it removes",
    ),
];
