//! Reading `messages`. Tool messages that follow each other are one user turn with their results,
//! as other dialects have it; system and developer messages keep their place.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use terms::dialect::Dialect;

use crate::{
    canonical::{
        request::{Block, Media, Speaker, Turn},
        sealed::Seal,
    },
    error::BadRequest,
    json::{
        object::{TextOr, object},
        read,
        text::Text,
        write,
    },
    seal,
};

object! {
    Message {
        role: Text<'a> = "role",
        content: TextOr<'a, Part<'a>> = "content",
        refusal: Text<'a> = "refusal",
        tool_calls: Vec<Call<'a>> = "tool_calls",
        tool_call_id: Text<'a> = "tool_call_id",
        reasoning_details: &'a RawValue = "reasoning_details",
    }
}

object! {
    Part {
        kind: Text<'a> = "type",
        text: Text<'a> = "text",
        refusal: Text<'a> = "refusal",
        image_url: ImageUrl<'a> = "image_url",
        file: File<'a> = "file",
        _input_audio: IgnoredAny = "input_audio",
    }
}

object! {
    ImageUrl {
        url: Text<'a> = "url",
    }
}

object! {
    File {
        data: Text<'a> = "file_data",
        name: Text<'a> = "filename",
    }
}

object! {
    Call {
        id: Text<'a> = "id",
        _kind: IgnoredAny = "type",
        function: CalledFunction<'a> = "function",
        custom: CalledCustom<'a> = "custom",
    }
}

object! {
    CalledFunction {
        name: Text<'a> = "name",
        arguments: Text<'a> = "arguments",
    }
}

object! {
    CalledCustom {
        name: Text<'a> = "name",
        input: Text<'a> = "input",
    }
}

/// Reasoning beside an answer, as OpenRouter has it. Only what came through here can be read.
#[derive(Debug, Deserialize)]
struct Detail<'a> {
    #[serde(borrow, default)]
    data: Option<Text<'a>>,
    /// The call that it stands before.
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
}

/// Reads all messages in order.
pub(super) fn turns<'a>(
    messages: Vec<Message<'a>>,
    to: Dialect,
    unsaid: &mut Vec<String>,
) -> Result<Vec<Turn<'a>>, BadRequest> {
    let mut turns: Vec<Turn<'a>> = Vec::with_capacity(messages.len());
    for (index, message) in messages.into_iter().enumerate() {
        read::list_unknown("messages[]", &message.unknown, unsaid);
        let mut reader = Reader { path: format!("messages[{index}]"), to, unsaid };
        let role = message.role.clone().unwrap_or_default();
        let (speaker, blocks) = match &*role {
            "system" | "developer" => (Speaker::System, reader.said(message.content)?),
            "user" => (Speaker::User, reader.said(message.content)?),
            "assistant" => (Speaker::Assistant, reader.assistant(message)?),
            "tool" => (Speaker::User, vec![reader.result(message)?]),
            _ => return Err(reader.refuse("role")),
        };
        match turns.last_mut() {
            Some(last) if &*role == "tool" && only_results(last) => last.blocks.extend(blocks),
            _ => turns.push(Turn { speaker, blocks }),
        }
    }
    Ok(turns)
}

fn only_results(turn: &Turn<'_>) -> bool {
    turn.blocks.iter().all(|block| matches!(block, Block::ToolResult { .. }))
}

/// Reads one message.
struct Reader<'r> {
    path: String,
    to: Dialect,
    unsaid: &'r mut Vec<String>,
}

