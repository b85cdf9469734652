//! From a pipeline and its arguments to a run's plan: nested graphs flattened, every input traced to
//! a constant or to the output of another execution, everything that could not work refused with its
//! path. Inputs get their values as Tangle gives them (`api_server_sql.py`): a required input without
//! an argument gets its default, an optional one gets nothing. Where Tangle gives up (conditions on
//! graphs, a single container as a pipeline, an empty default) this goes on.

mod check;
mod policy;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use decide::{
    graph::{self, Graph, GraphInput},
    plan::{Plan, PlannedExecution, Source},
};
use terms::run::ExecutionIndex;

use crate::{
    artifacts::constant,
    error::PipelineError,
    problem::Problem,
    spec::{
        Argument, ComponentSpec, ContainerSpec, GraphSpec, Implementation, InputSpec, TaskSpec,
    },
};

/// Executions of a run at most, so that graphs of graphs cannot grow without bound.
const EXECUTIONS: usize = 100_000;

/// What an execution runs.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    /// The component around the container.
    pub(crate) component: ComponentSpec,
    /// The launcher that its task asks for; none: the engine's own.
    pub(crate) launcher: Option<String>,
}

impl Container {
    pub(crate) fn spec(&self) -> &ContainerSpec {
        match &self.component.implementation {
            Some(Implementation::Container(container)) => container,
            _ => unreachable!("only components with a container are made into one"),
        }
    }
}

/// A pipeline that can run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expanded {
    pub(crate) plan: Plan,
    /// What each execution of the plan runs.
    pub(crate) containers: Vec<Arc<Container>>,
    /// What is odd, but does not keep it from running.
    pub(crate) warnings: Vec<Problem>,
}

/// Makes a plan of a pipeline with its arguments.
pub(crate) fn expand(
    pipeline: &ComponentSpec,
    arguments: &BTreeMap<String, String>,
) -> Result<Expanded, PipelineError> {
    let mut expansion = Expansion::default();
    let values = expansion.root_values(pipeline, arguments);
    let outputs = expansion.component(pipeline, values, &Within::root(pipeline));
    expansion.expanded.plan.outputs = outputs;
    if expansion.problems.is_empty() {
        return Ok(expansion.expanded);
    }
    Err(PipelineError::Invalid(expansion.problems))
}

/// Values of inputs, by name.
type ValueOf = BTreeMap<String, Source>;

/// Where in the pipeline a component stands.
struct Within<'a> {
    /// The path in the file, for problems.
    path: String,
    /// The path of the task that uses it.
    task_path: String,
    /// The task names from the pipeline down.
    name: String,
    /// Conditions of the graphs around it, and its own.
    conditions: Vec<Source>,
    /// The task that the component is used by; none for the pipeline itself.
    task: Option<&'a TaskSpec>,
}

impl Within<'_> {
    fn root(pipeline: &ComponentSpec) -> Self {
        let is_graph = matches!(pipeline.implementation, Some(Implementation::Graph(_)));
        let name = if is_graph { String::new() } else { pipeline.display_name().to_owned() };
        Self {
            path: String::new(),
            task_path: String::new(),
            name,
            conditions: Vec::new(),
            task: None,
        }
    }

    fn at(&self, step: &str) -> String {
        if self.path.is_empty() { step.to_owned() } else { format!("{}.{step}", self.path) }
    }
}

#[derive(Default)]
struct Expansion {
    expanded: Expanded,
    problems: Vec<Problem>,
}

impl Expansion {
    fn problem(&mut self, path: String, message: impl Into<String>) {
        self.problems.push(Problem::new(path, message));
    }

    /// The values of the pipeline's own inputs.
    fn root_values(
        &mut self,
        pipeline: &ComponentSpec,
        arguments: &BTreeMap<String, String>,
    ) -> ValueOf {
        for name in arguments.keys() {
            if !pipeline.inputs.iter().any(|input| input.name == *name) {
                let known: Vec<&str> =
                    pipeline.inputs.iter().map(|input| input.name.as_str()).collect();
                let message =
                    format!("the pipeline has no input `{name}`; it has: {}", known.join(", "));
                self.problem(format!("arguments.{name}"), message);
            }
        }
        let mut values = ValueOf::new();
        for input in &pipeline.inputs {
            let given = arguments.get(&input.name);
            match given.or(input.default.as_ref().filter(|_| !input.optional)) {
                Some(value) => {
                    values.insert(input.name.clone(), Source::Constant(constant(value)));
                }
                None if input.optional => {}
                None => {
                    let message = "the pipeline needs this argument, and it has no default";
                    self.problem(format!("arguments.{}", input.name), message);
                    // A stand-in, so that the lack is not told again for every task that reads it.
                    values.insert(input.name.clone(), Source::Constant(constant("")));
                }
            }
        }
        values
    }

    /// Adds a component with the values of its inputs; gives the values of its outputs.
    fn component(
        &mut self,
        component: &ComponentSpec,
        values: ValueOf,
        within: &Within<'_>,
    ) -> ValueOf {
        match &component.implementation {
            Some(Implementation::Container(container)) => {
                self.container(component, container, values, within)
            }
            Some(Implementation::Graph(graph)) => self.graph(component, graph, &values, within),
            None => {
                self.problem(within.at("implementation"), "is missing, so there is nothing to run");
                ValueOf::new()
            }
        }
    }

