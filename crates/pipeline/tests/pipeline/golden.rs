//! Pipelines that Tangle itself ran or planned: here they are planned, and those that need nothing
//! but a shell are run, to the same states. Skipped where the recordings are not at hand.

use std::{collections::BTreeMap, fs, path::PathBuf};

use pipeline::{Engine, parse_json};
use serde::Deserialize;

use crate::house::{house, states};
