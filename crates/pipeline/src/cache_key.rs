//! What a launch will compute, as one hash: over the container and over the contents of its inputs.
//! The bytes that are hashed are Tangle's to the letter (`orchestrator_sql.py`,
//! `_calculate_container_execution_cache_key`), so two launches are equal here exactly when they are
//! equal there. For reuse they are hashed with BLAKE3 over BLAKE3 contents; Tangle's own key, with
//! MD5, is given too. Names of tasks and components, resources and limits are not part of it.

use std::{collections::BTreeMap, io};

use md5::{Digest, Md5};
use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};
use terms::{ids::CacheKey, run::Artifact};

use crate::spec::ContainerSpec;

/// What is hashed. Keys stand in the order of the alphabet.
#[derive(Serialize)]
struct Hashed<'a> {
    container_spec: &'a ContainerSpec,
    input_hashes: BTreeMap<&'a str, &'a str>,
}

/// The key by which results are reused.
pub fn cache_key(container: &ContainerSpec, inputs: &BTreeMap<&str, &Artifact>) -> CacheKey {
    let input_hashes = inputs.iter().map(|(&name, found)| (name, found.digest.as_str())).collect();
    let hashed = python_json(&Hashed { container_spec: container, input_hashes });
    CacheKey::from(format!("blake3={}", blake3::hash(&hashed).to_hex()))
}

/// The key that Tangle gives the same launch: `md5=` and hexadecimal digits.
pub fn tangle_cache_key(container: &ContainerSpec, inputs: &BTreeMap<&str, &Artifact>) -> String {
    let input_hashes =
        inputs.iter().map(|(&name, found)| (name, found.tangle_hash.as_str())).collect();
    let hashed = python_json(&Hashed { container_spec: container, input_hashes });
    tangle_hash(&hashed)
}

/// The hash that Tangle gives some bytes.
pub(crate) fn tangle_hash(bytes: &[u8]) -> String {
    let mut hasher = Md5::new();
    hasher.update(bytes);
    finished(hasher)
}

/// `md5=` and the hexadecimal digits of a hash.
pub(crate) fn finished(hasher: Md5) -> String {
    let mut text = String::from("md5=");
    for byte in hasher.finalize() {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// JSON as Python's `json.dumps(…, separators=(",", ":"))` writes it: in ASCII.
pub(crate) fn python_json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, Ascii);
    value.serialize(&mut serializer).expect("its keys are text, and memory takes every byte");
    bytes
}

/// Writes what is not printable ASCII as `\uXXXX`, in UTF-16 pairs where needed.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|c: char| !(' '..='~').contains(&c)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let special = rest[at..].chars().next().expect("it was found there");
            for unit in special.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + special.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::python_json;

    #[test]
    fn json_is_written_as_python_writes_it() {
        // json.dumps(["ä€😀", "\x7f\x00\n\t\"\\/", "plain"], separators=(",", ":"))
        let written = python_json(&["ä€😀", "\u{7f}\u{0}\n\t\"\\/", "plain"]);
        let expected = r#"["\u00e4\u20ac\ud83d\ude00","\u007f\u0000\n\t\"\\/","plain"]"#;
        assert_eq!(String::from_utf8(written).expect("it is ASCII"), expected);
    }
}
