//! Specifications as `decide::graph` sees them, and the names that a command line may use.

use decide::graph;

use crate::{
    launcher,
    problem::Problem,
    spec::{
        Argument, CommandLinePart, ComponentSpec, Condition, ContainerSpec, Implementation, Named,
        TaskSpec,
    },
};

/// A task as the rules of graphs see it.
pub(super) fn seen(name: &str, task: &TaskSpec) -> graph::Task {
    let component = task.component_ref.spec.as_deref();
    let inputs = component.map(|found| found.inputs.as_slice()).unwrap_or_default();
    graph::Task {
        name: name.to_owned(),
        inputs: inputs
            .iter()
            .map(|input| graph::TaskInput {
                name: input.name.clone(),
                is_required: !input.optional && input.default.is_none(),
            })
            .collect(),
        outputs: component.map(outputs).unwrap_or_default(),
        arguments: arguments(&task.arguments),
        condition: task.is_enabled.as_ref().map(seen_argument),
    }
}

/// The outputs that a component really has: those of a graph that no task gives do not exist.
fn outputs(component: &ComponentSpec) -> Vec<String> {
    let declared = component.outputs.iter().map(|output| &output.name);
    match &component.implementation {
        Some(Implementation::Graph(graph)) => {
            declared.filter(|name| graph.output_values.get(name).is_some()).cloned().collect()
        }
        _ => declared.cloned().collect(),
    }
}

/// Arguments as the rules of graphs see them.
pub(super) fn arguments(arguments: &Named<Argument>) -> Vec<(String, graph::Argument)> {
    arguments.iter().map(|(name, argument)| (name.to_owned(), seen_argument(argument))).collect()
}

fn seen_argument(argument: &Argument) -> graph::Argument {
    match argument {
        Argument::Constant(_) | Argument::DynamicData(_) => graph::Argument::Constant,
        Argument::GraphInput(input) => graph::Argument::GraphInput(input.input_name.clone()),
        Argument::TaskOutput(output) => graph::Argument::TaskOutput {
            task: output.task_id.clone(),
            output: output.output_name.clone(),
        },
    }
}

/// Placeholders that name what the component does not have.
pub(super) fn container(
    component: &ComponentSpec,
    container: &ContainerSpec,
    path: &str,
) -> Vec<Problem> {
    let mut check = Check { component, problems: Vec::new() };
    check.parts(container.command.as_deref().unwrap_or_default(), &format!("{path}.command"));
    check.parts(container.args.as_deref().unwrap_or_default(), &format!("{path}.args"));
    check.problems
}

/// Why no launcher could run the container: the step of the path, and a sentence.
pub(super) fn launcher(
    container: &ContainerSpec,
    name: Option<&str>,
) -> Option<(&'static str, String)> {
    let Some(launcher) = launcher::find(name) else {
        let (name, known) = (name.unwrap_or_default(), launcher::names());
        let message = format!("there is no launcher `{name}` here; there is: {known}");
        return Some(("metadata.annotations", message));
    };
    Some(("implementation.container", launcher.refusal(container)?))
}

struct Check<'a> {
    component: &'a ComponentSpec,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn parts(&mut self, parts: &[CommandLinePart], path: &str) {
        for (number, part) in parts.iter().enumerate() {
            let path = format!("{path}.{number}");
            match part {
                CommandLinePart::Text(_) => {}
                CommandLinePart::InputValue(name) => self.input(name, format!("{path}.inputValue")),
                CommandLinePart::InputPath(name) => self.input(name, format!("{path}.inputPath")),
                CommandLinePart::OutputPath(name) => {
                    self.output(name, format!("{path}.outputPath"));
                }
                CommandLinePart::Concat(parts) => self.parts(parts, &format!("{path}.concat")),
                CommandLinePart::If(choice) => {
                    match &choice.cond {
                        Condition::InputValue(name) => {
                            self.input(name, format!("{path}.if.cond.inputValue"));
                        }
                        // Whether an unknown input is present has an answer: no.
                        Condition::IsPresent(_) | Condition::Bool(_) | Condition::Text(_) => {}
                    }
                    self.parts(&choice.then, &format!("{path}.if.then"));
                    let otherwise = choice.otherwise.as_deref().unwrap_or_default();
                    self.parts(otherwise, &format!("{path}.if.else"));
                }
            }
        }
    }

    fn input(&mut self, name: &str, path: String) {
        if !self.component.inputs.iter().any(|input| input.name == name) {
            self.problems.push(Problem::new(path, format!("the component has no input `{name}`")));
        }
    }

    fn output(&mut self, name: &str, path: String) {
        if !self.component.outputs.iter().any(|output| output.name == name) {
            self.problems.push(Problem::new(path, format!("the component has no output `{name}`")));
        }
    }
}
