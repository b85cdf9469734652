//! Which student serves which task: the packages in the data folder, and the log of what was deployed,
//! taken away and brought back. Knows nothing of routing.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, bail, ensure};
use decide::verdict::Verdict;
use distill::{
    artifact::{Manifest, StudentPackage, read_manifest},
    system_prompt,
};
use gateway::Task;
use store::{DeploymentRow, Store};
use terms::{ids::RouteName, time::Timestamp};

use crate::students::{Students, deployed};

/// Bytes of a package at most: it is kept in memory.
const PACKAGE_BYTES: u64 = 512 << 20;

/// The tasks and their students.
#[derive(Debug)]
pub(crate) struct Deployments {
    folder: PathBuf,
    store: Store,
    tasks: Mutex<BTreeMap<String, Served>>,
}

/// What is known of a task.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    /// What the student that serves, or that served last, says of the task.
    pub(crate) manifest: Manifest,
    /// That student's version.
    pub(crate) version: String,
    /// The student itself; `None` where it cannot be read.
    pub(crate) package: Option<Arc<StudentPackage>>,
    /// Whether the student serves; otherwise its teacher does.
    pub(crate) serves: bool,
    /// Since when it is so.
    pub(crate) since: Timestamp,
}

impl Served {
    fn of(package: StudentPackage, serves: bool, since: Timestamp) -> Self {
        let (manifest, version) = (package.manifest.clone(), package.version.clone());
        Self { manifest, version, package: Some(Arc::new(package)), serves, since }
    }

    /// The student, where it serves.
    fn serving(&self) -> Option<&Arc<StudentPackage>> {
        self.package.as_ref().filter(|_| self.serves)
    }
}

impl Deployments {
    /// Reads what was deployed. A package that cannot be read is reported, and its task is not served.
    pub(crate) async fn load(data: &Path, store: Store) -> anyhow::Result<Self> {
        let deployments =
            Self { folder: data.join("students"), store, tasks: Mutex::new(BTreeMap::new()) };
        for (task, history) in deployments.histories().await? {
            match deployments.served(&task, &history) {
                Ok(served) => drop(deployments.lock().insert(task, served)),
                Err(failure) => {
                    tracing::error!(
                        task,
                        "its student cannot be read, so the task is not served: {failure:#}"
                    );
                }
            }
        }
        Ok(deployments)
    }

    /// Every task, by name.
    pub(crate) fn list(&self) -> BTreeMap<String, Served> {
        self.lock().clone()
    }

    /// The tasks as the gateway serves them.
    pub(crate) fn tasks(&self) -> Vec<Task> {
        let served = self.list();
        let mut students = Students::default();
        served.values().filter_map(Served::serving).for_each(|package| students.seat(package));
        let provider = students.into_provider();
        served
            .values()
            .map(|served| {
                let manifest = &served.manifest;
                Task {
                    name: route_name(&manifest.task),
                    instruction: system_prompt(&manifest.instruction, &manifest.labels),
                    teacher: manifest.teacher_route.as_str().into(),
                    student: served.serving().map(|package| deployed(&provider, package)),
                }
            })
            .collect()
    }

    /// Puts the student of a package into service. The package is copied: the folder that it came
    /// from may go. A verdict against it is obeyed unless `anyway`.
    pub(crate) async fn deploy(
        &self,
        package: &Path,
        anyway: bool,
        now: Timestamp,
    ) -> anyhow::Result<Served> {
        let given = read_package(package)?;
        let (task, version) = (given.manifest.task.clone(), given.version.clone());
        ensure!(
            is_task_name(&task),
            "`{task}` is no name for a task: 1 to 64 lower case letters, digits and dashes"
        );
        let verdict = &given.manifest.verdict;
        if !matches!(verdict, Verdict::Deploy | Verdict::DeployAsCascade) && !anyway {
            bail!(
                "the verdict on this student is {}; read its report, or deploy it all the same with --anyway",
                verdict.name()
            );
        }
        if let Some(served) = self.lock().get(&task)
            && served.serves
            && served.version == version
            && served.package.is_some()
        {
            return Ok(served.clone());
        }
        self.keep(package, &task, &version)?;
        self.store.add_deployment(&task, Some(&version), now).await?;
        let served = Served::of(given, true, now);
        self.lock().insert(task, served.clone());
        Ok(served)
    }

    /// Takes the student away: its teacher answers everything, callers change nothing.
    pub(crate) async fn undeploy(&self, task: &str, now: Timestamp) -> anyhow::Result<Served> {
        let task = bare(task);
        let Some(served) = self.lock().get(task).cloned() else { bail!("{}", self.unknown(task)) };
        if !served.serves {
            return Ok(served);
        }
        self.store.add_deployment(task, None, now).await?;
        let served = Served { serves: false, since: now, ..served };
        self.lock().insert(task.to_owned(), served.clone());
        Ok(served)
    }

