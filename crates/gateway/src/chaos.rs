//! Faults that are injected on purpose, for game days: into the attempts at a target for a while, or into
//! one request of a key that may. They are acted out where an attempt goes out, so that everything behind
//! it, gates included, takes them for real; nothing is sent to the provider.

use std::{
    fmt,
    str::FromStr,
    sync::{
        RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use terms::{
    ids::{PrincipalName, TargetName},
    time::{Moment, Timestamp},
};

/// Faults that hold at once at most.
const INJECTIONS: usize = 32;

/// How long a fault may hold at most: a game day that was forgotten ends by itself.
pub const LONGEST: Duration = Duration::from_hours(1);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChaosFault {
    /// The provider answers with this status. `status:503`.
    Status(u16),
    /// The provider cannot be reached. `unreachable`.
    Unreachable,
    /// The provider never says anything. `silence`.
    Silence,
    /// The provider takes so much longer. `slow:800` in milliseconds.
    Slow(Duration),
    /// The answer breaks off after so many pieces. `cut:5`.
    Cut(u32),
}

impl fmt::Display for ChaosFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status:{status}"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::Silence => f.write_str("silence"),
            Self::Slow(by) => write!(f, "slow:{}", by.as_millis()),
            Self::Cut(after) => write!(f, "cut:{after}"),
        }
    }
}

/// No fault is called so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no fault; write status:503, unreachable, silence, slow:800 (milliseconds, up to 60000) \
     or cut:5 (pieces)"
)]
pub struct NoFault(String);

impl FromStr for ChaosFault {
    type Err = NoFault;

    fn from_str(text: &str) -> Result<Self, NoFault> {
        let unknown = || NoFault(text.chars().take(60).filter(|c| !c.is_control()).collect());
        let (word, number) = match text.split_once(':') {
            Some((word, number)) => (word, Some(number.parse::<u32>().map_err(|_| unknown())?)),
            None => (text, None),
        };
        match (word, number) {
            ("unreachable", None) => Ok(Self::Unreachable),
            ("silence", None) => Ok(Self::Silence),
            ("status", Some(status @ 400..=599)) => {
                Ok(Self::Status(u16::try_from(status).map_err(|_| unknown())?))
            }
            ("slow", Some(ms @ 0..=60_000)) => Ok(Self::Slow(Duration::from_millis(ms.into()))),
            ("cut", Some(pieces)) => Ok(Self::Cut(pieces)),
            _ => Err(unknown()),
        }
    }
}

/// A fault that holds for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    /// Its number.
    pub id: u64,
    /// `provider/model`, or a provider's name for all its targets.
    pub at: String,
    /// What goes wrong.
    pub fault: ChaosFault,
    /// Of a hundred attempts there, how many.
    pub percent: u8,
    /// Until when.
    pub until: Timestamp,
    /// Who wanted it.
    pub by: String,
}

impl Injection {
    fn holds_at(&self, target: &TargetName) -> bool {
        let name = target.as_str();
        let at = self.at.strip_suffix("/*").unwrap_or(&self.at);
        let of_provider = || name.strip_prefix(at).is_some_and(|rest| rest.starts_with('/'));
        name == self.at || of_provider()
    }
}

/// More faults would hold than may, or nothing is called so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChaosRefused {
    /// Too many at once.
    #[error("{INJECTIONS} faults hold already; stop one first")]
    TooMany,
    /// Nobody would notice.
    #[error(
        "no target and no provider is called `{0}`; `outlast chaos` takes the names of `outlast check`"
    )]
    NoTarget(String),
}

/// The faults that hold now.
#[derive(Debug, Default)]
pub struct Chaos {
    held: RwLock<Vec<(Injection, Moment)>>,
    /// Who may inject a fault into a request of their own.
    allowed: RwLock<Vec<PrincipalName>>,
    next: AtomicU64,
    drawn: AtomicU64,
}

