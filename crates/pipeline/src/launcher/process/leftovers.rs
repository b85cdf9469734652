//! Processes that a dead engine left behind, found by the mark in their environment. On Linux alone:
//! elsewhere no system call tells, and a process id by itself may long belong to someone else.

/// Kills every process that carries the mark; gives how many there were.
#[cfg(target_os = "linux")]
pub(super) fn kill(mark: &str) -> usize {
    use rustix::process::{Pid, Signal, kill_process};

    /// A process can start another while the list is read; after so many looks none is left.
    const LOOKS: usize = 20;
    let own = std::process::id();
    let mut killed = 0;
    for _ in 0..LOOKS {
        let found: Vec<Pid> = marked(mark.as_bytes())
            .into_iter()
            .filter(|&id| u32::try_from(id) != Ok(own))
            .filter_map(Pid::from_raw)
            .collect();
        if found.is_empty() {
            break;
        }
        for process in found {
            if kill_process(process, Signal::KILL).is_ok() {
                killed += 1;
            }
        }
    }
    killed
}

/// The ids of the living processes whose environment holds the mark.
#[cfg(target_os = "linux")]
fn marked(mark: &[u8]) -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    // The environment of a process that was killed and not yet waited for reads as empty.
    let carries = |id: &i32| {
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment.split(|&byte| byte == 0).any(|variable| variable == mark)
    };
    ids.filter(carries).collect()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn kill(_: &str) -> usize {
    0
}
