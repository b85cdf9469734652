//! The turns of a request as vendors of openai-chat want them: with earlier reasoning or without, in the
//! order that they take, and marked where the last one is to be gone on with.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Prefill, ReasoningBack};
use crate::{
    elements::{self, Fate, changed, text_of},
    splice::{Edit, value_of, without},
};

const REASONING: &str = "reasoning_content";

/// The turns with the reasoning that the provider takes.
pub(super) fn with_reasoning(
    body: &[u8],
    (takes, is_translated): (ReasoningBack, bool),
    dropped: &mut Vec<String>,
) -> Option<Edit> {
    let holds = |field: &&str| memchr::memmem::find(body, field.as_bytes()).is_some();
    let refused: &[&str] = match takes {
        ReasoningBack::Refused(fields) => fields,
        ReasoningBack::Unknown if is_translated => &[REASONING],
        ReasoningBack::Unknown | ReasoningBack::Taken | ReasoningBack::Wanted => &[],
    };
    let is_wanted = takes == ReasoningBack::Wanted;
    if !is_wanted && !refused.iter().any(holds) {
        return None;
    }
    let text = std::str::from_utf8(body).ok()?;
    elements::within(text, "messages", |message| {
        if is_wanted {
            return padded(message);
        }
        let (edits, found) = without(message, refused).unwrap_or_default();
        if found.is_empty() {
            return Fate::Stays;
        }
        dropped.extend(found.into_iter().map(|field| format!("messages[].{field}")));
        changed(message, edits)
    })
}

/// Who speaks, however it is escaped.
fn role_of(message: &str) -> String {
    let span = value_of(message, "role").unwrap_or_default();
    serde_json::from_str(&message[span]).unwrap_or_default()
}

/// A turn of the model with reasoning.
fn padded(message: &str) -> Fate {
    let is_models = role_of(message) == "assistant";
    let reasoned = text_of(message, REASONING).is_some_and(|text| !text.is_empty());
    if !is_models || reasoned {
        return Fate::Stays;
    }
    let (mut edits, _) = without(message, &[REASONING]).unwrap_or_default();
    let Some(start) = message.find('{') else { return Fate::Stays };
    edits.push(Edit { span: start + 1..start + 1, text: format!("\"{REASONING}\":\" \",") });
    changed(message, edits)
}

/// The turns for a vendor that takes them strictly: its form of ids, and a turn of the model between a
/// tool's and the user's. Somebody else's ids are as good, because they are told apart alone.
pub(super) fn strict(body: &[u8]) -> Option<Edit> {
    memchr::memmem::find(body, b"\"tool")?;
    let mut last = String::new();
    elements::within(std::str::from_utf8(body).ok()?, "messages", |message| {
        let role = role_of(message);
        let is_behind_tool = std::mem::replace(&mut last, role.clone()) == "tool";
        match role.as_str() {
            "user" | "system" | "developer" if is_behind_tool => {
                Fate::Becomes(format!("{{\"role\":\"assistant\",\"content\":\" \"}},{message}"))
            }
            "tool" => with_id(message, "tool_call_id"),
            "assistant" => {
                let calls = elements::within(message, "tool_calls", |call| with_id(call, "id"));
                calls.map_or(Fate::Stays, |edit| changed(message, vec![edit]))
            }
            _ => Fate::Stays,
        }
    })
}

fn with_id(object: &str, field: &str) -> Fate {
    let Some(id) = text_of(object, field).filter(|id| !is_plain(id)) else { return Fate::Stays };
    let Some(span) = value_of(object, field) else { return Fate::Stays };
    changed(object, vec![Edit { span, text: format!("\"{}\"", plain(id)) }])
}

/// Characters of an id.
const ID: usize = 9;

