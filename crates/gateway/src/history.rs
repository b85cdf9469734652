//! What a request follows: the replies that were kept for its caller and what was asked before each,
//! put before its own items. Sealed reasoning goes back only to the provider that made it.

use std::sync::Arc;

use access::Caller;
use bytes::Bytes;
use terms::{
    dialect::Dialect,
    ids::{PrincipalName, ProviderName},
};
use wire::{
    ErrorKind, ErrorReply, Head, asked_items, asked_one_by_one, has_references, is_sealed,
    read_head, said_items, said_one_by_one, with_items, without_reasoning,
};

use crate::{
    errors, files,
    gateway::Gateway,
    kept::{KeptReply, ShelfDown},
    table::Target,
};

/// A request that may go out, with what it follows in it.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) head: Head,
    pub(crate) body: Bytes,
    /// The id of the reply that it follows.
    pub(crate) follows: Option<String>,
    /// Its own items, where they are not simply what is in the body.
    asked: Option<String>,
    /// The same without sealed reasoning, where not everybody may have it.
    bare: Option<Box<Bare>>,
}

#[derive(Debug)]
struct Bare {
    /// Who gets the whole of it.
    whole: Getters,
    head: Head,
    body: Bytes,
    /// The fields that are not in it.
    left_out: Vec<String>,
}

/// Who gets sealed reasoning.
#[derive(Debug)]
enum Getters {
    /// Who made it; nobody, where several did.
    Maker(Option<ProviderName>),
    /// All who did not refuse it.
    AllBut(Vec<ProviderName>),
}

impl Bare {
    fn is_for(&self, provider: &ProviderName) -> bool {
        match &self.whole {
            Getters::Maker(maker) => maker.as_ref() != Some(provider),
            Getters::AllBut(others) => others.contains(provider),
        }
    }
}

impl Whole {
    /// Whether a request has everything in it.
    pub(crate) fn is_alone(head: &Head) -> bool {
        head.follows.is_none() && !has_references(head)
    }

    pub(crate) fn alone(head: Head, body: Bytes) -> Self {
        Self { head, body, follows: None, asked: None, bare: None }
    }

    /// The same with the own ids of the files that it names, and the provider that holds them. Replies
    /// are kept with the sealed ids, so that what follows them is led there again.
    pub(crate) fn unsealed(
        self,
        gateway: &Gateway,
        caller: &Caller,
        read: impl Fn(&Bytes) -> Result<Head, ErrorReply>,
    ) -> Result<(Self, Option<ProviderName>), ErrorReply> {
        let mut holder = None;
        let mut unseal = |head: Head, body: Bytes| {
            let own = files::pinned(gateway, caller, &body, &mut holder)?;
            let head = if own.as_ptr() == body.as_ptr() { head } else { read(&own)? };
            Ok::<_, ErrorReply>((head, own))
        };
        let (head, body) = unseal(self.head, self.body)?;
        let bare = match self.bare {
            None => None,
            Some(bare) => {
                let (head, body) = unseal(bare.head, bare.body)?;
                Some(Box::new(Bare { head, body, ..*bare }))
            }
        };
        Ok((Self { head, body, bare, asked: self.asked, follows: self.follows }, holder))
    }

    /// What this provider is sent.
    pub(crate) fn sent_to(&self, provider: &ProviderName) -> (&Head, &Bytes) {
        match &self.bare {
            Some(bare) if bare.is_for(provider) => (&bare.head, &bare.body),
            _ => (&self.head, &self.body),
        }
    }

    /// The fields of the request that this provider is not sent.
    pub(crate) fn left_out_at(&self, provider: &ProviderName) -> &[String] {
        match &self.bare {
            Some(bare) if bare.is_for(provider) => &bare.left_out,
            _ => &[],
        }
    }

    /// What a target is sent, without the reasoning of earlier turns, and the fields that went. `None`
    /// where it is sent none.
    pub(crate) fn less_at(
        &self,
        dialect: Dialect,
        target: &Target,
    ) -> Option<(Bytes, Vec<String>)> {
        let (_, sent) = self.sent_to(&target.provider.name);
        let less = without_reasoning(dialect, sent, target.model.as_str());
        Some(less).filter(|(_, left_out)| !left_out.is_empty())
    }

    /// A target refuses the reasoning of earlier turns: from now on its provider is sent none. False
    /// where there is none, or it was sent none.
    pub(crate) fn goes_bare_at(&mut self, dialect: Dialect, target: &Target) -> bool {
        let Some((body, left_out)) = self.less_at(dialect, target) else { return false };
        let Ok(head) = read_head(dialect, &body) else { return false };
        let provider = &target.provider.name;
        let whole = match self.bare.take().map(|bare| bare.whole) {
            None => Getters::AllBut(vec![provider.clone()]),
            Some(Getters::AllBut(others)) => {
                Getters::AllBut([others, vec![provider.clone()]].concat())
            }
            // What was kept here goes to its maker, or to nobody.
            Some(Getters::Maker(_)) => Getters::Maker(None),
        };
        self.bare = Some(Box::new(Bare { whole, head, body, left_out }));
        true
    }

    /// The items of this request itself, which are kept with its answer.
    pub(crate) fn asked(&self) -> String {
        self.asked.clone().unwrap_or_else(|| asked_items(&self.head, &self.body))
    }
}

/// Items in a row, and the same without what only their maker can read.
#[derive(Debug)]
struct Piece {
    full: String,
    bare: String,
    maker: Option<ProviderName>,
}

