//! What is wrong with one graph of tasks, and an order in which its tasks can be taken up: unknown
//! names, missing inputs, cycles. It sees interfaces only; what a task does, and how graphs nest,
//! it does not know.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// One graph as seen from inside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// What the graph itself is given.
    pub inputs: Vec<GraphInput>,
    /// The outputs that the graph declares.
    pub outputs: Vec<String>,
    /// The tasks, in the order of the file.
    pub tasks: Vec<Task>,
    /// Where the graph's outputs come from.
    pub output_values: Vec<(String, Argument)>,
}

/// An input of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphInput {
    /// Its name.
    pub name: String,
    /// Whether it has a value in this use of the graph.
    pub has_value: bool,
}

/// A task: a component with arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its name, unique in the graph.
    pub name: String,
    /// The inputs that its component declares.
    pub inputs: Vec<TaskInput>,
    /// The outputs that its component declares.
    pub outputs: Vec<String>,
    /// What its inputs are given.
    pub arguments: Vec<(String, Argument)>,
    /// What decides whether it runs at all.
    pub condition: Option<Argument>,
}

/// An input of a task's component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskInput {
    /// Its name.
    pub name: String,
    /// Whether the task cannot run without an argument for it: not optional, and no default.
    pub is_required: bool,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// It stands in the file.
    Constant,
    /// An input of the graph.
    GraphInput(String),
    /// An output of another task of the same graph.
    TaskOutput {
        /// The other task.
        task: String,
        /// Its output.
        output: String,
    },
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands in the graph, as the file nests it: `tasks.train.arguments.data`.
    pub path: String,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemKind {
    /// The graph has no input of this name.
    UnknownGraphInput(String),
    /// The graph has no task of this name.
    UnknownTask(String),
    /// The other task has no output of this name.
    UnknownTaskOutput {
        /// The other task.
        task: String,
        /// The output that it does not have.
        output: String,
    },
    /// An input that must be given is not.
    MissingInput(String),
    /// The graph input that is passed on has no value here, and the task cannot do without.
    InputWithoutValue {
        /// The task's input.
        input: String,
        /// The graph's input.
        graph_input: String,
    },
    /// An argument for an input that the component does not have; Tangle ignores it.
    UnknownArgument(String),
    /// A value for an output that the graph does not declare.
    UnknownOutput(String),
    /// An output of a graph must come from one of its tasks.
    OutputNotFromTask,
    /// Tasks that wait for each other, first and last the same.
    Cycle(Vec<String>),
}

impl ProblemKind {
    /// Whether the graph cannot run because of it.
    pub const fn is_fatal(&self) -> bool {
        !matches!(self, Self::UnknownArgument(_))
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownGraphInput(name) => write!(f, "the graph has no input `{name}`"),
            Self::UnknownTask(name) => write!(f, "the graph has no task `{name}`"),
            Self::UnknownTaskOutput { task, output } => {
                write!(f, "task `{task}` has no output `{output}`")
            }
            Self::MissingInput(name) => {
                write!(f, "input `{name}` is required, and has neither an argument nor a default")
            }
            Self::InputWithoutValue { input, graph_input } => write!(
                f,
                "input `{input}` is required, but the graph's input `{graph_input}` has no value"
            ),
            Self::UnknownArgument(name) => {
                write!(f, "the component has no input `{name}`; the argument is ignored")
            }
            Self::UnknownOutput(name) => write!(f, "the graph declares no output `{name}`"),
            Self::OutputNotFromTask => {
                f.write_str("an output of a graph must come from a task (`taskOutput`)")
            }
            Self::Cycle(names) => write!(f, "tasks wait for each other: {}", names.join(" → ")),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.kind)
    }
}

/// Everything that is wrong with the graph, in the order of the file, cycles last.
pub fn problems(graph: &Graph) -> Vec<Problem> {
    let names = Names::of(graph);
    let mut found = Vec::new();
    for task in &graph.tasks {
        task_problems(task, &names, &mut found);
    }
    output_problems(graph, &names, &mut found);
    if let Err(cycle) = order(graph) {
        let path = format!("tasks.{}", cycle[0]);
        found.push(Problem { path, kind: ProblemKind::Cycle(cycle) });
    }
    found
}

