//! Which crate may know which. Dependencies run left to right as the design draws them; an edge that
//! is not allowed here needs a thought first. Cargo already refuses cycles.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The longest chain of crates at most, both ends counted: a change at its start rebuilds all of it.
const LONGEST: usize = 5;

/// Every crate with the crates of the workspace that it may use.
const ALLOWED: &[(&str, &[&str])] = &[
    ("terms", &[]),
    ("decide", &["terms"]),
    ("wire", &["terms"]),
    ("student", &["terms"]),
    ("store", &["terms"]),
    ("simulator", &["terms"]),
    ("access", &["terms", "store"]),
    ("ledger", &["terms", "decide", "store"]),
    ("gateway", &["terms", "decide", "wire", "access", "ledger"]),
    ("pipeline", &["terms", "decide", "store", "access"]),
    ("distill", &["terms", "decide", "student", "store", "ledger"]),
    ("console", &["terms", "store", "access", "ledger"]),
    (
        "outlast",
        &[
            "terms",
            "decide",
            "wire",
            "student",
            "store",
            "access",
            "ledger",
            "gateway",
            "pipeline",
            "distill",
            "console",
            "simulator",
        ],
    ),
    ("loadbench", &["terms", "simulator"]),
    ("xtask", &["terms", "decide"]),
];

/// What any crate may use in its tests: a vendor and a place to store, both of them real.
const ALLOWED_IN_TESTS: &[&str] = &["simulator", "store"];

/// Crates and the crates of the workspace that they use, tests apart.
type Graph = BTreeMap<String, Vec<String>>;

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let (graph, tests) = graphs(root)?;
    let mut complaints = forbidden(&graph, &tests);
    let chain = longest_chain(&graph);
    if chain.len() > LONGEST {
        let (length, chain) = (chain.len(), chain.join(" → "));
        complaints.push(format!("{chain} is {length} crates long, more than {LONGEST}"));
    }
    Ok(complaints)
}

fn forbidden(graph: &Graph, tests: &Graph) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, uses) in graph {
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| known == name) else {
            complaints.push(format!("`{name}` has no row in the table of allowed edges"));
            continue;
        };
        for used in uses.iter().filter(|used| !allowed.contains(&used.as_str())) {
            complaints.push(format!("`{name}` may not use `{used}`"));
        }
        let in_tests = |used: &str| allowed.contains(&used) || ALLOWED_IN_TESTS.contains(&used);
        for used in tests[name].iter().filter(|used| !in_tests(used)) {
            complaints.push(format!("`{name}` may not use `{used}`, not even in tests"));
        }
    }
    complaints
}

/// The longest chain, from its leftmost crate to its rightmost.
fn longest_chain(graph: &Graph) -> Vec<String> {
    let chains = graph.keys().map(|name| chain_to(graph, name));
    chains.max_by_key(Vec::len).unwrap_or_default()
}

fn chain_to(graph: &Graph, name: &str) -> Vec<String> {
    let uses = graph.get(name).map(Vec::as_slice).unwrap_or_default();
    let below = uses.iter().map(|used| chain_to(graph, used)).max_by_key(Vec::len);
    let mut chain = below.unwrap_or_default();
    chain.push(name.to_owned());
    chain
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build` or nothing.
    kind: Option<String>,
    /// Only crates of the workspace have one.
    path: Option<String>,
}

/// The graph of the workspace and that of its tests, as cargo sees them.
fn graphs(root: &Path) -> Result<(Graph, Graph)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed");
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    let uses = |package: &Package, tests: bool| {
        let ours = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
        let wanted = ours.filter(|dependency| (dependency.kind.as_deref() == Some("dev")) == tests);
        wanted.map(|dependency| dependency.name.clone()).collect::<Vec<_>>()
    };
    let graph = |tests: bool| {
        metadata
            .packages
            .iter()
            .map(|package| (package.name.clone(), uses(package, tests)))
            .collect()
    };
    Ok((graph(false), graph(true)))
}

#[cfg(test)]
mod tests {
    use super::{Graph, forbidden, longest_chain};

    fn graph(edges: &[(&str, &[&str])]) -> Graph {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        edges.iter().map(|(name, uses)| ((*name).to_owned(), owned(uses))).collect()
    }

    #[test]
    fn an_edge_that_is_not_drawn_is_a_complaint() {
        let nothing = graph(&[("terms", &[]), ("decide", &[]), ("unheard", &[])]);
        let wrong = graph(&[("terms", &[]), ("decide", &["terms", "store"]), ("unheard", &[])]);
        let complaints = forbidden(&wrong, &nothing);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert_eq!(complaints[0], "`decide` may not use `store`");
        let tests =
            graph(&[("terms", &["simulator", "gateway"]), ("decide", &[]), ("unheard", &[])]);
        assert_eq!(forbidden(&nothing, &tests).len(), 2);
    }

    #[test]
    fn the_longest_chain_is_found() {
        let graph = graph(&[("a", &[]), ("b", &["a"]), ("c", &["a", "b"]), ("d", &["a"])]);
        assert_eq!(longest_chain(&graph), ["a", "b", "c"]);
    }
}
