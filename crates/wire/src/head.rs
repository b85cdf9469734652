//! The first look at a request: one pass that validates the whole body and finds what routing
//! needs. It decodes no message; bodies stay bytes until a target of another dialect is chosen.

use std::ops::Range;

use terms::dialect::Dialect;

use crate::{
    dialect,
    error::BadRequest,
    head_rules::{HeadRules, Turns},
    json::scan::{JsonError, Kind, Scanner, Token},
    spans::Spans,
};

/// Bytes of a model name at most; real ones stay below a hundred.
const MODEL_BYTES: usize = 512;

/// What routing needs to know of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The model or route that the caller asks for.
    pub model: String,
    /// Whether the caller asks for a stream.
    pub stream: bool,
    /// Output tokens at most, as the caller limits them.
    pub max_output_tokens: Option<u64>,
    /// Whether the caller of an openai-chat stream asks for the usage record.
    pub include_usage: bool,
    /// Bytes of text that become tokens, images excluded: a base for estimates.
    pub input_bytes: u64,
    /// What a target must be able to do.
    pub needs: Needs,
    /// Whether the answer is to be kept, so that a later request may follow it.
    pub keeps: bool,
    /// The id of the answer that this request follows.
    pub follows: Option<String>,
    /// Where the fields that we own stand in the body.
    pub(crate) spans: Spans,
}

/// What a request needs of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// It contains images.
    pub images: bool,
    /// It defines tools.
    pub tools: bool,
    /// It asks for an answer held to a JSON schema.
    pub json_schema: bool,
    /// It asks for an answer that is JSON, held to a schema or not.
    pub json: bool,
}

/// Validates a body and finds what routing needs. Refuses what no provider could mean: broken
/// JSON, depth beyond 128, a field twice on which routing or billing depends, wrong types.
pub fn read_head(dialect: Dialect, body: &[u8]) -> Result<Head, BadRequest> {
    let text = std::str::from_utf8(body).map_err(|error| {
        BadRequest::json(format!("the body is not valid UTF-8, at byte {}", error.valid_up_to()))
    })?;
    Reader::new(dialect::codec(dialect).head_rules(), text).read()
}

/// A model's name that may be asked for.
pub(crate) fn checked_model(name: String) -> Result<String, BadRequest> {
    match name.len() {
        0 => Err(BadRequest::field("model", "must be a non-empty string")),
        1..=MODEL_BYTES => Ok(name),
        _ => Err(BadRequest::field("model", "is too long, more than 512 bytes")),
    }
}

/// The pass itself.
struct Reader<'a> {
    rules: &'static HeadRules,
    text: &'a str,
    scanner: Scanner<'a>,
    seen: Vec<&'static str>,
    model: Option<String>,
    messages: bool,
    stream: bool,
    max_output_tokens: Option<u64>,
    include_usage: bool,
    input_bytes: u64,
    needs: Needs,
    keeps: bool,
    follows: Option<String>,
    spans: Spans,
}

impl<'a> Reader<'a> {
    fn new(rules: &'static HeadRules, text: &'a str) -> Self {
        Self {
            rules,
            text,
            scanner: Scanner::new(text),
            seen: Vec::new(),
            model: None,
            messages: false,
            stream: false,
            max_output_tokens: None,
            include_usage: false,
            input_bytes: 0,
            needs: Needs::default(),
            keeps: rules.turns.kept,
            follows: None,
            spans: Spans::default(),
        }
    }

    fn read(mut self) -> Result<Head, BadRequest> {
        let start = self.token()?;
        if start.kind != Kind::ObjectStart {
            return Err(BadRequest::json("the body must be a JSON object"));
        }
        self.spans.start = start.span.end;
        loop {
            let token = self.token()?;
            if token.kind == Kind::End {
                break;
            }
            let key = decoded(&self.text[token.span]);
            self.field(&key)?;
        }
        if self.scanner.next().map_err(json_error)?.is_some() {
            return Err(BadRequest::json("the body must be one JSON object"));
        }
        self.finish()
    }

    fn finish(self) -> Result<Head, BadRequest> {
        let model = self.model.ok_or_else(|| BadRequest::missing("model"))?;
        if !self.messages {
            return Err(BadRequest::missing(self.rules.turns.field));
        }
        if let Some(required) = self.rules.required
            && self.max_output_tokens.is_none()
        {
            return Err(BadRequest::missing(required));
        }
        Ok(Head {
            model,
            stream: self.stream,
            max_output_tokens: self.max_output_tokens,
            include_usage: self.include_usage,
            input_bytes: self.input_bytes,
            needs: self.needs,
            keeps: self.keeps,
            follows: self.follows,
            spans: self.spans,
        })
    }

