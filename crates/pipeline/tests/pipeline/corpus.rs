//! Every file of the collected corpus is read, and what comes of it compared with what Tangle's own
//! parser said: verdict, resolved command lines, cache keys. Skipped where the corpus is not at hand.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use pipeline::{
    PipelineError,
    cache_key::tangle_cache_key,
    command_line::{Values, resolve},
    parse, parse_json,
    spec::{ComponentSpec, ContainerSpec, Implementation},
};
use serde::Deserialize;
use terms::run::Artifact;

/// What Tangle's parser said about one file.
#[derive(Debug, Deserialize)]
struct Oracle {
    file: String,
    verdict: String,
    kind: Option<String>,
    name: Option<String>,
    inputs: Option<usize>,
    outputs: Option<usize>,
    argv_all: Option<Vec<String>>,
    argv_required: Option<Vec<String>>,
    cache_key_all: Option<String>,
    tasks_total: Option<usize>,
}

/// The folder of the corpus, where it is at hand.
fn corpus() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/tangle");
    if !folder.is_dir() {
        println!("skipped: the corpus is not at hand ({})", folder.display());
        return None;
    }
    Some(folder)
}

/// Placeholders as the recorded command lines have them.
struct Recorded<'a>(BTreeSet<&'a str>);

impl Values for Recorded<'_> {
    fn has(&self, input: &str) -> bool {
        self.0.contains(input)
    }

    fn value(&mut self, input: &str) -> Result<String, String> {
        Ok(format!("<value:{input}>"))
    }

    fn input_path(&mut self, input: &str) -> String {
        format!("/in/{input}/data")
    }

    fn output_path(&mut self, output: &str) -> String {
        format!("/out/{output}/data")
    }
}

fn words(component: &ComponentSpec, container: &ContainerSpec, required_only: bool) -> Vec<String> {
    let inputs = component.inputs.iter().filter(|input| !(required_only && input.optional));
    let mut values = Recorded(inputs.map(|input| input.name.as_str()).collect());
    let line = resolve(component, container, &mut values).expect("the oracle resolved it");
    [line.command, line.args].concat()
}

fn key(component: &ComponentSpec, container: &ContainerSpec) -> String {
    let artifact = Artifact {
        digest: String::new(),
        tangle_hash: format!("md5={}", "0".repeat(32)),
        bytes: 0,
        is_folder: false,
        value: None,
    };
    let inputs: BTreeMap<&str, &Artifact> =
        component.inputs.iter().map(|input| (input.name.as_str(), &artifact)).collect();
    tangle_cache_key(container, &inputs)
}

#[derive(Debug, Default)]
struct Agreement {
    files: usize,
    verdicts: usize,
    command_lines: usize,
    keys: usize,
    graphs: usize,
    differences: Vec<String>,
}

impl Agreement {
    fn count(&mut self, file: &str, agrees: bool, what: &str) -> usize {
        if !agrees {
            self.differences.push(format!("{file}: {what}"));
        }
        usize::from(agrees)
    }

    fn compare(&mut self, oracle: &Oracle, text: &str) {
        self.files += 1;
        let read = parse(text);
        let verdict = match &read {
            Ok(_) => "accepted",
            Err(PipelineError::NotAComponent) => "not_component",
            Err(_) => "rejected",
        };
        let what = format!("{verdict}, not {}: {:?}", oracle.verdict, read.as_ref().err());
        self.verdicts += self.count(&oracle.file, verdict == oracle.verdict, &what);
        let Ok(component) = read else { return };
        let interface = (component.name.as_ref(), component.inputs.len(), component.outputs.len());
        let expected =
            (oracle.name.as_ref(), oracle.inputs.unwrap_or(0), oracle.outputs.unwrap_or(0));
        self.count(&oracle.file, interface == expected, "another interface");
        let again = parse_json(&component.to_json()).expect("what is written is read");
        self.count(&oracle.file, again.to_json() == component.to_json(), "lost on the way to JSON");
        match (&component.implementation, oracle.kind.as_deref()) {
            (Some(Implementation::Container(container)), Some("container")) => {
                let all = Some(words(&component, container, false)) == oracle.argv_all;
                let required = Some(words(&component, container, true)) == oracle.argv_required;
                self.command_lines += self.count(&oracle.file, all, "command line of all inputs");
                self.command_lines += self.count(&oracle.file, required, "command line without");
                let same = Some(key(&component, container)) == oracle.cache_key_all;
                self.keys += self.count(&oracle.file, same, "cache key");
            }
            (Some(Implementation::Graph(graph)), Some("graph")) => {
                let same = oracle.tasks_total.is_none_or(|total| graph.tasks.len() <= total);
                self.graphs += self.count(&oracle.file, same, "tasks");
            }
            _ => self.differences.push(format!("{}: another implementation", oracle.file)),
        }
    }
}

#[test]
fn the_corpus_is_read_as_tangle_reads_it() {
    let Some(folder) = corpus() else { return };
    let text = fs::read_to_string(folder.join("oracle_verdicts.json")).expect("it lies there");
    let oracles: Vec<Oracle> = serde_json::from_str(&text).expect("it has this shape");
    let mut agreement = Agreement::default();
    for oracle in &oracles {
        let text = fs::read_to_string(folder.join(&oracle.file)).expect("it lies there");
        agreement.compare(oracle, &text);
    }
    println!(
        "agreement with Tangle's parser: {} of {} verdicts, {} command lines, {} cache keys, {} graphs",
        agreement.verdicts,
        agreement.files,
        agreement.command_lines,
        agreement.keys,
        agreement.graphs
    );
    assert!(agreement.differences.is_empty(), "{:#?}", agreement.differences);
    let counts = (agreement.verdicts, agreement.command_lines, agreement.keys, agreement.graphs);
    assert_eq!(counts, (420, 730, 365, 33));
}
