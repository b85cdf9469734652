//! Decides what a simulated vendor says to a request: tool calls, JSON, or its text. Pure: the same
//! request gives the same answer.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    ask::{Ask, Shape, Tool, ToolChoice},
    schema::sample,
    spec::{Answer, Manner},
};

/// What is said.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    Text(Text),
    Calls(Vec<Call>),
}

/// A text as a list of words, each already escaped for the inside of a JSON string.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) words: Arc<[String]>,
    /// Bytes of the text itself.
    pub(crate) bytes: u64,
    /// Whether it was cut off by the caller's limit.
    pub(crate) cut: bool,
}

/// A tool call with its arguments as JSON text.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) arguments: String,
}

impl Say {
    /// What is said by a vendor that was changed; `None` where it was not.
    pub(crate) fn changed(manner: &Manner) -> Option<Self> {
        match manner {
            Manner::Ordinary => None,
            Manner::Text(text) => Some(Self::Text(Text::new(text))),
            Manner::Call { name, arguments } => {
                Some(Self::Calls(vec![Call { name: name.clone(), arguments: arguments.clone() }]))
            }
        }
    }

    /// Output tokens: bytes / 4, at least one.
    pub(crate) fn tokens(&self) -> u64 {
        let bytes = match self {
            Self::Text(text) => text.bytes,
            Self::Calls(calls) => {
                calls.iter().map(|call| (call.name.len() + call.arguments.len()) as u64).sum()
            }
        };
        (bytes / 4).max(1)
    }

    /// How many output records the streamed form has.
    pub(crate) fn pieces(&self) -> usize {
        match self {
            Self::Text(text) => text.words.len(),
            Self::Calls(calls) => calls.iter().map(|call| cut(&call.arguments).count()).sum(),
        }
    }
}

/// Says what a vendor always says, prepared once.
#[derive(Debug)]
pub(crate) struct Speaker {
    answer: Answer,
    fixed: Option<Text>,
}

impl Speaker {
    pub(crate) fn new(answer: Answer) -> Self {
        let fixed = match &answer {
            Answer::Fixed(text) => Some(Text::new(text)),
            Answer::Echo | Answer::Words { .. } | Answer::Known { .. } => None,
        };
        Self { answer, fixed }
    }

    /// The answer to `ask`, whose bytes are `body`.
    pub(crate) fn say(&self, ask: &Ask, body: &[u8]) -> Say {
        let calls = calls_wanted(ask);
        if !calls.is_empty() {
            return Say::Calls(calls);
        }
        let text = match &ask.shape {
            Shape::Schema(schema) => Text::new(&sample(schema).to_string()),
            Shape::AnyJson => Text::new(r#"{"ok": true}"#),
            Shape::Text => self.plain(ask, body),
        };
        Say::Text(text.limited(ask.max_tokens))
    }

    fn plain(&self, ask: &Ask, body: &[u8]) -> Text {
        self.fixed.clone().unwrap_or_else(|| answered(&self.answer, ask, body))
    }
}

fn answered(answer: &Answer, ask: &Ask, body: &[u8]) -> Text {
    match answer {
        Answer::Fixed(text) => Text::new(text),
        Answer::Echo => Text::new(&ask.last_user_text),
        Answer::Words { at_least, at_most } => Text::new(&made_up(seed(body), *at_least, *at_most)),
        Answer::Known { answers, otherwise } => match answers.get(ask.last_user_text.trim()) {
            Some(known) => Text::new(known),
            None => answered(otherwise, ask, body),
        },
    }
}

impl Text {
    fn new(text: &str) -> Self {
        let words = cut(text).map(escaped).collect();
        Self { words, bytes: text.len() as u64, cut: false }
    }

    /// No more than `limit` words.
    fn limited(self, limit: Option<u64>) -> Self {
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        if self.words.len() <= limit {
            return self;
        }
        let words: Arc<[String]> = self.words[..limit].into();
        let bytes = words.iter().map(|word| word.len() as u64).sum();
        Self { words, bytes, cut: true }
    }
}

/// Cuts a text into words with their following space; a longer run is cut every 16 characters.
pub(crate) fn cut(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ').flat_map(|word| {
        let mut rest = word;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let end = rest.char_indices().nth(16).map_or(rest.len(), |(index, _)| index);
            let (piece, tail) = rest.split_at(end);
            rest = tail;
            Some(piece)
        })
    })
}

