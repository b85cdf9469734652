//! From the parser's events to a tree. Depth and size are bounded, so that no document, and no alias
//! of an alias, takes the memory of the machine.

use std::{borrow::Cow, collections::HashMap};

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::{Content, Node, YamlError, plain};

/// Bytes of a document at most. Tangle stores no component past 300 kB.
const BYTES: usize = 8 << 20;
/// Values of a document at most, those that aliases repeat counted each time.
const NODES: usize = 500_000;
/// How deep values may nest.
const DEPTH: usize = 100;

/// Reads the one document of a text.
pub(crate) fn read(text: &str) -> Result<Node, YamlError> {
    if text.len() > BYTES {
        return Err(error(1, "the file is larger than 8 MiB"));
    }
    let mut parser = Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut builder = Builder::default();
    let mut documents = 0;
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|scan| error(scan.marker().line(), scan.info()))?;
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    let message = "a second document begins here; one file holds one component";
                    return Err(error(line(&span), message));
                }
            }
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentEnd => {}
            event => builder.take(event, &span)?,
        }
    }
    Ok(builder.root.unwrap_or(Node { content: Content::Null, line: 1 }))
}

fn error(line: usize, message: impl Into<String>) -> YamlError {
    YamlError { line, message: message.into() }
}

fn line(span: &Span) -> usize {
    span.start.line()
}

/// A list or mapping that is not yet complete.
struct Unfinished {
    node: Node,
    /// A key that waits for its value.
    key: Option<Node>,
    anchor: usize,
}

#[derive(Default)]
struct Builder {
    open: Vec<Unfinished>,
    root: Option<Node>,
    /// Complete values by anchor, with their size in nodes.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), YamlError> {
        let line = line(span);
        match event {
            Event::Scalar(word, style, anchor, tag) => {
                let content =
                    scalar(&word, style, tag.as_deref()).map_err(|said| error(line, said))?;
                self.count(1, line)?;
                self.complete(Node { content, line }, anchor, line)
            }
            Event::Alias(anchor) => {
                let (node, size) = self
                    .anchors
                    .get(&anchor)
                    .cloned()
                    .ok_or_else(|| error(line, "an alias stands inside the value it names"))?;
                self.count(size, line)?;
                self.complete(node, 0, line)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.begin(Content::Sequence(Vec::new()), anchor, tag.as_deref(), line)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.begin(Content::Mapping(Vec::new()), anchor, tag.as_deref(), line)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let mut done = self.open.pop().expect("the parser closes only what it opened");
                if let Content::Mapping(entries) = &mut done.node.content {
                    *entries = merged(std::mem::take(entries))?;
                }
                self.complete(done.node, done.anchor, line)
            }
            _ => Ok(()),
        }
    }

    fn begin(
        &mut self,
        content: Content,
        anchor: usize,
        tag: Option<&Tag>,
        line: usize,
    ) -> Result<(), YamlError> {
        if let Some(tag) = tag.filter(|tag| !matches!(core(tag).as_deref(), Some("map" | "seq"))) {
            return Err(error(line, unknown(tag)));
        }
        if self.open.len() >= DEPTH {
            return Err(error(line, format!("values nest deeper than {DEPTH} levels")));
        }
        self.count(1, line)?;
        self.open.push(Unfinished { node: Node { content, line }, key: None, anchor });
        Ok(())
    }

    fn count(&mut self, nodes: usize, line: usize) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > NODES {
            return Err(error(line, format!("the file holds more than {NODES} values")));
        }
        Ok(())
    }

    /// Puts a complete value where it belongs.
    fn complete(&mut self, node: Node, anchor: usize, line: usize) -> Result<(), YamlError> {
        if anchor > 0 {
            let size = size(&node);
            // A value that is kept for aliases takes memory once more.
            self.count(size, line)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut parent.node.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping(entries) => match parent.key.take() {
                None => parent.key = Some(node),
                Some(key) => entries.push((key, node)),
            },
            _ => unreachable!("only lists and mappings are opened"),
        }
        Ok(())
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.content {
        Content::Sequence(items) => items.iter().map(size).sum(),
        Content::Mapping(entries) => {
            entries.iter().map(|(key, value)| size(key) + size(value)).sum()
        }
        _ => 0,
    }
}

