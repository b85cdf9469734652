//! What a simulated vendor is like: name, dialect, models, credential, pace and what it says.

use std::collections::HashMap;

use terms::dialect::Dialect;

/// A simulated vendor, as its maker wants it. `VendorSpec::new` gives an instant one without a key.
#[derive(Debug, Clone)]
pub struct VendorSpec {
    /// Shown in the models list and in ids. Example: `anthropic`.
    pub name: String,
    /// The wire format it speaks.
    pub dialect: Dialect,
    /// The models it serves; any other is answered 404, as the vendor would.
    pub models: Vec<String>,
    /// The credential it asks for; `None` accepts everyone.
    pub api_key: Option<String>,
    /// Milliseconds from the request to its first output token.
    pub first_token_ms: u64,
    /// Milliseconds between output tokens. A reply that is not streamed takes as long as the stream would.
    pub token_interval_ms: u64,
    /// What it says.
    pub answer: Answer,
}

impl VendorSpec {
    /// A vendor without a key and without any delay that answers with a fixed sentence.
    pub fn new(name: impl Into<String>, dialect: Dialect, models: &[&str]) -> Self {
        Self {
            name: name.into(),
            dialect,
            models: models.iter().map(ToString::to_string).collect(),
            api_key: None,
            first_token_ms: 0,
            token_interval_ms: 0,
            answer: Answer::Fixed("The quick brown fox jumps over the lazy dog.".into()),
        }
    }
}

/// How a vendor answers: as it should, or as one does that was changed without a word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    #[default]
    Ordinary,
    /// Always with this text, also where JSON or a tool call was asked for.
    Text(String),
    /// Always with a call of this tool.
    Call {
        /// The tool, offered or not.
        name: String,
        /// Its arguments, JSON or not.
        arguments: String,
    },
}

/// What a vendor says when no tool call and no JSON was asked for. A word is a token of the stream.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Always this text.
    Fixed(String),
    /// The last text of the user.
    Echo,
    /// The answer to this text of the user, without the spaces around it, where one is known; otherwise
    /// another answer.
    Known {
        /// Answers by text.
        answers: HashMap<String, String>,
        /// What is said to any other text.
        otherwise: Box<Answer>,
    },
    /// A made-up text of `at_least..=at_most` words; the same request gives the same text.
    Words {
        /// Fewest words.
        at_least: usize,
        /// Most words.
        at_most: usize,
    },
}
