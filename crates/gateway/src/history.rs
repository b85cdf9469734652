//! What a request follows: the replies that were kept for its caller and what was asked before each,
//! put before its own items. Sealed reasoning goes back only to the provider that made it.

use std::sync::Arc;

use bytes::Bytes;
use terms::{
    dialect::Dialect,
    ids::{PrincipalName, ProviderName},
};
use wire::{ErrorKind, ErrorReply, Head, asked_items, read_head, said_items, with_history};

use crate::{
    errors,
    gateway::Gateway,
    kept::{KeptReply, ShelfDown},
};

/// A request that may go out, with what it follows in it.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) head: Head,
    pub(crate) body: Bytes,
    /// The same without sealed reasoning, for every provider but the one that made it.
    bare: Option<Box<Bare>>,
}

#[derive(Debug)]
struct Bare {
    /// Nobody, where several made what was sealed.
    maker: Option<ProviderName>,
    head: Head,
    body: Bytes,
}

impl Whole {
    pub(crate) fn alone(head: Head, body: Bytes) -> Self {
        Self { head, body, bare: None }
    }

    /// What this provider is sent.
    pub(crate) fn sent_to(&self, provider: &ProviderName) -> (&Head, &Bytes) {
        match &self.bare {
            Some(bare) if bare.maker.as_ref() != Some(provider) => (&bare.head, &bare.body),
            _ => (&self.head, &self.body),
        }
    }
}

/// Puts what the request follows before its own items.
pub(crate) async fn whole(
    gateway: &Gateway,
    owner: &PrincipalName,
    dialect: Dialect,
    head: Head,
    body: Bytes,
) -> Result<Whole, ErrorReply> {
    let Some(follows) = head.follows.clone() else { return Ok(Whole::alone(head, body)) };
    let followed = followed(gateway, owner, follows).await?;
    let all = joined(&followed, true);
    let bare = joined(&followed, false);
    if all.len() + body.len() > gateway.intake.body_bytes {
        return Err(too_long(gateway));
    }
    let with = |history: &str| -> Result<(Head, Bytes), ErrorReply> {
        let body = with_history(&head, &body, history);
        Ok((read_head(dialect, &body)?, body))
    };
    let bare = if all == bare {
        None
    } else {
        let (head, body) = with(&bare)?;
        Some(Box::new(Bare { maker: maker(&followed), head, body }))
    };
    let (head, body) = with(&all)?;
    Ok(Whole { head, body, bare })
}

/// The replies from the newest to the first.
async fn followed(
    gateway: &Gateway,
    owner: &PrincipalName,
    id: String,
) -> Result<Vec<Arc<KeptReply>>, ErrorReply> {
    let mut found = Vec::new();
    let mut next = Some(id);
    while let Some(id) = next.take() {
        if found.len() == gateway.kept.limits.followed {
            return Err(too_long(gateway));
        }
        let reply = gateway.kept.find(owner, &id, gateway.wall()).await.map_err(shelf_down)?;
        let reply = reply.ok_or_else(|| not_kept(&id))?;
        next.clone_from(&reply.follows);
        found.push(reply);
    }
    Ok(found)
}

/// Everything that was asked and said, oldest first.
fn joined(followed: &[Arc<KeptReply>], sealed: bool) -> String {
    let turns = followed
        .iter()
        .rev()
        .flat_map(|reply| [reply.asked.clone(), said_items(&reply.reply, sealed)]);
    turns.filter(|items| !items.is_empty()).collect::<Vec<_>>().join(",")
}

/// Who made all that is sealed, if one provider made it all.
fn maker(followed: &[Arc<KeptReply>]) -> Option<ProviderName> {
    let sealed =
        |reply: &&Arc<KeptReply>| said_items(&reply.reply, true) != said_items(&reply.reply, false);
    let mut makers = followed.iter().filter(sealed).map(|reply| &reply.provider);
    let first = makers.next()?;
    makers.all(|other| other == first).then(|| first.clone())
}

/// The items of this request itself, which are kept with its answer.
pub(crate) fn asked(head: &Head, body: &Bytes) -> String {
    asked_items(head, body)
}

/// The words that OpenAI uses, which its clients know.
fn not_kept(id: &str) -> ErrorReply {
    let shown: String = id.chars().filter(|c| !c.is_control()).take(100).collect();
    ErrorReply {
        param: Some("previous_response_id".to_owned()),
        ..errors::reply(
            ErrorKind::BadRequest,
            "previous_response_not_found",
            format!("Previous response with id '{shown}' not found."),
        )
    }
}

fn too_long(gateway: &Gateway) -> ErrorReply {
    errors::reply(
        ErrorKind::TooLarge,
        "history_too_long",
        format!(
            "what this request follows is longer than {} MiB or {} replies; send what matters of it as `input` instead",
            gateway.intake.body_bytes >> 20,
            gateway.kept.limits.followed,
        ),
    )
}

pub(crate) fn shelf_down(down: ShelfDown) -> ErrorReply {
    tracing::error!(%down, "a kept reply cannot be reached");
    errors::reply(
        ErrorKind::Overloaded,
        "replies_unavailable",
        "the gateway cannot read the replies that it keeps right now; ask again in a moment",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use terms::time::Timestamp;

    use super::{joined, maker};
    use crate::kept::KeptReply;

    fn reply(provider: &str, asked: &str, output: &str) -> Arc<KeptReply> {
        Arc::new(KeptReply {
            id: "resp_1".to_owned(),
            owner: "ada".into(),
            follows: None,
            provider: provider.into(),
            asked: asked.to_owned(),
            reply: format!(r#"{{"output":[{output}]}}"#).into(),
            at: Timestamp(0),
        })
    }

    #[test]
    fn sealed_reasoning_is_for_its_one_maker_alone() {
        let sealed = r#"{"type":"reasoning","encrypted_content":"gAAA"}"#;
        let plain = r#"{"type":"message"}"#;
        let both = format!("{sealed},{plain}");
        // Newest first, as they are found.
        let chain = [reply("a", "{\"n\":2}", plain), reply("b", "{\"n\":1}", &both)];
        let all = format!(r#"{{"n":1}},{sealed},{plain},{{"n":2}},{plain}"#);
        assert_eq!(joined(&chain, true), all);
        assert_eq!(joined(&chain, false), format!(r#"{{"n":1}},{plain},{{"n":2}},{plain}"#));
        assert_eq!(maker(&chain), Some("b".into()));
        let mixed = [reply("a", "", sealed), reply("b", "", sealed)];
        assert_eq!(maker(&mixed), None);
    }
}
