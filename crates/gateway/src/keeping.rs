//! The name of an answer that is under way in a dialect whose answers can be kept, and its way onto the
//! shelf once it is whole.

use bytes::Bytes;
use terms::{
    dialect::Dialect,
    ids::{PrincipalName, ProviderName, RequestId},
};
use wire::{Head, OwnReply};

use crate::{gateway::Gateway, history, kept::KeptReply};

/// What is known of an answer before it is there.
#[derive(Debug, Clone)]
pub(crate) struct Keeping {
    pub(crate) own: OwnReply,
    owner: PrincipalName,
    asked: String,
}

impl Keeping {
    /// `None` in a dialect whose answers have no name of ours.
    pub(crate) fn of(
        gateway: &Gateway,
        dialect: Dialect,
        caller: &access::Caller,
        id: RequestId,
        head: &Head,
        body: &Bytes,
    ) -> Option<Self> {
        if dialect != Dialect::OpenaiResponses {
            return None;
        }
        let kept = head.keeps && gateway.kept.is_on();
        let id = id.to_string();
        let tail = id.strip_prefix("req_").unwrap_or(&id);
        let own = OwnReply { id: format!("resp_{tail}"), follows: head.follows.clone(), kept };
        let asked = if kept { history::asked(head, body) } else { String::new() };
        Some(Self { own, owner: caller.principal.clone(), asked })
    }

    /// The answer is whole.
    pub(crate) fn keep(&self, gateway: &Gateway, provider: &ProviderName, reply: &Bytes) {
        if self.own.kept {
            gateway.kept.put(KeptReply {
                id: self.own.id.clone(),
                owner: self.owner.clone(),
                follows: self.own.follows.clone(),
                provider: provider.clone(),
                asked: self.asked.clone(),
                reply: reply.clone(),
                at: gateway.wall(),
            });
        }
    }
}
