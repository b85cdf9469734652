//! Pipelines that Tangle itself planned and ran: here they are planned and run too, to the same
//! states, inputs and outputs. Skipped where the recordings are not at hand.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use pipeline::{
    ComponentSpec, Engine, RunView, parse_json,
    yaml::{Content, Node},
};
use serde::Deserialize;

use crate::house::{House, house};

/// A recording of a run by Tangle.
#[derive(Debug, Deserialize)]
struct Recording {
    submit_body: SubmitBody,
    submit_status: u16,
    #[serde(default)]
    executions: BTreeMap<String, Execution>,
}

#[derive(Debug, Deserialize)]
struct SubmitBody {
    root_task: RootTask,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RootTask {
    component_ref: ComponentRef,
    #[serde(default)]
    arguments: BTreeMap<String, Node>,
}

#[derive(Debug, Deserialize)]
struct ComponentRef {
    spec: Node,
}

#[derive(Debug, Deserialize)]
struct Execution {
    status_history: Option<Vec<Status>>,
    artifacts: Artifacts,
}

#[derive(Debug, Deserialize)]
struct Status {
    status: String,
}

#[derive(Debug, Deserialize)]
struct Artifacts {
    #[serde(default)]
    input_artifacts: BTreeMap<String, ArtifactNode>,
    #[serde(default)]
    output_artifacts: BTreeMap<String, ArtifactNode>,
}

#[derive(Debug, Deserialize)]
struct ArtifactNode {
    artifact_data: Option<ArtifactData>,
}

#[derive(Debug, Deserialize)]
struct ArtifactData {
    total_size: u64,
    is_dir: bool,
    value: Option<String>,
}

/// The input by which Tangle shows a condition.
const CONDITION: &str = "tangleml.com/orchestration/conditional_execution/is_enabled";

impl Recording {
    fn spec(&self) -> ComponentSpec {
        let text = serde_json::to_string(&self.submit_body.root_task.component_ref.spec);
        parse_json(&text.expect("it was JSON")).expect("Tangle accepted it")
    }

    /// The arguments that are text; the rest is a secret.
    fn arguments(&self) -> Option<BTreeMap<String, String>> {
        let given = self.submit_body.root_task.arguments.iter();
        given
            .map(|(name, value)| match &value.content {
                Content::Text(text) => Some((name.clone(), text.clone())),
                _ => None,
            })
            .collect()
    }

