//! Random canonical values for the properties of every dialect: requests with calls and results
//! that belong together, and replies. Only what every dialect can say, so that a loss is a fault.

use proptest::{
    option,
    prelude::{Just, Strategy, any, prop, prop_oneof},
};
use terms::usage::Usage;

use crate::{
    canonical::{
        event::StopReason,
        reply::{Reply, ReplyBlock},
        request::{
            AnswerSchema, Block, Effort, Media, OutputFormat, Reasoning, Request, Speaker, Tool,
            ToolChoice, Turn,
        },
    },
    json::text::{Json, Text},
};

fn text() -> impl Strategy<Value = Text<'static>> {
    "[a-zé好😀\"\\\\\n ]{1,12}".prop_map(Text::from)
}

fn name() -> impl Strategy<Value = Text<'static>> {
    "[a-z_]{1,8}".prop_map(Text::from)
}

fn media(media_type: &'static str) -> impl Strategy<Value = Media<'static>> {
    prop_oneof![
        "[A-Z]{4}".prop_map(move |data| Media::Base64 {
            media_type: media_type.into(),
            data: data.into()
        }),
        Just(Media::Url("https://example.com/x.png".into())),
    ]
}

fn said_by_user() -> impl Strategy<Value = Block<'static>> {
    let document = "[A-Z]{4}".prop_map(|data| Block::Document {
        source: Media::Base64 { media_type: "application/pdf".into(), data: data.into() },
        name: Some("a.pdf".into()),
    });
    prop_oneof![text().prop_map(Block::Text), media("image/png").prop_map(Block::Image), document]
}

fn turn(speaker: Speaker, blocks: Vec<Block<'static>>) -> Turn<'static> {
    Turn { speaker, blocks }
}

/// One exchange: what a user says, what the assistant says and calls, and the results.
fn exchange() -> impl Strategy<Value = Vec<Turn<'static>>> {
    let user = prop::collection::vec(said_by_user(), 1..4);
    let words = prop::collection::vec(text().prop_map(Block::Text), 0..2);
    let calls = prop::collection::vec((name(), 0..100_u8, text()), 0..3);
    (user, words, calls, any::<u16>()).prop_map(|(user, words, calls, number)| {
        let mut spoken = words;
        let mut results = Vec::new();
        for (index, (name, argument, result)) in calls.into_iter().enumerate() {
            let id = Text::from(format!("call_{number}_{index}"));
            let arguments = Text::from(format!("{{\"at\": {argument}}}"));
            spoken.push(Block::ToolUse { id: id.clone(), name, arguments });
            let blocks = vec![Block::Text(result)];
            results.push(Block::ToolResult { id, is_error: false, blocks });
        }
        let mut turns = vec![turn(Speaker::User, user)];
        if !spoken.is_empty() {
            turns.push(turn(Speaker::Assistant, spoken));
        }
        if !results.is_empty() {
            turns.push(turn(Speaker::User, results));
        }
        turns
    })
}

fn turns() -> impl Strategy<Value = Vec<Turn<'static>>> {
    let system = option::of(prop::collection::vec(text().prop_map(Block::Text), 1..3));
    let exchanges = prop::collection::vec(exchange(), 1..4);
    (system, exchanges).prop_map(|(system, exchanges)| {
        let system = system.map(|blocks| turn(Speaker::System, blocks));
        system.into_iter().chain(exchanges.into_iter().flatten()).collect()
    })
}

fn tools() -> impl Strategy<Value = Vec<Tool<'static>>> {
    let schema = r#"{"type":"object","properties":{"at":{"type":"integer"}}}"#;
    let tool = (name(), option::of(text())).prop_map(move |(name, description)| Tool {
        name,
        description,
        schema: Some(Json::written(schema.to_owned())),
        strict: None,
    });
    prop::collection::vec(tool, 0..3)
}

fn tool_choice() -> impl Strategy<Value = ToolChoice<'static>> {
    prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::Never),
        Just(ToolChoice::Required),
        name().prop_map(ToolChoice::Named),
    ]
}

fn output_format() -> impl Strategy<Value = OutputFormat<'static>> {
    let schema = r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#;
    prop_oneof![
        Just(OutputFormat::Object),
        Just(OutputFormat::Schema(AnswerSchema {
            name: None,
            description: None,
            schema: Json::written(schema.to_owned()),
            strict: None,
        })),
    ]
}

fn reasoning() -> impl Strategy<Value = Reasoning> {
    prop_oneof![
        Just(Reasoning::Effort(Effort::Low)),
        Just(Reasoning::Effort(Effort::Medium)),
        Just(Reasoning::Effort(Effort::High)),
    ]
}

pub(super) fn request() -> impl Strategy<Value = Request<'static>> {
    let spoken = (turns(), tools(), option::of(tool_choice()), any::<bool>());
    let shape = (option::of(output_format()), prop::collection::vec("[A-Z]{1,4}", 0..6));
    let numbers = (option::of(0..=4_u8), option::of(1..=4_u8), option::of(1..50_u64));
    let rest =
        (option::of(1..9_000_u64), option::of(reasoning()), option::of(name()), any::<bool>());
    (spoken, shape, numbers, rest).prop_map(|(spoken, shape, numbers, rest)| {
        let (turns, tools, tool_choice, one_call_at_most) = spoken;
        let (max_output_tokens, reasoning, user, stream) = rest;
        let has_tools = !tools.is_empty();
        Request {
            turns,
            tool_choice: tool_choice.filter(|_| has_tools),
            one_call_at_most: one_call_at_most && has_tools,
            tools,
            output_format: shape.0,
            stop: shape.1.into_iter().map(Text::from).collect(),
            temperature: numbers.0.map(|quarters| f64::from(quarters) / 4.0),
            top_p: numbers.1.map(|quarters| f64::from(quarters) / 4.0),
            top_k: numbers.2,
            max_output_tokens,
            reasoning,
            user,
            stream,
            unsaid: Vec::new(),
        }
    })
}

pub(super) fn reply() -> impl Strategy<Value = Reply<'static>> {
    let words = option::of(text());
    let calls = prop::collection::vec((name(), 0..100_u8), 0..3);
    let usage = option::of(any::<[u16; 4]>());
    (words, calls, any::<bool>(), usage).prop_map(|(words, calls, long, usage)| {
        let mut blocks: Vec<ReplyBlock<'static>> =
            words.into_iter().map(ReplyBlock::Text).collect();
        for (index, (name, argument)) in calls.into_iter().enumerate() {
            let id = Text::from(format!("call_{index}"));
            let arguments = Text::from(format!("{{\"at\":{argument}}}"));
            blocks.push(ReplyBlock::ToolUse { id, name, arguments });
        }
        let calls = blocks.iter().any(|block| matches!(block, ReplyBlock::ToolUse { .. }));
        let stop = match (long, calls) {
            (true, _) => StopReason::MaxTokens,
            (false, true) => StopReason::ToolUse,
            (false, false) => StopReason::EndTurn,
        };
        Reply {
            id: Some("id".into()),
            model: Some("model".into()),
            blocks,
            stop: Some(stop),
            usage: Some(usage.map_or(Usage::default(), |counts| {
                let [uncached_in, cache_read, visible_out, reasoning_out] = counts.map(u64::from);
                Usage { uncached_in, cache_read, visible_out, reasoning_out, ..Usage::default() }
            })),
            ..Reply::default()
        }
    })
}