    fn field(&mut self, key: &str) -> Result<(), BadRequest> {
        let rules = self.rules;
        match key {
            "model" => self.once("model")?.read_model(),
            "stream" => self.once("stream")?.read_stream(),
            key if key == rules.turns.field => self.once(rules.turns.field)?.read_turns(),
            "tools" => self.once("tools")?.read_tools(),
            "n" => self.once("n")?.read_count(),
            "modalities" => self.read_modalities(),
            "stream_options" if rules.stream_options => {
                self.once("stream_options")?.read_stream_options()
            }
            "store" if rules.turns.kept => self.once("store")?.read_store(),
            "previous_response_id" if rules.turns.kept => {
                self.once("previous_response_id")?.read_follows()
            }
            _ => {
                if let Some(name) = find(rules.max_tokens, key) {
                    self.once(name)?.read_max_tokens(name)
                } else if let Some(name) = find(rules.refused, key) {
                    self.read_refused(name)
                } else if find(rules.texts, key).is_some() {
                    self.read_texts()
                } else if find(rules.wholes, key).is_some() {
                    self.read_whole(find(rules.formats, key).is_some())
                } else if find(rules.formats, key).is_some() {
                    let span = self.skip()?;
                    self.note_format(&span);
                    Ok(())
                } else {
                    self.skip().map(|_| ())
                }
            }
        }
    }

    fn once(&mut self, key: &'static str) -> Result<&mut Self, BadRequest> {
        if self.seen.contains(&key) {
            return Err(BadRequest::duplicate(key));
        }
        self.seen.push(key);
        Ok(self)
    }

    fn read_model(&mut self) -> Result<(), BadRequest> {
        let token = self.token()?;
        let written = &self.text[token.span.clone()];
        if token.kind != Kind::Text || written.is_empty() {
            return Err(BadRequest::field("model", "must be a non-empty string"));
        }
        self.model = Some(checked_model(decoded(written).into_owned())?);
        self.spans.model = token.span.start - 1..token.span.end + 1;
        Ok(())
    }

    fn read_stream(&mut self) -> Result<(), BadRequest> {
        let token = self.token()?;
        self.stream = match token.kind {
            Kind::True => true,
            Kind::False | Kind::Null => false,
            _ => return Err(BadRequest::field("stream", "must be true or false")),
        };
        self.spans.stream = Some(token.span);
        Ok(())
    }

    fn read_modalities(&mut self) -> Result<(), BadRequest> {
        let span = self.skip()?;
        self.spans.sound |= self.text[span].contains("\"audio\"");
        Ok(())
    }

    fn read_store(&mut self) -> Result<(), BadRequest> {
        let token = self.token()?;
        self.keeps = match token.kind {
            Kind::True | Kind::Null => true,
            Kind::False => false,
            _ => return Err(BadRequest::field("store", "must be true or false")),
        };
        self.spans.store = Some(token.span);
        Ok(())
    }

    fn read_follows(&mut self) -> Result<(), BadRequest> {
        let token = self.token()?;
        match token.kind {
            Kind::Null => {}
            Kind::Text => {
                self.follows = Some(decoded(&self.text[token.span.clone()]).into_owned());
                self.spans.follows = Some(token.span.start - 1..token.span.end + 1);
            }
            _ => return Err(BadRequest::field("previous_response_id", "must be a string")),
        }
        Ok(())
    }

    fn read_refused(&mut self, name: &'static str) -> Result<(), BadRequest> {
        let span = self.skip()?;
        if matches!(&self.text[span], "null" | "false") {
            return Ok(());
        }
        Err(BadRequest::field(
            name,
            "is not offered here, because it lives at one vendor; leave it out",
        ))
    }

    fn read_count(&mut self) -> Result<(), BadRequest> {
        let token = self.token()?;
        let positive = token.kind == Kind::Null || self.whole_number(&token).is_some_and(|n| n > 0);
        if positive { Ok(()) } else { Err(BadRequest::field("n", "must be a positive integer")) }
    }

    fn read_max_tokens(&mut self, name: &'static str) -> Result<(), BadRequest> {
        let token = self.token()?;
        let required = self.rules.required == Some(name);
        if token.kind == Kind::Null && !required {
            return Ok(());
        }
        match self.whole_number(&token) {
            Some(0) if required => Err(BadRequest::field(name, "must be greater than zero")),
            Some(tokens) => {
                let lowest = self.max_output_tokens.map_or(tokens, |other| other.min(tokens));
                self.max_output_tokens = Some(lowest);
                self.spans.max_tokens.push(token.span);
                Ok(())
            }
            None => Err(BadRequest::field(name, "must be a non-negative integer")),
        }
    }

