//! The paths that a program sees: relative, and the same for every launch of the same component.

use std::collections::BTreeMap;

/// File names of inputs or outputs, by their own names.
#[derive(Debug, Default)]
pub(super) struct FileNames(BTreeMap<String, String>);

impl FileNames {
    /// One file name for each name, in the order given: letters, digits, `-` and `_` stay, the rest
    /// becomes `_`, and a second one that comes out the same gets a number.
    pub(super) fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut found: BTreeMap<String, String> = BTreeMap::new();
        for name in names {
            let plain: String = name
                .chars()
                .take(100)
                .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
                .collect();
            let base = if plain.is_empty() { "_".to_owned() } else { plain };
            let mut file = base.clone();
            let mut number = 2;
            while found.values().any(|taken| *taken == file) {
                file = format!("{base}-{number}");
                number += 1;
            }
            found.entry(name.to_owned()).or_insert(file);
        }
        Self(found)
    }

    /// The path of an input's content.
    pub(super) fn input(&self, name: &str) -> String {
        format!("inputs/{}/data", self.file(name))
    }

    /// The path that an output is written to.
    pub(super) fn output(&self, name: &str) -> String {
        format!("outputs/{}/data", self.file(name))
    }

    fn file(&self, name: &str) -> &str {
        self.0.get(name).map_or("_", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::FileNames;

    #[test]
    fn names_become_file_names_that_differ() {
        let names = FileNames::of(["model", "a b", "a/b", "../x", "", "größe", "a b"]);
        assert_eq!(names.input("model"), "inputs/model/data");
        assert_eq!(names.output("a b"), "outputs/a_b/data");
        assert_eq!(names.output("a/b"), "outputs/a_b-2/data");
        assert_eq!(names.input("../x"), "inputs/___x/data");
        assert_eq!(names.input(""), "inputs/_/data");
        assert_eq!(names.input("größe"), "inputs/gr__e/data");
    }
}
