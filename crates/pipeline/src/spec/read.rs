//! From a tree to a component: its interface, its container and its command line. Keys that Tangle
//! does not know are passed over, as Tangle passes them over. Graphs are read in `read_graph`.

use super::{
    CommandLinePart, ComponentSpec, Condition, ContainerSpec, IfPlaceholder, Implementation,
    InputSpec, MetadataSpec, OutputSpec,
    fields::{Place, Reader, anything},
    read_graph,
};
use crate::{
    error::PipelineError,
    yaml::{self, Content, Node},
};

/// Reads a component from the text of a YAML file.
pub(crate) fn component_text(text: &str) -> Result<ComponentSpec, PipelineError> {
    component(&yaml::read(text)?)
}

/// Reads a component from a tree.
pub(crate) fn component(node: &Node) -> Result<ComponentSpec, PipelineError> {
    if node.get("implementation").is_none() {
        return Err(PipelineError::NotAComponent);
    }
    let mut reader = Reader::default();
    let read = reader.component(node, &Place::ROOT);
    match read {
        Some(component) if reader.problems.is_empty() => Ok(component),
        _ => Err(PipelineError::Invalid(reader.problems)),
    }
}

impl Reader {
    pub(super) fn component(&mut self, node: &Node, place: &Place<'_>) -> Option<ComponentSpec> {
        if !self.is_mapping(node, place) {
            return None;
        }
        let inputs = |reader: &mut Self, node: &Node, place: &Place<'_>| {
            reader.list(node, place, Self::input)
        };
        let outputs = |reader: &mut Self, node: &Node, place: &Place<'_>| {
            reader.list(node, place, Self::output)
        };
        Some(ComponentSpec {
            name: self.optional(node, "name", place, Self::text),
            description: self.optional(node, "description", place, Self::text),
            metadata: self.optional(node, "metadata", place, Self::metadata),
            inputs: self.optional(node, "inputs", place, inputs).unwrap_or_default(),
            outputs: self.optional(node, "outputs", place, outputs).unwrap_or_default(),
            implementation: self.optional(node, "implementation", place, Self::implementation),
        })
    }

    fn metadata(&mut self, node: &Node, place: &Place<'_>) -> Option<MetadataSpec> {
        if !self.is_mapping(node, place) {
            return None;
        }
        let texts = |reader: &mut Self, node: &Node, place: &Place<'_>| {
            reader.named(node, place, Self::text)
        };
        Some(MetadataSpec {
            annotations: self.optional(node, "annotations", place, texts).unwrap_or_default(),
            labels: self.optional(node, "labels", place, texts).unwrap_or_default(),
        })
    }

    fn input(&mut self, node: &Node, place: &Place<'_>) -> Option<InputSpec> {
        if !self.is_mapping(node, place) {
            return None;
        }
        Some(InputSpec {
            name: self.name(node, place)?,
            kind: self.optional(node, "type", place, Self::kind),
            description: self.optional(node, "description", place, Self::text),
            default: self.optional(node, "default", place, Self::text),
            optional: self.optional(node, "optional", place, Self::truth).unwrap_or_default(),
            annotations: self.optional(node, "annotations", place, Self::notes).unwrap_or_default(),
        })
    }

    fn output(&mut self, node: &Node, place: &Place<'_>) -> Option<OutputSpec> {
        if !self.is_mapping(node, place) {
            return None;
        }
        Some(OutputSpec {
            name: self.name(node, place)?,
            kind: self.optional(node, "type", place, Self::kind),
            description: self.optional(node, "description", place, Self::text),
            annotations: self.optional(node, "annotations", place, Self::notes).unwrap_or_default(),
        })
    }

    fn name(&mut self, node: &Node, place: &Place<'_>) -> Option<String> {
        let name = self.required(node, "name", place)?;
        self.text(name, &place.key("name"))
    }

    pub(super) fn notes(&mut self, node: &Node, place: &Place<'_>) -> Option<super::Named<Node>> {
        self.named(node, place, anything)
    }

    /// A data type: a name, a mapping or a list.
    pub(super) fn kind(&mut self, node: &Node, place: &Place<'_>) -> Option<Node> {
        let fits =
            matches!(node.content, Content::Text(_) | Content::Mapping(_) | Content::Sequence(_));
        if !fits {
            let message = format!("must be a name, a mapping or a list, and is {}", node.kind());
            self.problem(node, place, message);
        }
        fits.then(|| node.clone())
    }

    fn implementation(&mut self, node: &Node, place: &Place<'_>) -> Option<Implementation> {
        if let Some(container) = node.get("container") {
            let container = self.container(container, &place.key("container"))?;
            return Some(Implementation::Container(container));
        }
        if let Some(graph) = node.get("graph") {
            let graph = read_graph::graph(self, graph, &place.key("graph"))?;
            return Some(Implementation::Graph(graph));
        }
        self.problem(node, place, "must be a `container` or a `graph`");
        None
    }

    fn container(&mut self, node: &Node, place: &Place<'_>) -> Option<ContainerSpec> {
        if !self.is_mapping(node, place) {
            return None;
        }
        let variables = |reader: &mut Self, node: &Node, place: &Place<'_>| {
            let found = reader.named(node, place, Self::text)?;
            Some(found.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect())
        };
        let image = self.required(node, "image", place)?;
        Some(ContainerSpec {
            image: self.text(image, &place.key("image"))?,
            command: self.optional(node, "command", place, Self::parts),
            args: self.optional(node, "args", place, Self::parts),
            env: self.optional(node, "env", place, variables),
        })
    }

    fn parts(&mut self, node: &Node, place: &Place<'_>) -> Option<Vec<CommandLinePart>> {
        self.list(node, place, Self::part)
    }

    fn part(&mut self, node: &Node, place: &Place<'_>) -> Option<CommandLinePart> {
        type Named = fn(String) -> CommandLinePart;
        if let Content::Text(text) = &node.content {
            return Some(CommandLinePart::Text(text.clone()));
        }
        // The first key that fits decides, in the order in which Tangle tries them.
        let named: [(&str, Named); 3] = [
            ("inputValue", CommandLinePart::InputValue),
            ("inputPath", CommandLinePart::InputPath),
            ("outputPath", CommandLinePart::OutputPath),
        ];
        for (key, part) in named {
            if let Some(name) = node.get(key) {
                return self.text(name, &place.key(key)).map(part);
            }
        }
        if let Some(parts) = node.get("concat") {
            return self.parts(parts, &place.key("concat")).map(CommandLinePart::Concat);
        }
        if let Some(choice) = node.get("if") {
            let choice = self.choice(choice, &place.key("if"))?;
            return Some(CommandLinePart::If(Box::new(choice)));
        }
        let message = format!(
            "must be text or one of inputValue, inputPath, outputPath, concat, if; it is {}",
            described(node)
        );
        self.problem(node, place, message);
        None
    }

    fn choice(&mut self, node: &Node, place: &Place<'_>) -> Option<IfPlaceholder> {
        if !self.is_mapping(node, place) {
            return None;
        }
        let cond = self.required(node, "cond", place);
        let then = self.required(node, "then", place);
        Some(IfPlaceholder {
            otherwise: self.optional(node, "else", place, Self::parts),
            cond: self.condition(cond?, &place.key("cond"))?,
            then: self.parts(then?, &place.key("then"))?,
        })
    }

    fn condition(&mut self, node: &Node, place: &Place<'_>) -> Option<Condition> {
        match &node.content {
            Content::Bool(value) => return Some(Condition::Bool(*value)),
            Content::Text(text) => return Some(Condition::Text(text.clone())),
            Content::Integer(_) | Content::Float(_) => {
                return self.truth(node, place).map(Condition::Bool);
            }
            _ => {}
        }
        if let Some(name) = node.get("isPresent") {
            return self.text(name, &place.key("isPresent")).map(Condition::IsPresent);
        }
        if let Some(name) = node.get("inputValue") {
            return self.text(name, &place.key("inputValue")).map(Condition::InputValue);
        }
        let message = format!(
            "must be a truth value, text, or one of isPresent, inputValue; it is {}",
            described(node)
        );
        self.problem(node, place, message);
        None
    }
}

/// A value for sentences; of a mapping its keys, since a wrong key is the usual mistake.
pub(super) fn described(node: &Node) -> String {
    let Content::Mapping(entries) = &node.content else { return node.kind().to_owned() };
    let keys: Vec<&str> = entries.iter().filter_map(|(key, _)| key.text()).take(4).collect();
    if keys.is_empty() { node.kind().to_owned() } else { format!("`{}`", keys.join("`, `")) }
}
