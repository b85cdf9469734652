//! A task as a route: its student first, the targets of its teacher's route behind it, and the student
//! once more for the case that no teacher can be reached.

use std::sync::Arc;

use decide::attempt::AttemptLimits;
use terms::{
    ids::{ModelName, RouteName},
    model::{Capabilities, Model, Prices},
};

use crate::{
    provider::Provider,
    table::{Route, Target},
};

/// Attempts that a task may make beside those of its teacher's route: its student, twice.
const OWN_ATTEMPTS: u8 = 2;

/// A narrow job that callers ask for as `task:NAME`.
#[derive(Debug, Clone)]
pub struct Task {
    /// `task:NAME`.
    pub name: RouteName,
    /// What the teacher is told where the caller says nothing itself.
    pub instruction: String,
    /// The route of the teacher.
    pub teacher: RouteName,
    /// Who answers where it is sure; `None` where no student is deployed.
    pub student: Option<Deployed>,
}

/// A student that serves.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// Who answers, within this process.
    pub provider: Arc<Provider>,
    /// The student that leaves to its teacher what it is not sure of.
    pub sure: ModelName,
    /// The same student, answering everything.
    pub unsure: ModelName,
}

impl Task {
    /// The route, if anybody can answer it.
    pub(crate) fn route(&self, teacher: Option<&Route>, defaults: AttemptLimits) -> Option<Route> {
        let student = self.student.as_ref();
        let mut targets = Vec::new();
        targets.extend(student.map(|student| student.target(&student.sure)));
        targets.extend(teacher.iter().flat_map(|teacher| teacher.targets.iter().cloned()));
        targets.extend(student.map(|student| student.target(&student.unsure)));
        let limits = teacher.map_or(defaults, |teacher| teacher.limits);
        let limits =
            AttemptLimits { attempts: limits.attempts.saturating_add(OWN_ATTEMPTS), ..limits };
        let task = Some(Arc::new(self.clone()));
        let name = self.name.clone();
        if targets.is_empty() {
            return None;
        }
        let mut route = Route { task, ..Route::new(name, targets, limits) };
        if let Some(teacher) = teacher {
            let own = usize::from(student.is_some());
            let weights = (0..teacher.targets.len()).map(|index| teacher.weight(index));
            route.weights = vec![None; own].into_iter().chain(weights).collect();
            route.weights.resize(route.targets.len(), None);
            (route.lossy, route.streaming) = (teacher.lossy, teacher.streaming);
            (route.spray, route.sticky) = (teacher.spray, teacher.sticky);
            (route.prefers_cost, route.successors) = (teacher.prefers_cost, teacher.successors);
            route.hedge.clone_from(&teacher.hedge);
            route.on_degraded = teacher.on_degraded;
        }
        Some(route)
    }
}

impl Deployed {
    /// All that routing knows of a student is that it takes text and gives text.
    fn target(&self, model: &ModelName) -> Arc<Target> {
        let known = Model {
            provider: self.provider.name.clone(),
            name: model.clone(),
            context_window: 0,
            max_output: 0,
            prices: Prices::default(),
            capabilities: Capabilities::default(),
            retires: None,
        };
        Arc::new(Target::with(Arc::clone(&self.provider), model.clone(), Some(known)))
    }
}

impl Route {
    /// Whose answer a student's answer at this target avoids: its teacher's first target.
    pub(crate) fn stands_in_for(&self, target: &Target) -> Option<&Target> {
        let student = &self.task.as_ref()?.student.as_ref()?.provider.name;
        if target.provider.name != *student {
            return None;
        }
        self.targets.iter().map(|target| &**target).find(|target| target.provider.name != *student)
    }
}
