//! What a reading process gives up before it touches a file: memory, time, files, the network, most system calls.
//! Never needs a privilege: what the kernel does not allow is said and left out, except the resource limits.

use std::collections::BTreeMap;
use std::io;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, PathBeneath, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
    RulesetStatus, Scope,
};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// Most files that the process has open at a time.
const OPEN_FILES_MAX: u64 = 32;
/// The newest version of Landlock that is asked for; older kernels give what they have.
const LANDLOCK: ABI = ABI::V6;

/// Sets limits, and closes off everything but reading one file. Gives a sentence for each guard.
///
/// # Errors
/// Where a resource limit cannot be set: those are not optional.
pub fn before_open(memory_octets: u64, processor_seconds: u64) -> io::Result<Vec<String>> {
    let limits = [
        (Resource::As, memory_octets),
        (Resource::Cpu, processor_seconds),
        (Resource::Fsize, 0),
        (Resource::Nofile, OPEN_FILES_MAX),
        (Resource::Core, 0),
    ];
    for (resource, most) in limits {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    rustix::thread::set_no_new_privs(true)?;
    Ok(vec![
        format!(
            "limits: {memory_octets} octets of memory, {processor_seconds} s of processor, no files written"
        ),
        said("network namespace", no_network()),
        said("landlock", only_standard_input()),
        said("seccomp", filter(true)),
    ])
}

/// Takes opening of files away, once the one file is open.
#[must_use]
pub fn after_open() -> String {
    said("seccomp after opening", filter(false))
}

fn said(guard: &str, state: Result<String, String>) -> String {
    match state {
        Ok(state) => format!("{guard}: {state}"),
        Err(reason) => format!("{guard}: not available ({reason})"),
    }
}

/// Moves into a network of its own, in which there is nothing. Without the privilege a user namespace gives it; the
/// superuser is spared that, because in there he could no longer open what belongs to others.
fn no_network() -> Result<String, String> {
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => Ok("own, empty".to_owned()),
        Err(Errno::EPERM) if !rustix::process::geteuid().is_root() => {
            match unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET) {
                Ok(()) => Ok("own, empty, in a user namespace".to_owned()),
                Err(reason) => Err(reason.to_string()),
            }
        }
        Err(reason) => Err(reason.to_string()),
    }
}

/// Allows reading of the file that standard input is, and no other file, socket or signal.
fn only_standard_input() -> Result<String, String> {
    let enforced = || -> Result<RulesetStatus, landlock::RulesetError> {
        let rules = Ruleset::default()
            .handle_access(AccessFs::from_all(LANDLOCK))?
            .handle_access(AccessNet::from_all(LANDLOCK))?
            .scope(Scope::from_all(LANDLOCK))?
            .create()?
            .add_rule(PathBeneath::new(io::stdin(), AccessFs::ReadFile))?;
        Ok(rules.restrict_self()?.ruleset)
    };
    match enforced() {
        Ok(RulesetStatus::FullyEnforced) => Ok("one file, for reading".to_owned()),
        Ok(RulesetStatus::PartiallyEnforced) => {
            Ok("one file, for reading, as far as the kernel goes".to_owned())
        }
        Ok(RulesetStatus::NotEnforced) => Err("the kernel has none".to_owned()),
        Err(reason) => Err(reason.to_string()),
    }
}

/// Allows the system calls that reading a file, working in memory and answering take; all others fail with EPERM.
fn filter(may_open: bool) -> Result<String, String> {
    let built = || -> Result<BpfProgram, seccompiler::BackendError> {
        let architecture = std::env::consts::ARCH.try_into()?;
        let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        SeccompFilter::new(allowed(may_open)?, refuse, SeccompAction::Allow, architecture)?.try_into()
    };
    let program = built().map_err(|reason| reason.to_string())?;
    seccompiler::apply_filter(&program).map_err(|reason| reason.to_string())?;
    Ok(if may_open { "on, files may be opened for reading" } else { "on, no file may be opened" }.to_owned())
}

type Rules = BTreeMap<libc::c_long, Vec<SeccompRule>>;

