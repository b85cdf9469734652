//! Writing the response object and its output items, whole or as a stream shows them on the way.

use bytes::BufMut;
use terms::usage::Usage;

use super::{
    stop_reason::{self, Seen},
    usage,
};
use crate::{canonical::event::StopReason, json::write, stream::StreamOptions};

/// One output item. Texts are as they were written between quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Message(Vec<Part>),
    /// A summary of what the model thought.
    Reasoning {
        text: String,
        /// What only its maker can read, in our wrapping.
        sealed: Option<String>,
    },
    /// An item as its provider wrote it.
    AsWritten(String),
    Call {
        id: String,
        name: String,
        arguments: String,
    },
}

/// One part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Refusal(String),
}

/// Whether an item is on its way or whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Completed,
    Incomplete,
}

impl Status {
    const fn word(self) -> &'static [u8] {
        match self {
            Self::InProgress => b"in_progress",
            Self::Completed => b"completed",
            Self::Incomplete => b"incomplete",
        }
    }
}

/// What names a reply.
#[derive(Debug, Clone, Default)]
pub(super) struct Name {
    pub(super) id: String,
    model: String,
    created_unix_s: i64,
    follows: Option<String>,
    kept: bool,
    /// The names of the first items, where their provider gave them.
    pub(super) given_ids: Vec<String>,
}

impl Name {
    /// Our own id where the gateway gave one, else the provider's.
    pub(super) fn new(
        id: Option<&str>,
        model: Option<&str>,
        created_unix_s: Option<i64>,
        options: &StreamOptions,
    ) -> Self {
        let own = options.own.as_ref();
        let id = own.map(|own| own.id.as_str()).or(id).unwrap_or(&options.fallback_id);
        Self {
            id: id.to_owned(),
            model: model.unwrap_or(&options.model).to_owned(),
            created_unix_s: created_unix_s.unwrap_or(options.created_unix_s),
            follows: own.and_then(|own| own.follows.clone()),
            kept: own.is_some_and(|own| own.kept),
            given_ids: Vec::new(),
        }
    }

    /// The id of an item.
    pub(super) fn item_id(&self, out: &mut impl BufMut, item: &Item, index: usize) {
        if let Some(given) = self.given_ids.get(index) {
            return write::text(out, given);
        }
        let kind = match item {
            Item::Message(_) => "msg",
            Item::Reasoning { .. } | Item::AsWritten(_) => "rs",
            Item::Call { .. } => "fc",
        };
        let tail = self.id.strip_prefix("resp_").unwrap_or(&self.id);
        write::text(out, &format!("{kind}_{tail}_{index}"));
    }

    /// An item.
    pub(super) fn item(&self, out: &mut impl BufMut, item: &Item, index: usize, status: Status) {
        if let Item::AsWritten(written) = item {
            return out.put_slice(written.as_bytes());
        }
        out.put_slice(b"{\"id\":");
        self.item_id(out, item, index);
        match item {
            Item::AsWritten(_) => {}
            Item::Message(parts) => {
                out.put_slice(b",\"type\":\"message\",\"status\":\"");
                out.put_slice(status.word());
                out.put_slice(b"\",\"role\":\"assistant\",\"content\":[");
                // A message that begins has no part yet.
                for (at, said) in parts.iter().enumerate() {
                    if at > 0 {
                        out.put_u8(b',');
                    }
                    part(out, said);
                }
                out.put_slice(b"]}");
            }
            Item::Reasoning { text, sealed } => {
                out.put_slice(b",\"type\":\"reasoning\",\"summary\":[");
                if status != Status::InProgress && !text.is_empty() {
                    summary_part(out, text);
                }
                out.put_u8(b']');
                if let Some(sealed) = sealed {
                    out.put_slice(b",\"encrypted_content\":");
                    write::text(out, sealed);
                }
                out.put_u8(b'}');
            }
            Item::Call { id, name, arguments } => {
                out.put_slice(b",\"type\":\"function_call\",\"status\":\"");
                out.put_slice(status.word());
                out.put_slice(b"\",\"arguments\":");
                quoted(out, arguments);
                out.put_slice(b",\"call_id\":");
                write::text(out, id);
                out.put_slice(b",\"name\":");
                write::text(out, name);
                out.put_u8(b'}');
            }
        }
    }

