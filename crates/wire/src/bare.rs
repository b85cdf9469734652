//! Taking all reasoning of earlier turns out of a request, in its caller's dialect: for a provider that
//! refuses it because another sealed it, or because it does not know it. Gemini's calls without a signature
//! get the words that stand for one. Everything else stays as it was.

use bytes::Bytes;
use terms::dialect::Dialect;

use crate::{
    dialect::gemini,
    elements::{Fate, changed, cut, text_of, within},
    splice::{Edit, splice, value_of, without},
};

/// A request of this dialect for this model without the reasoning of earlier turns, and the fields that
/// went. The very same bytes where there was none.
pub fn without_reasoning(dialect: Dialect, body: &Bytes, model: &str) -> (Bytes, Vec<String>) {
    let Ok(text) = std::str::from_utf8(body) else { return (body.clone(), Vec::new()) };
    let mut lost = Vec::new();
    let mut edits: Vec<Edit> = match dialect {
        Dialect::OpenaiChat => within(text, "messages", |message| chat(message, &mut lost)),
        Dialect::OpenaiResponses => within(text, "input", |item| responses(item, &mut lost)),
        Dialect::AnthropicMessages => within(text, "messages", |message| {
            let blocks = within(message, "content", |block| messages(block, &mut lost));
            unless_empty(message, blocks)
        }),
        Dialect::Gemini => within(text, "contents", |content| {
            let parts = within(content, "parts", |part| gemini(part, model, &mut lost));
            unless_empty(content, parts)
        }),
        Dialect::BedrockConverse => None,
    }
    .into_iter()
    .collect();
    if lost.is_empty() {
        return (body.clone(), lost);
    }
    if dialect == Dialect::AnthropicMessages && is_in_a_tool_loop(text) {
        // A turn that began without a thought may not go on with thinking, nor with rules for thoughts.
        let (goes, found) = without(text, &["thinking", "context_management"]).unwrap_or_default();
        edits.extend(goes);
        lost.extend(found.into_iter().map(str::to_owned));
    }
    lost.sort();
    lost.dedup();
    (splice(body, edits), lost)
}

fn chat(message: &str, lost: &mut Vec<String>) -> Fate {
    let fields = ["reasoning_content", "reasoning", "reasoning_details"];
    let (edits, found) = without(message, &fields).unwrap_or_default();
    if found.is_empty() {
        return Fate::Stays;
    }
    lost.extend(found.into_iter().map(|field| format!("messages[].{field}")));
    changed(message, edits)
}

/// An item whose provider gave it a name is looked for by it, together with the reasoning before it.
fn responses(item: &str, lost: &mut Vec<String>) -> Fate {
    match text_of(item, "type") {
        Some("reasoning") => {
            lost.push("input[].reasoning".to_owned());
            Fate::Goes
        }
        Some("message" | "function_call" | "custom_tool_call")
            if value_of(item, "id").is_some() =>
        {
            lost.push("input[].id".to_owned());
            cut(item, "id")
        }
        _ => Fate::Stays,
    }
}

fn messages(block: &str, lost: &mut Vec<String>) -> Fate {
    match text_of(block, "type") {
        Some(kind @ ("thinking" | "redacted_thinking")) => {
            lost.push(format!("messages[].content[].{kind}"));
            Fate::Goes
        }
        _ => Fate::Stays,
    }
}

fn gemini(part: &str, model: &str, lost: &mut Vec<String>) -> Fate {
    if value_of(part, "thought").is_some_and(|span| &part[span] == "true") {
        lost.push("contents[].parts[].thought".to_owned());
        return Fate::Goes;
    }
    let names = ["thoughtSignature", "thought_signature"];
    let signature = names.into_iter().find_map(|name| Some((name, value_of(part, name)?)));
    let is_call =
        ["functionCall", "function_call"].iter().any(|name| value_of(part, name).is_some());
    let mark = format!("\"{}\"", gemini::NO_SIGNATURE);
    let marked = match signature {
        // The newer models refuse a call without one.
        Some((_, span)) if is_call && gemini::wants_signatures(model) => {
            if part[span.clone()] == mark {
                return Fate::Stays;
            }
            changed(part, vec![Edit { span, text: mark }])
        }
        None if is_call && gemini::wants_signatures(model) => {
            let Some(start) = part.find('{') else { return Fate::Stays };
            let text = format!("\"thoughtSignature\":{mark},");
            changed(part, vec![Edit { span: start + 1..start + 1, text }])
        }
        None => return Fate::Stays,
        Some((name, _)) => {
            // A part of a signature alone, or with an empty text, says nothing.
            let (others_stay, _) = without(part, &[name, "text"]).unwrap_or_default();
            let has_words = text_of(part, "text").is_some_and(|text| !text.is_empty());
            let is_empty = others_stay.is_empty() && !has_words;
            if is_empty { Fate::Goes } else { cut(part, name) }
        }
    };
    lost.push("contents[].parts[].thoughtSignature".to_owned());
    marked
}

