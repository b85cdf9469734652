//! Reading `contents` and `systemInstruction`. Calls and results have no ids here, or optional ones:
//! those without are numbered, and a result belongs to the oldest open call of its name.

use std::fmt;

use serde::{
    Deserialize,
    de::{self, IgnoredAny, value::MapAccessDeserializer},
};
use terms::dialect::Dialect;

use super::content_encode::NO_SIGNATURE;
use crate::{
    canonical::{
        request::{Block, Media, Speaker, Turn},
        sealed::Seal,
    },
    error::BadRequest,
    json::{
        object::object,
        read,
        text::{Json, Text},
    },
    seal,
};

object! {
    Content {
        role: Text<'a> = "role",
        parts: Vec<Part<'a>> = "parts",
    }
}

object! {
    Part {
        text: Text<'a> = "text",
        thought: bool = "thought",
        signature: Text<'a> = "thoughtSignature" | "thought_signature",
        inline_data: File<'a> = "inlineData" | "inline_data",
        file_data: File<'a> = "fileData" | "file_data",
        call: Call<'a> = "functionCall" | "function_call",
        response: Answered<'a> = "functionResponse" | "function_response",
        executable_code: IgnoredAny = "executableCode" | "executable_code",
        code_execution_result: IgnoredAny = "codeExecutionResult" | "code_execution_result",
    }
}

object! {
    File {
        mime_type: Text<'a> = "mimeType" | "mime_type",
        data: Text<'a> = "data",
        uri: Text<'a> = "fileUri" | "file_uri",
        name: Text<'a> = "displayName" | "display_name",
    }
}

object! {
    Call {
        id: Text<'a> = "id",
        name: Text<'a> = "name",
        args: Json<'a> = "args",
    }
}

object! {
    Answered {
        id: Text<'a> = "id",
        name: Text<'a> = "name",
        told: Json<'a> = "response",
    }
}

/// A result in one of the two shapes that the vendor recommends; any other is kept as its JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told<'a> {
    #[serde(borrow, alias = "result")]
    output: Option<Text<'a>>,
    #[serde(borrow)]
    error: Option<Text<'a>>,
}

/// What instructs the model.
pub(super) type Instruction<'a> = TextOrContent<'a>;

