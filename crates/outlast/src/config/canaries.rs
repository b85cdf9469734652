//! `[[canary]]`: a prompt, who is asked, how often, and what the answer must be like; `[canaries]`: what
//! all of them may cost on a day.

use std::sync::Arc;

use decide::canary::Expected;
use gateway::{Table, Target};
use serde_json::{Value, json};
use terms::{
    ids::{CanaryName, RouteName},
    money::NanoUsd,
};
use toml::Spanned;

use crate::config::{
    reader::{Findings, Section},
    sections::{SOMETHING, dollars_of, span_of},
};

/// How often a canary is asked where the file does not say.
const EVERY_MS: u64 = 3_600_000;

/// The shortest time between two canaries of one name.
const LEAST_EVERY_MS: u64 = 60_000;

/// What all canaries may cost on a day where the file does not say: one dollar.
const DAY_COST: NanoUsd = NanoUsd(1_000_000_000);

/// Output tokens that a canary asks for at most where the file does not say.
const OUTPUT: u64 = 1_024;

/// The most tokens that it can ask for.
const MOST_OUTPUT: u64 = 32_000;

/// A canary.
#[derive(Debug, Clone)]
pub(crate) struct Canary {
    pub(crate) name: CanaryName,
    /// Who is asked.
    pub(crate) asks: Asks,
    pub(crate) every_ms: u64,
    pub(crate) expected: Expected,
    /// The request without its model, as openai-chat has it.
    question: Arc<Value>,
}

/// Who is asked.
#[derive(Debug, Clone)]
pub(crate) enum Asks {
    Targets(Vec<Arc<Target>>),
    /// Every target of this route.
    Route(RouteName),
}

impl Canary {
    /// The targets that are asked, by the table in force.
    pub(crate) fn targets(&self, table: &Table) -> Vec<Arc<Target>> {
        match &self.asks {
            Asks::Targets(targets) => targets.clone(),
            Asks::Route(route) => table.targets_of(route.as_str()),
        }
    }

    /// The request for a target.
    pub(crate) fn body(&self, target: &Target) -> Vec<u8> {
        let mut body = (*self.question).clone();
        body["model"] = json!(target.name.as_str());
        serde_json::to_vec(&body).expect("a JSON value is JSON")
    }
}

/// What all canaries may cost on a day.
pub(crate) fn day_cost(mut section: Section<'_, '_>, findings: &Findings) -> NanoUsd {
    let cost = dollars_of(&mut section, "usd_per_day", SOMETHING, findings);
    section.finish();
    cost.unwrap_or(DAY_COST)
}

/// The same where there is no section.
pub(crate) const fn default_day_cost() -> NanoUsd {
    DAY_COST
}

/// A canary as the file gives it; its targets are resolved later.
pub(crate) struct CanarySection {
    pub(crate) name: Spanned<String>,
    pub(crate) targets: Vec<Spanned<String>>,
    pub(crate) route: Option<Spanned<String>>,
    every_ms: u64,
    expected: Expected,
    question: Value,
}

impl CanarySection {
    /// The canary, with its targets.
    pub(crate) fn resolved(self, asks: Asks) -> Canary {
        Canary {
            name: self.name.into_inner().into(),
            asks,
            every_ms: self.every_ms,
            expected: self.expected,
            question: Arc::new(self.question),
        }
    }
}