impl Chaos {
    /// A fault holds from now on.
    pub(crate) fn begin(
        &self,
        injection: Injection,
        lasts: Duration,
        now: Moment,
    ) -> Result<Injection, ChaosRefused> {
        let lasts = u64::try_from(lasts.min(LONGEST).as_millis()).unwrap_or(u64::MAX);
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let injection = Injection { id, ..injection };
        let mut held = write(&self.held);
        held.retain(|(_, until)| *until > now);
        if held.len() >= INJECTIONS {
            return Err(ChaosRefused::TooMany);
        }
        held.push((injection.clone(), now.after(lasts)));
        Ok(injection)
    }

    /// It holds no more; all of them where no number is given. Gives how many ended.
    pub(crate) fn end(&self, id: Option<u64>, now: Moment) -> usize {
        let mut held = write(&self.held);
        held.retain(|(_, until)| *until > now);
        let before = held.len();
        held.retain(|(injection, _)| id.is_some_and(|id| id != injection.id));
        before - held.len()
    }

    /// What holds now.
    pub(crate) fn held(&self, now: Moment) -> Vec<Injection> {
        let held = read(&self.held);
        held.iter().filter(|(_, until)| *until > now).map(|(held, _)| held.clone()).collect()
    }

    /// These may inject a fault into a request of their own.
    pub fn allow(&self, principals: Vec<PrincipalName>) {
        *write(&self.allowed) = principals;
    }

    pub(crate) fn is_allowed(&self, principal: &PrincipalName) -> bool {
        read(&self.allowed).contains(principal)
    }

    /// What goes wrong with an attempt that goes out now.
    pub(crate) fn fault(&self, target: &TargetName, now: Moment) -> Option<ChaosFault> {
        let held = read(&self.held);
        if held.is_empty() {
            return None;
        }
        let (injection, _) =
            held.iter().find(|(held, until)| *until > now && held.holds_at(target))?;
        // Every share is spread evenly: 30 of a hundred are never 30 in a row.
        let drawn = self.drawn.fetch_add(61, Ordering::Relaxed) % 100;
        (drawn < u64::from(injection.percent)).then_some(injection.fault)
    }
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use terms::time::{Moment, Timestamp};

    use super::{Chaos, ChaosFault, Injection};

    fn injection(at: &str, percent: u8) -> Injection {
        let fault = ChaosFault::Unreachable;
        let (at, by) = (at.to_owned(), "test".to_owned());
        Injection { id: 0, at, fault, percent, until: Timestamp(0), by }
    }

    #[test]
    fn every_fault_is_written_as_it_is_read() {
        for text in ["status:503", "unreachable", "silence", "slow:800", "cut:5"] {
            assert_eq!(text.parse::<ChaosFault>().unwrap().to_string(), text);
        }
        for wrong in ["", "status", "status:200", "slow:60001", "cut:", "cut:-1", "fire"] {
            assert!(wrong.parse::<ChaosFault>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_fault_holds_where_and_while_it_was_meant_to() {
        let (chaos, now) = (Chaos::default(), Moment(1_000));
        chaos.begin(injection("openai", 100), Duration::from_secs(1), now).unwrap();
        assert!(chaos.fault(&"openai/gpt".into(), now).is_some());
        assert!(chaos.fault(&"openai-eu/gpt".into(), now).is_none());
        assert!(chaos.fault(&"openai/gpt".into(), now.after(1_000)).is_none(), "it ended");
        chaos.begin(injection("ollama/*", 100), Duration::from_secs(1), now).unwrap();
        assert!(chaos.fault(&"ollama/local-x".into(), now).is_some());
        let held = chaos.begin(injection("a/b", 100), Duration::from_secs(9), now).unwrap();
        assert!(chaos.fault(&"a/c".into(), now).is_none());
        assert_eq!(chaos.end(Some(held.id), now), 1);
        assert!(chaos.fault(&"a/b".into(), now).is_none());
        assert_eq!((chaos.end(None, now), chaos.held(now).len()), (2, 0));
    }

    #[test]
    fn a_share_is_a_share() {
        let (chaos, now) = (Chaos::default(), Moment(0));
        chaos.begin(injection("a", 30), Duration::from_secs(9), now).unwrap();
        let hit = (0..1_000).filter(|_| chaos.fault(&"a/b".into(), now).is_some()).count();
        assert_eq!(hit, 300);
    }
}