/// A text as it stands inside the quotes of a JSON string.
pub(crate) fn escaped(text: &str) -> String {
    let mut quoted = quoted(text);
    quoted.pop();
    quoted.remove(0);
    quoted
}

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The tool calls that a request wants: those named by `CALLTOOL:name` in the last user text (with
/// `CALLTOOL:name:{json}:END` for given arguments), else the one that is forced.
fn calls_wanted(ask: &Ask) -> Vec<Call> {
    if ask.tools.is_empty() || ask.tool_choice == ToolChoice::Never || ask.follows_tool_result {
        return Vec::new();
    }
    let marked: Vec<Call> = ask
        .last_user_text
        .split("CALLTOOL:")
        .skip(1)
        .filter_map(|mark| marked_call(mark, &ask.tools))
        .collect();
    if !marked.is_empty() {
        return marked;
    }
    let forced = match &ask.tool_choice {
        ToolChoice::Any => ask.tools.first(),
        ToolChoice::Named(name) => ask.tools.iter().find(|tool| tool.name == *name),
        ToolChoice::Auto | ToolChoice::Never => None,
    };
    forced.map(sampled_call).into_iter().collect()
}

fn marked_call(mark: &str, tools: &[Tool]) -> Option<Call> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let end = mark.find(|c| !is_name(c)).unwrap_or(mark.len());
    let (name, rest) = mark.split_at(end);
    let tool = tools.iter().find(|tool| tool.name == name)?;
    let given = rest.strip_prefix(':').and_then(|rest| rest.split_once(":END"));
    match given.and_then(|(json, _)| serde_json::from_str::<Value>(json).ok()) {
        Some(arguments) => Some(Call { name: name.into(), arguments: arguments.to_string() }),
        None => Some(sampled_call(tool)),
    }
}

fn sampled_call(tool: &Tool) -> Call {
    Call { name: tool.name.clone(), arguments: sample(&tool.schema).to_string() }
}

/// Words of the made-up texts.
const WORDS: &[&str] = &[
    "the", "gateway", "answers", "a", "steady", "stream", "of", "small", "words", "that", "mean",
    "nothing", "but", "look", "like", "work", "every", "token", "has", "its", "price", "and",
    "some", "are", "worth", "it", "while", "others", "only", "pass", "time", "quietly",
];

fn made_up(seed: u64, at_least: usize, at_most: usize) -> String {
    let mut state = seed;
    let spread = at_most.saturating_sub(at_least) as u64 + 1;
    let count = at_least as u64 + next(&mut state) % spread;
    let words: Vec<&str> = (0..count).map(|_| pick(next(&mut state))).collect();
    let mut text = words.join(" ");
    text.push('.');
    text
}

fn pick(random: u64) -> &'static str {
    let index = random % WORDS.len() as u64;
    WORDS[usize::try_from(index).expect("less than the number of words")]
}

/// FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/).
fn seed(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// One step of splitmix64 (S. Vigna, public domain).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::{cut, made_up, seed};

    #[test]
    fn a_text_is_cut_without_loss_and_between_characters() {
        let text = "short words, then averyveryverylongöneßßßßßßßßßßßß 你好";
        assert_eq!(cut(text).collect::<String>(), text);
        assert_eq!(cut("one two three").collect::<Vec<_>>(), ["one ", "two ", "three"]);
        assert_eq!(cut("").count(), 0);
    }

    #[test]
    fn a_made_up_text_depends_on_the_request_alone_and_keeps_its_range() {
        let text = made_up(seed(b"a request"), 5, 9);
        assert_eq!(text, made_up(seed(b"a request"), 5, 9));
        assert_ne!(text, made_up(seed(b"another one"), 5, 9));
        assert!((5..=9).contains(&text.split(' ').count()), "{text}");
    }
}
