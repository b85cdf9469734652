//! `outlast step …`: one step of a distillation over files. It is what the components of a distillation
//! call; people call it to look into one.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::Args;
use distill::{
    TaskFile, TeacherAccess,
    step::{ALL, Context, Paths, Step, TASK_FILE, step},
};

use crate::{
    config::Environment,
    pipelines::{PROGRESS_VARIABLE, TEACHER_KEY_VARIABLE, TEACHER_URL_VARIABLE, build},
    terminal,
};

/// What a step keeps across its death, where the environment names no folder.
const PROGRESS: &str = "outlast-progress";

#[derive(Debug, Args)]
#[command(
    after_help = "A step that asks the teacher finds the gateway by OUTLAST_TEACHER_URL and \
    OUTLAST_TEACHER_KEY, and keeps the answers in OUTLAST_STEP_PROGRESS [default: outlast-progress]."
)]
pub(crate) struct Arguments {
    /// List the steps with their inputs and outputs
    #[arg(long, exclusive = true)]
    list: bool,
    /// The step
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// `--INPUT PATH` and `--OUTPUT PATH` for each of the step's; with `--build` and `--contents` the step
    /// refuses to work as another build, or on files that were changed
    #[arg(value_name = "--PORT PATH", allow_hyphen_values = true, trailing_var_arg = true)]
    ports: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let Some(name) = arguments.name.as_deref().filter(|_| !arguments.list) else {
        list();
        return Ok(ExitCode::SUCCESS);
    };
    let names = || ALL.iter().map(|step| step.name()).collect::<Vec<_>>().join(", ");
    let step =
        step(name).with_context(|| format!("there is no step `{name}`; known: {}", names()))?;
    let given = read(step, &arguments.ports)?;
    given.check_build()?;
    given.check_contents()?;
    terminal::progress(&format!("{name}: {}", step.what()));
    step.run(&given.paths, &context(environment))?;
    terminal::progress(&format!("{name}: done"));
    Ok(ExitCode::SUCCESS)
}

fn list() {
    for step in ALL {
        let teacher = if step.asks_teacher() { " (asks the teacher)" } else { "" };
        terminal::line(&format!("{}: {}{teacher}", step.name(), step.what()));
        for (way, ports) in [("reads", step.inputs()), ("writes", step.outputs())] {
            for port in ports {
                terminal::line(&format!("  {way:<6} --{}: {}", port.name, port.what));
            }
        }
    }
}

fn context(environment: &Environment) -> Context {
    let url = environment.get(TEACHER_URL_VARIABLE);
    let key = environment.get(TEACHER_KEY_VARIABLE);
    Context {
        teacher: url.zip(key).map(|(url, key)| TeacherAccess::new(url, key)),
        progress: PathBuf::from(environment.get(PROGRESS_VARIABLE).unwrap_or(PROGRESS)),
    }
}

/// What stood on the command line.
#[derive(Debug, Default)]
struct Given {
    paths: Paths,
    task_file: Option<PathBuf>,
    build: Option<String>,
    contents: Option<String>,
}

fn read(step: &dyn Step, words: &[String]) -> anyhow::Result<Given> {
    let known: Vec<&str> =
        step.inputs().iter().chain(step.outputs()).map(|port| port.name).collect();
    let mut given = Given::default();
    for pair in words.chunks(2) {
        let [option, value] = pair else { bail!("`{}` has no value", pair[0]) };
        let port = option.strip_prefix("--").unwrap_or_default();
        match port {
            "build" => given.build = Some(value.clone()),
            "contents" => given.contents = Some(value.clone()),
            port if known.contains(&port) => {
                if port == TASK_FILE {
                    given.task_file = Some(PathBuf::from(value));
                }
                given.paths = given.paths.with(port, value);
            }
            _ => bail!(
                "the step `{}` knows no `{option}`; it takes --{}",
                step.name(),
                known.join(", --")
            ),
        }
    }
    Ok(given)
}

impl Given {
    /// Results are kept under the build that was asked for; another one must not make them.
    fn check_build(&self) -> anyhow::Result<()> {
        let Some(asked) = &self.build else { return Ok(()) };
        let own = build()?;
        if asked != own {
            bail!(
                "this run was begun with the build {asked} of outlast, and this is {own}; begin it \
                 again: what is not affected is reused"
            );
        }
        Ok(())
    }

    /// Files that were changed since the run was begun would be kept under what they were.
    fn check_contents(&self) -> anyhow::Result<()> {
        let (Some(asked), Some(path)) = (&self.contents, &self.task_file) else { return Ok(()) };
        if TaskFile::read(path)?.contents()? != *asked {
            bail!(
                "{} or a file that it names was changed since this run was begun; begin it again",
                path.display()
            );
        }
        Ok(())
    }
}