fn is_plain(id: &str) -> bool {
    id.len() == ID && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// An id that stands for another.
fn plain(id: &str) -> String {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let bytes = |number: u8| {
        let mut hasher = DefaultHasher::new();
        (id, number).hash(&mut hasher);
        hasher.finish().to_le_bytes()
    };
    let digit = |byte: u8| char::from(DIGITS[usize::from(byte) % DIGITS.len()]);
    bytes(0).into_iter().chain(bytes(1)).take(ID).map(digit).collect()
}

/// What tells a provider to go on from the last turn.
pub(super) fn gone_on_with(text: &str, prefill: Prefill) -> Option<Edit> {
    let (at, told) = match prefill {
        Prefill::Unknown => return None,
        Prefill::Prefix => {
            let turns = value_of(text, "messages")?;
            (text[..turns.end].rfind('}')?, ",\"prefix\":true")
        }
        Prefill::ContinueFinalMessage => {
            (text.rfind('}')?, ",\"continue_final_message\":true,\"add_generation_prompt\":false")
        }
    };
    Some(Edit { span: at..at, text: told.to_owned() })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::Value;

    use crate::{
        habits::{Habits, Prefill, ReasoningBack, adapt},
        request::UpstreamRequest,
    };

    fn sent(body: &str, continues: bool) -> UpstreamRequest {
        UpstreamRequest {
            body: Bytes::copy_from_slice(body.as_bytes()),
            dropped: Vec::new(),
            asks_reasoning: false,
            is_translated: false,
            continues,
        }
    }

    fn check(habits: Habits, body: &str, expect: &str, lost: &[&str]) {
        let adapted = adapt(sent(body, false), habits, &[]);
        assert_eq!(adapted.body, expect);
        assert_eq!(adapted.dropped, lost);
    }

    const TURNS: &str = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","reasoning_content":"hm","content":"b"},{"role":"assistant","content":null,"tool_calls":[]}]}"#;

    #[test]
    fn earlier_reasoning_is_as_the_vendor_takes_it() {
        let back = |reasoning_back| Habits { reasoning_back, ..Habits::default() };
        let bare = TURNS.replace(r#""reasoning_content":"hm","#, "");
        let full = TURNS.replace(
            r#"{"role":"assistant","content":null"#,
            r#"{"reasoning_content":" ","role":"assistant","content":null"#,
        );
        check(back(ReasoningBack::Taken), TURNS, TURNS, &[]);
        check(back(ReasoningBack::Wanted), TURNS, &full, &[]);
        let refused = back(ReasoningBack::Refused(&["reasoning", "reasoning_content"]));
        check(refused, TURNS, &bare, &["messages[].reasoning_content"]);
        check(back(ReasoningBack::Unknown), TURNS, TURNS, &[]);
        let translated = UpstreamRequest { is_translated: true, ..sent(TURNS, false) };
        assert_eq!(adapt(translated, Habits::default(), &[]).body, bare);
    }

    #[test]
    fn a_turn_to_be_gone_on_with_is_marked_as_the_vendor_wants_it() {
        let body = r#"{"messages":[{"role":"user","content":"}]"},{"role":"assistant","content":"a"}],"model":"m"}"#;
        for (prefill, expect) in [
            (Prefill::Unknown, body.to_owned()),
            (Prefill::Prefix, body.replace(r#""content":"a"}"#, r#""content":"a","prefix":true}"#)),
            (
                Prefill::ContinueFinalMessage,
                body.replace(
                    r#""m"}"#,
                    r#""m","continue_final_message":true,"add_generation_prompt":false}"#,
                ),
            ),
        ] {
            let habits = Habits { prefill, no_stream_options: true, ..Habits::default() };
            assert_eq!(adapt(sent(body, true), habits, &[]).body, expect);
            check(habits, body, body, &[]);
        }
    }

    #[test]
    fn a_strict_vendor_gets_its_ids_and_its_order() {
        let body = r#"{"messages":[{"role":"assi\u0073tant","tool_calls":[{"id":"call_1234567890","type":"function"},{"id":"aB3456789","type":"function"}]},{"role":"tool","tool_call_id":"call_1234567890","content":"a"},{"role":"tool","tool_call_id":"aB3456789","content":"b"},{"role":"user","content":"stop"}]}"#;
        let habits = Habits { strict_turns: true, ..Habits::default() };
        let adapted: Value =
            serde_json::from_slice(&adapt(sent(body, false), habits, &[]).body).unwrap();
        let turns = adapted["messages"].as_array().unwrap();
        let roles: Vec<&str> = turns.iter().filter_map(|turn| turn["role"].as_str()).collect();
        assert_eq!(roles, ["assistant", "tool", "tool", "assistant", "user"]);
        let id = turns[0]["tool_calls"][0]["id"].as_str().unwrap();
        assert!(super::is_plain(id), "{id}");
        assert_eq!(turns[1]["tool_call_id"], id);
        assert_eq!(turns[0]["tool_calls"][1]["id"], "aB3456789");
        assert_eq!(turns[2]["tool_call_id"], "aB3456789");
        let system = r#"{"messages":[{"role":"tool","tool_call_id":"aB3456789"},{"role":"system","content":"a"},{"role":"user","content":"b"}]}"#;
        let bridged = system.replace(
            r#"{"role":"system""#,
            r#"{"role":"assistant","content":" "},{"role":"system""#,
        );
        check(habits, system, &bridged, &[]);
        let without_tools = r#"{"messages":[{"role":"user","content":"a"}]}"#;
        check(habits, without_tools, without_tools, &[]);
    }

    #[test]
    fn ids_that_differ_stay_apart() {
        let ids: std::collections::BTreeSet<String> =
            (0..10_000).map(|number| super::plain(&format!("call_{number}"))).collect();
        assert_eq!(ids.len(), 10_000);
    }
}
