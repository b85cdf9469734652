//! The name of an answer that is under way in a dialect whose answers can be kept, and its way onto the
//! shelf once it is whole.

use bytes::Bytes;
use terms::{
    dialect::Dialect,
    ids::{PrincipalName, ProviderName, RequestId},
};
use wire::{OwnReply, said_one_by_one};

use crate::{gateway::Gateway, history::Whole, kept::KeptReply};

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
        whole: &Whole,
    ) -> Option<Self> {
        if dialect != Dialect::OpenaiResponses {
            return None;
        }
        let kept = whole.head.keeps && gateway.kept.is_on();
        let id = id.to_string();
        let tail = id.strip_prefix("req_").unwrap_or(&id);
        let own = OwnReply { id: format!("resp_{tail}"), follows: whole.follows.clone(), kept };
        let asked = if kept { whole.asked() } else { String::new() };
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
                items: said_one_by_one(reply).into_iter().map(|(id, _)| id).collect(),
                at: gateway.wall(),
            });
        }
    }
}
