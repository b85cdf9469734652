//! Between two sides of one dialect every byte is kept but those of the fields that we own.

use bytes::{Bytes, BytesMut};
use terms::{dialect::Dialect, model::Capabilities};
use wire::{Finish, StreamOptions, StreamRelay, Upstream, encode_request, read_head, relay_reply};

fn encoded(dialect: Dialect, body: &str, model: &str) -> String {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let head = read_head(dialect, &body).unwrap();
    let capabilities = Capabilities { sampling: true, ..Capabilities::default() };
    let upstream = Upstream { dialect, model, max_output: 7, capabilities, instruction: None };
    let encoded = encode_request(dialect, &head, &body, &upstream).unwrap();
    assert_eq!(encoded.dropped, Vec::<String>::new());
    String::from_utf8(encoded.body.to_vec()).unwrap()
}

const ODD: &str = r#"{ "temperature":0.70 ,"b":12345678901234567890,"a":1.0e0,"model" : "route",
  "messages":[{"content":"caf\u00e9","role":"user"}],"max_tokens":99,"unknown":{"z":1,"y":2}}"#;

#[test]
fn only_the_name_of_the_model_changes() {
    for dialect in Dialect::ALL {
        assert_eq!(encoded(*dialect, ODD, "route"), ODD);
        assert_eq!(encoded(*dialect, ODD, "real"), ODD.replace("\"route\"", "\"real\""));
    }
}

#[test]
fn a_substitute_that_refuses_sampling_gets_every_other_byte() {
    for dialect in Dialect::ALL {
        let body = Bytes::from_static(ODD.as_bytes());
        let head = read_head(*dialect, &body).unwrap();
        let capabilities = Capabilities::default();
        let upstream = Upstream {
            dialect: *dialect,
            model: "real",
            max_output: 7,
            capabilities,
            instruction: None,
        };
        let encoded = encode_request(*dialect, &head, &body, &upstream).unwrap();
        let expect = ODD.replace("\"temperature\":0.70 ,", "").replace("\"route\"", "\"real\"");
        assert_eq!(
            (encoded.body, encoded.dropped),
            (expect.into(), vec!["temperature".to_owned()])
        );
    }
}

#[test]
fn a_body_that_needs_no_change_is_not_copied() {
    let body = Bytes::from_static(ODD.as_bytes());
    for dialect in Dialect::ALL {
        let head = read_head(*dialect, &body).unwrap();
        let capabilities = Capabilities::default();
        let upstream = Upstream {
            dialect: *dialect,
            model: "route",
            max_output: 0,
            capabilities,
            instruction: None,
        };
        let encoded = encode_request(*dialect, &head, &body, &upstream).unwrap();
        assert_eq!(encoded.body.as_ptr(), body.as_ptr());
    }
}

#[test]
fn chat_streams_are_made_to_state_their_usage() {
    let check = |given: &str, sent: &str| {
        let body =
            |options: &str| format!(r#"{{"model":"m",{options}"stream":true,"messages":[]}}"#);
        assert_eq!(encoded(Dialect::OpenaiChat, &body(given), "m"), body(sent));
    };
    let asked = r#""stream_options": {"include_usage":true},"#;
    check(asked, asked);
    check(r#""stream_options": { },"#, asked);
    check(r#""stream_options": null,"#, asked);
    check(r#""stream_options": {"include_usage":false},"#, asked);
    check(
        r#""stream_options":{"include_obfuscation":false},"#,
        r#""stream_options":{"include_usage":true,"include_obfuscation":false},"#,
    );
    let none = r#"{"model":"m","stream":true,"messages":[]}"#;
    assert_eq!(
        encoded(Dialect::OpenaiChat, none, "x"),
        r#"{"stream_options":{"include_usage":true},"model":"x","stream":true,"messages":[]}"#,
    );
    let messages = r#"{"model":"m","max_tokens":1,"stream":true,"messages":[]}"#;
    assert_eq!(encoded(Dialect::AnthropicMessages, messages, "m"), messages);
}

#[test]
fn replies_keep_their_bytes_and_state_their_usage() {
    let body = Bytes::from_static(
        br#"{"id":"x","n":12345678901234567890,"choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"model":"gpt","usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
    );
    let reply = relay_reply(Dialect::OpenaiChat, Dialect::OpenaiChat, &body).unwrap();
    assert_eq!(reply.body.as_ptr(), body.as_ptr());
    assert_eq!(reply.usage.map(|usage| (usage.input(), usage.output())), Some((3, 2)));
    assert_eq!((reply.model.as_deref(), reply.output_bytes), (Some("gpt"), 5));
    assert_eq!(reply.dropped, Vec::<String>::new());
}

fn relayed(dialect: Dialect, include_usage: bool, stream: &str) -> (String, Finish) {
    let options = StreamOptions { include_usage, ..StreamOptions::default() };
    let mut relay = StreamRelay::new(dialect, dialect, options);
    let mut out = BytesMut::new();
    let progress = relay.push(stream.as_bytes(), &mut out);
    assert_eq!(progress.error, None);
    let finish = relay.finish(&mut out);
    (String::from_utf8(out.to_vec()).unwrap(), finish)
}

#[test]
fn records_keep_their_bytes() {
    let chat = ": comment\n\ndata:{\"choices\" :[{\"index\":0,\"delta\":{\"content\":\"a\\u00e9\"},\"finish_reason\":null}],\"n\":12345678901234567890}\r\n\r\nid: 7\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    assert_eq!(relayed(Dialect::OpenaiChat, false, chat), (chat.to_owned(), Finish::Complete));
    let messages = "event: message_start\ndata: {\"type\": \"message_start\",\"message\":{\"id\":\"m\"}}\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\nevent: new_kind\ndata: {\"type\":\"new_kind\"}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":0}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    assert_eq!(
        relayed(Dialect::AnthropicMessages, false, messages),
        (messages.to_owned(), Finish::Complete)
    );
}

#[test]
fn the_usage_record_that_we_asked_for_does_not_reach_a_caller_who_did_not() {
    let text = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n";
    let usage =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\n";
    let other = "data: {\"choices\":[],\"moderation\":{}}\n\n";
    let done = "data: [DONE]\n\n";
    let stream = [text, usage, other, done].concat();
    assert_eq!(relayed(Dialect::OpenaiChat, true, &stream).0, stream);
    assert_eq!(relayed(Dialect::OpenaiChat, false, &stream).0, [text, other, done].concat());
}