    /// The response object as it stands while it is on its way.
    pub(super) fn opened(&self, out: &mut impl BufMut) {
        self.response(out, b"in_progress", None, &[], None);
    }

    /// The response object as it ends.
    pub(super) fn ended(
        &self,
        out: &mut impl BufMut,
        items: &[Item],
        stop: Option<StopReason>,
        usage: Option<&Usage>,
    ) {
        let why = stop_reason::encode(stop, seen(items));
        let status: &[u8] = if why.is_some() { b"incomplete" } else { b"completed" };
        self.response(out, status, why, items, usage);
    }

    fn response(
        &self,
        out: &mut impl BufMut,
        status: &[u8],
        why: Option<&str>,
        items: &[Item],
        stated: Option<&Usage>,
    ) {
        out.put_slice(b"{\"id\":");
        write::text(out, &self.id);
        out.put_slice(b",\"object\":\"response\",\"created_at\":");
        write::value(out, &self.created_unix_s);
        out.put_slice(b",\"status\":\"");
        out.put_slice(status);
        out.put_slice(b"\",\"background\":false,\"error\":null,\"incomplete_details\":");
        match why {
            Some(why) => {
                out.put_slice(b"{\"reason\":");
                write::text(out, why);
                out.put_u8(b'}');
            }
            None => out.put_slice(b"null"),
        }
        out.put_slice(b",\"instructions\":null,\"max_output_tokens\":null,\"model\":");
        write::text(out, &self.model);
        out.put_slice(b",\"output\":[");
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.put_u8(b',');
            }
            let cut = why.is_some() && index + 1 == items.len();
            let status = if cut { Status::Incomplete } else { Status::Completed };
            self.item(out, item, index, status);
        }
        out.put_slice(b"],\"parallel_tool_calls\":true,\"previous_response_id\":");
        match &self.follows {
            Some(follows) => write::text(out, follows),
            None => out.put_slice(b"null"),
        }
        out.put_slice(b",\"reasoning\":{\"effort\":null,\"summary\":null},\"store\":");
        out.put_slice(if self.kept { b"true" } else { b"false" });
        out.put_slice(b",\"temperature\":null,\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"top_p\":null,\"truncation\":\"disabled\",\"usage\":");
        match stated {
            Some(stated) => write::value(out, &usage::encode(stated)),
            None => out.put_slice(b"null"),
        }
        out.put_slice(b",\"user\":null,\"metadata\":{}}");
    }
}

/// What of these items decides on the end.
pub(super) fn seen(items: &[Item]) -> Seen {
    let refused = |part: &Part| matches!(part, Part::Refusal(_));
    Seen {
        calls: items.iter().any(|item| matches!(item, Item::Call { .. })),
        refused: items.iter().any(|item| match item {
            Item::Message(parts) => parts.iter().any(refused),
            _ => false,
        }),
    }
}

/// A part of a message.
pub(super) fn part(out: &mut impl BufMut, part: &Part) {
    match part {
        Part::Text(text) => {
            out.put_slice(
                b"{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":",
            );
            quoted(out, text);
        }
        Part::Refusal(text) => {
            out.put_slice(b"{\"type\":\"refusal\",\"refusal\":");
            quoted(out, text);
        }
    }
    out.put_u8(b'}');
}

/// The one part of a summary.
pub(super) fn summary_part(out: &mut impl BufMut, text: &str) {
    out.put_slice(b"{\"type\":\"summary_text\",\"text\":");
    quoted(out, text);
    out.put_u8(b'}');
}

/// A text that was written before, between quotes again.
pub(super) fn quoted(out: &mut impl BufMut, written: &str) {
    out.put_u8(b'"');
    out.put_slice(written.as_bytes());
    out.put_u8(b'"');
}