/// The positions of the tasks such that each stands after those it reads from, otherwise in the
/// order of the file. References to unknown tasks are passed over.
///
/// # Errors
///
/// The names along a cycle, first and last the same.
pub fn order(graph: &Graph) -> Result<Vec<usize>, Vec<String>> {
    let upstream = upstream(graph);
    let mut downstream = vec![Vec::new(); graph.tasks.len()];
    for (position, sources) in upstream.iter().enumerate() {
        for &source in sources {
            downstream[source].push(position);
        }
    }
    let mut waits_for: Vec<usize> = upstream.iter().map(BTreeSet::len).collect();
    let mut ready: BTreeSet<usize> =
        (0..graph.tasks.len()).filter(|&position| waits_for[position] == 0).collect();
    let mut order = Vec::with_capacity(graph.tasks.len());
    while let Some(position) = ready.pop_first() {
        order.push(position);
        for &next in &downstream[position] {
            waits_for[next] -= 1;
            if waits_for[next] == 0 {
                ready.insert(next);
            }
        }
    }
    if order.len() == graph.tasks.len() {
        return Ok(order);
    }
    Err(cycle(graph, &upstream, &waits_for))
}

/// For each task the tasks that it reads from.
fn upstream(graph: &Graph) -> Vec<BTreeSet<usize>> {
    let positions: BTreeMap<&str, usize> = graph
        .tasks
        .iter()
        .enumerate()
        .map(|(position, task)| (task.name.as_str(), position))
        .collect();
    let sources = |task: &Task| {
        task.arguments
            .iter()
            .map(|(_, argument)| argument)
            .chain(&task.condition)
            .filter_map(|argument| match argument {
                Argument::TaskOutput { task, .. } => positions.get(task.as_str()).copied(),
                Argument::Constant | Argument::GraphInput(_) => None,
            })
            .collect()
    };
    graph.tasks.iter().map(sources).collect()
}

/// Walks upstream among the tasks that never became ready until one comes again.
fn cycle(graph: &Graph, upstream: &[BTreeSet<usize>], waits_for: &[usize]) -> Vec<String> {
    let is_stuck = |position: &usize| waits_for[*position] > 0;
    let mut position =
        (0..graph.tasks.len()).find(is_stuck).expect("a task that never became ready exists");
    let mut walked = Vec::new();
    while !walked.contains(&position) {
        walked.push(position);
        position = upstream[position]
            .iter()
            .copied()
            .find(is_stuck)
            .expect("a task that never became ready waits for another such task");
    }
    let start = walked.iter().position(|&seen| seen == position).expect("the walk ended at it");
    let mut cycle: Vec<usize> = walked[start..].iter().rev().copied().collect();
    let first = (0..cycle.len()).min_by_key(|&at| cycle[at]).unwrap_or(0);
    cycle.rotate_left(first);
    cycle.push(cycle[0]);
    cycle.into_iter().map(|seen| graph.tasks[seen].name.clone()).collect()
}

/// Names that arguments may refer to.
struct Names<'a> {
    inputs: BTreeMap<&'a str, bool>,
    outputs: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Names<'a> {
    fn of(graph: &'a Graph) -> Self {
        let outputs = |task: &'a Task| task.outputs.iter().map(String::as_str).collect();
        Self {
            inputs: graph
                .inputs
                .iter()
                .map(|input| (input.name.as_str(), input.has_value))
                .collect(),
            outputs: graph.tasks.iter().map(|task| (task.name.as_str(), outputs(task))).collect(),
        }
    }

    /// What is wrong with the name that an argument refers to.
    fn refusal(&self, argument: &Argument) -> Option<ProblemKind> {
        match argument {
            Argument::Constant => None,
            Argument::GraphInput(name) => (!self.inputs.contains_key(name.as_str()))
                .then(|| ProblemKind::UnknownGraphInput(name.clone())),
            Argument::TaskOutput { task, output } => match self.outputs.get(task.as_str()) {
                None => Some(ProblemKind::UnknownTask(task.clone())),
                Some(outputs) => (!outputs.contains(output.as_str())).then(|| {
                    ProblemKind::UnknownTaskOutput { task: task.clone(), output: output.clone() }
                }),
            },
        }
    }
}

fn task_problems(task: &Task, names: &Names<'_>, found: &mut Vec<Problem>) {
    let base = format!("tasks.{}", task.name);
    for (input, argument) in &task.arguments {
        let path = format!("{base}.arguments.{input}");
        if !task.inputs.iter().any(|known| known.name == *input) {
            let kind = ProblemKind::UnknownArgument(input.clone());
            found.push(Problem { path: path.clone(), kind });
        }
        if let Some(kind) = names.refusal(argument) {
            found.push(Problem { path, kind });
        }
    }
    if let Some(kind) = task.condition.as_ref().and_then(|condition| names.refusal(condition)) {
        found.push(Problem { path: format!("{base}.isEnabled"), kind });
    }
    for input in task.inputs.iter().filter(|input| input.is_required) {
        let argument = task.arguments.iter().find(|(name, _)| *name == input.name);
        let kind = match argument.map(|(_, argument)| argument) {
            None => ProblemKind::MissingInput(input.name.clone()),
            Some(Argument::GraphInput(graph_input))
                if names.inputs.get(graph_input.as_str()) == Some(&false) =>
            {
                let (input, graph_input) = (input.name.clone(), graph_input.clone());
                ProblemKind::InputWithoutValue { input, graph_input }
            }
            Some(_) => continue,
        };
        found.push(Problem { path: format!("{base}.arguments"), kind });
    }
}

