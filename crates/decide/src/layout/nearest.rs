//! Which edges of a graph say something new: those between two nodes that no longer way joins. Leaving
//! the others out moves no node to another layer, and makes a graph of many long edges readable.

use super::Drawing;

/// Nodes at most; of a larger graph every edge is kept, because finding out takes a bit per pair.
const MOST: usize = 4_096;

const BITS: usize = u64::BITS as usize;

/// For each edge, whether no longer way leads from its first node to its second one.
pub fn nearest(drawing: &Drawing) -> Vec<bool> {
    let nodes = drawing.nodes;
    if nodes > MOST {
        return vec![true; drawing.edges.len()];
    }
    let followers = followers(drawing);
    let reach = reach(&followers);
    let is_nearest = |&(from, to): &(usize, usize)| {
        let leads_there =
            |&next: &usize| next != to && reach[next][to / BITS] >> (to % BITS) & 1 == 1;
        from >= nodes || to >= nodes || !followers[from].iter().any(leads_there)
    };
    drawing.edges.iter().map(is_nearest).collect()
}

/// The nodes right behind each node.
fn followers(drawing: &Drawing) -> Vec<Vec<usize>> {
    let mut followers = vec![Vec::new(); drawing.nodes];
    for &(from, to) in &drawing.edges {
        if from < drawing.nodes && to < drawing.nodes && from != to {
            followers[from].push(to);
        }
    }
    followers
}

/// For each node, a bit for every node that can be reached from it. Of a circle not all is found, which
/// keeps its edges.
fn reach(followers: &[Vec<usize>]) -> Vec<Vec<u64>> {
    let mut reach = vec![vec![0_u64; followers.len().div_ceil(BITS)]; followers.len()];
    for node in backwards(followers) {
        let mut own = std::mem::take(&mut reach[node]);
        for &next in &followers[node] {
            own[next / BITS] |= 1 << (next % BITS);
            for (word, more) in own.iter_mut().zip(&reach[next]) {
                *word |= more;
            }
        }
        reach[node] = own;
    }
    reach
}

/// Every node after all that follow it; nodes before a circle are missing.
fn backwards(followers: &[Vec<usize>]) -> Vec<usize> {
    let mut before = vec![Vec::new(); followers.len()];
    let mut open: Vec<usize> = followers.iter().map(Vec::len).collect();
    for (node, followers) in followers.iter().enumerate() {
        for &next in followers {
            before[next].push(node);
        }
    }
    let mut order: Vec<usize> = (0..followers.len()).filter(|&node| open[node] == 0).collect();
    let mut done = 0;
    while let Some(&node) = order.get(done) {
        done += 1;
        for &earlier in &before[node] {
            open[earlier] -= 1;
            if open[earlier] == 0 {
                order.push(earlier);
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::{Drawing, nearest};

    fn check(nodes: usize, edges: &[(usize, usize)], expect: &[bool]) {
        assert_eq!(nearest(&Drawing { nodes, edges: edges.to_vec() }), expect, "{edges:?}");
    }

    #[test]
    fn an_edge_is_left_out_where_a_longer_way_leads_there() {
        check(3, &[(0, 1), (1, 2), (0, 2)], &[true, true, false]);
        check(4, &[(0, 3), (0, 1), (1, 2), (2, 3)], &[false, true, true, true]);
        // Two values between the same nodes, a diamond, odd edges, a circle.
        check(2, &[(0, 1), (0, 1)], &[true, true]);
        check(4, &[(0, 1), (0, 2), (1, 3), (2, 3)], &[true; 4]);
        check(2, &[(0, 9), (1, 1)], &[true, true]);
        check(3, &[(0, 1), (1, 0), (1, 2)], &[true; 3]);
        let chain: Vec<_> = (0..99).map(|node| (node, node + 1)).chain([(0, 99)]).collect();
        assert_eq!(
            nearest(&Drawing { nodes: 100, edges: chain }).iter().filter(|near| !**near).count(),
            1
        );
    }
}
