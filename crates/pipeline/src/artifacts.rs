//! Artifacts in a local folder, each under the hash of its content, so that equal content lies there
//! once. What an execution wrote is hashed where it lies and then moved in by one rename; what an
//! execution reads is linked out, read-only. Nothing here deletes an artifact.

mod content;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use terms::run::Artifact;

pub(crate) use self::content::Unusable;
use crate::{cache_key::tangle_hash, error::PipelineError};

/// Text shorter than this is kept in the artifact's record too, as in Tangle.
const INLINE_BYTES: u64 = 255;
/// The longest value that may be put into a command line, as in Tangle's local launcher.
const VALUE_BYTES: u64 = 10_000;

/// A constant as an artifact. It needs no place in a store.
pub(crate) fn constant(value: &str) -> Artifact {
    Artifact {
        digest: blake3::hash(value.as_bytes()).to_hex().to_string(),
        tangle_hash: tangle_hash(value.as_bytes()),
        bytes: value.len() as u64,
        is_folder: false,
        value: Some(value.to_owned()),
    }
}

/// A folder of artifacts.
#[derive(Debug, Clone)]
pub struct ArtifactStore {
    folder: PathBuf,
}

impl ArtifactStore {
    /// Opens the folder; makes it where it is missing.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, PipelineError> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(PipelineError::file(&folder))?;
        Ok(Self { folder })
    }

    /// Where the artifact's file or folder lies. Constants, and what was deleted, lie nowhere.
    pub fn path(&self, artifact: &Artifact) -> PathBuf {
        let digest = artifact.digest.as_str();
        self.folder.join(digest.get(..2).unwrap_or("__")).join(digest)
    }

    /// The content as text. At most 10,000 bytes, which is what a command line may carry.
    ///
    /// # Errors
    ///
    /// It is a folder, too large, not text, or gone; the sentence says which.
    pub fn text(&self, artifact: &Artifact) -> Result<String, String> {
        if let Some(value) = &artifact.value {
            return Ok(value.clone());
        }
        if artifact.is_folder {
            return Err("it is a folder, which cannot be used as a value".into());
        }
        if artifact.bytes > VALUE_BYTES {
            let bytes = artifact.bytes;
            return Err(format!(
                "its {bytes} bytes are too many for a value; use inputPath instead"
            ));
        }
        let bytes = fs::read(self.path(artifact)).map_err(|error| error.to_string())?;
        String::from_utf8(bytes).map_err(|_| "it is not text; use inputPath instead".to_owned())
    }

    /// Whether the content is there, whole and unchanged. Reads all of it.
    pub fn is_intact(&self, artifact: &Artifact) -> bool {
        let found = content::measure(&self.path(artifact));
        found.is_ok_and(|found| {
            found.digest == artifact.digest && found.is_folder == artifact.is_folder
        })
    }

    /// Takes in what lies at a path; moves it away from there. The path must be in the same file
    /// system as the store.
    pub(crate) fn take_in(&self, path: &Path) -> Result<Artifact, Unusable> {
        if path.symlink_metadata()?.is_symlink() {
            return Err(Unusable::Link(path.to_owned()));
        }
        let found = content::measure(path)?;
        let value = (!found.is_folder && found.bytes < INLINE_BYTES)
            .then(|| fs::read(path).ok().and_then(|bytes| String::from_utf8(bytes).ok()))
            .flatten();
        let artifact = Artifact {
            digest: found.digest,
            tangle_hash: found.tangle_hash,
            bytes: found.bytes,
            is_folder: found.is_folder,
            value,
        };
        if !self.is_intact(&artifact) {
            self.place(path, &artifact)?;
        }
        Ok(artifact)
    }

    fn place(&self, path: &Path, artifact: &Artifact) -> io::Result<()> {
        let target = self.path(artifact);
        let folder = target.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)?;
        content::make_read_only(path)?;
        if target.symlink_metadata().is_ok() {
            // What lies there is damaged. It may still be linked from elsewhere, so it is set aside
            // and not written over.
            let mut damaged = target.clone().into_os_string();
            damaged.push(".damaged");
            let _ = content::remove(Path::new(&damaged));
            fs::rename(&target, &damaged)?;
        }
        match fs::rename(path, &target) {
            // Someone else was first with the same folder.
            Err(_) if artifact.is_folder && self.is_intact(artifact) => Ok(()),
            moved => moved,
        }
    }

    /// Puts the content at a path, for an execution to read. Of a file it checks the length, since a
    /// full look was taken when the artifact was made or reused.
    pub(crate) fn put_at(&self, artifact: &Artifact, path: &Path) -> io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        if let Some(value) = &artifact.value {
            fs::write(path, value)?;
            return content::make_read_only(path);
        }
        let stored = self.path(artifact);
        if !artifact.is_folder && fs::metadata(&stored)?.len() != artifact.bytes {
            return Err(io::Error::other("a stored artifact was changed from outside"));
        }
        content::link(&stored, path)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::{ArtifactStore, constant};

    fn store() -> (tempfile::TempDir, ArtifactStore) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = ArtifactStore::open(folder.path().join("artifacts")).expect("it opens");
        (folder, store)
    }

    #[test]
    fn a_file_is_taken_in_known_by_its_content_and_linked_out() {
        let (folder, store) = store();
        let (first, second) = (folder.path().join("a"), folder.path().join("b"));
        for path in [&first, &second] {
            fs::write(path, "hello\n").expect("written");
        }
        let artifact = store.take_in(&first).expect("taken");
        assert_eq!(artifact.tangle_hash, "md5=b1946ac92492d2347c6235b4d2611184");
        assert_eq!(artifact.value.as_deref(), Some("hello\n"));
        assert!(!first.exists(), "moved, not copied");
        assert_eq!(store.take_in(&second).expect("taken"), artifact);
        let out = folder.path().join("in/data");
        store.put_at(&artifact, &out).expect("linked");
        assert_eq!(fs::read_to_string(&out).expect("read"), "hello\n");
        assert!(fs::metadata(&out).expect("there").permissions().mode() & 0o222 == 0);
        assert_eq!(artifact.digest, constant("hello\n").digest, "a constant is the same content");
    }

    #[test]
    fn damage_is_seen_and_mended_by_the_next_equal_content() {
        let (folder, store) = store();
        let path = folder.path().join("a");
        fs::write(&path, "x".repeat(1000)).expect("written");
        let artifact = store.take_in(&path).expect("taken");
        assert!(store.is_intact(&artifact));
        let stored = store.path(&artifact);
        fs::remove_file(&stored).expect("removed");
        assert!(!store.is_intact(&artifact), "gone");
        fs::write(&stored, "y").expect("written");
        assert!(!store.is_intact(&artifact), "changed");
        fs::write(&path, "x".repeat(1000)).expect("written");
        assert_eq!(store.take_in(&path).expect("taken"), artifact);
        assert!(store.is_intact(&artifact));
    }

    #[test]
    fn a_folder_is_known_by_everything_in_it() {
        let (folder, store) = store();
        let make = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.join("sub/empty")).expect("made");
            fs::write(path.join("sub/b"), text).expect("written");
            fs::write(path.join("a"), "1\n").expect("written");
            path
        };
        let first = store.take_in(&make("x", "2\n")).expect("taken");
        assert!(first.is_folder);
        assert_eq!(first.bytes, 4);
        assert_eq!(store.take_in(&make("y", "2\n")).expect("taken"), first);
        let other = store.take_in(&make("z", "3\n")).expect("taken");
        assert_ne!(other.digest, first.digest);
        assert_ne!(other.tangle_hash, first.tangle_hash);
        let out = folder.path().join("in/data");
        store.put_at(&first, &out).expect("linked");
        assert_eq!(fs::read_to_string(out.join("sub/b")).expect("read"), "2\n");
        assert!(out.join("sub/empty").is_dir());
        assert!(store.is_intact(&first));
    }

    #[test]
    fn what_is_neither_file_nor_folder_is_refused() {
        let (folder, store) = store();
        let path = folder.path().join("socket");
        let _socket = std::os::unix::net::UnixListener::bind(&path).expect("bound");
        let refusal = store.take_in(&path).expect_err("refused").to_string();
        assert!(refusal.contains("neither a file nor a folder"), "{refusal}");
    }

    #[test]
    fn values_are_short_text() {
        let (folder, store) = store();
        let taken = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).expect("written");
            store.take_in(&path).expect("taken")
        };
        assert_eq!(store.text(&taken("a", &[b'x'; 300])), Ok("x".repeat(300)));
        assert!(store.text(&taken("b", &[b'x'; 10_001])).expect_err("too long").contains("10001"));
        assert!(store.text(&taken("c", &[0xff; 300])).expect_err("no text").contains("not text"));
    }
}
