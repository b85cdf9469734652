//! A provider that replays recorded answers: a model that can no longer be asked, or must not be paid for
//! again, still teaches. It knows the inputs of its files and nothing else.

use std::{collections::HashMap, fs, path::Path};

use anyhow::{Context, bail, ensure};
use gateway::Answerer;
use serde_json::Value;
use terms::ids::ModelName;
use wire::{ErrorKind, ErrorReply};

/// Bytes of one file of recordings at most; it is kept in memory.
const FILE_BYTES: u64 = 256 << 20;

/// Recorded answers by input, without the spaces around it.
#[derive(Default)]
pub(crate) struct Recording {
    answers: HashMap<String, String>,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording").field("answers", &self.answers.len()).finish()
    }
}

impl Recording {
    /// Takes in a file of JSON lines; `input` and `answer` are JSON pointers (RFC 6901) into each. A
    /// line whose answer is null was never answered. Of two answers to one input the first counts.
    pub(crate) fn read(&mut self, file: &Path, input: &str, answer: &str) -> anyhow::Result<()> {
        let size = fs::metadata(file).context("it cannot be read")?.len();
        ensure!(size <= FILE_BYTES, "it is larger than {} MiB", FILE_BYTES >> 20);
        let text = fs::read_to_string(file).context("it cannot be read")?;
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let row: Value =
                serde_json::from_str(line).with_context(|| format!("line {number} is no JSON"))?;
            let at = |pointer: &str| match row.pointer(pointer) {
                Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
                Some(Value::Null) => Ok(None),
                _ => bail!("line {number} has no text at `{pointer}`"),
            };
            if let (Some(input), Some(answer)) = (at(input)?, at(answer)?) {
                self.answers.entry(input).or_insert(answer);
            }
        }
        Ok(())
    }
}

impl Answerer for Recording {
    fn answer(&self, _model: &ModelName, question: &str) -> Result<String, Box<ErrorReply>> {
        self.answers.get(question.trim()).cloned().ok_or_else(|| {
            Box::new(ErrorReply {
                kind: ErrorKind::NotFound,
                code: "not_recorded",
                message: "no answer to this text was recorded; a recording answers the inputs of its files and nothing else".to_owned(),
                param: None,
            })
        })
    }
}
