//! The demo's distillation: its data and its task file, written where the program reads them as it would
//! a user's; then the run, and the deployment of what came of it.

use std::{
    collections::HashMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, anyhow, bail};
use console::pipelines::{DistillationOrder, Pipelines};
use distill::report::{Report, Share};
use terms::{ids::RunId, run::RunState};

use crate::{
    clock::wall,
    demo::tickets::{Ticket, taught, tickets, topics},
    pipelines::PipelinesView,
    routing::Routing,
};

/// The task's name; its people ask for `task:` and this.
pub(crate) const TASK: &str = "ticket-topic";

/// Answers the tickets until there is a student, and labels what it is measured on.
const TEACHER: &str = "claude-sonnet-5";

/// Writes data and task file into a folder, and gives the path of the task file.
pub(crate) fn write(folder: &Path) -> anyhow::Result<PathBuf> {
    let context = || format!("the demo's task cannot be written to {}", folder.display());
    fs::create_dir_all(folder).with_context(context)?;
    let rows: String = tickets().iter().map(row).collect();
    fs::write(folder.join("tickets.jsonl"), rows).with_context(context)?;
    let path = folder.join("ticket-topic.toml");
    fs::write(&path, task_file()).with_context(context)?;
    Ok(path)
}

/// What the simulated vendors know of the tickets.
pub(crate) fn known() -> HashMap<String, String> {
    let tickets = tickets();
    let answers = tickets.iter().enumerate();
    answers
        .map(|(number, ticket)| (ticket.text.clone(), taught(number, ticket).to_owned()))
        .collect()
}

fn row(ticket: &Ticket) -> String {
    format!("{}\n", serde_json::json!({ "text": ticket.text, "topic": ticket.topic }))
}

fn task_file() -> String {
    format!(
        r#"# Messages to a shop, sorted by topic. The messages were written for this demo.
name = "{TASK}"
instruction = "Sort a message to an online shop by what it is about."
labels = {:?}
budget_usd = 5

[teacher]
route = "{TEACHER}"
licence = "allowed"
licence_note = "the demo's teacher is a simulation on this machine"
concurrency = 24

[[data]]
file = "tickets.jsonl"
label = "topic"

[split]
train = 45
select = 5
calibrate = 20
test = 30

[costs]
requests_per_day = 172800
note = "the demo's own traffic, two a second"
"#,
        topics()
    )
}

/// What a distillation and its deployment need of the running program.
#[derive(Debug, Clone)]
pub(crate) struct Classroom {
    pub(crate) pipelines: PipelinesView,
    pub(crate) routing: Arc<Routing>,
    pub(crate) console: SocketAddr,
    pub(crate) task_file: PathBuf,
}

impl Classroom {
    /// Distils, and deploys the student if the verdict is for it. `tell` is given what happens.
    pub(crate) async fn teach(self, tell: impl Fn(&str)) -> anyhow::Result<()> {
        let order = DistillationOrder { task_file: self.task_file.clone() };
        let run = self.pipelines.distill(order).await;
        let run = run.map_err(|unfit| anyhow!("{}", unfit.0.join("; ")))?;
        tell(&format!(
            "a distillation of task:{TASK} begins: watch it at http://{}/pipelines/{run}",
            self.console
        ));
        self.pipelines.engine.wait(&RunId::from(run.as_str())).await?;
        let page = self.pipelines.run(&run).await.context("the run is gone")?;
        if page.state != RunState::Succeeded {
            bail!("the distillation failed; its page says why");
        }
        let folder = |name: &str| {
            let output = page.outputs.iter().find(|output| output.name == name);
            output.and_then(|output| output.path.clone()).with_context(|| format!("no {name}"))
        };
        let report = Report::read(&folder("report")?)?;
        let percent = |share: &Share| format!("{:.1} %", share.interval.estimate * 100.0);
        let cascade = report.cascade.as_ref().map_or(String::new(), |cascade| {
            format!(", {} with its teacher behind it", percent(&cascade.accuracy))
        });
        tell(&format!(
            "its verdict: {}; on messages that it never saw the student is right on {}{cascade}, its teacher alone on {}",
            report.verdict,
            percent(&report.accuracy.student),
            percent(&report.accuracy.teacher),
        ));
        self.routing.deploy(&folder("package")?, false, wall()).await?;
        tell(&format!(
            "the student answers task:{TASK} from now on; its callers changed nothing, and Overview shows what it saves"
        ));
        Ok(())
    }
}
