//! A component as Tangle specifies it (its `component_structures.py`; the family of Kubeflow
//! Pipelines v1): what it is called, what goes in and out, and either a container or a graph of
//! tasks. A pipeline is a component whose implementation is a graph. The types hold what was read;
//! `read` reads them, and whether a graph makes sense is found when it is planned.

mod fields;
mod named;
mod read;
mod read_graph;

use std::collections::BTreeMap;

use serde::Serialize;

pub use self::named::Named;
pub(crate) use self::read::{component, component_text};
use crate::yaml::Node;

/// A component: a container, or a graph of tasks.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ComponentSpec {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Annotations and labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataSpec>,
    /// What goes in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<InputSpec>,
    /// What comes out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputSpec>,
    /// How it is done; a mere interface has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub implementation: Option<Implementation>,
}

/// Annotations and labels of a component.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MetadataSpec {
    /// Free notes of the tools that made it.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub annotations: Named<String>,
    /// Labels.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub labels: Named<String>,
}

/// An input of a component.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct InputSpec {
    /// Its name, as placeholders and arguments use it.
    pub name: String,
    /// What kind of data it is: a name, or a structure. Not checked, as in Tangle.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Node>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The value of a required input that gets no argument. An optional one is not passed at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Whether the component works without it.
    #[serde(skip_serializing_if = "is_false")]
    pub optional: bool,
    /// Free notes, such as its place in an editor.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub annotations: Named<Node>,
}

/// An output of a component.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct OutputSpec {
    /// Its name, as placeholders and references use it.
    pub name: String,
    /// What kind of data it is. Not checked.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Node>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Free notes.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub annotations: Named<Node>,
}

/// How a component is done.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Implementation {
    /// By a program in a container.
    Container(ContainerSpec),
    /// By a graph of tasks.
    Graph(GraphSpec),
}

/// A program in a container. Its JSON is what cache keys are made of, so its fields stand in the
/// order of the alphabet, and an absent list differs from an empty one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ContainerSpec {
    /// Arguments, after the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<CommandLinePart>>,
    /// The program and its first arguments; absent: the image's own entry point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<CommandLinePart>>,
    /// Environment variables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeMap<String, String>>,
    /// The container image.
    pub image: String,
}

/// A part of a command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CommandLinePart {
    /// The value of an input.
    InputValue(String),
    /// The path of a file or folder that holds an input's value.
    InputPath(String),
    /// The path that an output must be written to.
    OutputPath(String),
    /// Its parts, joined into one.
    Concat(Vec<CommandLinePart>),
    /// One of two lists of parts.
    If(Box<IfPlaceholder>),
    /// The text as it stands.
    #[serde(untagged)]
    Text(String),
}

/// One of two lists of parts, as a condition says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IfPlaceholder {
    /// What decides.
    pub cond: Condition,
    /// The parts when it does not hold.
    #[serde(rename = "else", skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Vec<CommandLinePart>>,
    /// The parts when it holds.
    pub then: Vec<CommandLinePart>,
}

/// What decides between two lists of parts. It holds when its text is `true`, in any case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Condition {
    /// Whether the input has a value.
    IsPresent(String),
    /// The value of an input.
    InputValue(String),
    /// A truth value.
    #[serde(untagged)]
    Bool(bool),
    /// A text.
    #[serde(untagged)]
    Text(String),
}

/// A graph of tasks.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphSpec {
    /// The tasks by name, in the order of the file.
    pub tasks: Named<TaskSpec>,
    /// Where the graph's outputs come from.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub output_values: Named<Argument>,
}

/// A component with arguments.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskSpec {
    /// The component.
    pub component_ref: ComponentReference,
    /// What its inputs are given.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub arguments: Named<Argument>,
    /// Says `true` or `false`: whether the task runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_enabled: Option<Argument>,
    /// Retries and reuse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_options: Option<ExecutionOptionsSpec>,
    /// Free notes; some are instructions to launchers.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub annotations: Named<Node>,
}

/// Where a component is to be found. To run, its `spec` must be there.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ComponentReference {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// SHA-256 of its text with line feeds only, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// A tag of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Where its text lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The component itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<Box<ComponentSpec>>,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What an input is given.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Argument {
    /// The value of an input of the graph around it.
    GraphInput(GraphInputReference),
    /// An output of another task of the same graph.
    TaskOutput(TaskOutputReference),
    /// Something that is known only when it runs, such as a secret.
    DynamicData(Node),
    /// The text as it stands.
    #[serde(untagged)]
    Constant(String),
}

/// An input of the graph around a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphInputReference {
    /// Its name.
    pub input_name: String,
    /// Another kind than the one declared.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Node>,
}

/// An output of another task of the same graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskOutputReference {
    /// The output.
    pub output_name: String,
    /// The task.
    pub task_id: String,
}

/// Retries and reuse of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionOptionsSpec {
    /// How often it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_strategy: Option<RetryStrategySpec>,
    /// How old a result may be that stands in for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caching_strategy: Option<CachingStrategySpec>,
}

/// How often a task is tried again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryStrategySpec {
    /// Tries after the first.
    pub max_retries: i64,
}

/// How old a result may be that stands in for a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CachingStrategySpec {
    /// A duration as in ISO 8601, such as `P30DT1H`; `P0D`: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_cache_staleness: Option<String>,
}

impl ComponentSpec {
    /// What people call it, or a word that says that nobody gave it a name.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or("unnamed")
    }

    /// The component as JSON, as Tangle's API has it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a component has only text keys, and JSON has them all")
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the serializer passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
