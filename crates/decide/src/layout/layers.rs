//! Which layer each node stands in, and bends where a line passes a layer. Does not order a layer.

use super::Drawing;

/// Bends at most; beyond, long lines go straight. Keeps a graph of long edges from growing without
/// bound.
const BENDS: usize = 20_000;

/// Nodes and bends in layers. Bends are numbered after the nodes.
#[derive(Debug)]
pub(super) struct Layers {
    /// The layer of each node and bend.
    pub(super) layer: Vec<usize>,
    /// The nodes and bends of each layer, in the order of their numbers.
    pub(super) members: Vec<Vec<usize>>,
    /// For each edge its path: first node, bends, last node.
    pub(super) paths: Vec<Vec<usize>>,
    /// For each node and bend its neighbours in the layer before.
    pub(super) before: Vec<Vec<usize>>,
    /// For each node and bend its neighbours in the layer after.
    pub(super) after: Vec<Vec<usize>>,
}

impl Layers {
    pub(super) fn of(drawing: &Drawing) -> Self {
        let mut layer = longest_paths(drawing);
        let mut paths = Vec::with_capacity(drawing.edges.len());
        for &(from, to) in &drawing.edges {
            paths.push(path(drawing, from, to, &mut layer));
        }
        let mut members = vec![Vec::new(); layer.iter().max().map_or(0, |last| last + 1)];
        for (node, &at) in layer.iter().enumerate() {
            members[at].push(node);
        }
        let mut before = vec![Vec::new(); layer.len()];
        let mut after = vec![Vec::new(); layer.len()];
        for step in paths.iter().flat_map(|path| path.windows(2)) {
            if layer[step[1]] == layer[step[0]] + 1 {
                after[step[0]].push(step[1]);
                before[step[1]].push(step[0]);
            }
        }
        Self { layer, members, paths, before, after }
    }
}

/// The path of an edge; makes its bends. Against the direction of the layers (along a cycle) the line
/// goes straight.
fn path(drawing: &Drawing, from: usize, to: usize, layer: &mut Vec<usize>) -> Vec<usize> {
    if !is_edge(drawing, from, to) {
        return Vec::new();
    }
    let mut path = vec![from];
    let between = layer[from] + 1..layer[to];
    if layer.len() - drawing.nodes + between.len() <= BENDS {
        for at in between {
            path.push(layer.len());
            layer.push(at);
        }
    }
    path.push(to);
    path
}

fn is_edge(drawing: &Drawing, from: usize, to: usize) -> bool {
    from < drawing.nodes && to < drawing.nodes && from != to
}

/// Each node one layer after the last of those before it; a node with nothing before it right before
/// the first of those after it. Nodes of a cycle stay in the first layer that fits.
fn longest_paths(drawing: &Drawing) -> Vec<usize> {
    let mut after = vec![Vec::new(); drawing.nodes];
    let mut waits_for = vec![0_usize; drawing.nodes];
    for &(from, to) in drawing.edges.iter().filter(|&&(from, to)| is_edge(drawing, from, to)) {
        after[from].push(to);
        waits_for[to] += 1;
    }
    let is_source: Vec<bool> = waits_for.iter().map(|&count| count == 0).collect();
    let mut layer = vec![0; drawing.nodes];
    let mut ready: Vec<usize> = (0..drawing.nodes).filter(|&node| is_source[node]).collect();
    while let Some(node) = ready.pop() {
        for &next in &after[node] {
            layer[next] = layer[next].max(layer[node] + 1);
            waits_for[next] -= 1;
            if waits_for[next] == 0 {
                ready.push(next);
            }
        }
    }
    for node in (0..drawing.nodes).filter(|&node| is_source[node]) {
        let first = after[node].iter().map(|&next| layer[next]).min();
        layer[node] = first.map_or(0, |first: usize| first.saturating_sub(1));
    }
    layer
}
