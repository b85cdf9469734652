//! What holds for every dialect of the list: each is there once, and what it writes it reads back,
//! less exactly what it says it dropped.

mod samples;

use std::collections::BTreeSet;

use bytes::BytesMut;
use proptest::prelude::{prop_assert_eq, proptest};
use terms::{dialect::Dialect, model::Capabilities};

use self::samples::{reply, request};
use super::{ALL, codec};
use crate::{
    canonical::{
        event::Event,
        reply::{Reply, ReplyBlock},
        request::{Block, OutputFormat, Request, Speaker, ToolChoice, Turn},
    },
    error::{ErrorKind, ErrorReply},
    head::read_head,
    json::text::{Literal, Text},
    request::Upstream,
    stream::StreamOptions,
};

const ABLE: Capabilities = Capabilities {
    images: true,
    tools: true,
    json_schema: true,
    reasoning: true,
    sampling: true,
    prefill: true,
};

fn upstream(dialect: Dialect) -> Upstream<'static> {
    // Of each vendor a model that takes the most.
    let model = match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => "gpt-5.1",
        Dialect::AnthropicMessages => "claude-opus-4-6",
        Dialect::BedrockConverse => "us.anthropic.claude-opus-4-6-v1",
        Dialect::Gemini => "gemini-3-flash-preview",
    };
    Upstream {
        provider: "maker",
        dialect,
        model,
        max_output: 0,
        capabilities: ABLE,
        instruction: None,
    }
}

fn options() -> StreamOptions {
    StreamOptions { include_usage: true, fallback_id: "f".into(), ..StreamOptions::default() }
}

#[test]
fn every_dialect_is_in_the_list_once_and_whole() {
    assert_eq!(ALL.len(), Dialect::ALL.len());
    let names: BTreeSet<&str> = ALL.iter().map(|codec| codec.dialect().name()).collect();
    assert_eq!(names.len(), ALL.len());
    for dialect in Dialect::ALL {
        let codec = codec(*dialect);
        assert_eq!(codec.dialect(), *dialect);
        let message = "words".to_owned();
        let error = ErrorReply { kind: ErrorKind::Internal, code: "code", message, param: None };
        // A caller's stream ends with an error that its own decoder understands as one, and with a
        // terminator that it understands as the end.
        let event = codec.error_event(&error, "req", 7);
        assert!(said(*dialect, &event).iter().any(|kind| kind == "failed"), "{dialect}");
        // One dialect has no terminator: its streams just end.
        let end = if codec.terminator().is_empty() { Vec::new() } else { vec!["end"] };
        assert_eq!(said(*dialect, codec.terminator()), end, "{dialect}");
        assert_eq!(codec.read_error(&codec.error_body(&error, "req")).message, "words");
        for kind in ErrorKind::ALL {
            assert!((400..600).contains(&codec.error_class(*kind).status));
        }
    }
}

/// The kinds of events that a dialect reads from SSE bytes.
fn said(dialect: Dialect, stream: &[u8]) -> Vec<String> {
    let mut kinds = Vec::new();
    let mut decoder = codec(dialect).stream_decoder();
    let mut reader = crate::sse::Reader::default();
    reader.push(stream, |record| {
        if let crate::sse::Content::Data { event, data } = record.content {
            decoder.record(event, &data, &mut |event| {
                kinds.push(match event {
                    Event::Failed(_) => "failed".to_owned(),
                    Event::End => "end".to_owned(),
                    other => format!("{other:?}"),
                });
            });
        }
    });
    kinds
}

