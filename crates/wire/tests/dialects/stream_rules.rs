//! What makes a stream complete, cut or failed, and what is noise.

use bytes::BytesMut;
use terms::{dialect::Dialect, usage::Usage};
use wire::{Finish, Progress, StopReason, StreamOptions, StreamRelay};

const CHAT: Dialect = Dialect::OpenaiChat;
const MESSAGES: Dialect = Dialect::AnthropicMessages;
const RESPONSES: Dialect = Dialect::OpenaiResponses;
const GEMINI: Dialect = Dialect::Gemini;

const TEXT: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}]}\n\n";
const STOP: &str =
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

const CREATED: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"model\":\"m\",\"status\":\"in_progress\",\"output\":[]}}\n\n";
const SAID: &str = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"i\",\"output_index\":0,\"content_index\":0,\"delta\":\"hi\"}\n\n";
const INCOMPLETE: &str = "event: response.incomplete\ndata: {\"type\":\"response.incomplete\",\"response\":{\"id\":\"r\",\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"output\":[],\"usage\":{\"input_tokens\":7,\"output_tokens\":4}}}\n\n";

const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\n";
const DELTA: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\n\n";
const END: &str = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\"},\"usage\":{\"output_tokens\":4}}\n\n";
const MESSAGE_STOP: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

struct Run {
    relay: StreamRelay,
    progress: Progress,
    finish: Finish,
    out: String,
}

/// Whether nothing in it says that the answer is whole.
fn is_open(out: &str) -> bool {
    let ends =
        ["[DONE]", "message_stop", "response.completed", "response.incomplete", "finishReason"];
    !ends.iter().any(|end| out.contains(end))
}

fn run(from: Dialect, to: Dialect, records: &[&str]) -> Run {
    let mut relay = StreamRelay::new(from, to, StreamOptions::default());
    let mut out = BytesMut::new();
    let progress = relay.push(records.concat().as_bytes(), &mut out);
    let finish = relay.finish(&mut out);
    Run { relay, progress, finish, out: String::from_utf8(out.to_vec()).unwrap() }
}

#[test]
fn a_whole_answer_is_complete_in_every_pair_of_dialects() {
    for to in Dialect::ALL {
        let run = run(CHAT, *to, &[TEXT, STOP, DONE]);
        assert!(run.progress.output && run.progress.complete, "{to}");
        assert_eq!((run.finish, run.relay.stop()), (Finish::Complete, Some(StopReason::EndTurn)));
        let expected = Usage { uncached_in: 7, visible_out: 4, ..Usage::default() };
        let messages = self::run(MESSAGES, *to, &[START, DELTA, END, MESSAGE_STOP]);
        let responses = self::run(RESPONSES, *to, &[CREATED, SAID, INCOMPLETE]);
        for run in [messages, responses] {
            assert!(run.progress.output && run.progress.complete, "{to}");
            assert_eq!(run.finish, Finish::Complete);
            assert_eq!(run.relay.stop(), Some(StopReason::MaxTokens));
            assert_eq!(run.relay.usage(), Some(expected));
        }
    }
}

#[test]
fn a_missing_terminator_is_added_once_the_stop_reason_was_seen() {
    for (from, records) in [(CHAT, [TEXT, STOP]), (MESSAGES, [DELTA, END])] {
        for to in Dialect::ALL {
            let run = run(from, *to, &records);
            assert_eq!(run.finish, Finish::CompleteWithoutTerminator, "{from} {to}");
            let last = run.out.trim_end().rsplit("\n\n").next().unwrap();
            match *to {
                CHAT => assert_eq!(last, DONE.trim_end()),
                MESSAGES => assert_eq!(last, MESSAGE_STOP.trim_end()),
                GEMINI => assert!(last.contains("\"finishReason\":"), "{last}"),
                RESPONSES => assert!(last.contains("\"output\":[{"), "{last}"),
                Dialect::BedrockConverse => unreachable!("no caller speaks it"),
            }
            assert_eq!(run.out.matches(last).count(), 1);
        }
    }
}

#[test]
fn a_stream_that_has_no_terminator_is_complete_when_it_ends_after_its_stop_reason() {
    let said = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hi\"}]}}]}\r\n\r\n";
    let stop = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"MAX_TOKENS\"}],\"usageMetadata\":{\"promptTokenCount\":7,\"candidatesTokenCount\":3,\"thoughtsTokenCount\":1}}\r\n\r\n";
    for to in Dialect::ALL {
        let run = self::run(GEMINI, *to, &[said, stop]);
        assert!(!run.progress.complete && run.progress.output, "{to}");
        assert_eq!(run.finish, Finish::CompleteWithoutTerminator);
        assert_eq!(run.relay.stop(), Some(StopReason::MaxTokens));
        assert_eq!(run.relay.usage().map(|usage| (usage.input(), usage.output())), Some((7, 4)));
        if *to == GEMINI {
            assert_eq!(run.out, [said, stop].concat());
        }
        let cut = self::run(GEMINI, *to, &[said]);
        assert!(cut.finish == Finish::Cut && is_open(&cut.out), "{}", cut.out);
        let failed = "data: {\"error\":{\"code\":503,\"message\":\"mid\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n";
        let failed = self::run(GEMINI, *to, &[said, failed]);
        let error = failed.progress.error.unwrap();
        assert_eq!(
            (error.kind.as_deref(), error.code.as_deref()),
            (Some("UNAVAILABLE"), Some("503"))
        );
    }
}