impl Reader<'_> {
    fn refuse(&self, field: &str) -> BadRequest {
        let param = format!("{}.{field}", self.path);
        BadRequest::untranslatable(&param, Dialect::OpenaiChat, self.to)
    }

    fn missing(&self, field: &str) -> BadRequest {
        BadRequest::missing(&format!("{}.{field}", self.path))
    }

    fn said<'a>(
        &mut self,
        content: Option<TextOr<'a, Part<'a>>>,
    ) -> Result<Vec<Block<'a>>, BadRequest> {
        if content.is_none() {
            return Err(self.missing("content"));
        }
        self.content(content)
    }

    fn content<'a>(
        &mut self,
        content: Option<TextOr<'a, Part<'a>>>,
    ) -> Result<Vec<Block<'a>>, BadRequest> {
        match content {
            None => Ok(Vec::new()),
            Some(TextOr::Text(text)) => Ok(vec![Block::Text(text)]),
            Some(TextOr::List(parts)) => parts.into_iter().map(|part| self.part(part)).collect(),
        }
    }

    fn assistant<'a>(&mut self, message: Message<'a>) -> Result<Vec<Block<'a>>, BadRequest> {
        let mut seals = self.seals(message.reasoning_details);
        let calls: Vec<Call<'a>> = message.tool_calls.into_iter().flatten().collect();
        let stands_before = |call: &Call<'_>, id: &Option<Text<'_>>| id.is_some() && call.id == *id;
        let first =
            seals.extract_if(.., |(id, _)| !calls.iter().any(|call| stands_before(call, id)));
        let mut blocks: Vec<Block<'a>> = first.map(|(_, seal)| Block::Sealed(seal)).collect();
        blocks.extend(self.content(message.content)?);
        blocks.extend(message.refusal.map(Block::Text));
        for call in calls {
            let before = seals.extract_if(.., |(id, _)| stands_before(&call, id));
            blocks.extend(before.map(|(_, seal)| Block::Sealed(seal)));
            blocks.push(self.call(call)?);
        }
        Ok(blocks)
    }

    /// Sealed reasoning, each with the call that it stands before.
    fn seals<'a>(&mut self, details: Option<&'a RawValue>) -> Vec<(Option<Text<'a>>, Seal)> {
        const FIELD: &str = "messages[].reasoning_details";
        let Some(raw) = details else { return Vec::new() };
        let details: Vec<Detail<'a>> = serde_json::from_str(raw.get()).unwrap_or_default();
        let mut seals = Vec::with_capacity(details.len());
        for detail in &details {
            let seal = detail.data.as_deref().and_then(|data| seal::unwrap(data, FIELD));
            seals.extend(seal.map(|seal| (detail.id.clone(), seal)));
        }
        if seals.is_empty() || seals.len() < details.len() {
            self.unsaid.push(FIELD.to_owned());
        }
        seals
    }

    fn result<'a>(&mut self, message: Message<'a>) -> Result<Block<'a>, BadRequest> {
        let id = message.tool_call_id.ok_or_else(|| self.missing("tool_call_id"))?;
        let blocks = self.content(message.content)?;
        Ok(Block::ToolResult { id, is_error: false, blocks })
    }

    fn part<'a>(&mut self, part: Part<'a>) -> Result<Block<'a>, BadRequest> {
        read::list_unknown("messages[].content[]", &part.unknown, self.unsaid);
        match part.kind.as_deref() {
            Some("text") => {
                part.text.map(Block::Text).ok_or_else(|| self.missing("content[].text"))
            }
            Some("refusal") => {
                part.refusal.map(Block::Text).ok_or_else(|| self.missing("content[].refusal"))
            }
            Some("image_url") => self.image(part.image_url),
            Some("file") => self.file(part.file),
            Some(kind) => Err(self.refuse(&format!("content[].{kind}"))),
            None => Err(self.missing("content[].type")),
        }
    }

    fn image<'a>(&mut self, image: Option<ImageUrl<'a>>) -> Result<Block<'a>, BadRequest> {
        let image = image.ok_or_else(|| self.missing("content[].image_url"))?;
        read::list_unknown("messages[].content[].image_url", &image.unknown, self.unsaid);
        let url = image.url.ok_or_else(|| self.missing("content[].image_url.url"))?;
        if url.starts_with("data:") {
            let media = data_url(&url).ok_or_else(|| self.refuse("content[].image_url.url"))?;
            return Ok(Block::Image(media));
        }
        Ok(Block::Image(Media::Url(url)))
    }

    fn file<'a>(&mut self, file: Option<File<'a>>) -> Result<Block<'a>, BadRequest> {
        let file = file.ok_or_else(|| self.missing("content[].file"))?;
        // A file known by its id lives at the other vendor.
        let data = file.data.ok_or_else(|| self.refuse("content[].file.file_id"))?;
        let source = data_url(&data).ok_or_else(|| self.refuse("content[].file.file_data"))?;
        Ok(Block::Document { source, name: file.name })
    }

    fn call<'a>(&mut self, call: Call<'a>) -> Result<Block<'a>, BadRequest> {
        let id = call.id.ok_or_else(|| self.missing("tool_calls[].id"))?;
        let (name, arguments) = match (call.function, call.custom) {
            (Some(function), _) => (function.name, function.arguments.unwrap_or_default()),
            // A custom tool takes free text; elsewhere it takes an object that holds the text.
            (None, Some(custom)) => {
                self.unsaid.push("messages[].tool_calls[].custom".to_owned());
                (custom.name, wrapped(&custom.input.unwrap_or_default()))
            }
            (None, None) => return Err(self.missing("tool_calls[].function")),
        };
        let name = name.ok_or_else(|| self.missing("tool_calls[].function.name"))?;
        let arguments = if arguments.trim().is_empty() { Text::from("{}") } else { arguments };
        Ok(Block::ToolUse { id, name, arguments })
    }
}

pub(in crate::dialect) fn wrapped(input: &str) -> Text<'static> {
    let mut object = Vec::from(b"{\"input\":".as_slice());
    write::text(&mut object, input);
    object.push(b'}');
    Text::owned(String::from_utf8(object).expect("escaping keeps UTF-8"))
}

/// The parts of `data:image/png;base64,…`.
pub(in crate::dialect) fn data_url<'a>(url: &Text<'a>) -> Option<Media<'a>> {
    fn halves(url: &str) -> Option<(&str, &str)> {
        url.strip_prefix("data:")?.split_once(";base64,")
    }
    let media_type = url.part(|url| halves(url).map(|halves| halves.0))?;
    let data = url.part(|url| halves(url).map(|halves| halves.1))?;
    Some(Media::Base64 { media_type, data })
}
