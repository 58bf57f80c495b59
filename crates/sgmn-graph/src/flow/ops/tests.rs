//! Every operation keeps its promise: what `shape` accepts, `run` computes in that shape, sizes of 0 included.

use rand::{RngExt, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::Seed;

fn small_shape(rng: &mut ChaCha8Rng, rank: usize) -> Vec<usize> {
    (0..rank).map(|_| *[0, 1, 1, 2, 2, 3, 4].choose(rng).unwrap()).collect()
}

fn several(rng: &mut ChaCha8Rng, n: usize, low: usize, high: usize) -> Vec<usize> {
    (0..n).map(|_| rng.random_range(low..=high)).collect()
}

/// An operation with parameters that fit some of the time, and shapes for its operands.
fn attempt(rng: &mut ChaCha8Rng) -> (Op, Vec<Vec<usize>>) {
    let rank = rng.random_range(0..=4);
    let x = small_shape(rng, rank);
    let axis = rng.random_range(0..=rank);
    let some_axes = |rng: &mut ChaCha8Rng| (0..rank).filter(|_| rng.random_bool(0.5)).collect::<Vec<_>>();
    let pairs = |rng: &mut ChaCha8Rng| {
        (0..rng.random_range(0..=2)).map(|_| rng.random_range(0..3)).collect::<Vec<usize>>()
    };
    match rng.random_range(0..19) {
        0 => {
            use Combination::*;
            let by = *[Add, Power, Modulo, WholeQuotient, Slope, Equal, And, Maximum].choose(rng).unwrap();
            let mut y = x.clone();
            y.iter_mut().for_each(|size| *size = if rng.random_bool(0.4) { 1 } else { *size });
            let y = y.split_off(rng.random_range(0..=rank));
            (Combine { by }.into(), if rng.random_bool(0.5) { vec![x, y] } else { vec![y, x] })
        }
        1 => (Concat { axis }.into(), vec![x.clone(), x]),
        2 => {
            let y = if rng.random_bool(0.5) { x.clone() } else { small_shape(rng, 3) };
            let (a, b) = (pairs(rng), pairs(rng));
            let pairs = |list: Vec<usize>| list.into_iter().map(|axis| (axis, axis)).collect();
            (Contract { batch: pairs(a), sum: pairs(b) }.into(), vec![x, y])
        }
        3 | 4 => {
            let n = rng.random_range(1..=2);
            let groups = rng.random_range(1..=2);
            let transposed = rng.random_bool(0.5);
            let mut x = small_shape(rng, n + 2);
            let mut weight = several(rng, n + 2, 1, 3);
            x[1] = groups * rng.random_range(1..=2);
            (weight[0], weight[1]) =
                if transposed { (x[1], weight[1]) } else { (groups * weight[0], x[1] / groups) };
            let op = Convolve {
                stride: several(rng, n, 1, 3),
                padding: (0..n).map(|_| (rng.random_range(0..=3), rng.random_range(0..=2))).collect(),
                dilation: several(rng, n, 1, 3),
                groups,
                transposed: transposed.then(|| several(rng, n, 0, 2)),
            };
            (op.into(), vec![x, weight])
        }
        5 => (
            Cumulate { axis, exclusive: rng.random_bool(0.5), reverse: rng.random_bool(0.5) }.into(),
            vec![x],
        ),
        6 => {
            let mut shape = x.clone();
            shape
                .iter_mut()
                .for_each(|size| *size = if *size == 1 { rng.random_range(0..=3) } else { *size });
            shape.splice(0..0, small_shape(rng, 1));
            (Expand { shape }.into(), vec![x])
        }
        7 => (Lookup { axis }.into(), vec![x, small_shape(rng, 2)]),
        8 => (Normalize { axes: some_axes(rng), centre: rng.random_bool(0.5), epsilon: 0.0 }.into(), vec![x]),
        9 => {
            let amounts = (0..rank).map(|_| (rng.random_range(0..=2), rng.random_range(0..=2))).collect();
            (Pad { amounts, value: 1.0 }.into(), vec![x])
        }
        10 => {
            let mut order: Vec<usize> = (0..rank).collect();
            if rank > 0 {
                order.rotate_left(rng.random_range(0..rank));
                order.swap(0, rng.random_range(0..rank));
            }
            (Permute { order }.into(), vec![x])
        }
        11 => {
            let mut ids = x.clone();
            ids.iter_mut().for_each(|size| *size = (*size).min(rng.random_range(0..=3)));
            (Pick { axis }.into(), vec![x, ids])
        }
        12 => (Pointwise { function: Function::Gelu }.into(), vec![x]),
        13 => {
            let n = rng.random_range(1..=2);
            let by = if rng.random_bool(0.5) {
                Pooling::Maximum
            } else {
                Pooling::Mean { counts_padding: rng.random_bool(0.5) }
            };
            let op = Pool {
                by,
                window: several(rng, n, 1, 3),
                stride: several(rng, n, 1, 4),
                padding: (0..n).map(|_| (rng.random_range(0..=3), rng.random_range(0..=2))).collect(),
                dilation: several(rng, n, 1, 2),
                ceil: rng.random_bool(0.5),
            };
            (op.into(), vec![x])
        }
        14 => {
            use Reduction::*;
            let by = *[Sum, Mean, Maximum, Product, LogSumExp, ArgMaximum, ArgMinimum].choose(rng).unwrap();
            (Reduce { by, axes: some_axes(rng), keep: rng.random_bool(0.5) }.into(), vec![x])
        }
        15 => (Reshape { shape: vec![x.iter().product(), 1] }.into(), vec![x]),
        16 => (Select.into(), vec![small_shape(rng, 1), x, vec![]]),
        17 => {
            let op = Slice {
                axis,
                start: rng.random_range(0..=3),
                step: *[-2, -1, 1, 2].choose(rng).unwrap(),
                len: rng.random_range(0..=3),
            };
            (op.into(), vec![x])
        }
        _ => {
            if rng.random_bool(0.5) {
                (Softmax { axis, log: rng.random_bool(0.5) }.into(), vec![x])
            } else {
                (Take { axis, index: several(rng, 3, 0, 2) }.into(), vec![x])
            }
        }
    }
}

#[test]
fn what_shape_accepts_is_computed_in_that_shape_also_over_an_operand() {
    let mut accepted = std::collections::BTreeMap::new();
    let mut rng = Seed::new(0).child("operations").rng();
    for _ in 0..40_000 {
        let (op, shapes) = attempt(&mut rng);
        let shapes_read: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
        let Ok(shape) = op.shape(&shapes_read) else { continue };
        let mut array = |shape: &Vec<usize>| {
            let n = shape.iter().product();
            Array::new(shape.clone(), (0..n).map(|_| f64::from(rng.random_range(-1i8..=1))).collect())
                .unwrap()
        };
        let arrays: Vec<Array> = shapes.iter().map(&mut array).collect();
        let arrays: Vec<&Array> = arrays.iter().collect();
        let result = op.run(&arrays);
        let bits = |result: &Result<Array, String>| {
            let bits = |array: &Array| array.data().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            result.as_ref().map(|array| (array.shape().to_vec(), bits(array))).map_err(Clone::clone)
        };
        assert_eq!(
            bits(&op.run_over(arrays[0].clone(), &arrays[1..])),
            bits(&result),
            "{op:?} on {shapes:?}"
        );
        if op.is_trivial(&shapes_read, &shape) {
            assert_eq!(bits(&result), bits(&Ok(arrays[0].clone())), "{op:?} on {shapes:?}");
        }
        match result {
            Ok(array) => assert_eq!(array.shape(), shape, "{op:?} on {shapes:?}"),
            Err(_) => assert!(matches!(op, Op::Lookup(_) | Op::Pick(_)), "{op:?} on {shapes:?}"),
        }
        *accepted.entry(op.name()).or_insert(0) += 1;
    }
    assert!(accepted.len() > 30 && accepted.values().all(|n| *n > 20), "{accepted:?}");
}

#[test]
fn absurd_numbers_in_an_operation_are_refused_and_do_not_overflow() {
    let most = usize::MAX;
    let conv = |stride: usize, padding: usize, dilation: usize, transposed: Option<usize>| Convolve {
        stride: vec![stride],
        padding: vec![(padding, padding)],
        dilation: vec![dilation],
        groups: 1,
        transposed: transposed.map(|more| vec![more]),
    };
    let shapes: [&[usize]; 2] = [&[1, 1, 4], &[1, 1, 2]];
    for op in [
        conv(1, most, 1, None),
        conv(1, 0, most, None),
        conv(most, 0, most, Some(0)),
        conv(1, 0, 1, Some(most)),
    ] {
        assert!(op.shape(&shapes).is_err(), "{op:?}");
    }
    assert_eq!(conv(most, 0, 1, None).shape(&shapes).unwrap(), [1, 1, 1]);
    let pool = |window, stride, padding| Pool {
        by: Pooling::Maximum,
        window: vec![window],
        stride: vec![stride],
        padding: vec![(padding, padding)],
        dilation: vec![1],
        ceil: true,
    };
    assert!(pool(most, 1, 0).shape(&[&[1, 4]]).is_err());
    assert!(pool(1, 1, most).shape(&[&[1, 4]]).is_err());
    assert_eq!(pool(2, most, 0).shape(&[&[1, 4]]).unwrap(), [1, 1]);
    assert!(Slice { axis: 0, start: most, step: isize::MIN, len: most }.shape(&[&[4]]).is_err());
    assert!(Pad { amounts: vec![(most, 1)], value: 0.0 }.shape(&[&[4]]).is_err());
    assert!(Reshape { shape: vec![most, most] }.shape(&[&[4]]).is_err());
}
