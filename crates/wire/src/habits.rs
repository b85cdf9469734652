//! What a provider wants otherwise than its dialect's own vendor: fields that it refuses, and the
//! envelope in which a cloud takes another vendor's requests. Data in, changed bytes out; which provider
//! has which habits is its row in the config.

mod turns;

use crate::{
    frames::Framing,
    request::{UpstreamRequest, tidy},
    splice::{Edit, name_of, splice, value_of, without},
};

/// How a provider differs from its dialect's own vendor. The default is: not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Habits {
    /// In what a request is wrapped.
    pub envelope: Envelope,
    /// It refuses `stream_options`, and states usage unasked.
    pub no_stream_options: bool,
    /// It knows the output limit as `max_tokens` alone.
    pub only_max_tokens: bool,
    /// How it is told to go on from a last turn of the model.
    pub prefill: Prefill,
    /// What it makes of earlier reasoning.
    pub reasoning_back: ReasoningBack,
    /// It takes ids of tool calls of nine letters and digits alone, and no turn of the user right behind
    /// a tool's.
    pub strict_turns: bool,
}

/// What a provider that speaks OpenAI chat makes of the reasoning of earlier turns, which OpenAI itself
/// does not have there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReasoningBack {
    /// Nobody knows: what a caller of its dialect sends stays, and no other is given any.
    #[default]
    Unknown,
    /// It reads `reasoning_content`.
    Taken,
    /// It refuses turns of the model without `reasoning_content`. A turn that has none, because another
    /// made it or its caller was not shown any, gets a space.
    Wanted,
    /// It refuses turns with these fields.
    Refused(&'static [&'static str]),
}

/// How a provider that speaks OpenAI chat is told to go on from a last turn of the model, which OpenAI
/// itself answers instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prefill {
    /// It is not known to.
    #[default]
    Unknown,
    /// By `prefix` in that turn, which it tells again: only answers that broke off are asked for so,
    /// where what is told again is cut.
    Prefix,
    /// By `continue_final_message` beside the messages.
    ContinueFinalMessage,
}

/// What a cloud makes of the request of a vendor whose models it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Envelope {
    /// Nothing: model and stream stand in the body.
    #[default]
    None,
    /// Anthropic messages on Amazon Bedrock: model and stream stand in the path, beta features in the
    /// body, and a stream comes in binary messages.
    Bedrock,
    /// Anthropic messages on Google Vertex AI: model and stream stand in the path.
    Vertex,
}

/// Beta features of Anthropic's that Bedrock takes; any other is refused as an invalid flag (Amazon
/// Bedrock user guide, "Anthropic Claude Messages API", `anthropic_beta`).
const BEDROCK_BETAS: &[&str] = &[
    "computer-use-2024-10-22",
    "computer-use-2025-01-24",
    "computer-use-2025-11-24",
    "context-1m-2025-08-07",
    "context-management-2025-06-27",
    "dev-full-thinking-2025-05-14",
    "effort-2025-11-24",
    "interleaved-thinking-2025-05-14",
    "output-128k-2025-02-19",
    "token-efficient-tools-2025-02-19",
    "tool-examples-2025-10-29",
    "tool-search-tool-2025-10-19",
];

impl Envelope {
    /// The frame of a stream that comes back.
    pub fn framing(self) -> Option<Framing> {
        (self == Self::Bedrock).then_some(Framing::EventStreamOfChunks)
    }

    fn version(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Bedrock => Some("bedrock-2023-05-31"),
            Self::Vertex => Some("vertex-2023-10-16"),
        }
    }
}

/// A request as a provider of these habits wants it. `betas` are the beta features that the caller asked
/// for by header.
pub fn adapt(request: UpstreamRequest, habits: Habits, betas: &[&str]) -> UpstreamRequest {
    if habits == Habits::default() && !request.is_translated {
        return request;
    }
    let UpstreamRequest { mut body, mut dropped, .. } = request;
    let reasoning = (habits.reasoning_back, request.is_translated);
    if let Some(edit) = turns::with_reasoning(&body, reasoning, &mut dropped) {
        body = splice(&body, vec![edit]);
    }
    if habits == Habits::default() {
        return UpstreamRequest { body, dropped: tidy(dropped), ..request };
    }
    if let Some(edit) = habits.strict_turns.then(|| turns::strict(&body)).flatten() {
        body = splice(&body, vec![edit]);
    }
    let text = std::str::from_utf8(&body).unwrap_or_default();
    let mut edits = match habits.envelope.version() {
        None => Vec::new(),
        Some(version) => wrapped(text, habits.envelope, version, betas, &mut dropped),
    };
    let mut refused = Vec::new();
    if habits.no_stream_options {
        refused.push("stream_options");
    }
    if habits.only_max_tokens
        && let Some(span) = name_of(text, "max_completion_tokens")
    {
        if value_of(text, "max_tokens").is_some() {
            refused.push("max_completion_tokens");
        } else {
            edits.push(Edit { span, text: "\"max_tokens\"".to_owned() });
        }
    }
    if !refused.is_empty() {
        edits.extend(without(text, &refused).unwrap_or_default().0);
    }
    if request.continues {
        edits.extend(turns::gone_on_with(text, habits.prefill));
    }
    UpstreamRequest { body: splice(&body, edits), dropped: tidy(dropped), ..request }
}

