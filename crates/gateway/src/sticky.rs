//! Which requests belong together, so that they go where their prompt cache is: those of a session that
//! its client names, else those of a conversation that begins with the same turns.

use access::Caller;
use decide::spray::hash;
use terms::{breaker::SessionKey, ids::RequestId};
use wire::{Head, opening};

/// Bytes that are looked at, at the beginning and at the end of a conversation's opening: long inputs
/// usually begin alike and differ in their last lines.
const LOOKED_AT: usize = 4 << 10;

pub(crate) fn of_session(key: &SessionKey) -> u64 {
    together(key.principal.as_str(), &[key.session.as_str().as_bytes()])
}

/// By the turns before the first answer; `None` for a request that has none.
pub(crate) fn of_conversation(caller: &Caller, head: &Head, body: &[u8]) -> Option<u64> {
    let opening = opening(head, body)?;
    let first = &opening[..opening.len().min(LOOKED_AT)];
    let last = &opening[opening.len().saturating_sub(LOOKED_AT)..];
    Some(together(caller.principal.as_str(), &[first, last]))
}

/// By nothing but chance.
pub(crate) fn of_nobody(id: RequestId) -> u64 {
    hash(&id.as_u128().to_le_bytes())
}

/// Another principal's are never among them, whatever they send.
fn together(principal: &str, parts: &[&[u8]]) -> u64 {
    parts.iter().fold(hash(principal.as_bytes()), |all, part| all.rotate_left(17) ^ hash(part))
}
