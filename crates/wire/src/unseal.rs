//! Taking sealed reasoning of other vendors out of a request whose provider speaks its caller's dialect:
//! the vendor would take our wrapping for a signature of its own and refuse the whole request. All else
//! stays as it was, but for the spaces between the elements of a list that loses one.

use bytes::Bytes;
use terms::dialect::Dialect;

use crate::{
    dialect::gemini,
    elements::{self, Fate, changed, cut, text_of},
    seal,
    splice::{Edit, splice, value_of},
};

/// A body without reasoning that somebody else sealed, and the fields that it lost. The very same bytes
/// are shared where there was none.
pub fn without_seals(dialect: Dialect, body: &Bytes, model: &str) -> (Bytes, Vec<String>) {
    if !seal::may_be_in(body) {
        return (body.clone(), Vec::new());
    }
    let Ok(text) = std::str::from_utf8(body) else { return (body.clone(), Vec::new()) };
    let mut lost = Vec::new();
    let turns = match dialect {
        Dialect::OpenaiChat => within(text, "messages", |message| chat(message, &mut lost)),
        Dialect::OpenaiResponses => within(text, "input", |item| responses(item, &mut lost)),
        Dialect::AnthropicMessages => within(text, "messages", |message| {
            let fate = within(message, "content", |block| messages(block, &mut lost));
            unless_empty(message, "content", fate)
        }),
        Dialect::Gemini => within(text, "contents", |content| {
            let fate = within(content, "parts", |part| gemini(part, model, &mut lost));
            unless_empty(content, "parts", fate)
        }),
        Dialect::BedrockConverse => None,
    };
    match turns {
        Some(edit) => (splice(body, vec![edit]), lost),
        None => (body.clone(), Vec::new()),
    }
}

/// The list that is this field of an object, where any of it holds a seal.
fn within(object: &str, field: &str, mut judge: impl FnMut(&str) -> Fate) -> Option<Edit> {
    elements::within(object, field, |element| {
        if seal::may_be_in(element.as_bytes()) { judge(element) } else { Fate::Stays }
    })
}

fn messages(block: &str, lost: &mut Vec<String>) -> Fate {
    let kind = text_of(block, "type");
    let sealed = match kind {
        Some("thinking") => text_of(block, "signature"),
        Some("redacted_thinking") => text_of(block, "data"),
        _ => None,
    };
    if !sealed.is_some_and(seal::is_ours) {
        return Fate::Stays;
    }
    lost.push(format!("messages[].content[].{}", kind.unwrap_or_default()));
    Fate::Goes
}

fn responses(item: &str, lost: &mut Vec<String>) -> Fate {
    if !text_of(item, "encrypted_content").is_some_and(seal::is_ours) {
        return Fate::Stays;
    }
    lost.push("input[].reasoning".to_owned());
    Fate::Goes
}

fn chat(message: &str, lost: &mut Vec<String>) -> Fate {
    let fate = within(message, "reasoning_details", |detail| {
        if !text_of(detail, "data").is_some_and(seal::is_ours) {
            return Fate::Stays;
        }
        lost.push("messages[].reasoning_details".to_owned());
        Fate::Goes
    });
    let Some(edit) = fate else { return Fate::Stays };
    if edit.text == "[]" { cut(message, "reasoning_details") } else { changed(message, vec![edit]) }
}

/// A thought goes, anything else loses its seal; a call gets the words for calls of other models, without
/// which the newer models refuse it.
fn gemini(part: &str, model: &str, lost: &mut Vec<String>) -> Fate {
    let names = ["thoughtSignature", "thought_signature"];
    let named = names.iter().find(|name| text_of(part, name).is_some_and(seal::is_ours));
    let Some(name) = named else { return Fate::Stays };
    let is_thought = value_of(part, "thought").is_some_and(|span| &part[span] == "true");
    lost.push(format!(
        "contents[].parts[].{}",
        if is_thought { "thought" } else { "thoughtSignature" }
    ));
    let is_call =
        ["functionCall", "function_call"].iter().any(|name| value_of(part, name).is_some());
    if is_thought || (!is_call && text_of(part, "text") == Some("")) {
        return Fate::Goes;
    }
    match value_of(part, name).filter(|_| is_call && gemini::wants_signatures(model)) {
        Some(span) => {
            let text = format!("\"{}\"", gemini::NO_SIGNATURE);
            changed(part, vec![Edit { span, text }])
        }
        None => cut(part, name),
    }
}

