//! A tree as JSON, and JSON as a tree, so that a component sent to an API and one read from a file
//! are read by the same code.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap, SerializeSeq},
};

use super::{Content, Node};

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.content {
            Content::Null => serializer.serialize_unit(),
            Content::Bool(value) => serializer.serialize_bool(*value),
            Content::Integer(value) => serializer.serialize_i64(*value),
            Content::Float(value) => serializer.serialize_f64(*value),
            Content::Date(text) | Content::Text(text) => serializer.serialize_str(text),
            Content::Sequence(items) => {
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    sequence.serialize_element(item)?;
                }
                sequence.end()
            }
            Content::Mapping(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(&key_text(key), value)?;
                }
                map.end()
            }
        }
    }
}

/// A key as text; JSON knows no others.
fn key_text(key: &Node) -> String {
    match &key.content {
        Content::Text(text) | Content::Date(text) => text.clone(),
        Content::Null => "null".to_owned(),
        Content::Bool(value) => value.to_string(),
        Content::Integer(value) => value.to_string(),
        Content::Float(value) => value.to_string(),
        Content::Sequence(_) | Content::Mapping(_) => key.kind().to_owned(),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

fn node(content: Content) -> Node {
    Node { content, line: 0 }
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(node(Content::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(node(Content::Bool(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(node(Content::Integer(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(node(i64::try_from(value).map_or(Content::Float(value as f64), Content::Integer)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Ok(node(Content::Float(value)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        Ok(node(Content::Text(text.to_owned())))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Node, E> {
        Ok(node(Content::Text(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(node(Content::Sequence(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = access.next_entry::<String, Node>()? {
            entries.push((Node { content: Content::Text(key), line: 0 }, value));
        }
        Ok(node(Content::Mapping(entries)))
    }
}
