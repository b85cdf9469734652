//! The folder that a deployment loads: a student's file and a manifest that pins it by hash. Verified on
//! every load; nothing in the folder is executed.

use std::path::Path;

use decide::verdict::Verdict;
use serde::{Deserialize, Serialize};
use student::Student;

use crate::{
    error::DistillError,
    stored::{read, read_json, write, write_json},
};

/// The version of this layout; a folder of another is refused.
const FORMAT: u32 = 1;

const MANIFEST: &str = "manifest.json";
const STUDENT: &str = "student.safetensors";

/// What a deployment must know of a student.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `task:NAME` is what callers ask for.
    pub task: String,
    /// What the teacher is told.
    pub instruction: String,
    /// The labels of the task, in the order in which the teacher is told them. The student may know
    /// fewer: those that it was trained on.
    pub labels: Vec<String>,
    /// Below this confidence the teacher answers; 0 where the student answers everything.
    pub threshold: f64,
    /// The route to the teacher.
    pub teacher_route: String,
    /// What was decided about this student.
    pub verdict: Verdict,
}

/// The manifest as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredManifest {
    format: u32,
    family: String,
    student_bytes: usize,
    /// BLAKE3, in hexadecimal digits.
    student_blake3: String,
    manifest: Manifest,
}

/// The manifest of a package alone, and its version: what is known of a task whose student cannot be read.
pub fn read_manifest(folder: &Path) -> Result<(Manifest, String), DistillError> {
    let stored: StoredManifest = read_json(&folder.join(MANIFEST))?;
    Ok((stored.manifest, version(folder)?))
}

/// A student that is ready to answer, with its manifest.
#[derive(Debug)]
pub struct StudentPackage {
    /// What was asked for.
    pub manifest: Manifest,
    /// Who answers.
    pub student: Box<dyn Student>,
    /// Names this very student under this very manifest: 16 hexadecimal digits.
    pub version: String,
    /// Size of the student's file.
    pub student_bytes: usize,
}

impl StudentPackage {
    /// Writes a package into a folder, which is made if it is not there. Returns its version.
    pub fn write(
        folder: &Path,
        manifest: &Manifest,
        student: &dyn Student,
    ) -> Result<String, DistillError> {
        let file = student.save();
        let stored = StoredManifest {
            format: FORMAT,
            family: student.family().to_owned(),
            student_bytes: file.len(),
            student_blake3: blake3::hash(&file).to_hex().to_string(),
            manifest: manifest.clone(),
        };
        // The manifest last: a folder with one is whole.
        write(&folder.join(STUDENT), &file)?;
        write_json(&folder.join(MANIFEST), &stored)?;
        version(folder)
    }

    /// Reads a package and verifies it: the hash, the labels, the threshold.
    pub fn load(folder: &Path) -> Result<Self, DistillError> {
        let path = folder.join(MANIFEST);
        let stored: StoredManifest = read_json(&path)?;
        let wrong = |message: &str| DistillError::Artifact {
            path: path.clone(),
            message: message.to_owned(),
        };
        if stored.format != FORMAT {
            return Err(wrong("its layout is of another version"));
        }
        let file = read(&folder.join(STUDENT))?;
        if blake3::hash(&file).to_hex().as_str() != stored.student_blake3 {
            return Err(wrong("the student's file is not the one that the manifest pins"));
        }
        let student = student::load(&file)
            .map_err(|source| DistillError::Student { path: folder.join(STUDENT), source })?;
        let manifest = stored.manifest;
        if !student.labels().iter().all(|label| manifest.labels.contains(label)) {
            return Err(wrong("the student has a label that the task does not know"));
        }
        if !(0.0..=1.0).contains(&manifest.threshold) {
            return Err(wrong("the threshold is not a probability"));
        }
        let version = version(folder)?;
        Ok(Self { manifest, student, version, student_bytes: file.len() })
    }

    /// The student's answer, or nothing where it is not sure enough and the teacher should speak.
    pub fn answer(&self, text: &str) -> PackageAnswer<'_> {
        let prediction = self.student.predict(text);
        let label = self.student.labels()[prediction.label].as_str();
        if f64::from(prediction.probability) < self.manifest.threshold {
            return PackageAnswer::Defer { label, confidence: prediction.probability };
        }
        PackageAnswer::Label { label, confidence: prediction.probability }
    }
}

/// What a package says to an input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PackageAnswer<'a> {
    /// The student answers.
    Label {
        /// One of the task's labels.
        label: &'a str,
        /// Its calibrated probability.
        confidence: f32,
    },
    /// The teacher should answer.
    Defer {
        /// What the student would have said: for the case that no teacher can be reached.
        label: &'a str,
        /// Its calibrated probability, below the threshold.
        confidence: f32,
    },
}

/// The first digits of the hash of the manifest, which pins the student.
fn version(folder: &Path) -> Result<String, DistillError> {
    let hash = blake3::hash(&read(&folder.join(MANIFEST))?);
    Ok(hash.to_hex()[..16].to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use decide::verdict::Verdict;
    use student::{FitOptions, Row};

    use super::{MANIFEST, Manifest, PackageAnswer, STUDENT, StudentPackage};

    fn manifest() -> Manifest {
        Manifest {
            task: "intent".to_owned(),
            instruction: "Classify.".to_owned(),
            labels: ["lost", "rate", "rare"].map(str::to_owned).to_vec(),
            threshold: 0.9,
            teacher_route: "gpt-4".to_owned(),
            verdict: Verdict::DeployAsCascade,
        }
    }

    fn written(folder: &std::path::Path) -> String {
        let row = |label: &str, text: &str| Row { text: text.to_owned(), label: label.to_owned() };
        let rows = [row("lost", "I lost my card"), row("rate", "what is the exchange rate")];
        let family = student::family("ngram-softmax").unwrap();
        let student = family.fit(&rows, &FitOptions::default()).unwrap();
        StudentPackage::write(folder, &manifest(), &*student).unwrap()
    }

    #[test]
    fn a_package_is_read_back_and_defers_what_it_is_not_sure_of() {
        let folder = tempfile::tempdir().unwrap();
        let version = written(folder.path());
        let package = StudentPackage::load(folder.path()).unwrap();
        assert_eq!((&package.manifest, &package.version), (&manifest(), &version));
        let sure = package.answer("I lost my card");
        assert!(matches!(sure, PackageAnswer::Label { label: "lost", .. }), "{sure:?}");
        let unsure = package.answer("good morning");
        assert!(matches!(unsure, PackageAnswer::Defer { .. }), "{unsure:?}");
    }

    #[test]
    fn the_same_student_has_the_same_version_and_a_changed_one_is_refused() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert_eq!(written(one.path()), written(two.path()));
        let check = |file: &str, from: &str, to: &str, expect: &str| {
            written(one.path());
            let path = one.path().join(file);
            let bytes = fs::read(&path).unwrap();
            let place = bytes.windows(from.len()).position(|window| window == from.as_bytes());
            let place = place.unwrap();
            let changed = [&bytes[..place], to.as_bytes(), &bytes[place + from.len()..]].concat();
            fs::write(&path, changed).unwrap();
            let error = StudentPackage::load(one.path()).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        check(STUDENT, "lost", "last", "not the one that the manifest pins");
        check(MANIFEST, "\"format\": 1", "\"format\": 9", "another version");
        check(MANIFEST, "\"rate\"", "\"pace\"", "a label that the task does not know");
        check(MANIFEST, "0.9", "9.0", "not a probability");
        check(MANIFEST, "\"task\"", "\"tusk\"", "not what the step before writes");
    }
}
