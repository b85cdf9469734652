//! Which build of this program runs: its version and a hash of its file. Results are kept under it, so
//! that a new build never takes an old one's for its own.

use std::{fs::File, io, sync::OnceLock};

use anyhow::Context;

/// Digits of the hash that are kept: enough that no two builds share them.
const DIGITS: usize = 16;

/// The build's name, such as `0.1.0-4f2a…`; the file is read once per process.
pub(crate) fn build() -> anyhow::Result<&'static str> {
    static BUILD: OnceLock<String> = OnceLock::new();
    if let Some(build) = BUILD.get() {
        return Ok(build);
    }
    let build = read().context("the program's own file cannot be read")?;
    Ok(BUILD.get_or_init(|| build))
}

fn read() -> io::Result<String> {
    let mut file = File::open(std::env::current_exe()?)?;
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut file, &mut hasher)?;
    let hash = hasher.finalize().to_hex();
    Ok(format!("{}-{}", env!("CARGO_PKG_VERSION"), &hash[..DIGITS]))
}
