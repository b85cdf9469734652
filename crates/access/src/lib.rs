//! Who may do what: virtual keys and their owners, the admin secret, and the console's sign-in and
//! sessions. It answers yes or no; it listens nowhere and speaks no HTTP.

mod admin;
mod admin_secret;
mod error;
mod keys;
mod mint;
mod secret;
mod session;
mod throttle;

pub use crate::{
    admin::{Admin, NewSession, SignInRefusal},
    admin_secret::load_admin_secret,
    error::AccessError,
    keys::{Caller, KeySummary, Keys, Refusal},
    mint::NewKey,
    secret::Secret,
    session::{AdminSession, SESSION_MS, SIGN_IN_CODE_MS},
};
