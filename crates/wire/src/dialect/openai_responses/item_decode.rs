//! Reading `input`. Items that one side says in a row are one turn, as other dialects have it. What
//! only the vendor's servers made (reasoning, their own tools' calls) is listed and left out; what a
//! user meant to be read and cannot be carried is refused.

use serde::de::IgnoredAny;
use terms::dialect::Dialect;

use crate::{
    canonical::request::{Block, Media, Speaker, Turn},
    dialect::openai_chat::message_decode::{data_url, wrapped},
    error::BadRequest,
    json::{
        object::{TextOr, object},
        read,
        text::Text,
    },
    seal,
};

object! {
    Item {
        kind: Text<'a> = "type",
        role: Text<'a> = "role",
        content: TextOr<'a, Part<'a>> = "content",
        _id: IgnoredAny = "id",
        _status: IgnoredAny = "status",
        call_id: Text<'a> = "call_id",
        name: Text<'a> = "name",
        arguments: Text<'a> = "arguments",
        input: Text<'a> = "input",
        output: TextOr<'a, Part<'a>> = "output",
        encrypted_content: Text<'a> = "encrypted_content",
    }
}

object! {
    Part {
        kind: Text<'a> = "type",
        text: Text<'a> = "text",
        refusal: Text<'a> = "refusal",
        image_url: Text<'a> = "image_url",
        file_data: Text<'a> = "file_data",
        file_url: Text<'a> = "file_url",
        filename: Text<'a> = "filename",
        _annotations: IgnoredAny = "annotations",
        _logprobs: IgnoredAny = "logprobs",
    }
}

/// The items of a request.
pub(super) type Input<'a> = TextOr<'a, Item<'a>>;

/// Reads all items in order.
pub(super) fn turns<'a>(
    input: Option<Input<'a>>,
    to: Dialect,
    unsaid: &mut Vec<String>,
) -> Result<Vec<Turn<'a>>, BadRequest> {
    let items = match input {
        None => Vec::new(),
        Some(TextOr::Text(text)) => {
            return Ok(vec![Turn { speaker: Speaker::User, blocks: vec![Block::Text(text)] }]);
        }
        Some(TextOr::List(items)) => items,
    };
    let mut turns: Vec<Turn<'a>> = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let mut reader = Reader { path: format!("input[{index}]"), to, unsaid };
        let Some((speaker, blocks)) = reader.item(item)? else { continue };
        match turns.last_mut().filter(|last| belongs(last, speaker, &blocks)) {
            Some(last) => last.blocks.extend(blocks),
            None => turns.push(Turn { speaker, blocks }),
        }
    }
    Ok(turns)
}

/// Whether what is said now belongs to the turn before it: an assistant's words and calls, or results
/// that come together.
fn belongs(last: &Turn<'_>, speaker: Speaker, blocks: &[Block<'_>]) -> bool {
    let result = |block: &Block<'_>| matches!(block, Block::ToolResult { .. });
    last.speaker == speaker
        && match speaker {
            Speaker::Assistant => true,
            Speaker::User => blocks.iter().chain(&last.blocks).all(result),
            Speaker::System => false,
        }
}

/// Reads one item.
struct Reader<'r> {
    path: String,
    to: Dialect,
    unsaid: &'r mut Vec<String>,
}

