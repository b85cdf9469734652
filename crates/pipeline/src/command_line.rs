//! From a container's command line with placeholders to the words that a program is started with,
//! step by step as Tangle resolves them (`launchers/container_component_utils.py`). Where values and
//! paths come from is the caller's to say.

use thiserror::Error;

use crate::spec::{CommandLinePart, ComponentSpec, Condition, ContainerSpec};

/// What placeholders are replaced by.
pub trait Values {
    /// Whether the input has a value.
    fn has(&self, input: &str) -> bool;
    /// The value itself, or why it cannot be put into a command line.
    fn value(&mut self, input: &str) -> Result<String, String>;
    /// The path of a file or folder with the value.
    fn input_path(&mut self, input: &str) -> String;
    /// The path that the output must be written to.
    fn output_path(&mut self, output: &str) -> String;
}

/// The words that a program is started with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// The program and its first arguments; what a container calls its entry point.
    pub command: Vec<String>,
    /// More arguments.
    pub args: Vec<String>,
}

/// Why a command line could not be resolved.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommandLineError {
    /// A required input has no value.
    #[error("input `{0}` is required and has no value")]
    NoValue(String),
    /// The component has no such input.
    #[error("the command line names input `{0}`, which the component does not have")]
    UnknownInput(String),
    /// The value cannot be put into a command line.
    #[error("input `{input}`: {message}")]
    Unusable {
        /// Which input.
        input: String,
        /// Why.
        message: String,
    },
}

/// Replaces every placeholder.
///
/// # Errors
///
/// A required input has no value, or a value cannot be used.
pub fn resolve(
    component: &ComponentSpec,
    container: &ContainerSpec,
    values: &mut dyn Values,
) -> Result<CommandLine, CommandLineError> {
    let mut resolver = Resolver { component, values };
    Ok(CommandLine {
        command: resolver.parts(container.command.as_deref().unwrap_or_default())?,
        args: resolver.parts(container.args.as_deref().unwrap_or_default())?,
    })
}

struct Resolver<'a> {
    component: &'a ComponentSpec,
    values: &'a mut dyn Values,
}

impl Resolver<'_> {
    fn parts(&mut self, parts: &[CommandLinePart]) -> Result<Vec<String>, CommandLineError> {
        let mut words = Vec::with_capacity(parts.len());
        for part in parts {
            self.part(part, &mut words)?;
        }
        Ok(words)
    }

    /// Adds the words of one part: one, none, or (of an `if`) several.
    fn part(
        &mut self,
        part: &CommandLinePart,
        words: &mut Vec<String>,
    ) -> Result<(), CommandLineError> {
        match part {
            CommandLinePart::Text(text) => words.push(text.clone()),
            CommandLinePart::InputValue(input) => words.extend(self.value(input)?),
            CommandLinePart::InputPath(input) => {
                if self.has(input)? {
                    words.push(self.values.input_path(input));
                }
            }
            CommandLinePart::OutputPath(output) => words.push(self.values.output_path(output)),
            CommandLinePart::Concat(parts) => {
                let joined = self.parts(parts)?.concat();
                words.push(joined);
            }
            CommandLinePart::If(choice) => {
                if self.holds(&choice.cond)? {
                    words.extend(self.parts(&choice.then)?);
                } else if let Some(otherwise) = &choice.otherwise {
                    words.extend(self.parts(otherwise)?);
                }
            }
        }
        Ok(())
    }

    fn holds(&mut self, condition: &Condition) -> Result<bool, CommandLineError> {
        let is_true = |text: &str| text.to_lowercase() == "true";
        Ok(match condition {
            Condition::Bool(value) => *value,
            Condition::Text(text) => is_true(text),
            Condition::IsPresent(input) => self.values.has(input),
            Condition::InputValue(input) => self.value(input)?.is_some_and(|text| is_true(&text)),
        })
    }

    fn value(&mut self, input: &str) -> Result<Option<String>, CommandLineError> {
        if !self.has(input)? {
            return Ok(None);
        }
        let value = self.values.value(input);
        value
            .map(Some)
            .map_err(|message| CommandLineError::Unusable { input: input.to_owned(), message })
    }

    /// Whether the input has a value; it must have one unless it is optional.
    fn has(&self, input: &str) -> Result<bool, CommandLineError> {
        if self.values.has(input) {
            return Ok(true);
        }
        let declared = self.component.inputs.iter().find(|declared| declared.name == input);
        match declared {
            Some(declared) if declared.optional => Ok(false),
            Some(_) => Err(CommandLineError::NoValue(input.to_owned())),
            None => Err(CommandLineError::UnknownInput(input.to_owned())),
        }
    }
}