/// A turn that said nothing else goes, too.
fn unless_empty(turn: &str, list: &str, edit: Option<Edit>) -> Fate {
    match edit {
        None => Fate::Stays,
        Some(edit) if edit.text == "[]" && value_of(turn, list).is_some() => Fate::Goes,
        Some(edit) => changed(turn, vec![edit]),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use terms::dialect::Dialect;

    use super::without_seals;
    use crate::seal::wrap;

    fn check(dialect: Dialect, model: &str, body: &str, expect: &str, lost: &[&str]) {
        let tag = wrap("elsewhere", &[]);
        let body = Bytes::from(body.replace("TAG", &tag));
        let (bare, dropped) = without_seals(dialect, &body, model);
        assert_eq!(bare, expect.as_bytes());
        assert_eq!(dropped, lost);
    }

    #[test]
    fn a_thought_of_somebody_else_goes_and_a_turn_of_nothing_else_with_it() {
        check(
            Dialect::AnthropicMessages,
            "claude",
            r#"{"n": 1.0, "messages": [{"role":"user","content":"TAG"}, {"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"TAG"} , {"type":"text", "text":"b"}]}, {"role":"assistant","content":[{"type":"redacted_thinking","data":"TAG"}]}, {"role":"assistant","content":[{"type":"thinking","thinking":"own","signature":"EqQB"}]} ] }"#,
            &r#"{"n": 1.0, "messages": [{"role":"user","content":"TAG"},{"role":"assistant","content":[{"type":"text", "text":"b"}]},{"role":"assistant","content":[{"type":"thinking","thinking":"own","signature":"EqQB"}]}] }"#
                .replace("TAG", &wrap("elsewhere", &[])),
            &["messages[].content[].thinking", "messages[].content[].redacted_thinking"],
        );
    }

    #[test]
    fn an_item_and_a_detail_go() {
        check(
            Dialect::OpenaiResponses,
            "gpt",
            r#"{"input":[{"type":"reasoning","summary":[],"encrypted_content":"TAG"},{"role":"user","content":"x"}]}"#,
            r#"{"input":[{"role":"user","content":"x"}]}"#,
            &["input[].reasoning"],
        );
        check(
            Dialect::OpenaiChat,
            "gpt",
            r#"{"messages":[{"role":"assistant","content":"x","reasoning_details":[{"type":"reasoning.encrypted","data":"TAG"}]},{"role":"assistant","reasoning_details":[{"data":"own"},{"data":"TAG"}]}]}"#,
            r#"{"messages":[{"role":"assistant","content":"x"},{"role":"assistant","reasoning_details":[{"data":"own"}]}]}"#,
            &["messages[].reasoning_details", "messages[].reasoning_details"],
        );
    }

    #[test]
    fn a_part_loses_its_seal_and_a_call_keeps_a_word_for_it() {
        let body = r#"{"contents":[{"role":"model","parts":[{"text":"hm","thought":true,"thoughtSignature":"TAG"},{"text":"","thoughtSignature":"TAG"},{"text":"a","thoughtSignature":"TAG"},{"functionCall":{"name":"f"},"thoughtSignature":"TAG"}]}]}"#;
        let lost = ["thought", "thoughtSignature", "thoughtSignature", "thoughtSignature"]
            .map(|name| format!("contents[].parts[].{name}"));
        let lost: Vec<&str> = lost.iter().map(String::as_str).collect();
        let newer = r#"{"contents":[{"role":"model","parts":[{"text":"a"},{"functionCall":{"name":"f"},"thoughtSignature":"skip_thought_signature_validator"}]}]}"#;
        check(Dialect::Gemini, "gemini-3-pro", body, newer, &lost);
        let older = r#"{"contents":[{"role":"model","parts":[{"text":"a"},{"functionCall":{"name":"f"}}]}]}"#;
        check(Dialect::Gemini, "gemini-2.5-pro", body, older, &lost);
    }

    #[test]
    fn what_only_looks_like_one_keeps_its_bytes() {
        let body = Bytes::from_static(
            br#"{"messages":[{"role":"user","content":[{"type":"text","text":"outlast1"}]}]}"#,
        );
        for dialect in Dialect::ALL {
            assert_eq!(without_seals(*dialect, &body, "m").0.as_ptr(), body.as_ptr());
        }
    }
}
