//! What processes use, as Linux tells it in `/proc` (proc(5)).

use std::{fs, time::Duration};

use crate::{Outcome, failure};

/// What CPU time is told in there: a hundredth of a second on every Linux (USER_HZ).
const TICK: Duration = Duration::from_millis(10);

/// The CPU time that a process has used until now, in the kernel too.
pub(crate) fn cpu(process: u32) -> Outcome<Duration> {
    Ok(TICK * Usage::of(process)?.own)
}

/// The same with that of its children, those that have ended included.
pub(crate) fn cpu_of_family(process: u32) -> Outcome<Duration> {
    let parent = Usage::of(process)?;
    let mut ticks = parent.own + parent.of_ended_children;
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(other) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // Processes end while the list is read.
        if let Ok(usage) = Usage::of(other)
            && usage.parent == process
        {
            ticks += usage.own;
        }
    }
    Ok(TICK * ticks)
}

/// The most memory that a process has had at once until now, in KiB.
pub(crate) fn peak_memory(process: u32) -> Outcome<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    Ok(peak.ok_or_else(|| failure("no VmHWM"))?.parse()?)
}

/// A line of `/proc/…/stat`, in ticks.
#[derive(Debug, PartialEq, Eq)]
struct Usage {
    parent: u32,
    own: u32,
    of_ended_children: u32,
}

impl Usage {
    fn of(process: u32) -> Outcome<Self> {
        let line = fs::read_to_string(format!("/proc/{process}/stat"))?;
        Self::read(&line).ok_or_else(|| failure(format!("not a line of stat: {line}")))
    }

    fn read(line: &str) -> Option<Self> {
        // The second field is a name, which may hold anything; the parent is the fourth, the times are the
        // fourteenth to the seventeenth.
        let (_name, rest) = line.rsplit_once(')')?;
        let mut fields = rest.split_whitespace().skip(1);
        let parent = fields.next()?.parse().ok()?;
        let mut times = fields.skip(9).map(str::parse::<u32>);
        let mut two = || Some(times.next()?.ok()? + times.next()?.ok()?);
        Some(Self {
            parent,
            own: two()?,
            of_ended_children: two()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    #[test]
    fn the_line_of_a_process_is_read() {
        let line = "12 (a ) b) S 7 12 12 0 -1 4194560 1 2 3 4 50 60 700 800 20 0 1 0 9";
        let usage = Usage {
            parent: 7,
            own: 110,
            of_ended_children: 1_500,
        };
        assert_eq!(Usage::read(line), Some(usage));
        assert_eq!(Usage::read("12 (a) S 7 12"), None);
    }

    #[test]
    fn what_this_process_uses_is_told() {
        assert!(peak_memory(process::id()).unwrap() > 100);
        let spent = cpu(process::id()).unwrap();
        assert!(cpu_of_family(process::id()).unwrap() >= spent);
    }
}
