//! Options about ceilings, logs, signals and imapsync's own tests.

use super::super::getopt::Takes::{Nothing, Real, Switch, Text, Whole};
use super::{Fate, Row, auto, no, to};

const OWN_LOG: &str = "Malote's own log: --debug";
const OWN_TESTS: &str = "imapsync's own tests are not here";
const SIGNALS: &str = "one SIGINT or SIGTERM finishes what is in flight, a second one ends at once";

pub(super) const LIMITS: &[Row] = &[
    to("maxbytespersecond", Whole, "--rate-bytes, from the first octet on"),
    to("maxmessagespersecond", Real, "--rate-messages, rounded down; less than 1 is refused"),
    auto("maxbytesafter", Whole, "the ceiling holds from the first octet on"),
    auto("maxsleep", Real, "pauses are as short as the ceiling allows"),
    to("exitwhenover", Whole, "the run is stopped once so many octets were appended"),
    auto(
        "errorsmax",
        Whole,
        "one message never stops its folder: all errors are told, and none ends the run early",
    ),
    auto("exitonload", Switch, "memory and connections are bounded, whatever the machine's load"),
];

pub(super) const TELLING: &[Row] = &[
    to("dry", Switch, "`malote plan`"),
    auto("dry1", Switch, "`malote plan` reads no message's text"),
    to("justconnect", Switch, "both greetings are shown"),
    to("justlogin", Switch, "both logins are tried"),
    to("justbanner", Switch, "the version and the options are shown"),
    to("justfoldersizes", Switch, "the sizes are shown, nothing is done"),
    to("foldersizes", Switch, "sizes are shown before").off(Fate::Translated("they are not")),
    to("foldersizesatend", Switch, "sizes are shown after").off(Fate::Translated("they are not")),
    to("log", Switch, "a log file in LOG_imapsync").off(Fate::Translated("no log file")),
    to("logfile", Text, "the log file's name"),
    to("logdir", Text, "the log file's folder"),
    to("errorsdump", Switch, "errors are listed at the end").off(Fate::Translated("they are not")),
    to("pidfile", Text, "as imapsync does; none is written where it is not asked for"),
    to("pidfilelocking", Switch, "a running process's file ends this one with 8"),
    to("tmpdir", Text, "where --pidfilelocking keeps imapsync.pid; nothing else needs it"),
    no("tail", Switch, "use `tail -f` on the log file of the other process"),
    no("abort", Nothing, "use `kill` on the process that the pid file names"),
    no("abortbyfile", Nothing, "use `kill` on the process that the pid file names"),
    auto("sigexit", Text, SIGNALS),
    auto("sigreconnect", Text, SIGNALS),
    auto("sigignore", Text, SIGNALS),
    to("version", Nothing, "the version is shown"),
    to("help", Nothing, "this table is shown"),
    to("debug", Switch, "--verbose"),
    auto("debugimap", Switch, OWN_LOG),
    auto("debugimap1", Switch, OWN_LOG),
    auto("debugimap2", Switch, OWN_LOG),
    auto("debugcontent", Switch, "no message's content is ever logged"),
    auto("debuglist", Switch, OWN_LOG),
    auto("debugfolders", Switch, OWN_LOG),
    auto("debuglabels", Switch, OWN_LOG),
    auto("debugssl", Whole, OWN_LOG),
    auto("debugdev", Switch, OWN_LOG),
    auto("debugmemory", Switch, OWN_LOG),
    auto("debugcgi", Switch, OWN_LOG),
    auto("debugenv", Switch, "the environment holds secrets and is never shown"),
    auto("debugsig", Switch, OWN_LOG),
    auto("debugsleep", Real, "there is nothing to wait for"),
    auto("showpasswords", Switch, "a secret is never shown"),
    auto("releasecheck", Switch, "nobody is asked over the network but the two servers"),
    auto("modulesversion|modules_version", Switch, "there are no Perl modules"),
    no("emailreport1", Switch, "the source is never written to; send the log file by mail"),
    no("emailreport2", Switch, "nothing but the source's mail is written; send the log file by mail"),
    auto("emailreportfrom", Text, "no report is sent"),
    auto("var", Text, "only imapsync's reports have use for it"),
    auto("dockercontext", Switch, "it is all one in a container"),
    no("simulong", Real, OWN_TESTS),
    no("memorystress", Switch, OWN_TESTS),
    no("tests", Switch, OWN_TESTS),
    no("testsdebug|tests_debug", Switch, OWN_TESTS),
    no("testsunit", Text, OWN_TESTS),
    no("testslive", Switch, OWN_TESTS),
    no("testslive6", Switch, OWN_TESTS),
];
