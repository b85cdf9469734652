//! What a file or folder contains, as hashes: BLAKE3 by which it is known here, and MD5 as Tangle's
//! local storage computes it. Of a folder both are hashes of a sorted listing.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use md5::{Digest, Md5};
use thiserror::Error;

use crate::cache_key::{finished, tangle_hash};

/// Entries of a folder at most.
const ENTRIES: usize = 1_000_000;
/// Read at a time; large enough that the hashes, not the calls, take the time.
const CHUNK: usize = 256 * 1024;

/// Why something cannot be an artifact.
#[derive(Debug, Error)]
pub(crate) enum Unusable {
    /// The system said no.
    #[error("{0}")]
    System(#[from] io::Error),
    /// It is a socket, a device or a pipe.
    #[error("`{0}` is neither a file nor a folder")]
    Special(PathBuf),
    /// It is a link; what it points to may change or go.
    #[error("`{0}` is a link; write the content itself")]
    Link(PathBuf),
    /// It has too many entries.
    #[error("the folder has more than {ENTRIES} entries")]
    TooMany,
}

/// What was found at a path.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) digest: String,
    pub(super) tangle_hash: String,
    pub(super) bytes: u64,
    pub(super) is_folder: bool,
}

/// Reads everything at a path. A link at the path itself is followed.
pub(super) fn measure(path: &Path) -> Result<Measured, Unusable> {
    let kind = fs::metadata(path)?;
    if kind.is_file() {
        let found = measure_file(path)?;
        let (digest, tangle_hash) = (found.blake3, format!("md5={}", found.md5));
        return Ok(Measured { digest, tangle_hash, bytes: found.bytes, is_folder: false });
    }
    if kind.is_dir() {
        return measure_folder(path);
    }
    Err(Unusable::Special(path.to_owned()))
}

struct Hashes {
    blake3: String,
    md5: String,
    bytes: u64,
}

fn measure_file(path: &Path) -> io::Result<Hashes> {
    let mut file = File::open(path)?;
    let (mut strong, mut weak, mut bytes) = (blake3::Hasher::new(), Md5::new(), 0);
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        strong.update(&chunk[..read]);
        weak.update(&chunk[..read]);
        bytes += read as u64;
    }
    let md5 = finished(weak).trim_start_matches("md5=").to_owned();
    Ok(Hashes { blake3: strong.finalize().to_hex().to_string(), md5, bytes })
}

/// A folder's hashes: ours over every entry (files with whether they can be run, folders, links),
/// Tangle's over its files (`storage_providers/interfaces.py`, `_make_data_info_for_dir`).
fn measure_folder(path: &Path) -> Result<Measured, Unusable> {
    let mut entries = Vec::new();
    list(path, path, &mut entries)?;
    entries.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
    let mut strong = blake3::Hasher::new();
    let mut listing = Vec::new();
    let mut total = 0;
    for entry in entries {
        let full = path.join(&entry);
        let kind = fs::symlink_metadata(&full)?;
        let mut note = |kind: &str, content: &[u8]| {
            for part in [kind.as_bytes(), entry.as_os_str().as_bytes(), content] {
                strong.update(&(part.len() as u64).to_le_bytes());
                strong.update(part);
            }
        };
        if kind.is_dir() {
            note("folder", b"");
        } else if kind.is_symlink() {
            note("link", fs::read_link(&full)?.as_os_str().as_bytes());
        } else if kind.is_file() {
            let found = measure_file(&full)?;
            let can_run = kind.permissions().mode() & 0o100 != 0;
            note(if can_run { "program" } else { "file" }, found.blake3.as_bytes());
            total += found.bytes;
            listing.push(listed(&entry, &found));
        } else {
            return Err(Unusable::Special(full));
        }
    }
    Ok(Measured {
        digest: strong.finalize().to_hex().to_string(),
        tangle_hash: tangle_hash(format!("[{}]", listing.join(", ")).as_bytes()),
        bytes: total,
        is_folder: true,
    })
}

/// A file as Python's `json.dumps` writes it in Tangle's listing.
fn listed(entry: &Path, found: &Hashes) -> String {
    let path = crate::cache_key::python_json(&entry.to_string_lossy());
    format!(
        r#"{{"path": {}, "size": {}, "hash_name": "md5", "hash": "{}"}}"#,
        String::from_utf8_lossy(&path),
        found.bytes,
        found.md5
    )
}

/// Every entry below a folder, relative to its root.
fn list(root: &Path, folder: &Path, entries: &mut Vec<PathBuf>) -> Result<(), Unusable> {
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entries.len() >= ENTRIES {
                return Err(Unusable::TooMany);
            }
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            }
            let path = entry.path();
            entries.push(path.strip_prefix(root).unwrap_or(&path).to_owned());
        }
    }
    Ok(())
}

/// Takes the right to write from every file. Folders keep theirs, so that they can be moved and
/// removed.
pub(super) fn make_read_only(path: &Path) -> io::Result<()> {
    let kind = fs::symlink_metadata(path)?;
    if kind.is_dir() {
        for entry in fs::read_dir(path)? {
            make_read_only(&entry?.path())?;
        }
    } else if kind.is_file() {
        let mode = kind.permissions().mode() & !0o222 | 0o400;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// The same content at another path, without taking the space again where the system can do that.
pub(super) fn link(from: &Path, to: &Path) -> io::Result<()> {
    let kind = fs::symlink_metadata(from)?;
    if kind.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            link(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if kind.is_symlink() {
        return std::os::unix::fs::symlink(fs::read_link(from)?, to);
    }
    // Another file system, or too many links: a copy is as good.
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
}

/// Removes whatever is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}