/// A text, or a content with parts.
#[derive(Debug)]
pub(super) enum TextOrContent<'a> {
    Text(Text<'a>),
    Content(Content<'a>),
}

impl<'de: 'a, 'a> Deserialize<'de> for TextOrContent<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = TextOrContent<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an object")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(TextOrContent::Text(text.into()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TextOrContent::Text(text.to_owned().into()))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Content::deserialize(MapAccessDeserializer::new(map)).map(TextOrContent::Content)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// Reads all contents in order.
pub(super) struct Reader<'r, 'a> {
    pub(super) to: Dialect,
    pub(super) unsaid: &'r mut Vec<String>,
    /// Calls without a result yet: id and name.
    open: Vec<(Text<'a>, Text<'a>)>,
    calls: usize,
}

impl<'r, 'a> Reader<'r, 'a> {
    pub(super) fn new(to: Dialect, unsaid: &'r mut Vec<String>) -> Self {
        Self { to, unsaid, open: Vec::new(), calls: 0 }
    }

    pub(super) fn instruction(
        &mut self,
        instruction: Instruction<'a>,
    ) -> Result<Turn<'a>, BadRequest> {
        let blocks = match instruction {
            TextOrContent::Text(text) => vec![Block::Text(text)],
            TextOrContent::Content(content) => self.parts(content, "systemInstruction")?,
        };
        Ok(Turn { speaker: Speaker::System, blocks })
    }

    pub(super) fn turn(
        &mut self,
        index: usize,
        content: Content<'a>,
    ) -> Result<Turn<'a>, BadRequest> {
        read::list_unknown("contents[]", &content.unknown, self.unsaid);
        let place = format!("contents[{index}]");
        let speaker = match content.role.as_deref() {
            None | Some("user" | "function" | "tool" | "") => Speaker::User,
            Some("model") => Speaker::Assistant,
            Some(_) => {
                return Err(BadRequest::field(&format!("{place}.role"), "must be user or model"));
            }
        };
        Ok(Turn { speaker, blocks: self.parts(content, &place)? })
    }

    fn parts(&mut self, content: Content<'a>, place: &str) -> Result<Vec<Block<'a>>, BadRequest> {
        let mut blocks = Vec::new();
        for part in content.parts.into_iter().flatten() {
            blocks.extend(part.signature.as_deref().and_then(sealed).map(Block::Sealed));
            blocks.extend(self.part(part, place)?);
        }
        Ok(blocks)
    }

    fn part(&mut self, part: Part<'a>, place: &str) -> Result<Option<Block<'a>>, BadRequest> {
        if part.thought == Some(true) {
            self.leave_out("thought");
            return Ok(None);
        }
        read::list_unknown("contents[].parts[]", &part.unknown, self.unsaid);
        let is_known = |signature: &str| signature == NO_SIGNATURE || sealed(signature).is_some();
        if part.signature.as_deref().is_some_and(|signature| !is_known(signature)) {
            self.leave_out("thoughtSignature");
        }
        if let Some(text) = part.text {
            let carries_a_seal = text.is_empty() && part.signature.is_some();
            return Ok((!carries_a_seal).then_some(Block::Text(text)));
        }
        if let Some(data) = part.inline_data {
            return self.inline(data, place).map(Some);
        }
        if let Some(data) = part.file_data {
            return self.file(data, place).map(Some);
        }
        if let Some(call) = part.call {
            return self.call(call, place).map(Some);
        }
        if let Some(response) = part.response {
            return self.result(response, place).map(Some);
        }
        let ours = [
            ("executableCode", part.executable_code.is_some()),
            ("codeExecutionResult", part.code_execution_result.is_some()),
        ];
        for (name, _) in ours.iter().filter(|(_, is_there)| *is_there) {
            self.leave_out(name);
        }
        Ok(None)
    }

    fn inline(&self, data: File<'a>, place: &str) -> Result<Block<'a>, BadRequest> {
        let field = |name: &str| format!("{place}.parts[].inlineData.{name}");
        let media_type = data.mime_type.ok_or_else(|| BadRequest::missing(&field("mimeType")))?;
        let content = data.data.ok_or_else(|| BadRequest::missing(&field("data")))?;
        let kind = media_type.clone();
        self.media(&kind, Media::Base64 { media_type, data: content }, data.name, place)
    }

    /// Only what anyone can fetch; the vendor's own files are its own.
    fn file(&self, data: File<'a>, place: &str) -> Result<Block<'a>, BadRequest> {
        let uri = data.uri.filter(|uri| {
            uri.starts_with("https://") && !uri.contains("generativelanguage.googleapis.com")
        });
        let uri = uri.ok_or_else(|| self.refuse(place, "fileData"))?;
        let kind = data.mime_type.unwrap_or_default();
        self.media(&kind, Media::Url(uri), data.name, place)
    }

    fn media(
        &self,
        kind: &str,
        media: Media<'a>,
        name: Option<Text<'a>>,
        place: &str,
    ) -> Result<Block<'a>, BadRequest> {
        if kind.starts_with("image/") {
            Ok(Block::Image(media))
        } else if kind == "application/pdf" {
            Ok(Block::Document { source: media, name })
        } else {
            Err(self.refuse(place, "mimeType"))
        }
    }

    fn call(&mut self, call: Call<'a>, place: &str) -> Result<Block<'a>, BadRequest> {
        let field = format!("{place}.parts[].functionCall.name");
        let name = call.name.ok_or_else(|| BadRequest::missing(&field))?;
        let id = call.id.filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| Text::from(format!("call_{}", self.calls)));
        self.calls += 1;
        self.open.push((id.clone(), name.clone()));
        let arguments = call.args.map_or(Text::from("{}"), Json::into_text);
        Ok(Block::ToolUse { id, name, arguments })
    }

    fn result(&mut self, response: Answered<'a>, place: &str) -> Result<Block<'a>, BadRequest> {
        let field = format!("{place}.parts[].functionResponse.name");
        let name = response.name.ok_or_else(|| BadRequest::missing(&field))?;
        let given = response.id.filter(|id| !id.is_empty());
        let open = self.open.iter().position(|(id, called)| match &given {
            Some(given) => id == given,
            None => *called == name,
        });
        let called = open.map(|open| self.open.remove(open).0);
        let id = given.or(called).ok_or_else(|| self.refuse(place, "functionResponse"))?;
        let (is_error, text) = told(response.told);
        Ok(Block::ToolResult { id, is_error, blocks: vec![Block::Text(text)] })
    }

    fn refuse(&self, place: &str, field: &str) -> BadRequest {
        let param = format!("{place}.parts[].{field}");
        BadRequest::untranslatable(&param, Dialect::Gemini, self.to)
    }

    fn leave_out(&mut self, kind: &str) {
        let entry = format!("contents[].parts[].{kind}");
        if !self.unsaid.contains(&entry) {
            self.unsaid.push(entry);
        }
    }
}

/// Reasoning of another vendor that came through here before.
fn sealed(signature: &str) -> Option<Seal> {
    seal::unwrap(signature, "contents[].parts[].thoughtSignature")
}

fn told(response: Option<Json<'_>>) -> (bool, Text<'_>) {
    let Some(response) = response else { return (false, Text::default()) };
    let owned = |text: &Text<'_>| Text::owned(&**text);
    match serde_json::from_str::<Told<'_>>(response.as_written()) {
        Ok(Told { output: Some(text), error: None }) => (false, owned(&text)),
        Ok(Told { output: None, error: Some(text) }) => (true, owned(&text)),
        _ => (false, response.into_text()),
    }
}