/// A turn that said nothing else goes, too.
fn unless_empty(turn: &str, edit: Option<Edit>) -> Fate {
    match edit {
        None => Fate::Stays,
        Some(edit) if edit.text == "[]" => Fate::Goes,
        Some(edit) => changed(turn, vec![edit]),
    }
}

/// Whether the model's last turn goes on: behind it stand results of tools, or nothing.
fn is_in_a_tool_loop(text: &str) -> bool {
    let (mut goes_on, mut last_is_models) = (false, false);
    let _ = within(text, "messages", |message| {
        let is_models = text_of(message, "role") == Some("assistant");
        let mut brings = false;
        let _ = within(message, "content", |block| {
            brings |= text_of(block, "type") == Some("tool_result");
            Fate::Stays
        });
        let was_models = std::mem::replace(&mut last_is_models, is_models);
        goes_on = is_models || brings || (goes_on && !was_models);
        Fate::Stays
    });
    goes_on
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use terms::dialect::Dialect;

    use super::without_reasoning;

    fn check(dialect: Dialect, body: &str, expect: &str, lost: &[&str]) {
        let (bare, fields) =
            without_reasoning(dialect, &Bytes::copy_from_slice(body.as_bytes()), "gemini-3-pro");
        assert_eq!(bare, expect);
        assert_eq!(fields, lost);
        let (same, none) = without_reasoning(dialect, &bare, "gemini-3-pro");
        assert!(same.as_ptr() == bare.as_ptr() && none.is_empty(), "{none:?}");
    }

    #[test]
    fn responses_lose_reasoning_and_the_names_that_lead_to_it() {
        check(
            Dialect::OpenaiResponses,
            r#"{"input":[{"type":"message","role":"user","content":"a"},{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"gAAA"},{"id":"fc_1","type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"b"}],"model":"m"}"#,
            r#"{"input":[{"type":"message","role":"user","content":"a"},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"b"}],"model":"m"}"#,
            &["input[].id", "input[].reasoning"],
        );
    }

    #[test]
    fn messages_lose_thoughts_and_in_a_tool_loop_the_thinking() {
        let turns = r#"{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"s"},{"type":"text","text":"b"}]},{"role":"assistant","content":[{"type":"redacted_thinking","data":"d"}]}"#;
        let bare = r#"{"role":"assistant","content":[{"type":"text","text":"b"}]}"#;
        check(
            Dialect::AnthropicMessages,
            &format!(
                r#"{{"thinking":{{"type":"adaptive"}},"messages":[{turns},{{"role":"user","content":"c"}}]}}"#
            ),
            &format!(
                r#"{{"thinking":{{"type":"adaptive"}},"messages":[{bare},{{"role":"user","content":"c"}}]}}"#
            ),
            &["messages[].content[].redacted_thinking", "messages[].content[].thinking"],
        );
        for behind in ["", r#",{"role":"user","content":"hurry"}"#] {
            let result = r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}"#;
            let body = format!(
                r#"{{"thinking":{{"type":"adaptive"}},"messages":[{turns},{result}{behind}]}}"#
            );
            let (bare, _) = without_reasoning(Dialect::AnthropicMessages, &body.into(), "m");
            assert!(!bare.windows(10).any(|part| part == b"\"thinking\""), "{bare:?}");
        }
        let result = r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}"#;
        check(
            Dialect::AnthropicMessages,
            &format!(r#"{{"thinking":{{"type":"adaptive"}},"messages":[{turns},{result}]}}"#),
            &format!(r#"{{"messages":[{bare},{result}]}}"#),
            &[
                "messages[].content[].redacted_thinking",
                "messages[].content[].thinking",
                "thinking",
            ],
        );
    }

    #[test]
    fn contents_lose_thoughts_and_signatures() {
        check(
            Dialect::Gemini,
            r#"{"contents":[{"role":"model","parts":[{"text":"a","thought":true},{"text":"b","thoughtSignature":"s"},{"functionCall":{"name":"f"},"thoughtSignature":"s"},{"functionCall":{"name":"g"}},{"text":"","thoughtSignature":"s"},{"thoughtSignature":"s"},{"inline_data":{},"thought_signature":"s"}]}]}"#,
            r#"{"contents":[{"role":"model","parts":[{"text":"b"},{"functionCall":{"name":"f"},"thoughtSignature":"skip_thought_signature_validator"},{"thoughtSignature":"skip_thought_signature_validator","functionCall":{"name":"g"}},{"inline_data":{}}]}]}"#,
            &["contents[].parts[].thought", "contents[].parts[].thoughtSignature"],
        );
    }

    #[test]
    fn chat_messages_lose_every_kind() {
        check(
            Dialect::OpenaiChat,
            r#"{"messages":[{"role":"assistant","content":"b","reasoning":"a","reasoning_details":[{}]},{"role":"user","content":"c"}]}"#,
            r#"{"messages":[{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}"#,
            &["messages[].reasoning", "messages[].reasoning_details"],
        );
    }
}
