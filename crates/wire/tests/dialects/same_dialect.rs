//! Between two sides of one dialect every byte is kept but those of the fields that we own.

use bytes::{Bytes, BytesMut};
use terms::{dialect::Dialect, model::Capabilities};
use wire::{
    Finish, OwnReply, StreamOptions, StreamRelay, Upstream, addressed, asked_items,
    asked_one_by_one, encode_request, has_references, read_head, relay_reply, relay_reply_with,
    said_items, said_one_by_one, unaddressed, with_items,
};

fn encoded(dialect: Dialect, body: &str, model: &str) -> String {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let head = read_head(dialect, &body).unwrap();
    let capabilities = Capabilities { sampling: true, ..Capabilities::default() };
    let upstream = Upstream {
        provider: "maker",
        dialect,
        model,
        max_output: 7,
        capabilities,
        instruction: None,
    };
    let encoded = encode_request(dialect, &head, &body, &upstream).unwrap();
    assert_eq!(encoded.dropped, Vec::<String>::new());
    String::from_utf8(encoded.body.to_vec()).unwrap()
}

const ODD: &str = r#"{ "temperature":0.70 ,"b":12345678901234567890,"a":1.0e0,"model" : "route",
  "messages":[{"content":"caf\u00e9","role":"user"}],"max_tokens":99,"unknown":{"z":1,"y":2}}"#;

/// The same in the words of a dialect; one that is kept by nobody says so.
fn odd(dialect: Dialect) -> String {
    match dialect {
        Dialect::OpenaiChat | Dialect::AnthropicMessages => ODD.to_owned(),
        Dialect::OpenaiResponses => ODD
            .replace("messages", "input")
            .replace("max_tokens", "max_output_tokens")
            .replace("\"unknown\"", "\"store\" : false,\"unknown\""),
        Dialect::BedrockConverse => unreachable!("no caller speaks it"),
        Dialect::Gemini => ODD.replace("messages", "contents"),
    }
}

#[test]
fn only_the_name_of_the_model_changes() {
    for dialect in Dialect::ALL {
        let odd = odd(*dialect);
        assert_eq!(encoded(*dialect, &odd, "route"), odd);
        assert_eq!(encoded(*dialect, &odd, "real"), odd.replace("\"route\"", "\"real\""));
    }
}

#[test]
fn a_substitute_that_refuses_sampling_gets_every_other_byte() {
    for dialect in Dialect::ALL {
        let body = Bytes::from(odd(*dialect));
        let head = read_head(*dialect, &body).unwrap();
        let capabilities = Capabilities::default();
        let upstream = Upstream {
            provider: "maker",
            dialect: *dialect,
            model: "real",
            max_output: 7,
            capabilities,
            instruction: None,
        };
        let encoded = encode_request(*dialect, &head, &body, &upstream).unwrap();
        let expect =
            odd(*dialect).replace("\"temperature\":0.70 ,", "").replace("\"route\"", "\"real\"");
        assert_eq!(
            (encoded.body, encoded.dropped),
            (expect.into(), vec!["temperature".to_owned()])
        );
    }
}

