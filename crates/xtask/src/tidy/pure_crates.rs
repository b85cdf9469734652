//! The crates at the bottom are pure, and kept so by a `clippy.toml` of their own that bans clocks,
//! files and sockets. This rule checks that the file is there and bans them.

use std::{fs, path::Path};

use anyhow::{Context, Result};

/// The pure crates.
const PURE: &[&str] = &["terms", "decide", "wire"];

/// What each of them must ban.
const BANNED: &[&str] = &[
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "std::env::var",
    "std::fs::read",
    "std::fs::File::open",
    "std::net::TcpStream",
    "std::process::Command",
];

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for name in PURE {
        let path = root.join("crates").join(name).join("clippy.toml");
        let bans =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for banned in BANNED {
            if !bans.contains(&format!("\"{banned}\"")) {
                complaints.push(format!("crates/{name}/clippy.toml does not ban `{banned}`"));
            }
        }
    }
    Ok(complaints)
}
