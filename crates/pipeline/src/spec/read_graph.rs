//! From a tree to a graph: its tasks, what they are given, and where their components are.

use super::{
    Argument, CachingStrategySpec, ComponentReference, ExecutionOptionsSpec, GraphInputReference,
    GraphSpec, RetryStrategySpec, TaskOutputReference, TaskSpec,
    fields::{Place, Reader},
    read::described,
};
use crate::yaml::{Content, Node};

/// Reads a graph.
pub(super) fn graph(reader: &mut Reader, node: &Node, place: &Place<'_>) -> Option<GraphSpec> {
    if !reader.is_mapping(node, place) {
        return None;
    }
    let tasks = reader.required(node, "tasks", place)?;
    let values =
        |reader: &mut Reader, node: &Node, place: &Place<'_>| reader.named(node, place, argument);
    Some(GraphSpec {
        tasks: reader.named(tasks, &place.key("tasks"), task)?,
        output_values: reader.optional(node, "outputValues", place, values).unwrap_or_default(),
    })
}

fn task(reader: &mut Reader, node: &Node, place: &Place<'_>) -> Option<TaskSpec> {
    if !reader.is_mapping(node, place) {
        return None;
    }
    let component = reader.required(node, "componentRef", place)?;
    let arguments =
        |reader: &mut Reader, node: &Node, place: &Place<'_>| reader.named(node, place, argument);
    Some(TaskSpec {
        component_ref: reference(reader, component, &place.key("componentRef"))?,
        arguments: reader.optional(node, "arguments", place, arguments).unwrap_or_default(),
        is_enabled: reader.optional(node, "isEnabled", place, argument),
        execution_options: reader.optional(node, "executionOptions", place, options),
        annotations: reader.optional(node, "annotations", place, Reader::notes).unwrap_or_default(),
    })
}

fn reference(reader: &mut Reader, node: &Node, place: &Place<'_>) -> Option<ComponentReference> {
    if !reader.is_mapping(node, place) {
        return None;
    }
    let found = ComponentReference {
        name: reader.optional(node, "name", place, Reader::text),
        digest: reader.optional(node, "digest", place, Reader::text),
        tag: reader.optional(node, "tag", place, Reader::text),
        url: reader.optional(node, "url", place, Reader::text),
        spec: reader.optional(node, "spec", place, Reader::component).map(Box::new),
        text: reader.optional(node, "text", place, Reader::text),
    };
    let says = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let says_something =
        [&found.name, &found.digest, &found.url, &found.text].into_iter().any(says);
    if !says_something && node.get("spec").is_none_or(|spec| spec.content == Content::Null) {
        reader.problem(node, place, "must have one of name, digest, url, spec, text");
    }
    Some(found)
}

fn argument(reader: &mut Reader, node: &Node, place: &Place<'_>) -> Option<Argument> {
    if let Content::Text(text) = &node.content {
        return Some(Argument::Constant(text.clone()));
    }
    if let Some(input) = node.get("graphInput") {
        return graph_input(reader, input, &place.key("graphInput")).map(Argument::GraphInput);
    }
    if let Some(output) = node.get("taskOutput") {
        return task_output(reader, output, &place.key("taskOutput")).map(Argument::TaskOutput);
    }
    if let Some(data) = node.get("dynamicData") {
        let fits = matches!(data.content, Content::Text(_) | Content::Mapping(_));
        if !fits {
            reader.problem(data, &place.key("dynamicData"), "must be text or a mapping");
        }
        return fits.then(|| Argument::DynamicData(data.clone()));
    }
    let mut message = format!(
        "must be text or one of graphInput, taskOutput, dynamicData; it is {}",
        described(node)
    );
    if matches!(node.content, Content::Bool(_) | Content::Integer(_) | Content::Float(_)) {
        message.push_str("; write it in quotes");
    }
    reader.problem(node, place, message);
    None
}

fn graph_input(reader: &mut Reader, node: &Node, place: &Place<'_>) -> Option<GraphInputReference> {
    if !reader.is_mapping(node, place) {
        return None;
    }
    let name = reader.required(node, "inputName", place)?;
    Some(GraphInputReference {
        input_name: reader.text(name, &place.key("inputName"))?,
        kind: reader.optional(node, "type", place, Reader::kind),
    })
}

fn task_output(reader: &mut Reader, node: &Node, place: &Place<'_>) -> Option<TaskOutputReference> {
    if !reader.is_mapping(node, place) {
        return None;
    }
    let output = reader.required(node, "outputName", place);
    let task = reader.required(node, "taskId", place);
    Some(TaskOutputReference {
        output_name: reader.text(output?, &place.key("outputName"))?,
        task_id: reader.text(task?, &place.key("taskId"))?,
    })
}

fn options(reader: &mut Reader, node: &Node, place: &Place<'_>) -> Option<ExecutionOptionsSpec> {
    if !reader.is_mapping(node, place) {
        return None;
    }
    Some(ExecutionOptionsSpec {
        retry_strategy: reader.optional(node, "retryStrategy", place, retries),
        caching_strategy: reader.optional(node, "cachingStrategy", place, caching),
    })
}

fn retries(reader: &mut Reader, node: &Node, place: &Place<'_>) -> Option<RetryStrategySpec> {
    if !reader.is_mapping(node, place) {
        return None;
    }
    let max_retries = reader.required(node, "maxRetries", place)?;
    let max_retries = reader.whole_number(max_retries, &place.key("maxRetries"))?;
    Some(RetryStrategySpec { max_retries })
}

fn caching(reader: &mut Reader, node: &Node, place: &Place<'_>) -> Option<CachingStrategySpec> {
    if !reader.is_mapping(node, place) {
        return None;
    }
    let max_cache_staleness = reader.optional(node, "maxCacheStaleness", place, Reader::text);
    Some(CachingStrategySpec { max_cache_staleness })
}