/// Out with what stands in the path, in with the version and the beta features.
fn wrapped(
    text: &str,
    envelope: Envelope,
    version: &str,
    betas: &[&str],
    dropped: &mut Vec<String>,
) -> Vec<Edit> {
    let in_body = envelope == Envelope::Bedrock && !betas.is_empty();
    let mut first = format!("\"anthropic_version\":\"{version}\",");
    let mut goes = vec!["model", "stream", "anthropic_version"];
    if in_body {
        let (taken, refused): (Vec<&str>, Vec<&str>) =
            betas.iter().partition(|beta| BEDROCK_BETAS.contains(beta));
        dropped.extend(refused.iter().map(|beta| format!("anthropic-beta.{beta}")));
        if !taken.is_empty() {
            goes.push("anthropic_beta");
            first.push_str(&format!("\"anthropic_beta\":[\"{}\"],", taken.join("\",\"")));
        }
    }
    let (mut edits, _) = without(text, &goes).unwrap_or_default();
    if let Some(start) = text.find('{') {
        edits.push(Edit { span: start + 1..start + 1, text: first });
    }
    edits
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Envelope, Habits, adapt};
    use crate::request::UpstreamRequest;

    fn sent(body: &'static str, continues: bool) -> UpstreamRequest {
        let body = Bytes::from_static(body.as_bytes());
        UpstreamRequest {
            body,
            dropped: Vec::new(),
            asks_reasoning: false,
            is_translated: false,
            continues,
        }
    }

    fn check(habits: Habits, body: &'static str, betas: &[&str], expect: &str, lost: &[&str]) {
        let adapted = adapt(sent(body, false), habits, betas);
        assert_eq!(adapted.body, expect);
        assert_eq!(adapted.dropped, lost);
    }

    #[test]
    fn the_usual_keeps_the_very_bytes() {
        let usual = sent(r#"{"model":"m", "stream_options":{}}"#, true);
        let same = adapt(usual.clone(), Habits::default(), &["beta"]);
        assert_eq!(same.body.as_ptr(), usual.body.as_ptr());
    }

    #[test]
    fn model_and_stream_leave_the_body_of_an_envelope() {
        let bedrock = Habits { envelope: Envelope::Bedrock, ..Habits::default() };
        let body = r#" {"model":"m","max_tokens":5,"stream":true,"messages":[{"model":"kept"}]}"#;
        check(
            bedrock,
            body,
            &["interleaved-thinking-2025-05-14", "claude-code-20250219"],
            r#" {"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["interleaved-thinking-2025-05-14"],"max_tokens":5,"messages":[{"model":"kept"}]}"#,
            &["anthropic-beta.claude-code-20250219"],
        );
        check(
            Habits { envelope: Envelope::Vertex, ..Habits::default() },
            r#"{"anthropic_version":"mine","messages":[],"model":"m","max_tokens":5}"#,
            &["any"],
            r#"{"anthropic_version":"vertex-2023-10-16","messages":[],"max_tokens":5}"#,
            &[],
        );
    }

    #[test]
    fn fields_that_a_vendor_refuses_are_left_out_or_renamed() {
        let habits = Habits { no_stream_options: true, only_max_tokens: true, ..Habits::default() };
        check(
            habits,
            r#"{"stream_options":{"include_usage":true},"model":"m","max_completion_tokens":5}"#,
            &[],
            r#"{"model":"m","max_tokens":5}"#,
            &[],
        );
        check(
            habits,
            r#"{"max_completion_tokens":5,"max_tokens":6}"#,
            &[],
            r#"{"max_tokens":6}"#,
            &[],
        );
    }
}
