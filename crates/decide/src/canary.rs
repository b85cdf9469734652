//! Canaries: prompts whose answers must have certain properties. Whether an answer has them, and when
//! failures in a row count. When they are asked and what that may cost is the caller's.

use std::{collections::BTreeMap, fmt};

use regex_lite::Regex;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;
use terms::ids::{CanaryName, TargetName};

/// Failures in a row that count: one may be chance.
const FAILURES: u32 = 2;

/// Successes in a row after which a target that failed is taken to answer as before.
const SUCCESSES: u32 = 3;

/// What an answer must be like. What is not set is not looked at.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// All of these stand in its text, in any case of letters.
    pub contains: Vec<String>,
    /// The text matches this.
    pub matches: Option<Regex>,
    /// The text is JSON.
    pub json: bool,
    /// The text is a JSON object with these fields.
    pub json_fields: Vec<String>,
    /// It has at least so many tokens.
    pub min_tokens: Option<u64>,
    /// It has at most so many tokens.
    pub max_tokens: Option<u64>,
    /// It calls this tool, with arguments that are a JSON object.
    pub tool: Option<String>,
    /// Its first token came within so many milliseconds.
    pub first_token_ms: Option<u64>,
}

/// The regular expression of this text.
///
/// # Errors
/// What is wrong with it.
pub fn pattern(text: &str) -> Result<Regex, regex_lite::Error> {
    Regex::new(text)
}

/// An answer to a canary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CanaryAnswer {
    /// All that it says in words.
    pub text: String,
    /// Names and arguments of its tool calls.
    pub calls: Vec<(String, String)>,
    /// Output tokens.
    pub tokens: u64,
    /// Milliseconds to its first token.
    pub first_token_ms: u64,
}

/// A property that an answer does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmet {
    /// The text lacks this.
    Contains(String),
    /// The text does not match this.
    Matches(String),
    /// The text is no JSON.
    Json,
    /// The text is no JSON object with this field.
    JsonField(String),
    /// It has so many tokens, and this is the least.
    TooShort(u64, u64),
    /// It has so many tokens, and this is the most.
    TooLong(u64, u64),
    /// It does not call this tool.
    NoCall(String),
    /// It calls the tool with arguments that are no JSON object.
    BadCall(String),
    /// The first token took so long, and this is the most.
    Late(u64, u64),
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contains(text) => write!(f, "the answer does not contain \"{text}\""),
            Self::Matches(pattern) => write!(f, "the answer does not match {pattern}"),
            Self::Json => write!(f, "the answer is no JSON"),
            Self::JsonField(name) => {
                write!(f, "the answer is no JSON object with a field `{name}`")
            }
            Self::TooShort(tokens, least) => {
                write!(f, "the answer has {tokens} tokens, at least {least} are expected")
            }
            Self::TooLong(tokens, most) => {
                write!(f, "the answer has {tokens} tokens, at most {most} are expected")
            }
            Self::NoCall(tool) => write!(f, "the answer does not call `{tool}`"),
            Self::BadCall(tool) => {
                write!(f, "the arguments of the call of `{tool}` are no JSON object")
            }
            Self::Late(ms, most) => {
                write!(f, "the first token came after {ms} ms, within {most} ms it is expected")
            }
        }
    }
}

impl Expected {
    /// Whether nothing is expected, so that no answer could fail.
    pub fn is_empty(&self) -> bool {
        let Self {
            contains,
            matches,
            json,
            json_fields,
            min_tokens,
            max_tokens,
            tool,
            first_token_ms,
        } = self;
        contains.is_empty()
            && matches.is_none()
            && !json
            && json_fields.is_empty()
            && min_tokens.is_none()
            && max_tokens.is_none()
            && tool.is_none()
            && first_token_ms.is_none()
    }

    /// The first property that the answer lacks.
    pub fn unmet(&self, answer: &CanaryAnswer) -> Option<Unmet> {
        let text = answer.text.trim();
        let folded = text.to_lowercase();
        if let Some(lacks) =
            self.contains.iter().find(|part| !folded.contains(&part.to_lowercase()))
        {
            return Some(Unmet::Contains(lacks.clone()));
        }
        if let Some(pattern) = self.matches.as_ref().filter(|pattern| !pattern.is_match(text)) {
            return Some(Unmet::Matches(pattern.as_str().to_owned()));
        }
        if self.json && serde_json::from_str::<IgnoredAny>(text).is_err() {
            return Some(Unmet::Json);
        }
        if !self.json_fields.is_empty() {
            let object: BTreeMap<String, &RawValue> =
                serde_json::from_str(text).unwrap_or_default();
            if let Some(lacks) = self.json_fields.iter().find(|name| !object.contains_key(*name)) {
                return Some(Unmet::JsonField(lacks.clone()));
            }
        }
        if let Some(least) = self.min_tokens.filter(|least| answer.tokens < *least) {
            return Some(Unmet::TooShort(answer.tokens, least));
        }
        if let Some(most) = self.max_tokens.filter(|most| answer.tokens > *most) {
            return Some(Unmet::TooLong(answer.tokens, most));
        }
        if let Some(tool) = &self.tool {
            let mut calls = answer.calls.iter().filter(|(name, _)| name == tool).peekable();
            if calls.peek().is_none() {
                return Some(Unmet::NoCall(tool.clone()));
            }
            if calls.any(|(_, arguments)| !is_object(arguments)) {
                return Some(Unmet::BadCall(tool.clone()));
            }
        }
        let late = self.first_token_ms.filter(|most| answer.first_token_ms > *most);
        late.map(|most| Unmet::Late(answer.first_token_ms, most))
    }
}