impl Reader<'_> {
    fn item<'a>(
        &mut self,
        item: Item<'a>,
    ) -> Result<Option<(Speaker, Vec<Block<'a>>)>, BadRequest> {
        let kind = item.kind.clone().unwrap_or_else(|| Text::from("message"));
        let sealed = item.encrypted_content.as_deref().filter(|_| &*kind == "reasoning");
        if let Some(seal) = sealed.and_then(|sealed| seal::unwrap(sealed, "input[].reasoning")) {
            return Ok(Some((Speaker::Assistant, vec![Block::Sealed(seal)])));
        }
        if let Some(entry) = left_out(&kind) {
            self.leave_out(&format!("input[].{entry}"));
            return Ok(None);
        }
        read::list_unknown("input[]", &item.unknown, self.unsaid);
        Ok(Some(match &*kind {
            "message" => self.message(item)?,
            "function_call" => {
                let arguments = item.arguments.filter(|arguments| !arguments.trim().is_empty());
                let arguments = arguments.unwrap_or_else(|| Text::from("{}"));
                (Speaker::Assistant, vec![self.call(item.call_id, item.name, arguments)?])
            }
            // A custom tool takes free text; elsewhere it takes an object that holds the text.
            "custom_tool_call" => {
                self.leave_out("input[].custom_tool_call");
                let arguments = wrapped(&item.input.unwrap_or_default());
                (Speaker::Assistant, vec![self.call(item.call_id, item.name, arguments)?])
            }
            "function_call_output" | "custom_tool_call_output" => {
                let id = item.call_id.ok_or_else(|| self.missing("call_id"))?;
                let blocks = self.content(item.output, "output")?;
                (Speaker::User, vec![Block::ToolResult { id, is_error: false, blocks }])
            }
            kind => return Err(self.refuse(kind)),
        }))
    }

    fn message<'a>(&mut self, item: Item<'a>) -> Result<(Speaker, Vec<Block<'a>>), BadRequest> {
        let speaker = match item.role.as_deref() {
            Some("system" | "developer") => Speaker::System,
            Some("user") => Speaker::User,
            Some("assistant") => Speaker::Assistant,
            Some(_) => return Err(self.refuse("role")),
            None => return Err(self.missing("role")),
        };
        if item.content.is_none() {
            return Err(self.missing("content"));
        }
        Ok((speaker, self.content(item.content, "content")?))
    }

    fn call<'a>(
        &self,
        id: Option<Text<'a>>,
        name: Option<Text<'a>>,
        arguments: Text<'a>,
    ) -> Result<Block<'a>, BadRequest> {
        Ok(Block::ToolUse {
            id: id.ok_or_else(|| self.missing("call_id"))?,
            name: name.ok_or_else(|| self.missing("name"))?,
            arguments,
        })
    }

    fn content<'a>(
        &mut self,
        content: Option<TextOr<'a, Part<'a>>>,
        field: &str,
    ) -> Result<Vec<Block<'a>>, BadRequest> {
        match content {
            None => Ok(Vec::new()),
            Some(TextOr::Text(text)) => Ok(vec![Block::Text(text)]),
            Some(TextOr::List(parts)) => {
                parts.into_iter().map(|part| self.part(part, field)).collect()
            }
        }
    }

    fn part<'a>(&mut self, part: Part<'a>, field: &str) -> Result<Block<'a>, BadRequest> {
        let at = |name: &str| format!("{field}[].{name}");
        match part.kind.as_deref() {
            Some("input_text" | "output_text" | "text" | "summary_text") => {
                self.list(&part.unknown);
                part.text.map(Block::Text).ok_or_else(|| self.missing(&at("text")))
            }
            Some("refusal") => {
                part.refusal.map(Block::Text).ok_or_else(|| self.missing(&at("refusal")))
            }
            Some("input_image") => {
                // An image known by its id lives at the other vendor.
                let url = part.image_url.ok_or_else(|| self.refuse(&at("file_id")))?;
                self.list(&part.unknown);
                Ok(Block::Image(self.media(url, &at("image_url"))?))
            }
            Some("input_file") => {
                let data = part.file_data.or(part.file_url);
                let data = data.ok_or_else(|| self.refuse(&at("file_id")))?;
                let source = self.media(data, &at("file_data"))?;
                Ok(Block::Document { source, name: part.filename })
            }
            Some(kind) => Err(self.refuse(&at(kind))),
            None => Err(self.missing(&at("type"))),
        }
    }

    fn list(&mut self, unknown: &[Text<'_>]) {
        read::list_unknown("input[].content[]", unknown, self.unsaid);
    }

    fn media<'a>(&self, url: Text<'a>, field: &str) -> Result<Media<'a>, BadRequest> {
        if url.starts_with("data:") {
            return data_url(&url).ok_or_else(|| self.refuse(field));
        }
        Ok(Media::Url(url))
    }

    fn refuse(&self, field: &str) -> BadRequest {
        let param = format!("{}.{field}", self.path);
        BadRequest::untranslatable(&param, Dialect::OpenaiResponses, self.to)
    }

    fn missing(&self, field: &str) -> BadRequest {
        BadRequest::missing(&format!("{}.{field}", self.path))
    }

    fn leave_out(&mut self, entry: &str) {
        if !self.unsaid.iter().any(|listed| listed == entry) {
            self.unsaid.push(entry.to_owned());
        }
    }
}

/// Items that only this vendor's servers make and read.
fn left_out(kind: &str) -> Option<&str> {
    matches!(
        kind,
        "reasoning"
            | "web_search_call"
            | "file_search_call"
            | "code_interpreter_call"
            | "image_generation_call"
            | "mcp_list_tools"
            | "mcp_call"
            | "mcp_approval_request"
            | "mcp_approval_response"
            | "tool_search_call"
            | "tool_search_output"
            | "compaction"
            | "compaction_summary"
            | "program"
            | "program_output"
    )
    .then_some(kind)
}