    fn read_tools(&mut self) -> Result<(), BadRequest> {
        let start = self.token()?;
        match start.kind {
            Kind::Null => return Ok(()),
            Kind::ArrayStart => {}
            _ => return Err(BadRequest::field("tools", "must be an array")),
        }
        let first = self.token()?;
        if first.kind == Kind::End {
            return Ok(());
        }
        self.needs.tools = true;
        let end = self.drain(1)?;
        self.spans.tools = start.span.start..end;
        self.input_bytes += (end - start.span.start) as u64;
        Ok(())
    }

    fn read_stream_options(&mut self) -> Result<(), BadRequest> {
        let start = self.token()?;
        if start.kind == Kind::Null {
            self.spans.stream_options = Some(start.span);
            return Ok(());
        }
        if start.kind != Kind::ObjectStart {
            return Err(BadRequest::field("stream_options", "must be an object"));
        }
        loop {
            let token = self.token()?;
            if token.kind == Kind::End {
                self.spans.stream_options = Some(start.span.start..token.span.end);
                return Ok(());
            }
            self.spans.stream_options_filled = true;
            if decoded(&self.text[token.span]) == "include_usage" {
                self.once("stream_options.include_usage")?.read_include_usage()?;
            } else {
                self.skip()?;
            }
        }
    }

    fn read_include_usage(&mut self) -> Result<(), BadRequest> {
        let token = self.token()?;
        self.include_usage = match token.kind {
            Kind::True => true,
            Kind::False | Kind::Null => false,
            _ => {
                let param = "stream_options.include_usage";
                return Err(BadRequest::field(param, "must be true or false"));
            }
        };
        self.spans.include_usage = Some(token.span);
        Ok(())
    }

    /// A field that becomes tokens whole, and may ask for a schema.
    fn read_whole(&mut self, format: bool) -> Result<(), BadRequest> {
        let span = self.skip()?;
        if format {
            self.note_format(&span);
        }
        self.input_bytes += span.len() as u64;
        Ok(())
    }

    /// What a field says of the answer's shape.
    fn note_format(&mut self, span: &Range<usize>) {
        let says = |word: &str| self.text[span.clone()].contains(word);
        let schema = says("\"json_schema\"");
        self.needs.json |= schema || says("\"json_object\"") || says("\"application/json\"");
        self.needs.json_schema |= schema;
    }

    /// A field such as `system`: a text, or a list of blocks with texts.
    fn read_texts(&mut self) -> Result<(), BadRequest> {
        let outside = self.scanner.depth();
        let mut key = Field::default();
        loop {
            let token = self.token()?;
            match token.kind {
                Kind::Key => key = Field::of(&self.text[token.span]),
                Kind::Text => self.count(key, &token),
                _ => {}
            }
            if self.scanner.depth() == outside {
                return Ok(());
            }
        }
    }

    fn read_turns(&mut self) -> Result<(), BadRequest> {
        self.messages = true;
        let Turns { field, may_be_text, .. } = self.rules.turns;
        let first = self.token()?;
        match first.kind {
            Kind::ArrayStart => {}
            Kind::Text if may_be_text => {
                self.count(Field::Content, &first);
                self.spans.turns = first.span.start - 1..first.span.end + 1;
                self.spans.last_turn = self.spans.turns.clone();
                return Ok(());
            }
            _ if may_be_text => {
                return Err(BadRequest::field(field, "must be a string or an array"));
            }
            _ => return Err(BadRequest::field(field, "must be an array")),
        }
        self.spans.last_turn = first.span.end..first.span.end;
        for index in 0_usize.. {
            let token = self.token()?;
            match token.kind {
                Kind::End => {
                    self.spans.turns = first.span.start..token.span.end;
                    self.spans.last_turn.end = token.span.start;
                    break;
                }
                Kind::ObjectStart => self.read_message(index)?,
                _ => {
                    return Err(BadRequest::field(
                        &format!("{field}[{index}]"),
                        "must be an object",
                    ));
                }
            }
        }
        Ok(())
    }

