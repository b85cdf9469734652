//! Where to draw the boxes and lines of a graph, left to right: layers by longest path, few crossings
//! by barycentres, straight lines by placing each box near its neighbours (after Sugiyama, Tagawa and
//! Toda, 1981). The same graph is always drawn the same. It gives points, not a picture, and every
//! step is bounded, so that no graph makes it hang.

mod layers;
mod nearest;
mod order;
mod place;

use serde::Serialize;

pub use self::nearest::nearest;
use self::{layers::Layers, order::in_few_crossings};

/// A graph to draw. Nodes are numbered from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drawing {
    /// How many nodes there are.
    pub nodes: usize,
    /// From where to where. An edge to an unknown node or to itself is passed over.
    pub edges: Vec<(usize, usize)>,
}

/// Sizes, in the units of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sizes {
    /// The width of every node.
    pub node_width: f64,
    /// The height of every node.
    pub node_height: f64,
    /// Between the right side of a layer and the left side of the next one.
    pub layer_gap: f64,
    /// Between two nodes of a layer, one above the other.
    pub node_gap: f64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { node_width: 180.0, node_height: 48.0, layer_gap: 44.0, node_gap: 20.0 }
    }
}

/// A point; x grows to the right, y downwards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Point {
    /// From the left side.
    pub x: f64,
    /// From the top.
    pub y: f64,
}

/// Where everything goes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Layout {
    /// The width of the whole.
    pub width: f64,
    /// The height of the whole.
    pub height: f64,
    /// The upper left corner of each node.
    pub nodes: Vec<Point>,
    /// For each edge of the drawing the points that its line passes, from the right side of its
    /// first node to the left side of its second one. Empty where an edge was passed over.
    pub edges: Vec<Vec<Point>>,
}

/// Lays the drawing out.
pub fn layout(drawing: &Drawing, sizes: &Sizes) -> Layout {
    let layers = Layers::of(drawing);
    let order = in_few_crossings(&layers);
    let tops = place::tops(&layers, &order, sizes.node_height + sizes.node_gap);
    let left = |layer: usize| layer as f64 * (sizes.node_width + sizes.layer_gap);
    let corner = |node: usize| Point { x: left(layers.layer[node]), y: tops[node] };
    let height = (0..drawing.nodes).map(|node| tops[node] + sizes.node_height).fold(0.0, f64::max);
    let width = (0..drawing.nodes)
        .map(|node| left(layers.layer[node]) + sizes.node_width)
        .fold(0.0, f64::max);
    let middle = |node: usize| tops[node] + sizes.node_height / 2.0;
    let line = |path: &Vec<usize>| line(path, &layers, sizes, &left, &middle);
    Layout {
        width,
        height,
        nodes: (0..drawing.nodes).map(corner).collect(),
        edges: layers.paths.iter().map(line).collect(),
    }
}

/// The points of a line along a path of nodes, real ones at its ends and bends between.
fn line(
    path: &[usize],
    layers: &Layers,
    sizes: &Sizes,
    left: &dyn Fn(usize) -> f64,
    middle: &dyn Fn(usize) -> f64,
) -> Vec<Point> {
    let last = path.len().saturating_sub(1);
    let mut points = Vec::with_capacity(path.len() * 2);
    for (step, &node) in path.iter().enumerate() {
        let x = left(layers.layer[node]);
        let y = middle(node);
        if step > 0 {
            points.push(Point { x, y });
        }
        if step < last {
            points.push(Point { x: x + sizes.node_width, y });
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::{Drawing, Layout, Sizes, layout};

    fn lay(nodes: usize, edges: &[(usize, usize)]) -> Layout {
        layout(&Drawing { nodes, edges: edges.to_vec() }, &Sizes::default())
    }

    /// No two boxes touch, and every line goes to the right.
    fn check(layout: &Layout) {
        let sizes = Sizes::default();
        for (number, a) in layout.nodes.iter().enumerate() {
            for b in &layout.nodes[number + 1..] {
                let apart = (a.x - b.x).abs() >= sizes.node_width + sizes.layer_gap - 0.01
                    || (a.y - b.y).abs() >= sizes.node_height + sizes.node_gap - 0.01;
                assert!(apart, "{a:?} and {b:?} touch");
            }
            assert!(a.x >= 0.0 && a.x + sizes.node_width <= layout.width + 0.01);
            assert!(a.y >= -0.01 && a.y + sizes.node_height <= layout.height + 0.01);
        }
        for line in &layout.edges {
            assert!(line.windows(2).all(|pair| pair[0].x < pair[1].x), "{line:?}");
        }
    }

    #[test]
    fn a_chain_is_a_straight_line() {
        let laid = lay(4, &[(0, 1), (1, 2), (2, 3)]);
        check(&laid);
        assert!(laid.nodes.iter().all(|node| node.y.abs() < 0.01), "{laid:?}");
        assert!(laid.nodes.windows(2).all(|pair| pair[0].x < pair[1].x));
    }

    #[test]
    fn lines_that_need_not_cross_do_not() {
        // Two chains whose middles stand the wrong way round in the numbering.
        let laid = lay(6, &[(0, 3), (1, 2), (3, 4), (2, 5)]);
        check(&laid);
        let above = |a: usize, b: usize| laid.nodes[a].y < laid.nodes[b].y;
        assert_eq!(above(0, 1), above(3, 2));
        assert_eq!(above(0, 1), above(4, 5));
    }

    #[test]
    fn a_long_edge_goes_around_the_boxes_between() {
        let laid = lay(4, &[(0, 1), (1, 2), (2, 3), (0, 3)]);
        check(&laid);
        let bend = laid.edges[3][1];
        assert!((bend.y - (laid.nodes[1].y + 24.0)).abs() > 40.0, "{laid:?}");
    }

    #[test]
    fn a_source_stands_beside_what_needs_it() {
        let laid = lay(4, &[(0, 1), (1, 2), (3, 2)]);
        assert!((laid.nodes[3].x - laid.nodes[1].x).abs() < 0.01, "{laid:?}");
    }

    #[test]
    fn nothing_a_cycle_and_edges_to_nowhere_are_laid_out_too() {
        assert_eq!(lay(0, &[]), Layout::default());
        let laid = lay(3, &[(0, 1), (1, 0), (1, 1), (2, 9)]);
        assert_eq!(laid.nodes.len(), 3);
        assert_eq!(laid.edges.len(), 4);
        assert!(laid.edges[2].is_empty() && laid.edges[3].is_empty());
    }

    #[test]
    fn a_thousand_nodes_in_twenty_layers_are_laid_out() {
        let mut edges = Vec::new();
        for layer in 1..20 {
            for place in 0..50 {
                let node = layer * 50 + place;
                edges.push(((layer - 1) * 50 + (place * 7 + layer) % 50, node));
                edges.push(((layer - 1) * 50 + (place * 11 + 3) % 50, node));
            }
        }
        let laid = lay(1000, &edges);
        check(&laid);
        assert_eq!(laid, lay(1000, &edges), "the same every time");
    }
}
