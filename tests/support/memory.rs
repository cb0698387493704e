//! The memory of a process, as Linux counts it.

use std::fs;

/// Kilobytes in memory now.
pub(crate) const RESIDENT: &str = "VmRSS:";
/// The most kilobytes that were ever in memory.
pub(crate) const PEAK: &str = "VmHWM:";

/// That line of `/proc/PID/status`, in kilobytes; `pid` may be `self`. `None` if the process has ended.
pub(crate) fn kilobytes(pid: &str, line: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let rest = status.lines().find_map(|all| all.strip_prefix(line))?;
    rest.trim().strip_suffix(" kB")?.trim().parse().ok()
}