#[test]
fn without_a_stop_reason_nothing_is_complete() {
    for (from, records) in [
        (CHAT, vec![TEXT]),
        (MESSAGES, vec![START, DELTA]),
        (RESPONSES, vec![CREATED, SAID]),
        (CHAT, vec![]),
    ] {
        for to in Dialect::ALL {
            let run = run(from, *to, &records);
            assert_eq!(run.finish, Finish::Cut, "{from} {to}");
            assert!(is_open(&run.out));
        }
    }
}

#[test]
fn a_terminator_without_a_stop_reason_is_an_error_and_not_passed_on() {
    for (from, records) in
        [(CHAT, [TEXT, DONE]), (MESSAGES, [DELTA, MESSAGE_STOP]), (RESPONSES, [SAID, DONE])]
    {
        for to in Dialect::ALL {
            let run = run(from, *to, &records);
            let error = run.progress.error.expect("an unfinished answer is an error");
            assert_eq!(error.kind.as_deref(), Some("unfinished"));
            assert!(is_open(&run.out));
            assert_eq!(run.finish, Finish::Cut);
        }
    }
}

#[test]
fn every_choice_needs_its_stop_reason() {
    let second = "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"ho\"}}]}\n\n";
    let second_stop =
        "data: {\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n";
    assert_eq!(run(CHAT, CHAT, &[TEXT, second, STOP]).finish, Finish::Cut);
    let whole = run(CHAT, CHAT, &[TEXT, second, STOP, second_stop, DONE]);
    assert_eq!((whole.finish, whole.relay.output_bytes()), (Finish::Complete, 4));
}

#[test]
fn an_error_in_the_stream_is_reported_and_not_passed_on() {
    let chat = "data: {\"error\":{\"message\":\"mid-stream\",\"type\":\"server_error\",\"code\":null}}\n\n";
    let messages = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"mid-stream\"}}\n\n";
    let broken = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"error\"}]}\n\n";
    let failed = "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"id\":\"r\",\"status\":\"failed\",\"error\":{\"type\":\"server_error\",\"message\":\"mid-stream\"},\"output\":[]}}\n\n";
    for (from, first, error, kind) in [
        (CHAT, TEXT, chat, "server_error"),
        (MESSAGES, DELTA, messages, "overloaded_error"),
        (CHAT, TEXT, broken, "error"),
        (RESPONSES, SAID, failed, "server_error"),
    ] {
        for to in Dialect::ALL {
            let run = run(from, *to, &[first, error, first, STOP, DONE]);
            let told = run.progress.error.expect("the error is reported");
            assert_eq!(told.kind.as_deref(), Some(kind));
            assert_eq!(run.out.matches("hi").count(), 1, "{}", run.out);
            assert!(!run.out.contains("mid-stream"), "{}", run.out);
            assert_eq!(run.finish, Finish::Cut);
        }
    }
}

#[test]
fn noise_is_left_out_and_counted() {
    let noise = [
        "data: {not json\n\n",
        ": comment\n\n",
        "garbage without colon\n\n",
        "\n\n",
        "data: 7\n\n",
    ];
    for to in Dialect::ALL {
        let mut records = vec![TEXT];
        records.extend(noise);
        records.extend([STOP, DONE]);
        let run = run(CHAT, *to, &records);
        assert_eq!((run.finish, run.relay.noise()), (Finish::Complete, 3), "{to}");
        assert!(!run.out.contains("not json") && !run.out.contains("garbage"), "{}", run.out);
        assert!(run.out.contains(": comment\n\n"));
    }
}

#[test]
fn a_broken_record_with_content_is_an_error() {
    for broken in
        ["data: {\"choices\":[{\"delta\":{\"content\":\"x\n\n", "data: {\"delta\":\"\u{fffd}\n\n"]
    {
        let run = run(CHAT, CHAT, &[TEXT, broken, STOP, DONE]);
        let error = run.progress.error.expect("content was lost");
        assert_eq!(error.kind.as_deref(), Some("unparsable"));
        assert_eq!((run.finish, run.relay.noise()), (Finish::Cut, 0));
    }
}

#[test]
fn a_last_record_without_its_blank_line_counts_unless_it_is_half() {
    for to in Dialect::ALL {
        let run = run(CHAT, *to, &[TEXT, STOP, "data: [DONE]"]);
        assert_eq!(run.finish, Finish::Complete);
        assert!(run.out.ends_with("\n\n"));
        let half = self::run(CHAT, *to, &[TEXT, &STOP[..STOP.len() - 20]]);
        assert_eq!(half.finish, Finish::Cut, "{}", half.out);
    }
}

#[test]
fn an_answer_that_begins_again_cannot_be_translated() {
    let run = run(MESSAGES, CHAT, &[START, DELTA, START, DELTA, END, MESSAGE_STOP]);
    assert_eq!(run.progress.error.unwrap().kind.as_deref(), Some("restarted"));
    let twice = self::run(MESSAGES, CHAT, &[START, START, DELTA, END, MESSAGE_STOP]);
    assert_eq!((twice.finish, twice.progress.error), (Finish::Complete, None));
}

#[test]
fn nothing_follows_the_terminator() {
    for to in Dialect::ALL {
        let run = run(CHAT, *to, &[TEXT, STOP, DONE, TEXT, DONE]);
        assert_eq!(run.out, self::run(CHAT, *to, &[TEXT, STOP, DONE]).out);
        assert_eq!(run.finish, Finish::Complete);
    }
}