fn output_problems(graph: &Graph, names: &Names<'_>, found: &mut Vec<Problem>) {
    for (output, argument) in &graph.output_values {
        let path = format!("outputValues.{output}");
        if !graph.outputs.contains(output) {
            let kind = ProblemKind::UnknownOutput(output.clone());
            found.push(Problem { path: path.clone(), kind });
        }
        let kind = match argument {
            Argument::TaskOutput { .. } => names.refusal(argument),
            Argument::Constant | Argument::GraphInput(_) => Some(ProblemKind::OutputNotFromTask),
        };
        found.extend(kind.map(|kind| Problem { path, kind }));
    }
}

#[cfg(test)]
mod tests {
    use super::{Argument, Graph, GraphInput, Task, TaskInput, order, problems};

    fn from(task: &str) -> Argument {
        Argument::TaskOutput { task: task.into(), output: "out".into() }
    }

    fn task(name: &str, argument: Option<Argument>) -> Task {
        Task {
            name: name.into(),
            inputs: vec![TaskInput { name: "x".into(), is_required: true }],
            outputs: vec!["out".into()],
            arguments: argument.map(|argument| ("x".into(), argument)).into_iter().collect(),
            condition: None,
        }
    }

    fn graph(tasks: Vec<Task>) -> Graph {
        let inputs = vec![
            GraphInput { name: "given".into(), has_value: true },
            GraphInput { name: "empty".into(), has_value: false },
        ];
        Graph { inputs, tasks, ..Graph::default() }
    }

    fn check(graph: &Graph, expect: &[&str]) {
        let found: Vec<String> = problems(graph).iter().map(ToString::to_string).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn a_sound_graph_has_no_problems_and_an_order() {
        let graph = graph(vec![
            task("c", Some(from("b"))),
            task("a", Some(Argument::Constant)),
            task("b", Some(from("a"))),
        ]);
        check(&graph, &[]);
        assert_eq!(order(&graph), Ok(vec![1, 2, 0]));
    }

    #[test]
    fn unknown_names_and_missing_inputs_are_named_with_their_path() {
        let mut wrong_output = task("d", Some(from("a")));
        wrong_output.arguments[0].1 =
            Argument::TaskOutput { task: "a".into(), output: "model".into() };
        let mut conditional = task("e", Some(Argument::Constant));
        conditional.condition = Some(from("nobody"));
        conditional.arguments.push(("y".into(), Argument::Constant));
        let mut graph = graph(vec![
            task("a", None),
            task("b", Some(from("nope"))),
            task("c", Some(Argument::GraphInput("other".into()))),
            wrong_output,
            conditional,
            task("f", Some(Argument::GraphInput("empty".into()))),
        ]);
        graph.output_values = vec![("model".into(), Argument::Constant)];
        check(
            &graph,
            &[
                "tasks.a.arguments: input `x` is required, and has neither an argument nor a default",
                "tasks.b.arguments.x: the graph has no task `nope`",
                "tasks.c.arguments.x: the graph has no input `other`",
                "tasks.d.arguments.x: task `a` has no output `model`",
                "tasks.e.arguments.y: the component has no input `y`; the argument is ignored",
                "tasks.e.isEnabled: the graph has no task `nobody`",
                "tasks.f.arguments: input `x` is required, but the graph's input `empty` has no value",
                "outputValues.model: the graph declares no output `model`",
                "outputValues.model: an output of a graph must come from a task (`taskOutput`)",
            ],
        );
    }

    #[test]
    fn a_cycle_is_written_out_in_the_direction_of_the_data() {
        let graph = graph(vec![
            task("start", Some(Argument::Constant)),
            task("a", Some(from("c"))),
            task("b", Some(from("a"))),
            task("c", Some(from("b"))),
            task("after", Some(from("c"))),
        ]);
        check(&graph, &["tasks.a: tasks wait for each other: a → b → c → a"]);
    }

    #[test]
    fn a_task_that_reads_itself_is_a_cycle() {
        check(
            &graph(vec![task("a", Some(from("a")))]),
            &["tasks.a: tasks wait for each other: a → a"],
        );
    }
}
