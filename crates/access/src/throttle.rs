//! A limit on wrong secrets per source: five within a minute, then a wait. It remembers a bounded
//! number of sources and never reads a clock.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
};

use terms::time::Moment;

/// Wrong secrets that a source may present within the window.
const ALLOWED: usize = 5;

/// How long a wrong secret counts.
const WINDOW_MS: u64 = 60_000;

/// Sources remembered at most; above it the one that was quiet longest is forgotten.
const SOURCES: usize = 4_096;

/// The wrong secrets of the last minute, by source.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    wrong: HashMap<IpAddr, Vec<Moment>>,
}

impl Throttle {
    /// How long this source must wait before it may try again; `None` when it may now.
    pub(crate) fn wait_ms(&self, source: IpAddr, now: Moment) -> Option<u64> {
        let wrong = self.wrong.get(&network(source))?;
        let oldest_counting = wrong.len().checked_sub(ALLOWED).map(|index| wrong[index])?;
        WINDOW_MS.checked_sub(now.since(oldest_counting)).filter(|ms| *ms > 0)
    }

    /// Books a wrong secret.
    pub(crate) fn wrong(&mut self, source: IpAddr, now: Moment) {
        let source = network(source);
        if !self.wrong.contains_key(&source) {
            self.make_room(now);
        }
        let wrong = self.wrong.entry(source).or_default();
        wrong.retain(|at| now.since(*at) < WINDOW_MS);
        wrong.push(now);
    }

    fn make_room(&mut self, now: Moment) {
        if self.wrong.len() < SOURCES {
            return;
        }
        self.wrong.retain(|_, wrong| wrong.last().is_some_and(|at| now.since(*at) < WINDOW_MS));
        if self.wrong.len() >= SOURCES {
            let quietest = self.wrong.iter().min_by_key(|(_, wrong)| wrong.last().copied());
            if let Some(quietest) = quietest.map(|(source, _)| *source) {
                self.wrong.remove(&quietest);
            }
        }
    }
}

/// The network that one holder usually has: an IPv4 address, or the first 64 bits of an IPv6 one.
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(prefix))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use terms::time::Moment;

    use super::{SOURCES, Throttle};

    fn source(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(number))
    }

    #[test]
    fn the_sixth_try_within_a_minute_waits_for_the_first_to_pass() {
        let mut throttle = Throttle::default();
        for second in 0..5 {
            assert_eq!(throttle.wait_ms(source(1), Moment(second * 1_000)), None);
            throttle.wrong(source(1), Moment(second * 1_000));
        }
        assert_eq!(throttle.wait_ms(source(1), Moment(10_000)), Some(50_000));
        assert_eq!(throttle.wait_ms(source(2), Moment(10_000)), None);
        assert_eq!(throttle.wait_ms(source(1), Moment(60_000)), None);
    }

    #[test]
    fn neighbours_in_one_ipv6_network_are_one_source() {
        let mut throttle = Throttle::default();
        for host in 0..5 {
            throttle.wrong(format!("2001:db8::{host}").parse().unwrap(), Moment(0));
        }
        assert!(throttle.wait_ms("2001:db8::ffff".parse().unwrap(), Moment(0)).is_some());
        assert!(throttle.wait_ms("2001:db8:1::1".parse().unwrap(), Moment(0)).is_none());
    }

    #[test]
    fn a_crowd_of_sources_does_not_grow_it() {
        let mut throttle = Throttle::default();
        let crowd = u32::try_from(SOURCES).unwrap() + 50;
        for number in 0..crowd {
            throttle.wrong(source(number), Moment(u64::from(number)));
        }
        assert_eq!(throttle.wrong.len(), SOURCES);
    }
}
