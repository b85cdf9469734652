//! Reading the values of a tree as the kinds that a specification wants, and noting every one that
//! is not, with its path and line. What counts as a truth value or a number is as lax as the
//! validator that Tangle uses (pydantic's lax mode); text is text only.

use super::Named;
use crate::{
    problem::Problem,
    yaml::{Content, Node},
};

/// Where a value stands: `inputs.3.default`.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    above: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Item(usize),
}

impl<'a> Place<'a> {
    pub(super) const ROOT: Place<'static> = Place { above: None, step: Step::Root };

    pub(super) fn key(&'a self, key: &'a str) -> Self {
        Self { above: Some(self), step: Step::Key(key) }
    }

    pub(super) fn item(&'a self, item: usize) -> Self {
        Self { above: Some(self), step: Step::Item(item) }
    }

    fn path(&self) -> String {
        let mut path = self.above.map(Place::path).unwrap_or_default();
        if !path.is_empty() && !matches!(self.step, Step::Root) {
            path.push('.');
        }
        match self.step {
            Step::Root => {}
            Step::Key(key) => path.push_str(key),
            Step::Item(item) => path.push_str(&item.to_string()),
        }
        path
    }
}

/// Collects what is wrong while a tree is read.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) problems: Vec<Problem>,
}

impl Reader {
    pub(super) fn problem(&mut self, node: &Node, place: &Place<'_>, message: impl Into<String>) {
        let line = (node.line > 0).then_some(node.line);
        self.problems.push(Problem::new(place.path(), message).on_line(line));
    }

    fn wrong(&mut self, node: &Node, place: &Place<'_>, wanted: &str) {
        let mut message = format!("must be {wanted}, and is {}", node.kind());
        if matches!(
            node.content,
            Content::Bool(_) | Content::Integer(_) | Content::Float(_) | Content::Date(_)
        ) && wanted == "text"
        {
            message.push_str("; write it in quotes");
        }
        self.problem(node, place, message);
    }

    /// A mapping's value for a key that must be there.
    pub(super) fn required<'n>(
        &mut self,
        node: &'n Node,
        key: &str,
        place: &Place<'_>,
    ) -> Option<&'n Node> {
        let found = node.get(key);
        if found.is_none() {
            self.problem(node, &place.key(key), "is missing");
        }
        found
    }

    /// Whether this is a mapping; notes it when it is not.
    pub(super) fn is_mapping(&mut self, node: &Node, place: &Place<'_>) -> bool {
        let is_mapping = matches!(node.content, Content::Mapping(_));
        if !is_mapping {
            self.wrong(node, place, "a mapping");
        }
        is_mapping
    }

    pub(super) fn text(&mut self, node: &Node, place: &Place<'_>) -> Option<String> {
        if let Content::Text(text) = &node.content {
            return Some(text.clone());
        }
        self.wrong(node, place, "text");
        None
    }

    pub(super) fn truth(&mut self, node: &Node, place: &Place<'_>) -> Option<bool> {
        let found = match &node.content {
            Content::Bool(value) => Some(*value),
            Content::Integer(0) => Some(false),
            Content::Integer(1) => Some(true),
            Content::Float(value) if *value == 0.0 => Some(false),
            Content::Float(value) if (*value - 1.0).abs() < f64::EPSILON => Some(true),
            Content::Text(text) => match text.to_ascii_lowercase().as_str() {
                "1" | "on" | "t" | "true" | "y" | "yes" => Some(true),
                "0" | "off" | "f" | "false" | "n" | "no" => Some(false),
                _ => None,
            },
            _ => None,
        };
        if found.is_none() {
            self.wrong(node, place, "a truth value");
        }
        found
    }

    #[expect(clippy::cast_possible_truncation, reason = "the number has no fraction and is small")]
    pub(super) fn whole_number(&mut self, node: &Node, place: &Place<'_>) -> Option<i64> {
        let found = match &node.content {
            Content::Integer(value) => Some(*value),
            Content::Bool(value) => Some(i64::from(*value)),
            Content::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => {
                Some(*value as i64)
            }
            Content::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        if found.is_none() {
            self.wrong(node, place, "a whole number");
        }
        found
    }

    /// An optional key: absent and `null` are the same.
    pub(super) fn optional<T>(
        &mut self,
        node: &Node,
        key: &str,
        place: &Place<'_>,
        read: impl FnOnce(&mut Self, &Node, &Place<'_>) -> Option<T>,
    ) -> Option<T> {
        let found = node.get(key).filter(|found| found.content != Content::Null)?;
        read(self, found, &place.key(key))
    }

    pub(super) fn list<T>(
        &mut self,
        node: &Node,
        place: &Place<'_>,
        mut read: impl FnMut(&mut Self, &Node, &Place<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Content::Sequence(items) = &node.content else {
            self.wrong(node, place, "a list");
            return None;
        };
        let items = items.iter().enumerate();
        Some(items.filter_map(|(at, item)| read(self, item, &place.item(at))).collect())
    }

    pub(super) fn named<T>(
        &mut self,
        node: &Node,
        place: &Place<'_>,
        mut read: impl FnMut(&mut Self, &Node, &Place<'_>) -> Option<T>,
    ) -> Option<Named<T>> {
        let Content::Mapping(entries) = &node.content else {
            self.wrong(node, place, "a mapping");
            return None;
        };
        let mut found = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let Some(name) = self.text(key, place) else { continue };
            let read = read(self, value, &place.key(&name));
            found.extend(read.map(|read| (name, read)));
        }
        Some(found.into_iter().collect())
    }
}

/// Reads any value as it is.
#[expect(clippy::unnecessary_wraps, reason = "it stands where readers stand that may refuse")]
pub(super) fn anything(_: &mut Reader, node: &Node, _: &Place<'_>) -> Option<Node> {
    Some(node.clone())
}
