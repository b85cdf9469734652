//! How high each member of a layer stands: near its neighbours, in the order that was found, with
//! room between. Does not change the order.

use super::layers::Layers;

/// Sweeps to the right and back.
const SWEEPS: usize = 4;

/// The top of each node and bend, the smallest 0. `step` is the least distance between two tops of
/// one layer.
pub(super) fn tops(layers: &Layers, order: &[Vec<usize>], step: f64) -> Vec<f64> {
    let mut tops = vec![0.0; layers.layer.len()];
    for members in order {
        for (place, &node) in members.iter().enumerate() {
            tops[node] = place as f64 * step;
        }
    }
    for _ in 0..SWEEPS {
        for members in order.iter().skip(1) {
            settle(members, &layers.before, step, &mut tops);
        }
        for members in order.iter().rev().skip(1) {
            settle(members, &layers.after, step, &mut tops);
        }
    }
    let highest = tops.iter().copied().fold(f64::INFINITY, f64::min);
    for top in &mut tops {
        *top -= highest;
    }
    tops
}

/// Moves the members of a layer as near as they can get to the mean of their neighbours. With the
/// steps between them taken off, that is a regression that must not fall, solved by pooling
/// neighbours that are in each other's way (Ayer et al., 1955).
fn settle(members: &[usize], neighbours: &[Vec<usize>], step: f64, tops: &mut [f64]) {
    let mut pools: Vec<(f64, usize)> = Vec::with_capacity(members.len());
    for (place, &node) in members.iter().enumerate() {
        let found = &neighbours[node];
        let wished = match found.len() {
            0 => tops[node],
            count => found.iter().map(|&next| tops[next]).sum::<f64>() / count as f64,
        };
        let mut pool = (wished - place as f64 * step, 1);
        while let Some(&(above, count)) = pools.last()
            && above > pool.0
        {
            pools.pop();
            let total = count + pool.1;
            pool.0 = (above * count as f64 + pool.0 * pool.1 as f64) / total as f64;
            pool.1 = total;
        }
        pools.push(pool);
    }
    let mut place = 0;
    for (height, count) in pools {
        for _ in 0..count {
            tops[members[place]] = height + place as f64 * step;
            place += 1;
        }
    }
}