impl Piece {
    fn plain(items: String) -> Self {
        Self { bare: items.clone(), full: items, maker: None }
    }
}

/// Puts what the request follows before its own items, and items in the place of their names.
pub(crate) async fn whole(
    gateway: &Gateway,
    owner: &PrincipalName,
    dialect: Dialect,
    head: Head,
    body: Bytes,
) -> Result<Whole, ErrorReply> {
    let own = own(gateway, owner, &head, &body).await?;
    let followed = match head.follows.clone() {
        Some(follows) => followed(gateway, owner, follows).await?,
        None => Vec::new(),
    };
    let asked = joined(own.iter().map(|piece| &piece.full));
    let mut pieces: Vec<Piece> = followed.iter().rev().flat_map(|reply| said(reply)).collect();
    pieces.extend(own);
    let full = joined(pieces.iter().map(|piece| &piece.full));
    let bare = joined(pieces.iter().map(|piece| &piece.bare));
    if full.len() > gateway.intake.body_bytes {
        return Err(too_long(gateway));
    }
    let with = |items: &str| -> Result<(Head, Bytes), ErrorReply> {
        let body = with_items(&head, &body, items);
        Ok((read_head(dialect, &body)?, body))
    };
    let bare = if full == bare {
        None
    } else {
        let (head, body) = with(&bare)?;
        let whole = Getters::Maker(maker(&pieces));
        Some(Box::new(Bare { whole, head, body, left_out: Vec::new() }))
    };
    let follows = head.follows.clone();
    let (head, body) = with(&full)?;
    Ok(Whole { head, body, follows, asked: Some(asked), bare })
}

/// The request's own items, each in the place of its name where it is only named.
async fn own(
    gateway: &Gateway,
    owner: &PrincipalName,
    head: &Head,
    body: &Bytes,
) -> Result<Vec<Piece>, ErrorReply> {
    if !has_references(head) {
        return Ok(vec![Piece::plain(asked_items(head, body))]);
    }
    let mut pieces = Vec::new();
    for (item, named) in asked_one_by_one(head, body) {
        let Some(id) = named else {
            pieces.push(Piece::plain(item));
            continue;
        };
        let reply = gateway.kept.find_item(owner, &id, gateway.wall()).await.map_err(shelf_down)?;
        let reply = reply.ok_or_else(|| no_such_item(&id))?;
        let items = said_one_by_one(&reply.reply);
        let item = items.into_iter().find(|(known, _)| *known == id).map(|(_, item)| item);
        let item = item.ok_or_else(|| no_such_item(&id))?;
        pieces.push(if is_sealed(&item) {
            Piece { full: item, bare: String::new(), maker: Some(reply.provider.clone()) }
        } else {
            Piece::plain(item)
        });
    }
    Ok(pieces)
}

/// What was asked and said with a reply.
fn said(reply: &KeptReply) -> [Piece; 2] {
    let (full, bare) = (said_items(&reply.reply, true), said_items(&reply.reply, false));
    let maker = (full != bare).then(|| reply.provider.clone());
    [Piece::plain(reply.asked.clone()), Piece { full, bare, maker }]
}

fn joined<'p>(items: impl Iterator<Item = &'p String>) -> String {
    items.filter(|items| !items.is_empty()).map(String::as_str).collect::<Vec<_>>().join(",")
}

/// Who made all that is sealed, if one provider made it all.
fn maker(pieces: &[Piece]) -> Option<ProviderName> {
    let mut makers = pieces.iter().filter_map(|piece| piece.maker.as_ref());
    let first = makers.next()?;
    makers.all(|other| other == first).then(|| first.clone())
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

fn no_such_item(id: &str) -> ErrorReply {
    let shown: String = id.chars().filter(|c| !c.is_control()).take(100).collect();
    ErrorReply {
        param: Some("input".to_owned()),
        ..errors::reply(
            ErrorKind::NotFound,
            "item_not_found",
            format!("Item with id '{shown}' not found; send the item itself."),
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
    use terms::time::Timestamp;

    use super::{Piece, joined, maker, said};
    use crate::kept::KeptReply;

    fn reply(provider: &str, asked: &str, output: &str) -> KeptReply {
        KeptReply {
            id: "resp_1".to_owned(),
            owner: "ada".into(),
            follows: None,
            provider: provider.into(),
            asked: asked.to_owned(),
            reply: format!(r#"{{"output":[{output}]}}"#).into(),
            items: Vec::new(),
            at: Timestamp(0),
        }
    }

    #[test]
    fn sealed_reasoning_is_for_its_one_maker_alone() {
        let sealed = r#"{"type":"reasoning","encrypted_content":"gAAA"}"#;
        let plain = r#"{"type":"message"}"#;
        let chain = [reply("b", "{\"n\":1}", &format!("{sealed},{plain}")), reply("a", "", plain)];
        let pieces: Vec<Piece> = chain.iter().flat_map(said).collect();
        let full = format!(r#"{{"n":1}},{sealed},{plain},{plain}"#);
        assert_eq!(joined(pieces.iter().map(|piece| &piece.full)), full);
        let bare = format!(r#"{{"n":1}},{plain},{plain}"#);
        assert_eq!(joined(pieces.iter().map(|piece| &piece.bare)), bare);
        assert_eq!(maker(&pieces), Some("b".into()));
        let mixed = [reply("a", "", sealed), reply("b", "", sealed)];
        assert_eq!(maker(&mixed.iter().flat_map(said).collect::<Vec<_>>()), None);
    }
}
