//! A server under measurement: its processor time and peak memory, read from Linux's /proc, and its
//! end when the bench ends. Child processes (nginx's worker) count as part of it.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    process::Child,
};

use anyhow::{Context, Result};

/// Clock ticks per second in /proc/PID/stat: `sysconf(_SC_CLK_TCK)`, 100 on every Linux that Rust
/// supports (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// A started server, stopped when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
}

impl Server {
    pub(crate) fn new(child: Child) -> Self {
        Self { child }
    }

    /// User and system time of the server and its children so far, in microseconds.
    pub(crate) fn cpu_microseconds(&self) -> Result<f64> {
        let mut ticks = 0.0;
        for id in self.processes()? {
            let stat = fs::read_to_string(format!("/proc/{id}/stat"))
                .context("the server is gone, or this is not Linux")?;
            let fields = fields_after_name(&stat);
            // Fields 14 and 15, of which the first two are before the name's closing parenthesis.
            for field in [11, 12] {
                let field: f64 =
                    fields.get(field).and_then(|text| text.parse().ok()).unwrap_or(0.0);
                ticks += field;
            }
        }
        Ok(ticks / TICKS_PER_SECOND * 1e6)
    }

    /// The largest resident memory so far, in bytes, summed over its processes.
    pub(crate) fn peak_bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        for id in self.processes()? {
            let status = fs::read_to_string(format!("/proc/{id}/status"))
                .context("the server is gone, or this is not Linux")?;
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = peak.and_then(|text| text.trim().strip_suffix(" kB")?.parse().ok());
            let kilobytes: u64 = kilobytes.context("no VmHWM in /proc/PID/status")?;
            bytes += kilobytes * 1024;
        }
        Ok(bytes)
    }

    /// The server's own id and those of its direct children.
    fn processes(&self) -> Result<Vec<u32>> {
        let own = self.child.id();
        let mut found = vec![own];
        for entry in fs::read_dir("/proc").context("this is not Linux")? {
            let Ok(id) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            if fields_after_name(&stat).get(1) == Some(&own.to_string().as_str()) {
                found.push(id);
            }
        }
        Ok(found)
    }
}

impl Server {
    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked politely first, so that a master takes its workers along.
        let id = self.child.id().to_string();
        let asked = std::process::Command::new("kill").args(["-TERM", &id]).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// The fields of /proc/PID/stat after the name, which may itself hold spaces and parentheses: the
/// state, the parent's id, and so on.
fn fields_after_name(stat: &str) -> Vec<&str> {
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    after.split_whitespace().collect()
}

/// A loopback port that is free now.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::fields_after_name;

    #[test]
    fn a_name_may_hold_anything() {
        let stat = "4 (a) b (c)) S 1 4 4 0 -1 0 0 0 0 0 7 8 0 0";
        let fields = fields_after_name(stat);
        assert_eq!((fields[0], fields[1], fields[11], fields[12]), ("S", "1", "7", "8"));
    }
}
