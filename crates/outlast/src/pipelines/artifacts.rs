//! Artifacts and logs as they are read for the console: found by name, never outside of their own folder,
//! never more than can be shown.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::{Component, Path, PathBuf},
};

use console::pipelines::{ArtifactAsked, ArtifactContent, ArtifactPlace};
use pipeline::{ArtifactStore, RunView};
use terms::run::Artifact;

/// Bytes of a log's end that are shown.
const LOG_TAIL: u64 = 16 * 1024;
/// Bytes of a report at most; a longer file is no report of ours.
const REPORT: u64 = 256 * 1024;
/// Files of a folder that are listed.
const FILES: usize = 1_000;

/// The artifact that is asked for; for a folder its list, or one of its files.
pub(super) fn find(
    view: &RunView,
    asked: &ArtifactAsked,
    store: &ArtifactStore,
) -> Option<ArtifactContent> {
    let execution = |index: u32| view.executions.get(usize::try_from(index).ok()?);
    let artifact = match asked.place {
        ArtifactPlace::Run => view.outputs.get(&asked.name)?,
        ArtifactPlace::Input(index) => execution(index)?.inputs.get(&asked.name)?,
        ArtifactPlace::Output(index) => execution(index)?.outputs.get(&asked.name)?,
        ArtifactPlace::Log(index) => {
            return Some(ArtifactContent::File(execution(index)?.log.clone()?));
        }
    };
    let path = store.path(artifact);
    match &asked.file {
        None if !path.exists() => artifact.value.clone().map(ArtifactContent::Text),
        None if artifact.is_folder => Some(ArtifactContent::Folder(files(&path))),
        None => Some(ArtifactContent::File(path)),
        Some(file) if artifact.is_folder => inside(&path, file).map(ArtifactContent::File),
        Some(_) => None,
    }
}

/// A file of a folder. Nothing outside of it is found, neither by the path that is asked for nor by a link
/// that a program left there.
fn inside(folder: &Path, file: &str) -> Option<PathBuf> {
    let asked = Path::new(file);
    let stays = asked.components().all(|part| matches!(part, Component::Normal(_)));
    let found = stays.then(|| folder.join(asked).canonicalize().ok())??;
    (found.starts_with(folder.canonicalize().ok()?) && found.is_file()).then_some(found)
}

/// The files of a folder by their paths inside.
fn files(folder: &Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        let Ok(entries) = fs::read_dir(next) else { continue };
        for entry in entries.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                waiting.push(entry.path());
            } else if metadata.is_file()
                && found.len() < FILES
                && let Ok(inside) = entry.path().strip_prefix(folder)
            {
                found.push((inside.to_string_lossy().into_owned(), metadata.len()));
            }
        }
    }
    found.sort();
    found
}

/// The text of a folder's `report.md`, where it has one.
pub(super) fn report(artifact: &Artifact, store: &ArtifactStore) -> Option<String> {
    let path = store.path(artifact).join("report.md");
    let short = artifact.is_folder && fs::metadata(&path).ok()?.len() <= REPORT;
    short.then(|| fs::read_to_string(path).ok())?
}

/// The end of a log as text that can be shown, and whether there is more before it.
pub(super) fn log_tail(path: &Path) -> (String, bool) {
    let read = || -> std::io::Result<(Vec<u8>, bool)> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let before = length.saturating_sub(LOG_TAIL);
        file.seek(SeekFrom::Start(before))?;
        let mut bytes = Vec::new();
        file.take(LOG_TAIL).read_to_end(&mut bytes)?;
        Ok((bytes, before > 0))
    };
    // A program that has not started yet has no log.
    let Ok((bytes, is_cut)) = read() else { return (String::new(), false) };
    let shown = |c: &char| !c.is_control() || *c == '\n' || *c == '\t';
    (String::from_utf8_lossy(&bytes).chars().filter(shown).collect(), is_cut)
}

#[cfg(test)]
mod tests {
    use super::{files, inside, log_tail};

    #[test]
    fn a_long_log_is_shown_from_its_end_and_without_control_characters() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        assert_eq!(log_tail(&path), (String::new(), false));
        std::fs::write(&path, b"a\x1b[31mb\r\n\xff").unwrap();
        assert!(log_tail(&path).0.starts_with("a[31mb\n"));
        std::fs::write(&path, "x".repeat(20_000) + "end").unwrap();
        let (tail, is_cut) = log_tail(&path);
        assert!(is_cut && tail.len() == 16 * 1024 && tail.ends_with("end"));
    }

    #[test]
    fn only_files_of_the_folder_itself_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("made");
        std::fs::create_dir_all(made.join("sub")).unwrap();
        for path in ["secret", "made/a", "made/sub/b"] {
            std::fs::write(folder.path().join(path), path).unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), made.join("out")).unwrap();
        std::os::unix::fs::symlink("../secret", made.join("link")).unwrap();
        assert!(inside(&made, "a").is_some() && inside(&made, "sub/b").is_some());
        let absolute = folder.path().join("secret");
        for asked in ["../secret", "link", "out/secret", "sub", "", absolute.to_str().unwrap()] {
            assert_eq!(inside(&made, asked), None, "{asked}");
        }
    }

    #[test]
    fn a_folder_lists_its_files_by_their_paths_inside() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        for (name, text) in [("b", "12"), ("sub/a", "1")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        assert_eq!(files(folder.path()), [("b".to_owned(), 2), ("sub/a".to_owned(), 1)]);
    }
}
