//! What we say ourselves: an instruction before a request that has none, and answers that came from no
//! provider.

use bytes::{Bytes, BytesMut};
use terms::{dialect::Dialect, model::Capabilities, usage::Usage};
use wire::{
    Finish, Spoken, StopReason, StreamOptions, StreamRelay, Upstream, encode_lossy, encode_request,
    read_head, read_question, relay_reply, write_spoken,
};

const CHAT: Dialect = Dialect::OpenaiChat;
const MESSAGES: Dialect = Dialect::AnthropicMessages;
const RESPONSES: Dialect = Dialect::OpenaiResponses;

fn instructed(from: Dialect, to: Dialect, body: &str) -> String {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let head = read_head(from, &body).unwrap();
    let capabilities = Capabilities { sampling: true, ..Capabilities::default() };
    let instruction = Some("Say \"yes\".");
    let upstream = Upstream {
        provider: "maker",
        dialect: to,
        model: "m",
        max_output: 0,
        capabilities,
        instruction,
    };
    let encoded = encode_request(from, &head, &body, &upstream).unwrap();
    String::from_utf8(encoded.body.to_vec()).unwrap()
}

#[test]
fn an_instruction_stands_first_and_every_other_byte_stays() {
    let plain =
        r#"{"model":"m","max_tokens":9,"messages":[ {"role":"user","content":"hi"}],"x":1.0}"#;
    let chat = r#"{"model":"m","max_tokens":9,"messages":[{"role":"system","content":"Say \"yes\"."}, {"role":"user","content":"hi"}],"x":1.0}"#;
    let messages = r#"{"system":"Say \"yes\".","model":"m","max_tokens":9,"messages":[ {"role":"user","content":"hi"}],"x":1.0}"#;
    assert_eq!(instructed(CHAT, CHAT, plain), chat);
    assert_eq!(instructed(MESSAGES, MESSAGES, plain), messages);
    let plain_responses = r#"{"model":"m","store":false,"input":"hi","x":1.0}"#;
    let responses =
        r#"{"instructions":"Say \"yes\".","model":"m","store":false,"input":"hi","x":1.0}"#;
    assert_eq!(instructed(RESPONSES, RESPONSES, plain_responses), responses);
    for (from, to) in [(CHAT, MESSAGES), (MESSAGES, CHAT), (CHAT, RESPONSES), (MESSAGES, RESPONSES)]
    {
        assert!(instructed(from, to, plain).contains(r#""Say \"yes\".""#), "{from} to {to}");
    }
}

#[test]
fn a_caller_with_an_instruction_of_its_own_keeps_it_alone() {
    let chat = r#"{"model":"m","messages":[{"role":"developer","content":"No."},{"role":"user","content":"hi"}]}"#;
    let messages = r#"{"model":"m","max_tokens":9,"system":"No.","messages":[{"role":"user","content":"hi"}]}"#;
    let empty =
        r#"{"model":"m","max_tokens":9,"system":"","messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(instructed(CHAT, CHAT, chat), chat);
    assert_eq!(instructed(MESSAGES, MESSAGES, messages), messages);
    assert_eq!(instructed(MESSAGES, MESSAGES, empty), empty);
    assert!(!instructed(CHAT, MESSAGES, chat).contains("yes"));
}

#[test]
fn only_one_user_message_of_text_is_a_plain_question() {
    let check = |dialect: Dialect, messages: &str, more: &str, expect: Option<&str>| {
        let body = format!(r#"{{"model":"m","max_tokens":9{more},"messages":[{messages}]}}"#);
        assert_eq!(read_question(dialect, body.as_bytes()).as_deref(), expect, "{body}");
    };
    let responses = |input: &str| {
        let body = format!(r#"{{"model":"m","instructions":"Sort.","input":{input}}}"#);
        read_question(RESPONSES, body.as_bytes())
    };
    assert_eq!(responses(r#""caf\u00e9""#).as_deref(), Some("café"));
    let parts = r#"[{"role":"user","content":[{"type":"input_text","text":"a"}]}]"#;
    assert_eq!(responses(parts).as_deref(), Some("a"));
    assert_eq!(responses(r#"[{"role":"user","content":"a"},{"role":"user","content":"b"}]"#), None);
    for dialect in [CHAT, MESSAGES] {
        check(dialect, r#"{"role":"user","content":"caf\u00e9"}"#, "", Some("café"));
        let parts =
            r#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#;
        check(dialect, parts, "", Some("a\nb"));
        let turns = r#"{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}"#;
        check(dialect, turns, "", None);
        check(dialect, "", "", None);
    }
    let system = r#"{"role":"system","content":"Sort."},{"role":"user","content":"a"}"#;
    check(CHAT, system, "", Some("a"));
    check(MESSAGES, r#"{"role":"user","content":"a"}"#, r#","system":"Sort.""#, Some("a"));
    let tool = r#","tools":[{"type":"function","function":{"name":"f","parameters":{}}}]"#;
    check(CHAT, r#"{"role":"user","content":"a"}"#, tool, None);
    let image = r#"{"role":"user","content":[{"type":"image","source":{"type":"url","url":"http://h/i.png"}}]}"#;
    check(MESSAGES, image, "", None);
}

#[test]
fn an_answer_of_ours_is_whole_in_every_dialect() {
    let usage = Usage { uncached_in: 12, visible_out: 3, ..Usage::default() };
    let options = StreamOptions {
        include_usage: true,
        fallback_id: "att_1".to_owned(),
        model: "students/intent@1".to_owned(),
        created_unix_s: 1,
        ..StreamOptions::default()
    };
    let spoken = Spoken { text: "card \"arrival\"\n", usage };
    for dialect in Dialect::ALL {
        let whole = write_spoken(*dialect, &spoken, false, &options);
        let read = relay_reply(*dialect, *dialect, &whole).unwrap();
        assert_eq!((read.usage, read.stop), (Some(usage), Some(StopReason::EndTurn)));
        assert_eq!(read.model.as_deref(), Some("students/intent@1"));
        assert_eq!(read.output_bytes, spoken.text.len() as u64);

        let stream = write_spoken(*dialect, &spoken, true, &options);
        let mut relay = StreamRelay::new(*dialect, *dialect, options.clone());
        let mut out = BytesMut::new();
        relay.push(&stream, &mut out);
        assert_ne!(relay.finish(&mut out), Finish::Cut, "{dialect}");
        assert_eq!((relay.usage(), relay.stop()), (Some(usage), Some(StopReason::EndTurn)));
    }
}

#[test]
fn a_lossy_route_loses_parameters_by_name_and_never_the_question() {
    let sent = |body: &str| {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let head = read_head(CHAT, &body).unwrap();
        let capabilities = Capabilities { sampling: true, tools: true, ..Capabilities::default() };
        let upstream = Upstream {
            provider: "maker",
            dialect: MESSAGES,
            model: "m",
            max_output: 64,
            capabilities,
            instruction: None,
        };
        assert!(encode_request(CHAT, &head, &body, &upstream).is_err(), "refused otherwise");
        encode_lossy(CHAT, &head, &body, &upstream)
    };
    let many = r#"{"model":"m","n":2,"logprobs":true,"messages":[{"role":"user","content":"hi"}],"top_logprobs":3}"#;
    let sent_many = sent(many).unwrap();
    assert!(
        ["logprobs", "n", "top_logprobs"]
            .iter()
            .all(|field| sent_many.dropped.contains(&(*field).to_owned())),
        "{:?}",
        sent_many.dropped
    );
    assert!(String::from_utf8(sent_many.body.to_vec()).unwrap().contains("hi"));
    let audio = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}]}]}"#;
    assert_eq!(sent(audio).unwrap_err().code, "unsupported_across_dialects");
}