#[test]
fn a_body_that_needs_no_change_is_not_copied() {
    for dialect in Dialect::ALL {
        let body = Bytes::from(odd(*dialect));
        let head = read_head(*dialect, &body).unwrap();
        let capabilities = Capabilities::default();
        let upstream = Upstream {
            provider: "maker",
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

#[test]
fn nothing_is_kept_by_the_provider_and_what_only_it_could_read_is_left_out() {
    let check = |given: &str, sent: &str, reasons: bool| {
        let body = |fields: &str| format!(r#"{{{fields}"model":"m"}}"#);
        let bytes = Bytes::from(body(given));
        let head = read_head(Dialect::OpenaiResponses, &bytes).unwrap();
        let capabilities = Capabilities { reasoning: reasons, ..Capabilities::default() };
        let upstream = Upstream {
            provider: "maker",
            dialect: Dialect::OpenaiResponses,
            model: "m",
            max_output: 7,
            capabilities,
            instruction: None,
        };
        let encoded = encode_request(Dialect::OpenaiResponses, &head, &bytes, &upstream).unwrap();
        assert_eq!(String::from_utf8(encoded.body.to_vec()).unwrap(), body(sent));
    };
    check(r#""input":"hi","#, r#""store":false,"input":"hi","#, false);
    check(r#""input":[],"store":true,"#, r#""input":[],"store":false,"#, false);
    check(r#""input":[],"store": null ,"#, r#""input":[],"store": false ,"#, false);
    let sealed = r#""include":["reasoning.encrypted_content"],"#;
    check(r#""input":[],"#, &format!(r#""store":false,{sealed}"input":[],"#), true);
    check(r#""store":false,"input":[],"#, r#""store":false,"input":[],"#, true);
    check(
        &format!(r#"{sealed}"input":[],"#),
        &format!(r#""store":false,{sealed}"input":[],"#),
        true,
    );
    check(
        r#""store":true,"include":["a"],"input":[],"#,
        r#""store":false,"include":["reasoning.encrypted_content","a"],"input":[],"#,
        true,
    );
    check(
        r#""store":true,"include":null,"input":[],"#,
        r#""store":false,"include":["reasoning.encrypted_content"],"input":[],"#,
        true,
    );
    check(
        r#""store":false,"previous_response_id":"resp_1","input":[],"#,
        r#""store":false,"previous_response_id":null,"input":[],"#,
        false,
    );
    let user = r#"{"role":"user","content":"hi"}"#;
    let stale = r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":null}"#;
    let kept = r#"{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"gAAA"}"#;
    let input = |items: &[&str]| format!(r#""store":false,"input":[{}],"#, items.join(" ,"));
    for (given, sent) in [
        (vec![user, stale, kept], vec![user, kept]),
        (vec![stale, user, stale, stale], vec![user]),
        (vec![stale], vec![]),
        (vec![kept, user], vec![kept, user]),
    ] {
        check(&input(&given), &input(&sent), false);
    }
}

#[test]
fn a_kept_reply_has_our_name_and_says_that_it_is_kept() {
    let own = OwnReply { id: "resp_ours".into(), follows: Some("resp_before".into()), kept: true };
    let options = StreamOptions { own: Some(own), ..StreamOptions::default() };
    let reply = |id: &str, store: bool, follows: &str| {
        format!(
            r#"{{"id":"{id}","status":"completed","store":{store}, "previous_response_id":{follows},"output":[{{"id":"msg_1","type":"message","content":[{{"type":"output_text","text":"hi"}}]}},{{"type":"reasoning","id":"rs_1","summary":[]}}],"n":1.0}}"#
        )
    };
    let theirs = reply("resp_theirs", false, "null");
    let ours = reply("resp_ours", true, "\"resp_before\"");
    let dialect = Dialect::OpenaiResponses;
    let relayed = relay_reply_with(dialect, dialect, &theirs.clone().into(), &options).unwrap();
    assert_eq!(relayed.body, ours);
    assert_eq!(
        said_items(&relayed.body, true),
        r#"{"id":"msg_1","type":"message","content":[{"type":"output_text","text":"hi"}]}"#
    );

    let delta = "event: response.output_text.delta\ndata: {\"type\": \"response.output_text.delta\",\"delta\":\"hi\"}\n\n";
    let record = |reply: &str| {
        format!(
            "event: response.completed\ndata: {{\"type\":\"response.completed\",\"response\":{reply}}}\n\n"
        )
    };
    let mut relay = StreamRelay::new(dialect, dialect, options);
    let mut out = BytesMut::new();
    assert!(relay.push(format!("{delta}{}", record(&theirs)).as_bytes(), &mut out).complete);
    assert_eq!(out, format!("{delta}{}", record(&ours)));
    assert_eq!(relay.kept().unwrap(), &ours);
}

#[test]
fn what_a_request_follows_stands_before_its_own_items() {
    let check = |given: &str, items: &str| {
        let body =
            Bytes::from(format!(r#"{{"input":{given},"previous_response_id":"r","model":"m"}}"#));
        let head = read_head(Dialect::OpenaiResponses, &body).unwrap();
        assert_eq!(head.follows.as_deref(), Some("r"));
        assert_eq!(asked_items(&head, &body), items);
        let whole = with_items(&head, &body, &format!("{{}},{items}"));
        let sent = format!(r#"{{"input":[{{}},{items}],"previous_response_id":null,"model":"m"}}"#);
        assert_eq!(String::from_utf8(whole.to_vec()).unwrap(), sent);
    };
    let said = r#"{"type":"message","role":"user","content":"a\nb"}"#;
    check(r#""a\nb""#, said);
    check(&format!("[ {said} ]"), said);
    let named = r#"{"type":"item_reference","id":"msg_1"}"#;
    let body = Bytes::from(format!(r#"{{"model":"m","input":[{said},{named}]}}"#));
    let head = read_head(Dialect::OpenaiResponses, &body).unwrap();
    assert!(has_references(&head));
    let found = asked_one_by_one(&head, &body);
    assert_eq!(found[0], (said.to_owned(), None));
    assert_eq!(found[1].1.as_deref(), Some("msg_1"));
    let reply = br#"{"output":[{"id":"msg_1","type":"message"},{"type":"x"}]}"#;
    let item = r#"{"id":"msg_1","type":"message"}"#;
    assert_eq!(said_one_by_one(reply), [("msg_1".to_owned(), item.to_owned())]);
}

#[test]
fn what_the_address_says_goes_into_the_body_and_out_again() {
    let plain = r#"{"contents":[ {"role":"user","parts":[{"text":"caf\u00e9"}]}],"x":1.0}"#;
    let body = addressed(&Bytes::from_static(plain.as_bytes()), "models/route", true).unwrap();
    let head = read_head(Dialect::Gemini, &body).unwrap();
    assert_eq!((head.model.as_str(), head.stream, head.input_bytes), ("models/route", true, 9));
    let capabilities = Capabilities { sampling: true, ..Capabilities::default() };
    let upstream = Upstream {
        provider: "maker",
        dialect: Dialect::Gemini,
        model: "real",
        max_output: 7,
        capabilities,
        instruction: None,
    };
    let encoded = encode_request(Dialect::Gemini, &head, &body, &upstream).unwrap();
    assert_eq!(unaddressed(Dialect::Gemini, encoded.body), plain);
    let chat = Bytes::from_static(b"{\"model\":\"m\"}");
    assert_eq!(unaddressed(Dialect::OpenaiChat, chat.clone()), chat);
}
