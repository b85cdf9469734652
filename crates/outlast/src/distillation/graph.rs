//! The graph of a distillation: every step of `distill` as a component that calls `outlast step`. An
//! input is the output of the same name of an earlier step, so the list of steps is all there is to it.

use std::collections::BTreeMap;

use distill::step::{ALL, Step, TASK_FILE};
use pipeline::spec::{
    Argument, CommandLinePart, ComponentReference, ComponentSpec, ContainerSpec,
    ExecutionOptionsSpec, GraphInputReference, GraphSpec, Implementation, InputSpec, Named,
    OutputSpec, RetryStrategySpec, TaskOutputReference, TaskSpec,
};

/// The hash over the task file and all that it names.
pub(super) const CONTENTS: &str = "contents";

/// What the pipeline as a whole makes.
const OUTPUTS: [&str; 2] = ["report", "package"];

/// Tries after the first of a step that asks the teacher: the gateway has its own retries, and what was
/// answered is kept.
const RETRIES: i64 = 3;

/// The image of every step: this build, so that another one's results are never taken.
pub(super) fn image(build: &str) -> String {
    format!("outlast:{build}")
}

/// The graph for a task of this name.
pub(super) fn graph(task: &str, build: &str) -> ComponentSpec {
    let mut makers: BTreeMap<&str, &str> = BTreeMap::new();
    let mut tasks = Vec::new();
    for step in ALL {
        tasks.push((step.name().to_owned(), task_of(*step, build, &makers)));
        makers.extend(step.outputs().iter().map(|output| (output.name, step.name())));
    }
    let outputs = OUTPUTS.map(|name| (name.to_owned(), output_of(makers[name], name)));
    ComponentSpec {
        name: Some(format!("distill {task}")),
        description: Some("task and teacher in; student, report and verdict out".to_owned()),
        inputs: vec![
            input(TASK_FILE, "the task file, by its whole path"),
            input(CONTENTS, "a hash over it and every file that it names"),
        ],
        outputs: OUTPUTS.map(|name| output(name, "")).into(),
        implementation: Some(Implementation::Graph(GraphSpec {
            tasks: tasks.into_iter().collect(),
            output_values: outputs.into_iter().collect(),
        })),
        metadata: None,
    }
}

fn task_of(step: &dyn Step, build: &str, makers: &BTreeMap<&str, &str>) -> TaskSpec {
    let reads_task_file = step.inputs().iter().any(|port| port.name == TASK_FILE);
    let contents = reads_task_file.then_some(CONTENTS);
    let inputs = step.inputs().iter().map(|port| port.name).chain(contents);
    let arguments = inputs.map(|name| {
        let argument = match makers.get(name) {
            Some(maker) => output_of(maker, name),
            None => Argument::GraphInput(GraphInputReference {
                input_name: name.to_owned(),
                kind: None,
            }),
        };
        (name.to_owned(), argument)
    });
    let retry = RetryStrategySpec { max_retries: RETRIES };
    TaskSpec {
        arguments: arguments.collect(),
        component_ref: ComponentReference {
            spec: Some(Box::new(component(step, build, contents))),
            ..ComponentReference::default()
        },
        is_enabled: None,
        execution_options: step.asks_teacher().then_some(ExecutionOptionsSpec {
            retry_strategy: Some(retry),
            caching_strategy: None,
        }),
        annotations: Named::default(),
    }
}

fn component(step: &dyn Step, build: &str, contents: Option<&'static str>) -> ComponentSpec {
    let text = |text: &str| CommandLinePart::Text(text.to_owned());
    let mut command: Vec<CommandLinePart> =
        ["outlast", "step", step.name(), "--build", build].map(text).into();
    for port in step.inputs() {
        let name = port.name.to_owned();
        // The task file stays where it is: the paths in it are relative to it.
        let value = match port.name {
            TASK_FILE => CommandLinePart::InputValue(name),
            _ => CommandLinePart::InputPath(name),
        };
        command.extend([text(&format!("--{}", port.name)), value]);
    }
    if let Some(contents) = contents {
        command.extend([text("--contents"), CommandLinePart::InputValue(contents.to_owned())]);
    }
    for port in step.outputs() {
        let path = CommandLinePart::OutputPath(port.name.to_owned());
        command.extend([text(&format!("--{}", port.name)), path]);
    }
    let named = |contents: &'static str| input(contents, "a hash over the files that are read");
    ComponentSpec {
        name: Some(format!("outlast step {}", step.name())),
        description: Some(step.what().to_owned()),
        inputs: step
            .inputs()
            .iter()
            .map(|port| input(port.name, port.what))
            .chain(contents.map(named))
            .collect(),
        outputs: step.outputs().iter().map(|port| output(port.name, port.what)).collect(),
        implementation: Some(Implementation::Container(ContainerSpec {
            command: Some(command),
            image: image(build),
            args: None,
            env: None,
        })),
        metadata: None,
    }
}

fn input(name: &str, what: &str) -> InputSpec {
    InputSpec { name: name.to_owned(), description: Some(what.to_owned()), ..InputSpec::default() }
}

fn output(name: &str, what: &str) -> OutputSpec {
    let description = Some(what.to_owned()).filter(|what| !what.is_empty());
    OutputSpec { name: name.to_owned(), description, ..OutputSpec::default() }
}

fn output_of(task: &str, output: &str) -> Argument {
    Argument::TaskOutput(TaskOutputReference {
        task_id: task.to_owned(),
        output_name: output.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use pipeline::{Engine, parse_json};

    use super::graph;

    #[test]
    fn the_graph_can_run_and_is_read_back_as_it_was_written() {
        let spec = graph("intent", "1-a");
        let arguments =
            ["task_file", "contents"].map(|name| (name.to_owned(), "x".to_owned())).into();
        assert_eq!(Engine::check(&spec, &arguments).unwrap(), []);
        assert_eq!(parse_json(&spec.to_json()).unwrap(), spec);
    }
}
