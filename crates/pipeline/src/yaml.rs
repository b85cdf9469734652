//! A YAML document as a tree that remembers its lines, read as Tangle's own reader reads it: plain
//! words by the rules of YAML 1.1 (`no` is a truth value, `010` is eight), the last of equal keys
//! wins, aliases and merge keys are followed. Also read from and written as JSON. It knows nothing
//! of components.

mod json;
mod plain;
mod tree;

pub(crate) use self::tree::read;

/// A value and the line it begins on.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub content: Content,
    /// The line, counted from 1; 0 where the value comes from JSON.
    pub line: usize,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Nothing, `null`, `~`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A date or a time, as it was written. Not text, as far as Tangle is concerned.
    Date(String),
    /// Text.
    Text(String),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values, in the order of the file.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// The value of a key, where this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let Content::Mapping(entries) = &self.content else { return None };
        entries.iter().find(|(found, _)| found.text() == Some(key)).map(|(_, value)| value)
    }

    /// The text, where this is text.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What kind of value it is, for sentences.
    pub(crate) fn kind(&self) -> &'static str {
        match self.content {
            Content::Null => "nothing",
            Content::Bool(_) => "a truth value",
            Content::Integer(_) | Content::Float(_) => "a number",
            Content::Date(_) => "a date",
            Content::Text(_) => "text",
            Content::Sequence(_) => "a list",
            Content::Mapping(_) => "a mapping",
        }
    }
}

/// Why a text is not a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct YamlError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}