    fn container(
        &mut self,
        component: &ComponentSpec,
        container: &ContainerSpec,
        values: ValueOf,
        within: &Within<'_>,
    ) -> ValueOf {
        let problems =
            check::container(component, container, &within.at("implementation.container"));
        self.problems.extend(problems);
        let policy = policy::of(component, within.task);
        let (policy, launcher) = policy.unwrap_or_else(|(step, message)| {
            let path = if within.task_path.is_empty() {
                step
            } else {
                format!("{}.{step}", within.task_path)
            };
            self.problem(path, message);
            Default::default()
        });
        if let Some((step, message)) = check::launcher(container, launcher.as_deref()) {
            self.problem(within.at(step), message);
        }
        let executions = &mut self.expanded.plan.executions;
        if executions.len() >= EXECUTIONS {
            if self.problems.is_empty() {
                let message = format!("the pipeline has more than {EXECUTIONS} executions");
                self.problem(within.path.clone(), message);
            }
            return ValueOf::new();
        }
        let execution = ExecutionIndex(u32::try_from(executions.len()).expect("it is bounded"));
        let outputs: Vec<String> =
            component.outputs.iter().map(|output| output.name.clone()).collect();
        executions.push(PlannedExecution {
            name: within.name.clone(),
            inputs: values,
            conditions: within.conditions.clone(),
            outputs: outputs.clone(),
            policy,
        });
        let container = Container { component: component.clone(), launcher };
        self.expanded.containers.push(Arc::new(container));
        let source = |output: String| (output.clone(), Source::Output { execution, output });
        outputs.into_iter().map(source).collect()
    }

    fn graph(
        &mut self,
        component: &ComponentSpec,
        spec: &GraphSpec,
        values: &ValueOf,
        within: &Within<'_>,
    ) -> ValueOf {
        let base = within.at("implementation.graph");
        let inputs = component.inputs.iter().map(|input| GraphInput {
            name: input.name.clone(),
            has_value: values.contains_key(&input.name),
        });
        let seen = Graph {
            inputs: inputs.collect(),
            outputs: component.outputs.iter().map(|output| output.name.clone()).collect(),
            tasks: spec.tasks.iter().map(|(name, task)| check::seen(name, task)).collect(),
            output_values: check::arguments(&spec.output_values),
        };
        self.note(&base, graph::problems(&seen));
        let Ok(order) = graph::order(&seen) else { return ValueOf::new() };
        let tasks: Vec<(&str, &TaskSpec)> = spec.tasks.iter().collect();
        let mut outputs_of: HashMap<&str, ValueOf> = HashMap::new();
        for position in order {
            let (name, task) = tasks[position];
            let path = format!("{base}.tasks.{name}");
            let outputs = self.task(name, task, values, &outputs_of, within, path);
            outputs_of.insert(name, outputs);
        }
        let value = |argument: &Argument| value_of(argument, values, &outputs_of);
        let outputs = spec.output_values.iter();
        outputs.filter_map(|(name, argument)| Some((name.to_owned(), value(argument)?))).collect()
    }

    /// Keeps what was found wrong with a graph, with the path of the graph before it.
    fn note(&mut self, base: &str, found: Vec<graph::Problem>) {
        for problem in found {
            let told = Problem::new(format!("{base}.{}", problem.path), problem.kind.to_string());
            let list = if problem.kind.is_fatal() {
                &mut self.problems
            } else {
                &mut self.expanded.warnings
            };
            list.push(told);
        }
    }

    fn task(
        &mut self,
        name: &str,
        task: &TaskSpec,
        values: &ValueOf,
        outputs_of: &HashMap<&str, ValueOf>,
        around: &Within<'_>,
        path: String,
    ) -> ValueOf {
        self.refuse_dynamic_data(task, &path);
        let Some(component) = &task.component_ref.spec else {
            let message = "the component is not at hand: give its `spec` or `text`, or as `url` a file beside this one";
            self.problem(format!("{path}.componentRef"), message);
            return ValueOf::new();
        };
        let mut given = ValueOf::new();
        for input in &component.inputs {
            let argument = task.arguments.get(&input.name);
            let value = argument.and_then(|argument| value_of(argument, values, outputs_of));
            let value = value.or_else(|| default_of(input));
            given.extend(value.map(|value| (input.name.clone(), value)));
        }
        let mut conditions = around.conditions.clone();
        if let Some(condition) = &task.is_enabled {
            conditions.extend(value_of(condition, values, outputs_of));
        }
        let name = if around.name.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", around.name)
        };
        let within = Within {
            path: format!("{path}.componentRef.spec"),
            task_path: path,
            name,
            conditions,
            task: Some(task),
        };
        self.component(component, given, &within)
    }

    fn refuse_dynamic_data(&mut self, task: &TaskSpec, path: &str) {
        let arguments =
            task.arguments.iter().map(|(name, value)| (format!("arguments.{name}"), value));
        let condition = task.is_enabled.iter().map(|value| ("isEnabled".to_owned(), value));
        for (step, argument) in arguments.chain(condition) {
            if matches!(argument, Argument::DynamicData(_)) {
                let message =
                    "dynamic data (secrets, multi-node facts) is not known to this engine";
                self.problem(format!("{path}.{step}"), message);
            }
        }
    }
}

/// The default of a required input. An optional input without an argument gets nothing: the
/// program's own default is meant.
fn default_of(input: &InputSpec) -> Option<Source> {
    let default = input.default.as_ref().filter(|_| !input.optional)?;
    Some(Source::Constant(constant(default)))
}

/// Where an argument's value comes from; none where it has none.
fn value_of(
    argument: &Argument,
    values: &ValueOf,
    outputs_of: &HashMap<&str, ValueOf>,
) -> Option<Source> {
    match argument {
        Argument::Constant(text) => Some(Source::Constant(constant(text))),
        Argument::GraphInput(input) => values.get(&input.input_name).cloned(),
        Argument::TaskOutput(output) => {
            outputs_of.get(output.task_id.as_str())?.get(&output.output_name).cloned()
        }
        Argument::DynamicData(_) => None,
    }
}
