//! What is refused before anything runs, with the path of each mistake.

use pipeline::{Engine, parse};

fn check(text: &str, expect: &[&str]) {
    let found = match parse(text) {
        Ok(spec) => match Engine::check(&spec, &[].into()) {
            Ok(warnings) => warnings.iter().map(|problem| format!("odd: {problem}")).collect(),
            Err(error) => lines(&error),
        },
        Err(error) => lines(&error),
    };
    assert_eq!(found, expect, "{text}");
}

fn lines(error: &pipeline::PipelineError) -> Vec<String> {
    let found: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
    if found.is_empty() { vec![error.to_string()] } else { found }
}

#[test]
fn mistakes_in_a_file_are_all_named_with_their_lines() {
    check(
        "
name: 7
inputs:
- {name: a, default: 1}
- {description: nameless}
implementation:
  container:
    command: [x, {inputvalue: a}, {if: {cond: {isPresent: a}}}]
    env: {A: 1}
",
        &[
            "line 2: name: must be text, and is a number; write it in quotes",
            "line 4: inputs.0.default: must be text, and is a number; write it in quotes",
            "line 5: inputs.1.name: is missing",
            "line 8: implementation.container.image: is missing",
        ],
    );
    check(
        "
implementation:
  container:
    image: i
    command: [x, {inputvalue: a}, {if: {cond: {isPresent: a}}}]
    env: {A: 1}
",
        &[
            "line 5: implementation.container.command.1: must be text or one of inputValue, inputPath, \
             outputPath, concat, if; it is `inputvalue`",
            "line 5: implementation.container.command.2.if.then: is missing",
            "line 6: implementation.container.env.A: must be text, and is a number; write it in quotes",
        ],
    );
    check("a: [1\n", &["not YAML: line 1: unclosed bracket '['"]);
    check("name: x\n", &["not a component: it has no `implementation`"]);
}

const CAT: &str = "&cat {name: cat, inputs: [{name: x}], outputs: [{name: out}], implementation: \
                   {container: {image: i, command: [cat, {inputPath: x}, {outputPath: out}]}}}";

fn graph(tasks: &str) -> String {
    format!(
        "inputs: [{{name: given, optional: true}}]\nimplementation:\n  graph:\n    tasks:\n{tasks}"
    )
}

#[test]
fn mistakes_of_a_graph_are_named_with_their_paths() {
    let base = "implementation.graph.tasks";
    check(
        &graph(&format!(
            "      a: {{componentRef: {{spec: {CAT}}}, arguments: {{x: {{taskOutput: {{taskId: nope, outputName: out}}}}}}}}
      b: {{componentRef: {{spec: *cat}}}}
      c: {{componentRef: {{spec: *cat}}, arguments: {{x: {{graphInput: {{inputName: given}}}}}}}}
      d: {{componentRef: {{name: somewhere}}}}
      e: {{componentRef: {{spec: *cat}}, arguments: {{x: y}}, annotations: {{outlast/timeout: soon, outlast/launcher: moon}}}}
      f: {{componentRef: {{spec: *cat}}, arguments: {{x: {{dynamicData: {{secret: {{name: key}}}}}}}}}}
"
        )),
        &[
            &format!("{base}.a.arguments.x: the graph has no task `nope`"),
            &format!("{base}.b.arguments: input `x` is required, and has neither an argument nor a default"),
            &format!("{base}.c.arguments: input `x` is required, but the graph's input `given` has no value"),
            &format!("{base}.d.componentRef: the component is not at hand: give its `spec` or `text`, or as `url` a file beside this one"),
            &format!("{base}.e.outlast/timeout: `soon` is not a duration such as `PT10M` or `P7D`"),
            &format!("{base}.f.arguments.x: dynamic data (secrets, multi-node facts) is not known to this engine"),
        ],
    );
}

#[test]
fn cycles_unknown_names_in_command_lines_and_launchers_are_refused() {
    let read = |task: &str| {
        format!("arguments: {{x: {{taskOutput: {{taskId: {task}, outputName: out}}}}}}")
    };
    check(
        &graph(&format!(
            "      a: {{componentRef: {{spec: {CAT}}}, {}}}\n      b: {{componentRef: {{spec: *cat}}, {}}}\n",
            read("b"),
            read("a")
        )),
        &["implementation.graph.tasks.a: tasks wait for each other: a → b → a"],
    );
    check(
        "implementation: {container: {image: i, command: [x, {concat: [{inputValue: a}]}], args: [{outputPath: b}]}}",
        &[
            "implementation.container.command.1.concat.0.inputValue: the component has no input `a`",
            "implementation.container.args.0.outputPath: the component has no output `b`",
        ],
    );
    check(
        "implementation: {container: {image: busybox}}",
        &[
            "implementation.container: the component leaves the program to its image `busybox`, and the \
           launcher `process` runs no images: give it a `command`",
        ],
    );
    check(
        "metadata: {annotations: {outlast/launcher: moon}}\nimplementation: {container: {image: i, command: [x]}}",
        &["metadata.annotations: there is no launcher `moon` here; there is: process"],
    );
}

#[test]
fn an_argument_that_tangle_ignores_is_odd_but_runs() {
    check(
        &graph(&format!("      a: {{componentRef: {{spec: {CAT}}}, arguments: {{x: y, z: w}}}}\n")),
        &[
            "odd: implementation.graph.tasks.a.arguments.z: the component has no input `z`; the argument \
           is ignored",
        ],
    );
}
