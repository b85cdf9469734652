//! Package: student, task and threshold become the folder that a deployment loads. Written whatever the
//! verdict is, and says which it was; whoever deploys reads it.

use decide::verdict;

use crate::{
    artifact::{Manifest, StudentPackage},
    error::DistillError,
    step::{
        Context, Paths, Port, Step, calibrate::CalibrationSummary, fit::read_student,
        verdict::VerdictFile,
    },
    stored::read_json,
    task::Task,
};

/// The step.
#[derive(Debug)]
pub(super) struct Package;

impl Step for Package {
    fn name(&self) -> &'static str {
        "package"
    }

    fn what(&self) -> &'static str {
        "puts student, task and threshold into the folder that is deployed"
    }

    fn inputs(&self) -> &'static [Port] {
        &[
            Port { name: "task", what: "from gather" },
            Port { name: "student", what: "from calibrate" },
            Port { name: "calibration", what: "from calibrate" },
            Port { name: "verdict", what: "from verdict" },
        ]
    }

    fn outputs(&self) -> &'static [Port] {
        &[Port { name: "package", what: "folder: what a deployment loads" }]
    }

    fn run(&self, paths: &Paths, _context: &Context) -> Result<(), DistillError> {
        let task: Task = read_json(paths.get(self, "task")?)?;
        let calibration: CalibrationSummary = read_json(paths.get(self, "calibration")?)?;
        let verdict: VerdictFile = read_json(paths.get(self, "verdict")?)?;
        let student = read_student(paths.get(self, "student")?)?;
        // A student that is to answer everything is not given a threshold, even if one was found. One
        // that is deployed against its verdict answers nothing that was not shown to be safe.
        let verdict = verdict.ruling.verdict;
        let threshold = match verdict {
            verdict::Verdict::DeployAsCascade => calibration.threshold,
            verdict::Verdict::Deploy => 0.0,
            _ if calibration.threshold > 0.0 => calibration.threshold,
            _ => 1.0,
        };
        let manifest = Manifest {
            task: task.name,
            instruction: task.instruction,
            labels: task.labels,
            threshold,
            teacher_route: task.teacher_route,
            verdict,
        };
        StudentPackage::write(paths.get(self, "package")?, &manifest, &*student)?;
        Ok(())
    }
}
