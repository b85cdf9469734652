//! Report: everything that the other steps found, as a page for people and as JSON for programs. The JSON
//! depends on no clock; the page ends with what was measured on this machine.

use crate::{
    error::DistillError,
    report::{Found, Measured, Report as Contents, markdown},
    step::{Context, Paths, Port, Step},
    stored::{read_json, write, write_json},
};

/// The step.
#[derive(Debug)]
pub(super) struct Report;

impl Step for Report {
    fn name(&self) -> &'static str {
        "report"
    }

    fn what(&self) -> &'static str {
        "writes the report"
    }

    fn inputs(&self) -> &'static [Port] {
        &[
            Port { name: "task", what: "from gather" },
            Port { name: "conditions", what: "from gather" },
            Port { name: "split", what: "from split" },
            Port { name: "labelling", what: "from label" },
            Port { name: "fit", what: "from fit" },
            Port { name: "calibration", what: "from calibrate" },
            Port { name: "evaluation", what: "from evaluate" },
            Port { name: "verdict", what: "from verdict" },
            Port { name: "label_measurements", what: "from label" },
            Port { name: "fit_measurements", what: "from fit" },
            Port { name: "evaluation_measurements", what: "from evaluate" },
        ]
    }

    fn outputs(&self) -> &'static [Port] {
        &[Port { name: "report", what: "folder: report.md and report.json" }]
    }

    fn run(&self, paths: &Paths, _context: &Context) -> Result<(), DistillError> {
        let found = Found {
            task: read_json(paths.get(self, "task")?)?,
            conditions: read_json(paths.get(self, "conditions")?)?,
            split: read_json(paths.get(self, "split")?)?,
            labelling: read_json(paths.get(self, "labelling")?)?,
            fit: read_json(paths.get(self, "fit")?)?,
            calibration: read_json(paths.get(self, "calibration")?)?,
            evaluation: read_json(paths.get(self, "evaluation")?)?,
            verdict: read_json(paths.get(self, "verdict")?)?,
        };
        let measured = Measured {
            labelling: read_json(paths.get(self, "label_measurements")?)?,
            fit: read_json(paths.get(self, "fit_measurements")?)?,
            evaluation: read_json(paths.get(self, "evaluation_measurements")?)?,
        };
        let folder = paths.get(self, "report")?;
        let page = markdown::page(&found, &measured);
        write(&folder.join("report.md"), page.as_bytes())?;
        write_json(&folder.join("report.json"), &Contents::new(&found))
    }
}
