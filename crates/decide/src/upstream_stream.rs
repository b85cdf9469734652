//! Whether an answer that its caller wants whole is got as a stream. A stream shows within its first
//! seconds whether a target is alive, so that the limits of streams hold; from a target that is busy and
//! quick the same is known from the answers to others, and asking for the whole costs less.

use terms::time::Moment;

use crate::{error_rate::kept, pace::Pace};

/// How answers that are wanted whole are got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UpstreamStream {
    /// As streams, but for targets that are busy and quick.
    #[default]
    Auto,
    /// As streams.
    Always,
    /// Whole.
    Never,
}

/// Answers count half as much after this.
const HALF_LIFE_MS: u64 = 5_000;
/// Answers, as far as they are not forgotten, above which a target is busy: about three a second.
const BUSY: f64 = 20.0;
/// A target is quick whose usual answer is there within this.
const QUICK_MS: u64 = 2_000;
/// Requests that must wait at a target before it is taken for frozen: one alone may just be long.
const WAITING: u32 = 3;
/// A silence says something once it is this many times as long as answers usually take.
const ROOM: u64 = 3;

/// What the whole answers of a target tell.
#[derive(Debug, Clone, Default)]
pub struct WholeAnswers {
    took: Pace,
    lately: f64,
    aged: Moment,
    heard: Option<Moment>,
    waiting: u32,
    /// A request was seen to wait in vain, and nothing was heard since.
    is_frozen: bool,
    refuses_streams: bool,
    /// A stream was seen to flow from it.
    streams: bool,
}

impl WholeAnswers {
    /// A request goes there.
    pub fn asked(&mut self) {
        self.waiting += 1;
    }

    /// A request waits there no more: there is output, or it is over.
    pub fn ended(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// The target said something, to whomever.
    pub fn heard(&mut self, now: Moment) {
        self.heard = Some(now);
        self.is_frozen = false;
    }

    /// A request was seen to wait in vain.
    pub fn froze(&mut self) {
        self.is_frozen = true;
    }

    /// An answer that was wanted whole was there after this long.
    pub fn answered(&mut self, ms: u64, now: Moment) {
        self.took.observe(ms, now);
        self.lately = self.lately(now) + 1.0;
        self.aged = now;
    }

    /// A stream flows from the target.
    pub fn streamed(&mut self) {
        self.streams = true;
    }

    /// Whether the target is known to stream. One that computes its whole answer before its first byte
    /// looks silent to whoever waits for a first token.
    pub fn is_known_to_stream(&self) -> bool {
        self.streams
    }

    /// The target said that it does not stream.
    pub fn refuses_streams(&mut self) {
        self.refuses_streams = true;
    }

    /// Whether the next one is got as a stream.
    pub fn is_streamed(&self, wanted: UpstreamStream, now: Moment) -> bool {
        let is_quick = || self.took.usual_ms().is_some_and(|ms| ms <= QUICK_MS);
        match wanted {
            UpstreamStream::Never => false,
            _ if self.refuses_streams => false,
            UpstreamStream::Always => true,
            UpstreamStream::Auto => self.is_frozen || self.lately(now) < BUSY || !is_quick(),
        }
    }

    /// When a request that waits for its answer since then is known to wait in vain, unless something
    /// is heard before: others wait, too, and nobody has heard anything for `limit_ms`, and for longer
    /// than answers of this target take. `None` while too little is known.
    pub fn frozen_at(&self, since: Moment, limit_ms: u64) -> Option<Moment> {
        // Of those who wait, the last ones wait alone.
        let others_tell = self.is_frozen || self.waiting >= WAITING;
        let usual = self.took.usual_ms().filter(|_| others_tell)?;
        let silent_since = self.heard.map_or(since, |heard| heard.max(since));
        Some(silent_since.after(limit_ms.max(usual.saturating_mul(ROOM))))
    }

    fn lately(&self, now: Moment) -> f64 {
        self.lately * kept(now.since(self.aged), HALF_LIFE_MS)
    }
}

#[cfg(test)]
mod tests {
    use terms::time::Moment;

    use super::{UpstreamStream, WAITING, WholeAnswers};

    /// Answers that each took this long, so many a second, for ten seconds.
    fn known(ms: u64, a_second: u64) -> (WholeAnswers, Moment) {
        let mut known = WholeAnswers::default();
        for number in 0..10 * a_second {
            known.answered(ms, Moment(number * (1_000 / a_second)));
        }
        (known, Moment(10_000))
    }

    #[test]
    fn only_what_is_busy_and_quick_is_asked_for_the_whole() {
        let is_streamed = |ms, a_second| {
            let (known, now) = known(ms, a_second);
            known.is_streamed(UpstreamStream::Auto, now)
        };
        assert!(WholeAnswers::default().is_streamed(UpstreamStream::Auto, Moment(0)));
        assert!(!is_streamed(400, 10));
        assert!(is_streamed(400, 1), "not busy");
        assert!(is_streamed(6_000, 10), "not quick");
        let (known, now) = known(400, 10);
        assert!(known.is_streamed(UpstreamStream::Auto, now.after(20_000)), "busy no more");
        assert!(known.is_streamed(UpstreamStream::Always, now));
        assert!(!WholeAnswers::default().is_streamed(UpstreamStream::Never, now));
    }

    #[test]
    fn a_target_that_does_not_stream_is_asked_for_the_whole() {
        let mut known = WholeAnswers::default();
        known.refuses_streams();
        assert!(!known.is_streamed(UpstreamStream::Always, Moment(0)));
    }

    #[test]
    fn a_target_is_frozen_when_several_wait_and_nobody_heard_of_it() {
        let (mut known, now) = known(400, 10);
        known.heard(now);
        known.asked();
        known.asked();
        assert_eq!(known.frozen_at(now, 10_000), None, "long answers are no silence");
        known.asked();
        // Also for a request that was sent before the target was heard for the last time.
        assert_eq!(known.frozen_at(Moment(9_000), 10_000), Some(now.after(10_000)));
        assert_eq!(known.frozen_at(now.after(500), 10_000), Some(now.after(10_500)));
        known.heard(now.after(700));
        assert_eq!(known.frozen_at(now, 10_000), Some(now.after(10_700)));
        known.ended();
        assert_eq!(known.frozen_at(now, 10_000), None);
    }

    #[test]
    fn the_last_of_those_who_wait_knows_what_the_others_saw() {
        let (mut known, now) = known(400, 10);
        for _ in 0..WAITING {
            known.asked();
        }
        known.froze();
        for _ in 1..WAITING {
            known.ended();
        }
        assert_eq!(known.frozen_at(now, 10_000), Some(now.after(10_000)));
        assert!(
            known.is_streamed(UpstreamStream::Auto, now),
            "so that a probe is not in vain long"
        );
        known.heard(now);
        assert_eq!(known.frozen_at(now, 10_000), None);
        assert!(!known.is_streamed(UpstreamStream::Auto, now));
    }

    #[test]
    fn a_silence_that_is_usual_is_none() {
        let (mut slow, now) = known(30_000, 10);
        let mut unknown = WholeAnswers::default();
        for _ in 0..WAITING {
            slow.asked();
            unknown.asked();
        }
        let at = slow.frozen_at(now, 10_000).unwrap();
        assert!(at >= now.after(3 * 30_000), "{at:?}");
        assert_eq!(unknown.frozen_at(now, 10_000), None);
    }
}
