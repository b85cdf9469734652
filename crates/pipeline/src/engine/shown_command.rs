//! An execution's command line for people: the words that its program is started with, before, while and
//! after it runs. Reads no file; a value that does not stand in an artifact's record is shown by name.

use std::collections::BTreeMap;

use decide::plan::PlannedExecution;
use terms::run::Artifact;

use super::paths::FileNames;
use crate::{
    command_line::{Values, resolve},
    expand::Container,
};

/// The words of the command line; empty where they cannot be made.
pub(super) fn shown_command(
    container: &Container,
    planned: &PlannedExecution,
    known: &BTreeMap<&str, &Artifact>,
) -> Vec<String> {
    let mut values = Shown {
        planned,
        known,
        inputs: FileNames::of(planned.inputs.keys().map(String::as_str)),
        outputs: FileNames::of(planned.outputs.iter().map(String::as_str)),
    };
    let line = resolve(&container.component, container.spec(), &mut values).unwrap_or_default();
    [line.command, line.args].concat()
}

struct Shown<'a> {
    planned: &'a PlannedExecution,
    known: &'a BTreeMap<&'a str, &'a Artifact>,
    inputs: FileNames,
    outputs: FileNames,
}

impl Values for Shown<'_> {
    fn has(&self, input: &str) -> bool {
        self.planned.inputs.contains_key(input)
    }

    fn value(&mut self, input: &str) -> Result<String, String> {
        let value = self.known.get(input).and_then(|artifact| artifact.value.clone());
        Ok(value.unwrap_or_else(|| format!("[{input}]")))
    }

    fn input_path(&mut self, input: &str) -> String {
        self.inputs.input(input)
    }

    fn output_path(&mut self, output: &str) -> String {
        self.outputs.output(output)
    }
}