    /// What became of each execution: its last state, whether a program ran, its inputs.
    fn ends(&self) -> BTreeMap<String, End> {
        let named = self.executions.iter().filter_map(|(path, execution)| {
            let history = execution.status_history.as_ref()?;
            let name = path.strip_prefix("root/")?;
            Some((name.to_owned(), execution.end(history)))
        });
        named.collect()
    }
}

impl Execution {
    fn end(&self, history: &[Status]) -> End {
        let inputs = self.artifacts.input_artifacts.keys().filter(|name| *name != CONDITION);
        let outputs = self.artifacts.output_artifacts.iter().filter_map(|(name, node)| {
            let data = node.artifact_data.as_ref()?;
            // Listings show the paths of the machine they were made on.
            let shows_paths =
                data.value.as_ref().is_some_and(|value| value.contains("/artifacts/"));
            let size = (!shows_paths).then_some((data.total_size, data.is_dir, data.value.clone()));
            Some((name.clone(), size))
        });
        End {
            state: history.last().map(|last| last.status.clone()).unwrap_or_default(),
            ran: history.iter().any(|status| status.status == "RUNNING"),
            inputs: inputs.cloned().collect(),
            outputs: outputs.collect(),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct End {
    state: String,
    ran: bool,
    inputs: BTreeSet<String>,
    /// Size, kind and short text; none where the content shows paths.
    outputs: BTreeMap<String, Option<(u64, bool, Option<String>)>>,
}

/// What became of each execution here, compared on what the recording says.
fn ends(view: &RunView, like: &BTreeMap<String, End>) -> BTreeMap<String, End> {
    let ended = view.executions.iter().map(|found| {
        let recorded = like.get(&found.name);
        let outputs = found.outputs.iter().map(|(name, made)| {
            let is_compared = recorded.is_none_or(|end| end.outputs.get(name) != Some(&None));
            let known = (made.bytes, made.is_folder, made.value.clone());
            (name.clone(), is_compared.then_some(known))
        });
        let skipped = found.state.as_str() == "SKIPPED";
        let end = End {
            state: found.state.as_str().to_owned(),
            ran: found.started_at.is_some() && found.reused_from.is_none(),
            // Tangle shows inputs that will never exist; only names are compared, so take its word.
            inputs: match recorded {
                Some(end) if skipped => end.inputs.clone(),
                _ => found.inputs.keys().cloned().collect(),
            },
            outputs: outputs.collect(),
        };
        (found.name.clone(), end)
    });
    ended.collect()
}

/// The recordings of a folder by name, where they are at hand.
fn recordings(folder: &str) -> Vec<(String, PathBuf)> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/tangle");
    let Ok(entries) = fs::read_dir(data.join(folder)) else {
        println!("skipped: the recordings are not at hand ({})", data.join(folder).display());
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let named = |path: PathBuf| Some((path.file_stem()?.to_str()?.to_owned(), path));
    let mut found: Vec<_> = paths.filter_map(named).collect();
    found.sort();
    found
}

fn recording(path: &Path) -> Recording {
    let text = fs::read_to_string(path).expect("it lies there");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_pipeline_whose_components_are_known_can_be_planned() {
    let mut refused = Vec::new();
    let found = recordings("hydrated");
    for (name, path) in &found {
        let spec = parse_json(&fs::read_to_string(path).expect("read")).expect("a pipeline");
        let arguments =
            spec.inputs.iter().map(|input| (input.name.clone(), "x".to_owned())).collect();
        if let Err(error) = Engine::check(&spec, &arguments) {
            refused.push(format!("{name}: {error}"));
        }
    }
    println!("planned {} of {} pipelines", found.len() - refused.len(), found.len());
    // One asks for the facts of a multi-node launch, which this engine does not have.
    assert!(refused.iter().all(|line| line.contains("dynamic data")), "{refused:#?}");
    assert!(refused.len() <= 1, "{refused:#?}");
}

/// Runs a recording; gives both sides.
async fn play(
    house: &House,
    recording: &Recording,
) -> (BTreeMap<String, End>, BTreeMap<String, End>) {
    let arguments = recording.arguments().expect("it has no secrets");
    let run = house.engine.submit(recording.spec(), arguments).await;
    let run = run.unwrap_or_else(|error| panic!("{error}"));
    house.engine.wait(&run).await.expect("it ends");
    let expected = recording.ends();
    let view = house.engine.view(&run).await.expect("known");
    (ends(&view, &expected), expected)
}

/// Recordings that Tangle refused or could not run, and that run here: conditions on graphs, a
/// single container as a pipeline, structured types.
const BEYOND_TANGLE: &[&str] =
    &["is_enabled_on_graph_task", "root_container_component", "type_dict"];

#[tokio::test]
async fn what_tangle_does_with_odd_pipelines_is_done_here() {
    let house = house(4).await;
    let mut played = 0;
    // The second of the cache probes must come after the first; names are in that order.
    for (name, path) in recordings("golden_semantics") {
        let recording = recording(&path);
        if BEYOND_TANGLE.contains(&name.as_str()) {
            let arguments = recording.arguments().expect("text");
            let run =
                house.engine.submit(recording.spec(), arguments).await.expect("it is planned");
            let outcome = house.engine.wait(&run).await.expect("it ends");
            assert!(outcome.failures.is_empty(), "{name}: {:?}", outcome.failures);
        } else if recording.submit_status == 200 {
            let (found, expected) = play(&house, &recording).await;
            assert_eq!(without_reuse(found, &name), without_reuse(expected, &name), "{name}");
        } else {
            let arguments = recording.arguments().expect("text");
            let refused = Engine::check(&recording.spec(), &arguments).expect_err(&name);
            assert!(!refused.problems().is_empty(), "{name}: {refused}");
        }
        played += 1;
    }
    println!("{played} semantic probes end here as they should");
}

/// Most probes ran in another order there than here, so whether a program ran says something only
/// where a probe is about that.
fn without_reuse(mut ends: BTreeMap<String, End>, name: &str) -> BTreeMap<String, End> {
    if !matches!(name, "cache_second" | "fail_then_skip") {
        for end in ends.values_mut() {
            end.ran = false;
        }
    }
    ends
}

#[tokio::test]
async fn pipelines_that_tangle_ran_give_the_same_bytes_here() {
    let has_python = std::process::Command::new("python3").arg("--version").output().is_ok();
    if !has_python {
        println!("skipped: python3 is not installed");
        return;
    }
    let house = house(2).await;
    let mut equal = 0;
    for (name, path) in recordings("golden_runs") {
        let recording = recording(&path);
        let all_succeeded = recording.ends().values().all(|end| end.state == "SUCCEEDED");
        if !all_succeeded || recording.arguments().is_none() {
            continue;
        }
        let (mut found, mut expected) = play(&house, &recording).await;
        for end in found.values_mut().chain(expected.values_mut()) {
            end.ran = false;
        }
        assert_eq!(found, expected, "{name}");
        equal += found.len();
    }
    println!("{equal} executions of recorded runs gave the same outputs");
}
