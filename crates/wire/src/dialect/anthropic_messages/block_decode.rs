//! Reading content blocks. What only this vendor's servers made (thinking, its own tools' calls and
//! results) is listed and left out; what a user meant to be read and cannot be carried is refused.

use serde_json::value::RawValue;
use terms::dialect::Dialect;

use crate::{
    canonical::{
        request::{Block, Media},
        sealed::Seal,
    },
    error::BadRequest,
    json::{
        object::{TextOr, object},
        read,
        text::{Json, Text},
    },
    seal,
};

object! {
    ContentBlock {
        kind: Text<'a> = "type",
        text: Text<'a> = "text",
        source: Source<'a> = "source",
        title: Text<'a> = "title",
        signature: Text<'a> = "signature",
        data: Text<'a> = "data",
        id: Text<'a> = "id",
        name: Text<'a> = "name",
        input: Json<'a> = "input",
        tool_use_id: Text<'a> = "tool_use_id",
        content: &'a RawValue = "content",
        is_error: bool = "is_error",
    }
}

object! {
    Source {
        kind: Text<'a> = "type",
        media_type: Text<'a> = "media_type",
        data: Text<'a> = "data",
        url: Text<'a> = "url",
        content: &'a RawValue = "content",
    }
}

/// Content as it stands in messages, results and documents.
pub(super) type Content<'a> = TextOr<'a, ContentBlock<'a>>;

/// Reads the blocks of one place.
pub(super) struct Reader<'r> {
    /// Where it is, with indices, for refusals.
    pub(super) place: String,
    /// The same without indices, for the list of what is left out.
    pub(super) path: &'static str,
    pub(super) to: Dialect,
    pub(super) unsaid: &'r mut Vec<String>,
}

impl Reader<'_> {
    pub(super) fn content<'a>(
        &mut self,
        content: Option<Content<'a>>,
    ) -> Result<Vec<Block<'a>>, BadRequest> {
        let mut blocks = Vec::new();
        match content {
            None => {}
            Some(TextOr::Text(text)) => blocks.push(Block::Text(text)),
            Some(TextOr::List(list)) => {
                for block in list {
                    self.block(block, &mut blocks)?;
                }
            }
        }
        Ok(blocks)
    }

    fn block<'a>(
        &mut self,
        block: ContentBlock<'a>,
        blocks: &mut Vec<Block<'a>>,
    ) -> Result<(), BadRequest> {
        let kind = block.kind.clone().unwrap_or_default();
        if let Some(seal) = sealed(&kind, &block) {
            blocks.push(Block::Sealed(seal));
            return Ok(());
        }
        if let Some(entry) = left_out(&kind) {
            self.leave_out(entry);
            return Ok(());
        }
        read::list_unknown(self.path, &block.unknown, self.unsaid);
        match &*kind {
            "text" => blocks.push(Block::Text(self.need(block.text, "text")?)),
            "image" => {
                let source = self.need(block.source, "source")?;
                blocks.push(Block::Image(self.media(source)?));
            }
            "document" => self.document(block, blocks)?,
            "tool_use" => blocks.push(Block::ToolUse {
                id: self.need(block.id, "id")?,
                name: self.need(block.name, "name")?,
                arguments: block.input.map_or(Text::from("{}"), Json::into_text),
            }),
            "tool_result" => {
                let id = self.need(block.tool_use_id, "tool_use_id")?;
                let is_error = block.is_error == Some(true);
                let blocks_inside = self.nested(block.content)?;
                blocks.push(Block::ToolResult { id, is_error, blocks: blocks_inside });
            }
            // A summary of what was said, or what a search found: words, whoever made them.
            "compaction" | "search_result" => {
                self.leave_out(&kind);
                blocks.extend(block.title.map(Block::Text));
                blocks.extend(self.nested(block.content)?);
            }
            _ => return Err(self.refuse(&kind)),
        }
        Ok(())
    }

    fn document<'a>(
        &mut self,
        block: ContentBlock<'a>,
        blocks: &mut Vec<Block<'a>>,
    ) -> Result<(), BadRequest> {
        let source = self.need(block.source, "source")?;
        match source.kind.as_deref() {
            Some("text") => {
                blocks.extend(block.title.map(Block::Text));
                blocks.push(Block::Text(self.need(source.data, "source.data")?));
            }
            Some("content") => {
                blocks.extend(block.title.map(Block::Text));
                blocks.extend(self.nested(source.content)?);
            }
            Some("base64") => {
                let source = self.media(source)?;
                blocks.push(Block::Document { source, name: block.title });
            }
            _ => return Err(self.refuse("document")),
        }
        Ok(())
    }

    fn media<'a>(&self, source: Source<'a>) -> Result<Media<'a>, BadRequest> {
        match source.kind.as_deref() {
            Some("base64") => Ok(Media::Base64 {
                media_type: self.need(source.media_type, "source.media_type")?,
                data: self.need(source.data, "source.data")?,
            }),
            Some("url") => Ok(Media::Url(self.need(source.url, "source.url")?)),
            // A file known by its id lives at the other vendor.
            _ => Err(self.refuse("source")),
        }
    }

    fn nested<'a>(&mut self, raw: Option<&'a RawValue>) -> Result<Vec<Block<'a>>, BadRequest> {
        let Some(raw) = raw else { return Ok(Vec::new()) };
        let place = format!("{}.content", self.place);
        let content: Content<'a> = read::part(raw.get().as_bytes(), &place)?;
        self.content(Some(content))
    }

    fn need<T>(&self, value: Option<T>, field: &str) -> Result<T, BadRequest> {
        value.ok_or_else(|| BadRequest::missing(&format!("{}.{field}", self.place)))
    }

    fn refuse(&self, field: &str) -> BadRequest {
        let param = format!("{}.{field}", self.place);
        BadRequest::untranslatable(&param, Dialect::AnthropicMessages, self.to)
    }

    fn leave_out(&mut self, kind: &str) {
        let entry = format!("{}.{kind}", self.path);
        if !self.unsaid.contains(&entry) {
            self.unsaid.push(entry);
        }
    }
}

/// Reasoning of another vendor that came through here before.
fn sealed(kind: &str, block: &ContentBlock<'_>) -> Option<Seal> {
    match kind {
        "thinking" => seal::unwrap(block.signature.as_deref()?, "messages[].content[].thinking"),
        "redacted_thinking" => {
            seal::unwrap(block.data.as_deref()?, "messages[].content[].redacted_thinking")
        }
        _ => None,
    }
}

/// Blocks that only this vendor's servers make and read.
fn left_out(kind: &str) -> Option<&str> {
    let vendors_own = matches!(
        kind,
        "thinking"
            | "redacted_thinking"
            | "server_tool_use"
            | "mcp_tool_use"
            | "mcp_tool_result"
            | "fallback"
            | "tool_reference"
            | "container_upload"
    );
    let result = kind.ends_with("_tool_result") && kind != "tool_result";
    (vendors_own || result).then_some(kind)
}
