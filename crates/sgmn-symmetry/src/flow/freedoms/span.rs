//! How many dimensions the changes of freedoms span together, in numbers: the judge of their independence.

use sgmn_graph::flow::{FlowNet, Numbers};

use super::{Change, Freedom};

/// The dimension of what the continuous freedoms move a net by, together. For small nets: it eliminates in a matrix of
/// all changes by all numbers.
///
/// It equals the sum of [`Freedom::dims`] for almost all nets of a flow.
pub fn span(freedoms: &[Freedom], net: &FlowNet) -> usize {
    let n = net.flow().params().len();
    let numbers =
        |net: &dyn Numbers| -> Vec<f64> { (0..n).flat_map(|i| net.numbers(i).into_owned()).collect() };
    let at = numbers(net);
    let mut rows: Vec<Vec<f64>> = Vec::new();
    let mut rank = 0;
    for freedom in freedoms {
        for change in freedom.act.basis() {
            let moved = numbers(&freedom.act(net, Change(change)));
            let mut row: Vec<f64> = moved.iter().zip(&at).map(|(moved, at)| moved - at).collect();
            let length = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>().sqrt();
            let before = length(&row);
            // Twice, for what rounding left the first time.
            for _ in 0..2 {
                for other in &rows {
                    let along: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
                    row.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
                }
            }
            let after = length(&row);
            if after > 1e-8 * before {
                row.iter_mut().for_each(|x| *x /= after);
                rows.push(row);
                rank += 1;
            }
        }
    }
    rank
}
