//! The order within each layer such that few lines cross: sweeps that put each member at the mean
//! place of its neighbours, and the best of them is kept. Not the fewest crossings there could be,
//! which nobody can find in bounded time.

use super::layers::Layers;

/// Sweeps to the right and back. More seldom help.
const SWEEPS: usize = 6;

/// The members of each layer, from top to bottom.
pub(super) fn in_few_crossings(layers: &Layers) -> Vec<Vec<usize>> {
    let mut order = layers.members.clone();
    let mut best = order.clone();
    let mut fewest = crossings(layers, &best);
    for _ in 0..SWEEPS {
        if fewest == 0 {
            break;
        }
        for at in 1..order.len() {
            sort(&mut order, at, at - 1, &layers.before);
        }
        for at in (0..order.len().saturating_sub(1)).rev() {
            sort(&mut order, at, at + 1, &layers.after);
        }
        let found = crossings(layers, &order);
        if found < fewest {
            fewest = found;
            best.clone_from(&order);
        }
    }
    best
}

/// Sorts a layer by the mean place of each member's neighbours in a fixed layer. Members without
/// neighbours there keep their place.
fn sort(order: &mut [Vec<usize>], at: usize, fixed: usize, neighbours: &[Vec<usize>]) {
    let places = places(&order[fixed], neighbours.len());
    let mut keyed: Vec<(f64, usize)> = order[at]
        .iter()
        .enumerate()
        .map(|(own, &node)| {
            let found = &neighbours[node];
            let sum: usize = found.iter().map(|&next| places[next]).sum();
            let mean = if found.is_empty() { own as f64 } else { sum as f64 / found.len() as f64 };
            (mean, node)
        })
        .collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
    order[at] = keyed.into_iter().map(|(_, node)| node).collect();
}

/// The place of each member of a layer, by number.
fn places(members: &[usize], count: usize) -> Vec<usize> {
    let mut places = vec![0; count];
    for (place, &node) in members.iter().enumerate() {
        places[node] = place;
    }
    places
}

/// Pairs of lines that cross, over all layers.
fn crossings(layers: &Layers, order: &[Vec<usize>]) -> usize {
    order.windows(2).map(|pair| crossings_between(layers, &pair[0], &pair[1])).sum()
}

/// Inversions of the right ends when the lines are taken in the order of their left ends, counted
/// with a tree of sums (Barth, Jünger and Mutzel, 2002).
fn crossings_between(layers: &Layers, left: &[usize], right: &[usize]) -> usize {
    let places = places(right, layers.layer.len());
    let mut seen = vec![0_usize; right.len() + 1];
    let (mut total, mut count) = (0, 0);
    for &node in left {
        let mut ends: Vec<usize> = layers.after[node].iter().map(|&next| places[next]).collect();
        ends.sort_unstable();
        for &end in &ends {
            total += count - sum_up_to(&seen, end);
            add(&mut seen, end);
            count += 1;
        }
    }
    total
}

fn sum_up_to(tree: &[usize], place: usize) -> usize {
    let mut at = place + 1;
    let mut sum = 0;
    while at > 0 {
        sum += tree[at];
        at &= at - 1;
    }
    sum
}

fn add(tree: &mut [usize], place: usize) {
    let mut at = place + 1;
    while at < tree.len() {
        tree[at] += 1;
        at += at & at.wrapping_neg();
    }
}
