//! What the console sees and does of deployed students.

use std::{path::PathBuf, sync::Arc};

use console::{Doing, TaskRow, Tasks};
use gateway::Task;

use crate::{
    causes::with_causes,
    clock::wall,
    deployments::{Served, route_name},
    routing::Routing,
};

/// The tasks of a running program.
#[derive(Debug)]
pub(crate) struct TaskDesk {
    pub(crate) routing: Arc<Routing>,
}

impl Tasks for TaskDesk {
    fn list(&self) -> Vec<TaskRow> {
        let deployed = self.routing.deployments.list();
        let mut rows: Vec<TaskRow> = deployed.values().map(|served| self.row(served)).collect();
        let configured = self.routing.configured_tasks();
        let new =
            configured.into_iter().filter(|task| !rows.iter().any(|row| row.route == task.name));
        let new: Vec<TaskRow> = new.map(|task| self.without_student(task)).collect();
        rows.extend(new);
        rows
    }

    fn deploy(&self, package: PathBuf, anyway: bool) -> Doing<'_, TaskRow> {
        Box::pin(async move {
            let served = self.routing.deploy(&package, anyway, wall()).await;
            served.map(|served| self.row(&served)).map_err(|failure| with_causes(&failure))
        })
    }

    fn undeploy(&self, task: String) -> Doing<'_, TaskRow> {
        Box::pin(async move {
            let served = self.routing.undeploy(&task, wall()).await;
            served.map(|served| self.row(&served)).map_err(|failure| with_causes(&failure))
        })
    }

    fn roll_back(&self, task: String) -> Doing<'_, TaskRow> {
        Box::pin(async move {
            let served = self.routing.roll_back(&task, wall()).await;
            served.map(|served| self.row(&served)).map_err(|failure| with_causes(&failure))
        })
    }
}

impl TaskDesk {
    /// A task that only the config knows.
    fn without_student(&self, task: Task) -> TaskRow {
        TaskRow {
            route: task.name,
            version: String::new(),
            family: String::new(),
            student_serves: false,
            since: self.routing.since,
            threshold: 0.0,
            teacher_is_here: Some(self.routing.has_route(task.teacher.as_str())),
            teacher: task.teacher,
        }
    }

    fn row(&self, served: &Served) -> TaskRow {
        let teacher_is_here = self.routing.has_route(&served.manifest.teacher_route);
        row(served, Some(teacher_is_here))
    }
}

/// A task in plain values; whether its teacher is a route is known only where there is a table.
pub(crate) fn row(served: &Served, teacher_is_here: Option<bool>) -> TaskRow {
    let manifest = &served.manifest;
    TaskRow {
        route: route_name(&manifest.task),
        version: served.version.clone(),
        family: served
            .package
            .as_ref()
            .map_or_else(String::new, |package| package.student.family().to_owned()),
        student_serves: served.serves,
        since: served.since,
        threshold: manifest.threshold,
        teacher: manifest.teacher_route.as_str().into(),
        teacher_is_here,
    }
}