/// Takes out of a request what a dialect says that it dropped, and what it must put in.
fn less(mut request: Request<'static>, dialect: Dialect, dropped: &[String]) -> Request<'static> {
    let messages = dialect == Dialect::AnthropicMessages;
    for field in dropped {
        match field.as_str() {
            "temperature" => request.temperature = None,
            "top_p" => request.top_p = None,
            "top_k" => request.top_k = None,
            "reasoning" => request.reasoning = None,
            "stop" if dialect == Dialect::OpenaiResponses => request.stop.clear(),
            "stop" if dialect == Dialect::Gemini => request.stop.truncate(5),
            "stop" => request.stop.truncate(4),
            "user" => request.user = None,
            "parallel_tool_calls" => request.one_call_at_most = false,
            "max_tokens" => {
                request.max_output_tokens = request.max_output_tokens.map(|limit| limit.max(16));
            }
            "response_format" => request.output_format = None,
            other => panic!("an unexpected field was dropped: {other}"),
        }
    }
    if messages {
        request.max_output_tokens = Some(request.max_output_tokens.unwrap_or(32_000));
        // Forbidding parallel calls needs a choice to stand in, and means nothing without calls.
        if request.one_call_at_most && request.tool_choice.is_none() {
            request.tool_choice = Some(ToolChoice::Auto);
        }
        request.one_call_at_most &= request.tool_choice != Some(ToolChoice::Never);
    }
    request
}

/// What reading back shows in another form than what was written, though it says the same.
fn plain(mut request: Request<'static>) -> Request<'static> {
    if let Some(OutputFormat::Schema(schema)) = &mut request.output_format {
        (schema.name, schema.strict) = (None, None);
    }
    let mut turns: Vec<Turn<'static>> = Vec::new();
    for turn in request.turns {
        match turns.last_mut() {
            Some(last) if last.speaker == Speaker::System && turn.speaker == Speaker::System => {
                last.blocks.extend(turn.blocks);
            }
            _ => turns.push(turn),
        }
    }
    request.turns = turns;
    request
}

/// Writes a reply as a stream of events and reads the stream back into a reply.
fn through_stream(dialect: Dialect, reply: &Reply<'static>) -> Reply<'static> {
    let mut encoder = codec(dialect).stream_encoder(&options());
    let mut out = BytesMut::new();
    let mut send = |event: Event<'_>| {
        encoder.event(&event, &mut out).unwrap();
    };
    send(Event::Start { id: reply.id.clone(), model: reply.model.clone() });
    let mut calls = 0;
    for block in &reply.blocks {
        match block {
            ReplyBlock::Text(text) => send(Event::Text(Literal::from_plain(text))),
            ReplyBlock::ToolUse { id, name, arguments } => {
                let (id, name) = (id.clone(), name.clone());
                send(Event::ToolStart { call: calls, id, name });
                let (first, second) = arguments.split_at(arguments.len() / 2);
                for fragment in [first, second] {
                    let fragment = Literal::from_plain(fragment);
                    send(Event::ToolArguments { call: calls, fragment });
                }
                calls += 1;
            }
            _ => {}
        }
    }
    reply.stop.into_iter().for_each(|reason| send(Event::Stop { reason, sequence: None }));
    reply.usage.into_iter().for_each(|usage| send(Event::Usage(usage)));
    send(Event::End);
    collect(dialect, &out)
}

fn collect(dialect: Dialect, stream: &[u8]) -> Reply<'static> {
    let mut reply = Reply::default();
    let mut decoder = codec(dialect).stream_decoder();
    let owned = |text: &Text<'_>| Text::owned(&**text);
    let plain =
        |literal: &Literal<'_>| -> String { serde_json::from_str(literal.as_written()).unwrap() };
    crate::sse::Reader::default().push(stream, |record| {
        let crate::sse::Content::Data { event, data } = record.content else { return };
        decoder.record(event, &data, &mut |event| match event {
            Event::Start { id, model } => {
                reply.id = id.as_ref().map(owned);
                reply.model = model.as_ref().map(owned);
            }
            Event::Text(text) => reply.blocks.push(ReplyBlock::Text(plain(&text).into())),
            Event::ToolStart { id, name, .. } => reply.blocks.push(ReplyBlock::ToolUse {
                id: owned(&id),
                name: owned(&name),
                arguments: Text::default(),
            }),
            Event::ToolArguments { fragment, .. } => {
                let Some(ReplyBlock::ToolUse { arguments, .. }) = reply.blocks.last_mut() else {
                    panic!("arguments outside of a call");
                };
                *arguments = Text::from(format!("{}{}", &**arguments, plain(&fragment)));
            }
            Event::Usage(usage) => reply.usage = Some(usage),
            Event::Stop { reason, .. } => reply.stop = Some(reason),
            _ => {}
        });
    });
    reply
}

proptest! {
    #[test]
    fn a_request_reads_back_less_what_was_dropped(request in request()) {
        for dialect in Dialect::ALL {
            let mut dropped = Vec::new();
            let body = codec(*dialect)
                .encode_request(&request, &upstream(*dialect), &mut dropped)
                .unwrap();
            prop_assert_eq!(read_head(*dialect, &body).unwrap().stream, request.stream);
            let read = codec(*dialect).decode_request(&body, *dialect).unwrap();
            let mut expected = plain(less(request.clone(), *dialect, &dropped));
            let mut read = read;
            // What was only asked for in words reads back as words.
            if *dialect == Dialect::AnthropicMessages && dropped.iter().any(|field| field == "response_format") {
                let system = read.turns.first_mut().unwrap();
                prop_assert_eq!(system.blocks.pop(), Some(Block::Text(super::OBJECT_INSTRUCTION.into())));
                if system.blocks.is_empty() {
                    read.turns.remove(0);
                }
            }
            if let Some(OutputFormat::Schema(schema)) = &mut read.output_format {
                (schema.name, schema.strict) = (None, None);
            }
            expected.unsaid.clone_from(&read.unsaid);
            prop_assert_eq!(read.unsaid.len(), 0);
            prop_assert_eq!(format!("{read:?}"), format!("{expected:?}"));
        }
    }

    #[test]
    fn a_reply_reads_back_whole_and_streamed(reply in reply()) {
        for dialect in Dialect::ALL {
            let mut dropped = Vec::new();
            let body = codec(*dialect).encode_reply(&reply, &options(), &mut dropped);
            prop_assert_eq!(&dropped, &Vec::<String>::new());
            let text = String::from_utf8(body).unwrap();
            let mut read = codec(*dialect).decode_reply(&text).unwrap();
            read.created_unix_s = None;
            prop_assert_eq!(format!("{read:?}"), format!("{reply:?}"));
            prop_assert_eq!(format!("{:?}", through_stream(*dialect, &reply)), format!("{reply:?}"));
        }
    }
}
