//! Every Rust file opens with `//!`: what it is for and what it deliberately does not do.

use std::path::Path;

use anyhow::Result;

use super::{read, rust_files};

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for file in rust_files(root)? {
        if !opens_with_docs(&read(root, &file)?) {
            complaints.push(format!("{} does not open with `//!`", file.display()));
        }
    }
    Ok(complaints)
}

fn opens_with_docs(text: &str) -> bool {
    text.lines().next().is_some_and(|first| first.starts_with("//! ") && first.len() > 8)
}

#[cfg(test)]
mod tests {
    use super::opens_with_docs;

    #[test]
    fn a_file_opens_with_what_it_is_for() {
        assert!(opens_with_docs("//! What it is for.\nfn main() {}"));
        for text in ["", "//!\n", "\n//! Late.", "// Not a doc comment.", "fn main() {}"] {
            assert!(!opens_with_docs(text), "{text:?}");
        }
    }
}
