//! The admin: one secret, the sessions it opens, and the single-use codes that stand for it in a
//! printed sign-in link. Cookies and headers are the console's business.

use std::{
    fmt,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use subtle::ConstantTimeEq;
use terms::time::Moment;

use crate::{
    error::AccessError,
    secret::{Secret, random_bytes},
    session::{AdminSession, Passes, SESSION_MS, SIGN_IN_CODE_MS},
    throttle::Throttle,
};

/// Sessions at most; far more than the people who hold an admin secret.
const SESSIONS: usize = 1_000;

/// Unused sign-in codes at most.
const SIGN_IN_CODES: usize = 100;

/// Why a secret or a code was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SignInRefusal {
    /// It is not the secret, or the code is unknown, used or too old.
    #[error("that is not right; check it and try again")]
    Wrong,
    /// Too many wrong ones came from this source; even the right one must wait.
    #[error("too many wrong tries from your address; try again in {seconds} s", seconds = .retry_after_ms.div_ceil(1_000))]
    TooMany {
        /// Milliseconds until the next try counts.
        retry_after_ms: u64,
    },
    /// It is right, and yet no session could be made.
    #[error(transparent)]
    Failed(#[from] AccessError),
}

/// A session that just began.
#[derive(Debug)]
pub struct NewSession {
    /// The value that the browser keeps: 256 random bits.
    pub cookie: Secret,
    /// How long it works.
    pub lasts_ms: u64,
}

/// Who may administer.
pub struct Admin {
    hash_key: [u8; 32],
    secret_hash: [u8; 32],
    state: Mutex<State>,
}

struct State {
    sessions: Passes,
    codes: Passes,
    throttle: Throttle,
}

impl Admin {
    /// An admin with this secret and no session.
    pub fn new(secret: &Secret) -> Result<Self, AccessError> {
        let hash_key = random_bytes()?;
        let state = State {
            sessions: Passes::new(SESSION_MS, SESSIONS),
            codes: Passes::new(SIGN_IN_CODE_MS, SIGN_IN_CODES),
            throttle: Throttle::default(),
        };
        let secret_hash = hash(&hash_key, secret.expose());
        Ok(Self { hash_key, secret_hash, state: Mutex::new(state) })
    }

    /// Whether this is the admin secret, for requests that carry it themselves.
    pub fn verify(
        &self,
        source: IpAddr,
        presented: &str,
        now: Moment,
    ) -> Result<(), SignInRefusal> {
        let right = hash(&self.hash_key, presented).ct_eq(&self.secret_hash);
        self.state().admit(source, now, |_| right.into())
    }

    /// Opens a session for the admin secret.
    pub fn sign_in(
        &self,
        source: IpAddr,
        presented: &str,
        now: Moment,
    ) -> Result<NewSession, SignInRefusal> {
        self.verify(source, presented, now)?;
        Ok(self.open_session(now)?)
    }

    /// Opens a session for a sign-in code, which is used up by it.
    pub fn sign_in_with_code(
        &self,
        source: IpAddr,
        code: &str,
        now: Moment,
    ) -> Result<NewSession, SignInRefusal> {
        self.state().admit(source, now, |state| state.codes.take(code, now))?;
        Ok(self.open_session(now)?)
    }

    /// A code that opens one session within ten minutes, for a printed link.
    pub fn issue_code(&self, now: Moment) -> Result<Secret, AccessError> {
        self.state().codes.issue(now)
    }

    /// The session of this cookie, if it is live.
    pub fn session(&self, cookie: &str, now: Moment) -> Option<AdminSession> {
        let (id, expires) = self.state().sessions.find(cookie, now)?;
        Some(AdminSession { id, expires })
    }

    /// Whether a session that was found earlier is live still.
    pub fn is_live(&self, session: &AdminSession, now: Moment) -> bool {
        self.state().sessions.expires(&session.id, now).is_some()
    }

    /// Ends the session of this cookie.
    pub fn sign_out(&self, cookie: &str, now: Moment) {
        self.state().sessions.take(cookie, now);
    }

    fn open_session(&self, now: Moment) -> Result<NewSession, AccessError> {
        let cookie = self.state().sessions.issue(now)?;
        Ok(NewSession { cookie, lasts_ms: SESSION_MS })
    }

    /// The state is whole between any two statements, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Lets a try pass when its source may try and it is right; books it when it is wrong.
    fn admit(
        &mut self,
        source: IpAddr,
        now: Moment,
        is_right: impl FnOnce(&mut Self) -> bool,
    ) -> Result<(), SignInRefusal> {
        if let Some(retry_after_ms) = self.throttle.wait_ms(source, now) {
            return Err(SignInRefusal::TooMany { retry_after_ms });
        }
        if is_right(self) {
            return Ok(());
        }
        self.throttle.wrong(source, now);
        Err(SignInRefusal::Wrong)
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

/// The secret is kept and compared as a hash under a key of this process: equal lengths, and
/// nothing to read in a dump of memory.
fn hash(key: &[u8; 32], secret: &str) -> [u8; 32] {
    *blake3::keyed_hash(key, secret.as_bytes()).as_bytes()
}
