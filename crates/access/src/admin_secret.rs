//! Where the admin secret comes from: given by whoever starts the program, else made once and kept
//! in a file that only its owner can read. The environment is read by the caller, not here.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use crate::{error::AccessError, secret::Secret};

const FILE_NAME: &str = "admin-secret";

/// Characters that an admin secret must have: beyond guessing at five tries a minute.
const SHORTEST: usize = 16;

/// The admin secret: `given` where there is one, else the content of the file `admin-secret` in the
/// data folder, which is made with a random secret when it is not there.
///
/// # Errors
/// [`AccessError::ShortAdminSecret`] below 16 characters; [`AccessError::AdminSecretFile`] when the
/// file cannot be read or made.
pub fn load_admin_secret(data_folder: &Path, given: Option<Secret>) -> Result<Secret, AccessError> {
    let secret = match given {
        Some(given) => given,
        None => read_or_make(&data_folder.join(FILE_NAME))?,
    };
    match secret.expose().chars().count() {
        found if found < SHORTEST => Err(AccessError::ShortAdminSecret { found, needed: SHORTEST }),
        _ => Ok(secret),
    }
}

fn read_or_make(path: &Path) -> Result<Secret, AccessError> {
    let failed = |source| AccessError::AdminSecretFile { path: path.to_owned(), source };
    match create_private(path) {
        Ok(mut file) => {
            let secret = Secret::random()?;
            writeln!(file, "{}", secret.expose()).map_err(failed)?;
            Ok(secret)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let text = fs::read_to_string(path).map_err(failed)?;
            Ok(Secret::new(text.trim()))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Creates the file, which must not exist, readable by its owner alone from its first moment on.
fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::load_admin_secret;
    use crate::{AccessError, Secret};

    #[test]
    fn a_made_secret_is_kept_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let made = load_admin_secret(folder.path(), None).unwrap();
        let kept = load_admin_secret(folder.path(), None).unwrap();
        assert_eq!(made.expose(), kept.expose());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let metadata = std::fs::metadata(folder.path().join("admin-secret")).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_given_secret_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let given = Secret::new("correct horse battery");
        let held = load_admin_secret(folder.path(), Some(given)).unwrap();
        assert_eq!(held.expose(), "correct horse battery");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_short_secret_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = load_admin_secret(folder.path(), Some(Secret::new("admin")));
        assert!(matches!(refused, Err(AccessError::ShortAdminSecret { found: 5, .. })));
    }
}