fn is_object(text: &str) -> bool {
    serde_json::from_str::<BTreeMap<String, &RawValue>>(text).is_ok()
}

/// What changed with an answer to a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CanaryFinding {
    /// It failed often enough to count.
    Failing,
    /// It has passed often enough since.
    Passing,
}

/// How the canaries of all targets went lately.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Canaries {
    targets: BTreeMap<TargetName, BTreeMap<CanaryName, Streak>>,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Streak {
    /// How often in a row it came out like the last time.
    times: u32,
    passed: bool,
    is_failing: bool,
}

impl Canaries {
    /// A canary was answered by a target.
    pub fn answered(
        &mut self,
        target: &TargetName,
        canary: &CanaryName,
        passed: bool,
    ) -> Option<CanaryFinding> {
        let streak =
            self.targets.entry(target.clone()).or_default().entry(canary.clone()).or_default();
        streak.times = if streak.passed == passed { streak.times.saturating_add(1) } else { 1 };
        streak.passed = passed;
        let found = match (passed, streak.is_failing) {
            (false, false) if streak.times >= FAILURES => CanaryFinding::Failing,
            (true, true) if streak.times >= SUCCESSES => CanaryFinding::Passing,
            _ => return None,
        };
        streak.is_failing = found == CanaryFinding::Failing;
        Some(found)
    }

    /// What is known of a canary at a target is forgotten.
    pub fn forget(&mut self, target: &TargetName, canary: &CanaryName) {
        if let Some(known) = self.targets.get_mut(target) {
            known.remove(canary);
        }
    }

    /// Keeps what is known of these alone.
    pub fn retain(&mut self, is_kept: impl Fn(&TargetName, &CanaryName) -> bool) {
        for (target, known) in &mut self.targets {
            known.retain(|canary, _| is_kept(target, canary));
        }
        self.targets.retain(|_, known| !known.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use regex_lite::Regex;

    use super::{Canaries, CanaryAnswer, CanaryFinding, Expected};

    fn says(text: &str) -> CanaryAnswer {
        CanaryAnswer {
            text: text.to_owned(),
            tokens: 5,
            first_token_ms: 300,
            ..CanaryAnswer::default()
        }
    }

    fn check(expected: Expected, good: &CanaryAnswer, bad: &CanaryAnswer, why: &str) {
        assert_eq!(expected.unmet(good), None);
        assert_eq!(expected.unmet(bad).unwrap().to_string(), why);
    }

    #[test]
    fn every_property_is_looked_for() {
        let none = Expected::default;
        check(
            Expected { contains: vec!["Paris".to_owned()], ..none() },
            &says("It is PARIS."),
            &says("It is Lyon."),
            "the answer does not contain \"Paris\"",
        );
        check(
            Expected { matches: Some(Regex::new("^4[12]$").unwrap()), ..none() },
            &says(" 42\n"),
            &says("It is 42."),
            "the answer does not match ^4[12]$",
        );
        check(
            Expected { json: true, ..none() },
            &says("[1]"),
            &says("```json"),
            "the answer is no JSON",
        );
        check(
            Expected { json_fields: vec!["a".to_owned(), "b".to_owned()], ..none() },
            &says(r#"{"a":1,"b":null}"#),
            &says(r#"{"a":1}"#),
            "the answer is no JSON object with a field `b`",
        );
        let longer = CanaryAnswer { tokens: 90, ..says("x") };
        let short = "the answer has 5 tokens, at least 9 are expected";
        check(Expected { min_tokens: Some(9), ..none() }, &longer, &says("x"), short);
        let long = "the answer has 90 tokens, at most 9 are expected";
        check(Expected { max_tokens: Some(9), ..none() }, &says("x"), &longer, long);
        let late = CanaryAnswer { first_token_ms: 900, ..says("x") };
        let why = "the first token came after 900 ms, within 500 ms it is expected";
        check(Expected { first_token_ms: Some(500), ..none() }, &says("x"), &late, why);
    }

    #[test]
    fn a_call_must_be_of_the_tool_and_whole() {
        let expected = Expected { tool: Some("add".to_owned()), ..Expected::default() };
        let calls = |name: &str, arguments: &str| CanaryAnswer {
            calls: vec![(name.to_owned(), arguments.to_owned())],
            ..CanaryAnswer::default()
        };
        let good = calls("add", r#"{"a":1}"#);
        check(expected.clone(), &good, &says("3"), "the answer does not call `add`");
        let why = "the arguments of the call of `add` are no JSON object";
        check(expected, &good, &calls("add", r#"{"a":"#), why);
    }

    #[test]
    fn two_failures_in_a_row_count_and_three_successes_end_it() {
        let mut canaries = Canaries::default();
        let mut went = |passed: &str| -> Vec<Option<CanaryFinding>> {
            let each = passed.chars().map(|one| one == '+');
            each.map(|passed| canaries.answered(&"p/m".into(), &"c".into(), passed)).collect()
        };
        assert!(went("-+-+++-").iter().all(Option::is_none), "one failure may be chance");
        assert_eq!(went("-"), [Some(CanaryFinding::Failing)]);
        assert!(went("--++-++").iter().all(Option::is_none), "it is told once");
        assert_eq!(went("+"), [Some(CanaryFinding::Passing)]);
    }
}