fn allowed(may_open: bool) -> Result<Rules, seccompiler::BackendError> {
    let plain = [
        libc::SYS_brk,
        libc::SYS_clock_gettime,
        libc::SYS_close,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_fcntl,
        libc::SYS_fstat,
        libc::SYS_futex,
        libc::SYS_getpid,
        libc::SYS_getrandom,
        libc::SYS_gettid,
        libc::SYS_lseek,
        libc::SYS_madvise,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_newfstatat,
        libc::SYS_ppoll,
        libc::SYS_pread64,
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_recvfrom,
        libc::SYS_restart_syscall,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sched_yield,
        libc::SYS_sendto,
        libc::SYS_sigaltstack,
        libc::SYS_statx,
        libc::SYS_write,
        libc::SYS_writev,
    ];
    let mut rules: Rules = plain.into_iter().map(|call| (call, Vec::new())).collect();
    let not = |argument: u8, bits: i32| -> Result<SeccompRule, seccompiler::BackendError> {
        let bits = u64::from(bits.unsigned_abs());
        SeccompRule::new(vec![SeccompCondition::new(
            argument,
            SeccompCmpArgLen::Dword,
            SeccompCmpOp::MaskedEq(bits),
            0,
        )?])
    };
    // Memory is never made executable.
    rules.insert(libc::SYS_mmap, vec![not(2, libc::PROT_EXEC)?]);
    rules.insert(libc::SYS_mprotect, vec![not(2, libc::PROT_EXEC)?]);
    // A signal to itself is how abort() ends.
    let own = u64::from(std::process::id());
    let to_itself = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, own)?;
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![to_itself])?]);
    if may_open {
        let writing = libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND;
        rules.insert(libc::SYS_openat, vec![not(2, writing)?]);
        // What sets the second filter, once this one is on.
        rules.insert(libc::SYS_prctl, Vec::new());
        rules.insert(libc::SYS_seccomp, Vec::new());
        #[cfg(target_arch = "x86_64")]
        rules.insert(libc::SYS_open, vec![not(1, writing)?]);
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::process::{Command, Stdio};

    use super::*;

    /// Set for the process that puts itself into the jail.
    const INSIDE: &str = "MALOTE_TEST_INSIDE_THE_JAIL";
    /// Address space for the process inside, in octets: a test runner's own needs some.
    const MEMORY: u64 = 1024 * 1024 * 1024;

    fn guarded(guards: &[String], name: &str) -> bool {
        let told = guards.iter().find(|guard| guard.starts_with(&format!("{name}: ")));
        let told = told.unwrap_or_else(|| panic!("nothing is said of {name}"));
        if told.contains("not available") {
            eprintln!("SKIPPED in part: {told}");
        }
        !told.contains("not available")
    }

    /// Does nothing unless it is run by the test below, in a process of its own.
    #[test]
    fn inside_the_jail() {
        if std::env::var_os(INSIDE).is_none() {
            return;
        }
        let own = std::env::current_exe().expect("a process has a file");
        let mut guards = before_open(MEMORY, 60).expect("limits may be lowered");
        assert!(Vec::<u8>::new().try_reserve_exact(2 * 1024 * 1024 * 1024).is_err(), "memory is not limited");
        if guarded(&guards, "seccomp") {
            assert!(std::net::TcpListener::bind("127.0.0.1:0").is_err(), "a socket was made");
            assert!(std::os::unix::net::UnixStream::pair().is_err(), "a pair of sockets was made");
            assert!(File::create(std::env::temp_dir().join("malote-jail")).is_err(), "a file was made");
            assert!(Command::new("/bin/true").status().is_err(), "a process was started");
            assert!(std::fs::remove_file("/nowhere").is_err_and(|cause| cause.raw_os_error() == Some(1)));
        }
        if guarded(&guards, "landlock") {
            assert!(File::open(&own).is_err(), "a stranger's file was opened");
        }
        assert!(File::open("/proc/self/fd/0").is_ok(), "the file itself cannot be opened: {guards:?}");
        guards.push(after_open());
        if guarded(&guards, "seccomp after opening") {
            assert!(File::open("/proc/self/fd/0").is_err(), "a file was opened once all was open");
        }
    }

    #[test]
    fn nothing_but_reading_one_file_is_left() -> io::Result<()> {
        let held = tempfile::NamedTempFile::new()?;
        let told = Command::new(std::env::current_exe()?)
            .args(["--exact", "libpff::jail::tests::inside_the_jail", "--nocapture"])
            .env(INSIDE, "1")
            .stdin(Stdio::from(File::open(held.path())?))
            .output()?;
        let said = String::from_utf8_lossy(&told.stdout) + String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success() && said.contains("1 passed"), "{}: {said}", told.status);
        Ok(())
    }
}