pub(crate) fn canary(mut section: Section<'_, '_>, findings: &Findings) -> Option<CanarySection> {
    let span = section.span();
    let name = section.required("name", "\"adds-two-numbers\"");
    let targets = section.strings("targets").unwrap_or_default();
    let route = section.string("route");
    let every = span_of(&mut section, "every", findings);
    let at = section.place("every");
    let messages = messages(&mut section, findings);
    let most = section.number("max_output_tokens", 1..MOST_OUTPUT + 1).unwrap_or(OUTPUT);
    let tool_fields = section.strings("tool_fields");
    let (expected, tool) = expected(&mut section, findings);
    let expects = !expected.is_empty() || section.has("matches");
    section.finish();
    let name = name?;
    let report = |message: &str, advice: &str| {
        findings.report(span.clone(), format!("canary `{}` {message}", name.get_ref()), advice);
    };
    if targets.is_empty() == route.is_none() {
        let advice = "add either `targets = [\"openai/gpt-5.5\"]` or `route = \"fast\"`";
        report("must be asked of targets or of a route", advice);
    }
    if !expects {
        let advice = "add one of contains, matches, json, json_fields, min_tokens, max_tokens, tool and first_token_ms";
        report("expects nothing", advice);
    }
    if messages.is_none() {
        report("asks nothing", "add `prompt = \"What is 2 + 2?\"`, or [[canary.messages]]");
    }
    if every.is_some_and(|every| every < LEAST_EVERY_MS) {
        let message = "is asked more often than once a minute";
        findings.report(
            at.unwrap_or(0..0),
            format!("canary `{}` {message}", name.get_ref()),
            "write \"1m\" or longer",
        );
    }
    if tool_fields.is_some() && tool.is_none() {
        report("has `tool_fields` without `tool`", "add `tool = \"NAME\"`");
    }
    let mut question = json!({
        "stream": true,
        "stream_options": { "include_usage": true },
        "max_completion_tokens": most,
        "messages": messages?,
    });
    if let Some(tool) = tool {
        let fields = tool_fields.unwrap_or_default();
        let names: Vec<&str> = fields.iter().map(|field| field.get_ref().as_str()).collect();
        let properties: serde_json::Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect();
        let parameters = json!({ "type": "object", "properties": properties, "required": names });
        question["tools"] =
            json!([{ "type": "function", "function": { "name": tool, "parameters": parameters } }]);
    }
    let every_ms = every.unwrap_or(EVERY_MS);
    Some(CanarySection { name, targets, route, every_ms, expected, question })
}

/// What is asked: a prompt, with a system prompt before it, or whole turns.
fn messages(section: &mut Section<'_, '_>, findings: &Findings) -> Option<Vec<Value>> {
    let system = section.string("system");
    let prompt = section.string("prompt");
    let at = section.place("messages");
    let turns = section.sections("messages");
    let has_turns = !turns.is_empty();
    let mut messages: Vec<Value> = Vec::new();
    for mut turn in turns {
        let role = turn.required("role", "\"user\"");
        let content = turn.required("content", "\"What is 2 + 2?\"");
        turn.finish();
        let (Some(role), Some(content)) = (role, content) else { continue };
        if !matches!(role.get_ref().as_str(), "system" | "user" | "assistant") {
            let message = format!("`role = \"{}\"` is none", role.get_ref());
            findings.report(role.span(), message, "write \"system\", \"user\" or \"assistant\"");
        }
        messages.push(json!({ "role": role.get_ref(), "content": content.get_ref() }));
    }
    if has_turns && (prompt.is_some() || system.is_some()) {
        let message = "`messages` stand beside `prompt` or `system`";
        findings.report(at.unwrap_or(0..0), message, "say everything in one of the two ways");
    }
    if let Some(prompt) = prompt {
        if let Some(system) = system {
            messages.push(json!({ "role": "system", "content": system.get_ref() }));
        }
        messages.push(json!({ "role": "user", "content": prompt.get_ref() }));
    }
    (!messages.is_empty() || has_turns).then_some(messages)
}

/// What the answer must be like, and the tool that is offered for it.
fn expected(section: &mut Section<'_, '_>, findings: &Findings) -> (Expected, Option<String>) {
    let texts = |texts: Option<Vec<Spanned<String>>>| {
        texts.unwrap_or_default().into_iter().map(Spanned::into_inner).collect()
    };
    let matches = section.string("matches").and_then(|pattern| {
        decide::canary::pattern(pattern.get_ref())
            .map_err(|failure| {
                let message = format!("`matches` is no regular expression: {failure}");
                let advice = "write one without look-around, such as '^4[0-9]$'";
                findings.report(pattern.span(), message, advice);
            })
            .ok()
    });
    let tool = section.string("tool").map(Spanned::into_inner);
    let expected = Expected {
        contains: texts(section.strings("contains")),
        matches,
        json: section.boolean("json").unwrap_or(false),
        json_fields: texts(section.strings("json_fields")),
        min_tokens: section.number("min_tokens", 1..MOST_OUTPUT + 1),
        max_tokens: section.number("max_tokens", 1..MOST_OUTPUT + 1),
        tool: tool.clone(),
        first_token_ms: section.number("first_token_ms", 1..600_001),
    };
    (expected, tool)
}
