//! Writing a whole `response`.

use super::items::{Item, Name, Part};
use crate::{
    canonical::reply::{Reply, ReplyBlock},
    json::text::Literal,
    seal,
    stream::StreamOptions,
};

pub(super) fn encode(reply: &Reply<'_>, options: &StreamOptions) -> Vec<u8> {
    let mut items: Vec<Item> = Vec::new();
    for block in &reply.blocks {
        add(block, &options.provider, &mut items);
    }
    let name =
        Name::new(reply.id.as_deref(), reply.model.as_deref(), reply.created_unix_s, options);
    let mut body = Vec::new();
    name.ended(&mut body, &items, reply.stop, reply.usage.as_ref());
    body
}

fn add(block: &ReplyBlock<'_>, provider: &str, items: &mut Vec<Item>) {
    match block {
        ReplyBlock::Text(text) => {
            let parts = message(items);
            match parts.last_mut() {
                Some(Part::Text(said)) => said.push_str(&written(text)),
                _ => parts.push(Part::Text(written(text))),
            }
        }
        ReplyBlock::Refusal(text) => message(items).push(Part::Refusal(written(text))),
        ReplyBlock::Reasoning(text) => match items.last_mut() {
            Some(Item::Reasoning { text: said, sealed: None }) => said.push_str(&written(text)),
            _ => items.push(Item::Reasoning { text: written(text), sealed: None }),
        },
        ReplyBlock::Sealed(piece) => {
            let wrapped = Some(seal::wrap(provider, std::slice::from_ref(piece)));
            match items.last_mut() {
                Some(Item::Reasoning { sealed: sealed @ None, .. }) => *sealed = wrapped,
                _ => items.push(Item::Reasoning { text: String::new(), sealed: wrapped }),
            }
        }
        ReplyBlock::ToolUse { id, name, arguments } => items.push(Item::Call {
            id: id.to_string(),
            name: name.to_string(),
            arguments: written(arguments),
        }),
        ReplyBlock::Aside { .. } => {}
    }
}

/// The message that is being said.
fn message(items: &mut Vec<Item>) -> &mut Vec<Part> {
    if !matches!(items.last(), Some(Item::Message(_))) {
        items.push(Item::Message(Vec::new()));
    }
    match items.last_mut() {
        Some(Item::Message(parts)) => parts,
        _ => unreachable!("a message was just put there"),
    }
}

fn written(text: &str) -> String {
    Literal::from_plain(text).between_quotes().to_owned()
}
