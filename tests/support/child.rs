//! Child processes and folders that do not outlive the test process, however it ends.
//!
//! A test process has no teardown to rely on: libtest calls `exit`, statics are never dropped, and a
//! SIGKILL runs nothing at all. What the kernel does in every case is close the process's pipes. So
//! each child has a *watcher*, a small shell process that reads a pipe we hold, its lifeline: at end
//! of file it ends the child. A folder has a *keeper*, which removes it at the end of file of a pipe
//! that we and every watcher of that folder hold, that is when the last child in it is gone.
//!
//! Children are in process groups of their own: Ctrl-C in a terminal reaches the tests alone, and the
//! children end through their lifelines.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{memory, random_hex};

/// `exec` keeps the shell's pid, so the child is ours directly: its pid and exit status are the real ones.
/// `$1` is the grace period in tenths of a second. Standard output is the folder's pipe, held open by
/// the watcher and not handed to the child; standard error is the child's log.
const WATCH_AND_RUN: &str = r#"
grace=$1
shift
exec 3<&0
(
    # A line says that the child has been waited for, and its pid may soon be another's.
    read -r line <&3 && exit
    kill -TERM $$
    while [ "$grace" -gt 0 ] && kill -0 $$; do sleep 0.1; grace=$((grace - 1)); done
    kill -KILL $$
    grace=50
    while [ "$grace" -gt 0 ] && kill -0 $$; do sleep 0.1; grace=$((grace - 1)); done
) </dev/null 2>/dev/null &
exec "$@" </dev/null >&2 3<&-
"#;

const KEEP: &str = r#"
while read -r line; do :; done
rm -rf -- "$1"
"#;

/// How long a drop waits beyond the grace period before it leaves the rest to the watcher.
const LEEWAY: Duration = Duration::from_secs(2);

/// A new folder under the system's temporary folder, readable by us alone.
pub(crate) struct Folder {
    path: PathBuf,
    keeper: process::Child,
}

impl Folder {
    pub(crate) fn new() -> io::Result<Folder> {
        let path =
            std::env::temp_dir().join(format!("composio-operator-test-{}", random_hex::<8>()));
        let keeper = Command::new("/bin/sh")
            .args(["-c", KEEP, "keeper"])
            .arg(&path)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let folder = Folder { path, keeper };
        DirBuilder::new().mode(0o700).create(&folder.path)?;
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Makes a folder in this one.
    pub(crate) fn subfolder(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.join(name);
        fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Writes a file that only we can read.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> io::Result<PathBuf> {
        let path = self.join(name);
        create_private(&path, content)?;
        Ok(path)
    }

    /// The write end of the keeper's pipe, for a watcher to hold.
    fn hold(&self) -> io::Result<Stdio> {
        match &self.keeper.stdin {
            Some(pipe) => Ok(pipe.as_fd().try_clone_to_owned()?.into()),
            None => Err(io::Error::other("the folder is being removed")),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        wait_up_to(LEEWAY, || self.keeper.try_wait());
    }
}

/// What can be sent to a [`Child`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    Int,
    Term,
    Kill,
    /// Halts the child without ending it: connections to it stay open and get no answer.
    Stop,
    /// Takes [`Signal::Stop`] back.
    Cont,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Signal::Int => "INT",
            Signal::Term => "TERM",
            Signal::Kill => "KILL",
            Signal::Stop => "STOP",
            Signal::Cont => "CONT",
        }
    }
}

/// A process that ends when this value is dropped, and when the test process ends in any other way:
/// by SIGTERM, and after the grace period by SIGKILL.
pub(crate) struct Child {
    name: String,
    pid: u32,
    log: PathBuf,
    /// How long the log was already, from a predecessor of the same name.
    log_start: u64,
    grace: Duration,
    process: Mutex<Process>,
}

struct Process {
    child: process::Child,
    lifeline: Option<ChildStdin>,
}

