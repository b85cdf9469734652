//! Reading a whole `chat.completion`.

use serde::Deserialize;
use serde_json::value::RawValue;
use terms::dialect::Dialect;

use super::{details, stop_reason, usage};
use crate::{
    canonical::{
        reply::{Reply, ReplyBlock},
        sealed::Sealed,
    },
    error::Malformed,
    json::{object::TextOr, text::Text},
    upstream_error,
};

#[derive(Debug, Deserialize)]
struct Completion<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    model: Option<Text<'a>>,
    #[serde(borrow, default)]
    created: Option<&'a RawValue>,
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Text<'a>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<TextOr<'a, Part<'a>>>,
    #[serde(borrow, default)]
    refusal: Option<Text<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Text<'a>>,
    #[serde(borrow, default)]
    reasoning: Option<Text<'a>>,
    #[serde(borrow, default)]
    reasoning_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<Call<'a>>>,
    #[serde(borrow, default)]
    annotations: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    audio: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    thinking: Option<Vec<Part<'a>>>,
}

#[derive(Debug, Deserialize)]
struct Call<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Debug, Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

pub(super) fn decode(text: &str) -> Result<Reply<'_>, Malformed> {
    let completion: Completion<'_> = serde_json::from_str(text).map_err(|error| refuse(&error))?;
    let choices = match (completion.error, completion.choices) {
        (Some(_), _) => return Err(error_inside(text)),
        (None, None) => return Err(shape("`choices` is missing")),
        (None, Some(choices)) if choices.is_empty() => return Err(shape("`choices` is empty")),
        (None, Some(choices)) => choices,
    };
    let mut reply = Reply {
        id: completion.id.filter(|id| !id.is_empty()),
        model: completion.model.filter(|model| !model.is_empty()),
        created_unix_s: completion.created.and_then(|created| created.get().parse().ok()),
        usage: completion.usage.and_then(usage::decode),
        ..Reply::default()
    };
    for (index, choice) in choices.into_iter().enumerate() {
        read_choice(index, choice, &mut reply)?;
    }
    Ok(reply)
}

fn read_choice<'a>(
    index: usize,
    choice: Choice<'a>,
    reply: &mut Reply<'a>,
) -> Result<(), Malformed> {
    if let Some(error) = choice.error {
        return Err(error_inside(error.get()));
    }
    let Some(message) = choice.message else {
        return Err(shape("a choice has no `message`"));
    };
    let reason = choice.finish_reason.filter(|reason| !reason.is_empty());
    let stop = reason.map(|reason| stop_reason::decode(&reason)).transpose();
    let stop = stop.map_err(Malformed::ErrorInside)?;
    if index == 0 {
        reply.stop = stop;
        read_message(message, reply);
    } else {
        let mut aside = Reply::default();
        read_message(message, &mut aside);
        reply.blocks.push(ReplyBlock::Aside { bytes: aside.output_bytes() });
        reply.unsaid.push("choices[1]".to_owned());
    }
    Ok(())
}

fn read_message<'a>(message: Message<'a>, reply: &mut Reply<'a>) {
    let blocks = &mut reply.blocks;
    let reasoning = message.reasoning_content.or(message.reasoning);
    let reasoning = reasoning.filter(|text| !text.is_empty()).map(ReplyBlock::Reasoning);
    let unsealed = reasoning.is_some().then(Sealed::in_the_clear);
    blocks.extend(reasoning);
    let sealed = message.reasoning_details.and_then(|list| details::seal(list.get())).or(unsealed);
    blocks.extend(sealed.map(ReplyBlock::Sealed));
    match message.content {
        Some(TextOr::Text(text)) if !text.is_empty() => blocks.push(ReplyBlock::Text(text)),
        Some(TextOr::List(parts)) => parts.into_iter().for_each(|part| read_part(part, blocks)),
        _ => {}
    }
    let refusal = message.refusal.filter(|text| !text.is_empty());
    blocks.extend(refusal.map(ReplyBlock::Refusal));
    for (index, call) in message.tool_calls.into_iter().flatten().enumerate() {
        match call.function {
            Some(function) => blocks.push(read_call(index, call.id, function)),
            None => reply.unsaid.push("choices[0].message.tool_calls[].custom".to_owned()),
        }
    }
    if message.annotations.is_some_and(|annotations| !annotations.is_empty()) {
        reply.unsaid.push("choices[0].message.annotations".to_owned());
    }
    if message.audio.is_some() {
        reply.unsaid.push("choices[0].message.audio".to_owned());
    }
}

fn read_part<'a>(part: Part<'a>, blocks: &mut Vec<ReplyBlock<'a>>) {
    let thoughts = part.thinking.into_iter().flatten().filter_map(|thought| thought.text);
    blocks.extend(thoughts.map(ReplyBlock::Reasoning));
    blocks.extend(part.text.map(ReplyBlock::Text));
}

fn read_call<'a>(index: usize, id: Option<Text<'a>>, function: Function<'a>) -> ReplyBlock<'a> {
    let arguments = match function.arguments {
        None => Text::from("{}"),
        // Some servers send the object itself instead of its text.
        Some(raw) => serde_json::from_str(raw.get()).unwrap_or_else(|_| Text::from(raw.get())),
    };
    let id = id.filter(|id| !id.is_empty());
    ReplyBlock::ToolUse {
        id: id.unwrap_or_else(|| Text::from(format!("call_{index}"))),
        name: function.name,
        arguments: if arguments.is_empty() { Text::from("{}") } else { arguments },
    }
}

fn refuse(error: &serde_json::Error) -> Malformed {
    if error.is_data() {
        shape("a field has another type than it should")
    } else {
        Malformed::NotJson
    }
}

fn shape(what: &'static str) -> Malformed {
    Malformed::Shape { dialect: Dialect::OpenaiChat, what }
}

fn error_inside(text: &str) -> Malformed {
    Malformed::ErrorInside(upstream_error::read_any(text.as_bytes()))
}
