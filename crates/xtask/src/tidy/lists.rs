//! Where something can be added there is one closed list and one file per member. This rule finds a
//! file that stands in a list folder and not in the list, which would be dead without a word.

use std::{fs, path::Path};

use anyhow::{Context, Result};

/// A folder whose files are members, and the list that must name each of them.
struct List {
    folder: &'static str,
    /// The file that holds the list.
    file: &'static str,
    /// The constant or function that is the list.
    item: &'static str,
}

/// Every list of the workspace.
const LISTS: &[List] = &[
    List {
        folder: "crates/wire/src/dialect",
        file: "crates/wire/src/dialect/mod.rs",
        item: "const ALL",
    },
    List {
        folder: "crates/wire/src/provider_dialect",
        file: "crates/wire/src/provider_dialect/mod.rs",
        item: "const ALL",
    },
    List {
        folder: "crates/console/src/pages",
        file: "crates/console/src/routes.rs",
        item: "const ROUTES",
    },
    List {
        folder: "crates/console/src/api",
        file: "crates/console/src/routes.rs",
        item: "const ROUTES",
    },
    List {
        folder: "crates/console/src/sections",
        file: "crates/console/src/sections.rs",
        item: "const ALL",
    },
    List {
        folder: "crates/outlast/src/commands",
        file: "crates/outlast/src/commands/mod.rs",
        item: "enum Command ",
    },
    List {
        folder: "crates/pipeline/src/launcher",
        file: "crates/pipeline/src/launcher.rs",
        item: "const ALL",
    },
    List {
        folder: "crates/student/src/family",
        file: "crates/student/src/family/mod.rs",
        item: "const ALL",
    },
    List {
        folder: "crates/distill/src/step",
        file: "crates/distill/src/step/mod.rs",
        item: "const ALL",
    },
    List {
        folder: "crates/simulator/src/dialects",
        file: "crates/simulator/src/dialects/mod.rs",
        item: "const ALL",
    },
    List {
        folder: "crates/xtask/src/tidy",
        file: "crates/xtask/src/tidy/mod.rs",
        item: "const RULES",
    },
];

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for list in LISTS {
        let text = fs::read_to_string(root.join(list.file))
            .with_context(|| format!("cannot read the list {}", list.file))?;
        let Some(named) = body_of(&text, list.item) else {
            complaints.push(format!("{} has no `{}`", list.file, list.item));
            continue;
        };
        for member in members(root, list)? {
            if !names(named, &member) {
                complaints.push(format!(
                    "{}/{member}.rs does not stand in `{}` of {}",
                    list.folder, list.item, list.file
                ));
            }
        }
    }
    Ok(complaints)
}

/// The members of a list folder by file stem, sorted.
fn members(root: &Path, list: &List) -> Result<Vec<String>> {
    let folder = root.join(list.folder);
    let read =
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut members = Vec::new();
    for entry in read {
        let path = entry?.path();
        let is_member = path.is_dir() || path.extension().is_some_and(|kind| kind == "rs");
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let is_list = path == root.join(list.file);
        if is_member && !is_list && !["mod", "tests"].contains(&stem) {
            members.push(stem.to_owned());
        }
    }
    members.sort();
    Ok(members)
}

/// From the item's name to the end of what it is made of: the first `;` or `}` at the line's start.
fn body_of<'a>(text: &'a str, item: &str) -> Option<&'a str> {
    let start = text.find(item)?;
    let body = &text[start..];
    let ends = ["];\n", "\n}"].iter().filter_map(|end| body.find(end));
    Some(&body[..ends.min().unwrap_or(body.len())])
}

/// Whether a list names a member: by its module (`member::`) or by its type (`Member`).
fn names(list: &str, member: &str) -> bool {
    let words = |c: char| !(c.is_alphanumeric() || c == '_');
    let camel: String = member.split('_').map(capitalised).collect();
    list.split(words).any(|word| word == member || word == camel)
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::{body_of, names};

    const LIST: &str =
        "mod red_wine;\nconst ALL: &[&dyn Wine] = &[&RedWine, &white::White];\nfn rose() {}\n";

    #[test]
    fn a_member_is_found_by_its_module_or_its_type_within_the_list_only() {
        let list = body_of(LIST, "const ALL").unwrap();
        assert!(names(list, "red_wine") && names(list, "white"));
        assert!(!names(list, "rose") && !names(list, "red"));
        assert_eq!(body_of(LIST, "const NONE"), None);
    }
}