impl Child {
    /// Runs `command` with its output appended to `NAME.log` in the folder. Of the command the
    /// program, arguments, environment changes and working folder count; `env_clear` and redirections
    /// cannot be read from it and do not. A program that cannot be run exits with 127, and its log says why.
    pub(crate) fn spawn(
        folder: &Folder,
        name: &str,
        grace: Duration,
        command: &Command,
    ) -> io::Result<Child> {
        let log = folder.join(format!("{name}.log"));
        let output = OpenOptions::new().create(true).append(true).open(&log)?;
        let log_start = output.metadata()?.len();
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", WATCH_AND_RUN, "watcher"])
            .arg((grace.as_millis() / 100).to_string())
            .arg(command.get_program())
            .args(command.get_args())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(folder.hold()?)
            .stderr(output);
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(key, value),
                None => shell.env_remove(key),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            shell.current_dir(folder);
        }
        let mut child = shell.spawn()?;
        let lifeline = child.stdin.take();
        Ok(Child {
            name: name.to_owned(),
            pid: child.id(),
            log,
            log_start,
            grace,
            process: Mutex::new(Process { child, lifeline }),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The memory that it has now, in kilobytes.
    pub(crate) fn memory(&self) -> u64 {
        memory::kilobytes(&self.pid.to_string(), memory::RESIDENT).unwrap_or_default()
    }

    /// Where the child's standard output and standard error go.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// All that this child wrote.
    pub(crate) fn read_log(&self) -> String {
        let read = || {
            let mut file = File::open(&self.log)?;
            file.seek(SeekFrom::Start(self.log_start))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            io::Result::Ok(bytes)
        };
        match read() {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => format!("({}: {error})", self.log.display()),
        }
    }

    pub(crate) fn log_tail(&self, lines: usize) -> String {
        tail(&self.read_log(), lines)
    }

    /// The exit status once the child is gone, by itself or by a signal.
    pub(crate) fn exited(&self) -> Option<ExitStatus> {
        self.process.lock().exited()
    }

    /// Sends a signal; to a child that is gone, nothing.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        // Held until the signal is sent: nobody can wait for the child and free its pid in between.
        let mut process = self.process.lock();
        if process.exited().is_some() {
            return Ok(());
        }
        kill(signal.name(), self.pid).map(drop)
    }

    /// Waits for the child to end by itself or by a signal sent before. Past the deadline, `None`.
    pub(crate) async fn wait(&self, deadline: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + deadline;
        loop {
            let status = self.exited();
            if status.is_some() || Instant::now() >= end {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// SIGTERM, after the grace period SIGKILL; the child is gone when this returns.
    pub(crate) async fn stop(self) -> io::Result<ExitStatus> {
        self.signal(Signal::Term)?;
        if let Some(status) = self.wait(self.grace).await {
            return Ok(status);
        }
        self.signal(Signal::Kill)?;
        match self.wait(LEEWAY).await {
            Some(status) => Ok(status),
            None => Err(io::Error::other(format!(
                "{} did not end by SIGKILL",
                self.name
            ))),
        }
    }
}

impl Process {
    fn exited(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().ok().flatten();
        if status.is_some()
            && let Some(mut lifeline) = self.lifeline.take()
        {
            // The watcher may have ended already; then there is nobody to tell.
            let _ = lifeline.write_all(b"gone\n");
        }
        status
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let process = self.process.get_mut();
        if process.exited().is_none() {
            drop(process.lifeline.take());
            wait_up_to(self.grace + LEEWAY, || process.child.try_wait());
        }
    }
}

/// Whether a process with this pid runs. One that ended and was not yet waited for does not.
pub(crate) fn runs(pid: u32) -> bool {
    let Ok(true) = kill("0", pid) else {
        return false;
    };
    // "pid (name) state": the name may hold anything, so the state comes after the last parenthesis.
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('Z')),
        Err(_) => !Path::new("/proc/self/stat").exists(),
    }
}

/// The last lines of a text, for error messages.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Writes a file that only its owner can read.
pub(crate) fn create_private(path: &Path, content: impl AsRef<[u8]>) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file: File = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content.as_ref())
}

/// The shell's own `kill`: the program of that name is not installed everywhere.
fn kill(signal: impl AsRef<OsStr>, pid: u32) -> io::Result<bool> {
    let status = Command::new("/bin/sh")
        .args(["-c", r#"kill -s "$1" "$2" 2>/dev/null"#, "kill"])
        .arg(signal)
        .arg(pid.to_string())
        .stdin(Stdio::null())
        .status()?;
    Ok(status.success())
}

fn wait_up_to(deadline: Duration, mut probe: impl FnMut() -> io::Result<Option<ExitStatus>>) {
    let end = Instant::now() + deadline;
    while matches!(probe(), Ok(None)) && Instant::now() < end {
        thread::sleep(Duration::from_millis(10));
    }
}