/// The value of a scalar. Quoted and block scalars are text; a tag of the core schema overrules.
fn scalar(word: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Content, String> {
    let is_plain = style == ScalarStyle::Plain;
    let Some(tag) = tag else {
        return Ok(if is_plain { plain::resolve(word) } else { Content::Text(word.to_owned()) });
    };
    if tag.handle().is_empty() && tag.suffix() == "!" {
        return Ok(Content::Text(word.to_owned()));
    }
    let resolved = plain::resolve(word);
    match (core(tag).as_deref(), resolved) {
        (Some("str"), _) => Ok(Content::Text(word.to_owned())),
        (Some("null"), _) => Ok(Content::Null),
        (Some("bool"), found @ Content::Bool(_))
        | (Some("int"), found @ Content::Integer(_))
        | (Some("float"), found @ Content::Float(_))
        | (Some("timestamp"), found @ Content::Date(_)) => Ok(found),
        (Some("float"), Content::Integer(value)) => Ok(Content::Float(value as f64)),
        (Some(name @ ("bool" | "int" | "float" | "timestamp")), _) => {
            Err(format!("`{word}` is not of the kind `!!{name}` that its tag says"))
        }
        _ => Err(unknown(tag)),
    }
}

/// The name of a tag of YAML's own: `str` for `!!str`.
fn core(tag: &Tag) -> Option<Cow<'_, str>> {
    tag.suffix_in_namespace("tag:yaml.org,2002:")
}

fn unknown(tag: &Tag) -> String {
    format!("the tag `{}{}` is not known here", tag.original_handle(), tag.suffix())
}

/// Follows `<<` and lets the last of equal keys win, at the place of the first.
fn merged(entries: Vec<(Node, Node)>) -> Result<Vec<(Node, Node)>, YamlError> {
    let mut own: Vec<(Node, Node)> = Vec::with_capacity(entries.len());
    let mut places: HashMap<String, usize> = HashMap::with_capacity(entries.len());
    let mut inherited = Vec::new();
    for (key, value) in entries {
        let name = key.text().map(str::to_owned);
        if name.as_deref() == Some("<<") {
            inherit(value, &mut inherited)?;
            continue;
        }
        match name.as_ref().and_then(|name| places.get(name)) {
            Some(&place) => own[place].1 = value,
            None => {
                places.extend(name.map(|name| (name, own.len())));
                own.push((key, value));
            }
        }
    }
    for (key, value) in inherited {
        let is_new = key.text().is_none_or(|name| !places.contains_key(name));
        if is_new {
            places.extend(key.text().map(|name| (name.to_owned(), own.len())));
            own.push((key, value));
        }
    }
    Ok(own)
}

fn inherit(value: Node, inherited: &mut Vec<(Node, Node)>) -> Result<(), YamlError> {
    match value.content {
        Content::Mapping(entries) => inherited.extend(entries),
        Content::Sequence(items) => {
            for item in items {
                inherit(item, inherited)?;
            }
        }
        _ => return Err(error(value.line, "`<<` must name a mapping, or a list of mappings")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::yaml::Node;

    fn check(text: &str, json: &str) {
        let node = read(text).expect("it is YAML");
        assert_eq!(serde_json::to_string(&node).expect("it is JSON"), json, "{text:?}");
    }

    fn refused(text: &str) -> String {
        read(text).map(|node| format!("{node:?}")).expect_err("it is not").to_string()
    }

    #[test]
    fn documents_are_read_with_their_lines() {
        check(
            "a: [1, 'no', no]\nb:\n  c: |\n    x\n    y\n",
            r#"{"a":[1,"no",false],"b":{"c":"x\ny\n"}}"#,
        );
        let node = read("a: 1\nb:\n- x\n- y\n").expect("it is YAML");
        let b: &Node = node.get("b").expect("it is there");
        assert_eq!(b.line, 3);
        check("", "null");
        check("# only a comment\n", "null");
    }

    #[test]
    fn aliases_merge_keys_and_equal_keys_are_as_in_python() {
        check(
            "base: &b {x: 1, y: 2}\nown: {<<: *b, y: 3}\nsame: 1\nsame: 2\n",
            r#"{"base":{"x":1,"y":2},"own":{"y":3,"x":1},"same":2}"#,
        );
        check("a: &a [1]\nb: [*a, *a]\n", r#"{"a":[1],"b":[[1],[1]]}"#);
        check("a: !!str 1\nb: ! 2\nc: !!int '3'\n", r#"{"a":"1","b":"2","c":3}"#);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        assert!(refused("a: 1\nb: [1, 2\n").starts_with("line "), "{}", refused("a: [1\n"));
        assert_eq!(refused("a: !Thing x\n"), "line 1: the tag `!Thing` is not known here");
        assert!(refused("a: 1\n---\nb: 2\n").contains("a second document"));
        assert!(refused("a: *nobody\n").contains("line 1"));
    }

    #[test]
    fn deep_and_swelling_documents_are_refused() {
        assert!(refused(&"- ".repeat(100_000)).contains("deeper than"));
        assert!(!refused(&"[".repeat(100_000)).is_empty());
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let alias = format!("*a{}, ", level - 1).repeat(10);
            bomb.push_str(&format!("a{level}: &a{level} [{alias}]\n"));
        }
        assert!(refused(&bomb).contains("more than"));
    }
}