    /// One message, its opening brace consumed. Images are looked for where content parts stand:
    /// directly in `content`, and in the `content` of a part (a tool's result).
    fn read_message(&mut self, index: usize) -> Result<(), BadRequest> {
        let inside = self.scanner.depth();
        let mut role = false;
        let mut assistant = false;
        let mut key = Field::default();
        let mut message_key = Field::default();
        let mut part_key = Field::default();
        let (mut reasoning, mut sealed) = (false, false);
        loop {
            let token = self.token()?;
            let depth = self.scanner.depth();
            match token.kind {
                Kind::Key => {
                    key = Field::of(&self.text[token.span]);
                    if depth == inside {
                        message_key = key;
                    } else if depth == inside + 2 {
                        part_key = key;
                    }
                }
                Kind::Text => {
                    if depth == inside {
                        let text = &self.text[token.span.clone()];
                        role |= key == Field::Role;
                        assistant |= key == Field::Role && matches!(text, "assistant" | "model");
                        reasoning |= key == Field::Type && text == "reasoning";
                        self.spans.references |= key == Field::Type && text == "item_reference";
                        assistant |= key == Field::Type && is_assistants_item(text);
                        sealed |= key == Field::Sealed && !text.is_empty();
                    }
                    if key == Field::Mime && message_key == Field::Parts {
                        let kind = &self.text[token.span.clone()];
                        self.needs.images |= kind.starts_with("image/");
                    }
                    let part =
                        depth == inside + 2 || (depth == inside + 4 && part_key == Field::Content);
                    if part && key == Field::Type && message_key == Field::Content {
                        self.needs.images |= is_image(&self.text[token.span.clone()]);
                    }
                    self.count(key, &token);
                }
                Kind::End if depth < inside => {
                    if assistant {
                        self.spans.last_turn.start = token.span.end;
                    }
                    break;
                }
                _ => {}
            }
        }
        self.spans.stale_reasoning |= reasoning && !sealed;
        let Turns { field, roles, .. } = self.rules.turns;
        if role || !roles {
            Ok(())
        } else {
            Err(BadRequest::field(&format!("{field}[{index}].role"), "must be a string"))
        }
    }

    fn count(&mut self, key: Field, token: &Token) {
        let text = &self.text[token.span.clone()];
        if key.becomes_tokens() && !text.starts_with("data:") {
            self.input_bytes += text.len() as u64;
        }
    }

    fn whole_number(&self, token: &Token) -> Option<u64> {
        let number = (token.kind == Kind::Number).then(|| &self.text[token.span.clone()])?;
        number.parse().ok()
    }

    fn token(&mut self) -> Result<Token, BadRequest> {
        let token = self.scanner.next().map_err(json_error)?;
        Ok(token.expect("inside an object the scanner gives a token or an error"))
    }

    fn skip(&mut self) -> Result<Range<usize>, BadRequest> {
        self.scanner.skip_value().map_err(json_error)
    }

    /// Consumes tokens until only `depth` containers are open, and gives the offset reached.
    fn drain(&mut self, depth: u32) -> Result<usize, BadRequest> {
        loop {
            let end = self.token()?.span.end;
            if self.scanner.depth() == depth {
                return Ok(end);
            }
        }
    }
}

/// The keys inside a message that the first look tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Field {
    #[default]
    Other,
    Role,
    Type,
    Content,
    /// Reasoning that only its maker can read.
    Sealed,
    Parts,
    /// The kind of a file.
    Mime,
    /// Ids, signatures, image payloads: never tokens.
    Opaque,
}

impl Field {
    fn of(key: &str) -> Self {
        match key {
            "role" => Self::Role,
            "type" => Self::Type,
            "content" | "output" => Self::Content,
            "encrypted_content" => Self::Sealed,
            "parts" => Self::Parts,
            "mimeType" | "mime_type" => Self::Mime,
            "id" | "call_id" | "tool_use_id" | "tool_call_id" | "signature" | "data"
            | "file_data" | "media_type" | "detail" | "ttl" | "thoughtSignature"
            | "thought_signature" => Self::Opaque,
            _ => Self::Other,
        }
    }

    fn becomes_tokens(self) -> bool {
        matches!(self, Self::Other | Self::Content)
    }
}

fn is_image(part_type: &str) -> bool {
    matches!(part_type, "image" | "image_url" | "input_image")
}

/// Items beside messages that only an assistant says.
fn is_assistants_item(kind: &str) -> bool {
    matches!(kind, "function_call" | "custom_tool_call" | "reasoning")
}

fn find(names: &'static [&'static str], key: &str) -> Option<&'static str> {
    names.iter().copied().find(|name| *name == key)
}

/// A text between its quotes with its escapes resolved, so that `"mod\u0065l"` is `model` here as
/// it is upstream. A lone surrogate, which no name has, is left as written.
pub(crate) fn decoded(written: &str) -> std::borrow::Cow<'_, str> {
    if !written.contains('\\') {
        return written.into();
    }
    serde_json::from_str::<String>(&format!("\"{written}\""))
        .map_or_else(|_| written.into(), Into::into)
}

fn json_error(error: JsonError) -> BadRequest {
    BadRequest::json(format!("the body is not valid JSON: {}, at byte {}", error.what, error.at))
}
