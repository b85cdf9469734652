//! Whether a human spoke: typed text after the last assistant message, and nothing that a client, a
//! tool or another agent wrote in a user's name.

use serde_json::{Value, json};
use terms::dialect::Dialect;
use wire::{human_spoke, read_head};

use crate::shared;

const CHAT: Dialect = Dialect::OpenaiChat;
const MESSAGES: Dialect = Dialect::AnthropicMessages;
const RESPONSES: Dialect = Dialect::OpenaiResponses;

fn check(dialect: Dialect, messages: Value, expect: bool) {
    let body = json!({ "model": "m", "max_tokens": 9, "messages": messages }).to_string();
    let head = read_head(dialect, body.as_bytes()).unwrap();
    assert_eq!(human_spoke(&head, body.as_bytes()), expect, "{body}");
}

#[test]
fn a_typed_text_is_a_human() {
    let asked = json!([{ "role": "user", "content": "hi" }]);
    check(CHAT, asked.clone(), true);
    check(MESSAGES, asked, true);
    check(
        MESSAGES,
        json!([{ "content": [{ "text": "hi", "type": "text" }], "role": "user" }]),
        true,
    );
    let after = json!([
        { "role": "user", "content": "hi" },
        { "role": "assistant", "content": "hello" },
        { "role": "user", "content": [{ "type": "text", "text": "and now?" }] },
        { "role": "system", "content": "a note of the client behind it" },
    ]);
    check(MESSAGES, after, true);
    let beside_a_result = json!([
        { "role": "assistant", "content": [{ "type": "tool_use", "id": "t", "name": "n", "input": {} }] },
        { "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": "t", "content": "done" },
            { "type": "text", "text": "stop that, do this" },
        ] },
    ]);
    check(MESSAGES, beside_a_result, true);
}

#[test]
fn a_tools_result_is_none() {
    let blocks = json!([
        { "role": "user", "content": "list them" },
        { "role": "assistant", "content": [{ "type": "tool_use", "id": "t", "name": "n", "input": {} }] },
        { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "t",
            "content": [{ "type": "text", "text": "what a human wrote into a file" }] }] },
    ]);
    check(MESSAGES, blocks, false);
    let plain = json!([
        { "role": "user", "content": "list them" },
        { "role": "assistant", "content": null, "tool_calls": [
            { "id": "t", "type": "function", "function": { "name": "n", "arguments": "{}" } }] },
        { "role": "tool", "tool_call_id": "t", "content": "a b c" },
    ]);
    check(CHAT, plain, false);
    check(CHAT, json!([{ "role": "system", "content": "you are" }]), false);
    let prefill =
        json!([{ "role": "user", "content": "hi" }, { "role": "assistant", "content": "[" }]);
    check(MESSAGES, prefill, false);
    check(MESSAGES, json!([]), false);
}

#[test]
fn what_the_client_writes_in_a_users_name_is_none() {
    let said = |text: &str, expect| {
        check(
            MESSAGES,
            json!([{ "role": "user", "content": [{ "type": "text", "text": text }] }]),
            expect,
        );
        check(MESSAGES, json!([{ "role": "user", "content": text }]), expect);
    };
    said("<system-reminder>\nThe date changed.\n</system-reminder>\n", false);
    said("\n<system-reminder>a</system-reminder>\n<task-notification>b</task-notification>", false);
    said("<teammate-message from=\"x\">go on</teammate-message>", false);
    said("<system-reminder>never closed", false);
    said(
        "This session is being continued from a previous conversation that ran out of context.",
        false,
    );
    said("Your task is to create a detailed summary of the conversation so far", false);
    said("Stop hook feedback:\n[keep going]: not done yet", false);
    said("   ", false);
    said("", false);
    said("<system-reminder>a</system-reminder>\nplease fix it", true);
    said("<system-reminders> is a word of mine", true);
    said("<command-name>/review</command-name>", true);
    said("<bash-input>make</bash-input>", true);
}

#[test]
fn real_clients_are_told_apart_by_who_speaks_last() {
    let Some(data) = shared::data() else { return };
    let mut seen = (0, 0);
    for (source, dialect, body) in shared::client_requests(&data) {
        let Some(messages) = body["messages"].as_array() else { continue };
        // The same question over decoded values: the last message that the model did not say or the
        // client did not add decides.
        let last = messages.iter().rev().find(|message| message["role"] != "system");
        let Some(last) = last else { continue };
        let is_result = last["content"].as_array().is_some_and(|parts| {
            !parts.is_empty() && parts.iter().all(|part| part["type"] == "tool_result")
        });
        let expect = last["role"] == "user" && !is_result;
        let text = body.to_string();
        let Ok(head) = read_head(dialect, text.as_bytes()) else { continue };
        assert_eq!(human_spoke(&head, text.as_bytes()), expect, "{source}: {last}");
        if expect { seen.0 += 1 } else { seen.1 += 1 }
    }
    assert!(seen.0 > 10 && seen.1 >= 3, "both kinds were recorded: {seen:?}");
}

#[test]
fn in_responses_calls_and_reasoning_are_the_assistants_too() {
    let check = |input: Value, expect: bool| {
        let body = json!({ "model": "m", "input": input }).to_string();
        let head = read_head(RESPONSES, body.as_bytes()).unwrap();
        assert_eq!(human_spoke(&head, body.as_bytes()), expect, "{body}");
    };
    check(json!("hi"), true);
    check(json!(" \n"), false);
    let said = json!({ "role": "user", "content": [{ "type": "input_text", "text": "hi" }] });
    let call = json!({ "type": "function_call", "call_id": "c", "name": "n", "arguments": "{}" });
    let result = json!({ "type": "function_call_output", "call_id": "c", "output": "done" });
    let surroundings =
        json!({ "role": "user", "content": "<environment_context>x</environment_context>" });
    check(json!([surroundings, said]), true);
    check(json!([said, call, result]), false);
    check(json!([said, call, result, said]), true);
    check(json!([said, { "type": "reasoning", "summary": [] }, surroundings]), false);
}
