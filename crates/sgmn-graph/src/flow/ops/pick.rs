//! Numbers by computed places along one axis.

use serde::{Deserialize, Serialize};
use super::{Array, Operation, arrays, axis_below, lookup::place, operands};
use crate::flow::walk::Walk;

/// `out[.., i, ..] = x[.., ids[.., i, ..], ..]` along an axis. From: x, ids; other axes have equal sizes. Negative ids
/// count from the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pick {
    /// The axis.
    pub axis: usize,
}

impl Operation for Pick {
    fn name(&self) -> &'static str {
        "pick"
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [x, ids] = operands(from)?;
        axis_below(self.axis, x.len())?;
        let fits = ids.len() == x.len() && (0..x.len()).all(|axis| axis == self.axis || ids[axis] <= x[axis]);
        if !fits {
            return Err(format!("expected ids that fit into {x:?} but for axis {}, found {ids:?}", self.axis));
        }
        Ok(ids.to_vec())
    }

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        let [x, ids] = arrays(from);
        let (size, stride) = (x.shape()[self.axis], x.strides()[self.axis]);
        let mut others = x.strides();
        others[self.axis] = 0;
        let mut data = Vec::with_capacity(ids.data().len());
        let mut fault = None;
        Walk::new(ids.shape(), [&ids.strides(), &others]).runs(|[at, of], len, [_, step]| {
            for (i, id) in ids.data()[at..at + len].iter().enumerate() {
                match place(*id, size) {
                    Ok(place) => data.push(x.data()[of + i * step + place * stride]),
                    Err(why) => fault = Some(why),
                }
            }
        });
        match fault {
            Some(why) => Err(why),
            None => Ok(Array::new(ids.shape().to_vec(), data).expect("a number for each id")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_picks_along_its_axis() {
        let x = Array::new(vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        let ids = Array::new(vec![2, 2], vec![2.0, 0.0, -1.0, 1.0]).unwrap();
        assert_eq!(Pick { axis: 1 }.run(&[&x, &ids]).unwrap().data(), [3.0, 1.0, 6.0, 5.0]);
        let ids = Array::new(vec![1, 3], vec![1.0, 0.0, 1.0]).unwrap();
        assert_eq!(Pick { axis: 0 }.run(&[&x, &ids]).unwrap().data(), [4.0, 2.0, 6.0]);
        assert!(Pick { axis: 0 }.run(&[&x, &Array::full(vec![1, 3], 2.0)]).is_err());
    }
}