    /// Brings back what answered before the last change. Before its first student that was the teacher
    /// where `had_teacher`, else nobody.
    pub(crate) async fn roll_back(
        &self,
        task: &str,
        had_teacher: bool,
        now: Timestamp,
    ) -> anyhow::Result<Served> {
        let task = bare(task);
        let mut histories = self.histories().await?;
        let Some(mut history) = histories.remove(task) else { bail!("{}", self.unknown(task)) };
        let current = history.last().and_then(|row| row.version.clone());
        let Some(before) = history.iter().rev().find(|row| row.version != current).cloned() else {
            ensure!(
                had_teacher,
                "no other student answered `{}` before; `outlast undeploy {task}` gives it to its teacher alone",
                route_name(task)
            );
            return self.undeploy(task, now).await;
        };
        history.push(DeploymentRow { at: now, ..before.clone() });
        let served = self.served(task, &history)?;
        self.store.add_deployment(task, before.version.as_deref(), now).await?;
        self.lock().insert(task.to_owned(), served.clone());
        Ok(served)
    }

    async fn histories(&self) -> anyhow::Result<BTreeMap<String, Vec<DeploymentRow>>> {
        let mut histories: BTreeMap<String, Vec<DeploymentRow>> = BTreeMap::new();
        for row in self.store.deployments().await.context("the deployments cannot be read")? {
            histories.entry(row.task.clone()).or_default().push(row);
        }
        Ok(histories)
    }

    /// What a history amounts to.
    fn served(&self, task: &str, history: &[DeploymentRow]) -> anyhow::Result<Served> {
        let last = history.last().context("a task without a history")?;
        let version = history.iter().rev().find_map(|row| row.version.as_deref());
        let version = version.context("no student was ever deployed")?;
        let place = self.folder.join(task).join(version);
        let serves = last.version.is_some();
        let package = read_package(&place).and_then(|package| {
            ensure!(package.version == version, "the package was changed after it was deployed");
            Ok(package)
        });
        match package {
            Ok(package) => Ok(Served::of(package, serves, last.at)),
            Err(failure) => {
                // The task goes on with its teacher, as long as the manifest can be read.
                let (manifest, version) = read_manifest(&place)?;
                tracing::error!(
                    task,
                    "its student cannot be read, so its teacher answers; deploy it again: {failure:#}"
                );
                Ok(Served { manifest, version, package: None, serves: false, since: last.at })
            }
        }
    }

    /// Copies a package into the data folder: whole or not at all.
    fn keep(&self, package: &Path, task: &str, version: &str) -> anyhow::Result<()> {
        let place = self.folder.join(task).join(version);
        if place.exists() {
            if read_package(&place).is_ok_and(|kept| kept.version == version) {
                return Ok(());
            }
            // What was kept is damaged: the given one takes its place.
            fs::remove_dir_all(&place).with_context(|| {
                format!("the damaged package {} cannot be replaced", place.display())
            })?;
        }
        let half = self.folder.join(task).join(format!("{version}.new"));
        let kept = || -> std::io::Result<()> {
            fs::create_dir_all(&half)?;
            for file in fs::read_dir(package)? {
                let file = file?;
                if file.file_type()?.is_file() {
                    fs::copy(file.path(), half.join(file.file_name()))?;
                }
            }
            fs::rename(&half, &place)
        };
        kept().with_context(|| format!("the package cannot be kept in {}", place.display()))
    }

    fn unknown(&self, task: &str) -> String {
        let known: Vec<String> = self.lock().keys().cloned().collect();
        let known = if known.is_empty() {
            "no task is deployed here; `outlast deploy FOLDER` does it".to_owned()
        } else {
            format!("known are: {}", known.join(", "))
        };
        format!("there is no task `{task}`; {known}")
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Served>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What callers ask for.
pub(crate) fn route_name(task: &str) -> RouteName {
    RouteName::from(format!("task:{task}"))
}

/// A task may be named as callers name it.
fn bare(task: &str) -> &str {
    task.strip_prefix("task:").unwrap_or(task)
}

fn is_task_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(fits)
}

fn read_package(folder: &Path) -> anyhow::Result<StudentPackage> {
    let sizes = fs::read_dir(folder)
        .with_context(|| format!("the package {} cannot be read", folder.display()))?
        .filter_map(|file| file.ok()?.metadata().ok())
        .map(|file| file.len());
    let size: u64 = sizes.sum();
    ensure!(
        size <= PACKAGE_BYTES,
        "the package {} is larger than {} MiB",
        folder.display(),
        PACKAGE_BYTES >> 20
    );
    StudentPackage::load(folder)
        .with_context(|| format!("{} is no package of a student", folder.display()))
}
