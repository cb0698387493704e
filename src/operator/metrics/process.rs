//! What Linux tells of this process, under the names that every Prometheus client has for it. Nothing is told
//! where `/proc` does not tell it.

use std::{fmt, fs};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

/// Linux tells times of a process in these parts of a second, on every machine that Rust is built for.
const TICKS: f64 = 100.0;

#[derive(Debug)]
pub(super) struct Process;

/// Each is read when somebody asks.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    cpu_seconds: Option<f64>,
    /// In Unix time.
    start_time: Option<f64>,
    resident_bytes: Option<u64>,
    open_fds: Option<u64>,
    max_fds: Option<u64>,
}

impl Reading {
    fn now() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let fds = fs::read_dir("/proc/self/fd").ok();
        // The folder itself is open while it is read.
        let open_fds = fds.map(|fds| (fds.count() as u64).saturating_sub(1));
        Self {
            open_fds,
            ..Self::of(
                &read("/proc/self/stat"),
                &read("/proc/self/status"),
                &read("/proc/self/limits"),
                &read("/proc/stat"),
            )
        }
    }

    fn of(stat: &str, status: &str, limits: &str, system: &str) -> Self {
        // The program's name comes first, in brackets, and may hold anything.
        let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let numbers: Vec<f64> = rest
            .split(' ')
            .map(|n| n.parse().unwrap_or_default())
            .collect();
        let [user, kernel, start] = [11, 12, 19].map(|at| numbers.get(at).copied());
        let booted = field(system, "btime ");
        let resident = field(status, "VmRSS:");
        Self {
            cpu_seconds: user
                .zip(kernel)
                .map(|(user, kernel)| (user + kernel) / TICKS),
            start_time: booted
                .zip(start)
                .map(|(booted, start)| booted as f64 + start / TICKS),
            resident_bytes: resident.map(|kilobytes| kilobytes * 1024),
            open_fds: None,
            max_fds: field(limits, "Max open files"),
        }
    }
}

/// The number after that word at the beginning of a line.
fn field(text: &str, word: &str) -> Option<u64> {
    let mut lines = text.lines();
    let rest = lines.find_map(|line| line.strip_prefix(word))?;
    rest.split_whitespace().next()?.parse().ok()
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Reading {
            cpu_seconds,
            start_time,
            resident_bytes,
            open_fds,
            max_fds,
        } = Reading::now();
        let mut encode = |name, help, unit: Option<&Unit>, metric: &dyn EncodeMetric| {
            metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
        };
        if let Some(seconds) = cpu_seconds {
            let help = "CPU time that the process has used";
            encode(
                "process_cpu",
                help,
                Some(&Unit::Seconds),
                &ConstCounter::new(seconds),
            )?;
        }
        if let Some(seconds) = start_time {
            let help = "When the process was started, in Unix time";
            encode(
                "process_start_time",
                help,
                Some(&Unit::Seconds),
                &ConstGauge::new(seconds),
            )?;
        }
        if let Some(bytes) = resident_bytes {
            let help = "Memory of the process that is in RAM";
            encode(
                "process_resident_memory",
                help,
                Some(&Unit::Bytes),
                &ConstGauge::new(bytes),
            )?;
        }
        if let Some(count) = open_fds {
            let help = "File descriptors that the process has open";
            encode("process_open_fds", help, None, &ConstGauge::new(count))?;
        }
        if let Some(count) = max_fds {
            let help = "File descriptors that the process may have open";
            encode("process_max_fds", help, None, &ConstGauge::new(count))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_as_linux_tells_of_it_whatever_its_name_is() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 12345 900 80 1";
        let status = "Name:\tx\nVmPeak:\t  9 kB\nVmRSS:\t  320 kB\n";
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files  1024  4096  files\n";
        let system = "cpu  1 2 3\nbtime 1700000000\nprocesses 9\n";
        let expected = Reading {
            cpu_seconds: Some(3.0),
            start_time: Some(1_700_000_123.45),
            resident_bytes: Some(320 * 1024),
            open_fds: None,
            max_fds: Some(1024),
        };
        assert_eq!(Reading::of(stat, status, limits, system), expected);
        assert_eq!(Reading::of("", "", "", ""), Reading::default());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory_files_and_an_age() {
        let reading = Reading::now();
        let now = jiff::Timestamp::now().as_second() as f64;
        let start = reading.start_time.expect("it has begun");
        assert!(start <= now + 1.0 && now - start < 3600.0, "{reading:?}");
        assert!(reading.cpu_seconds.is_some(), "{reading:?}");
        assert!(reading.resident_bytes > Some(1024 * 1024), "{reading:?}");
        assert!(reading.open_fds > Some(2), "{reading:?}");
        assert!(reading.open_fds < reading.max_fds, "{reading:?}");
    }
}
