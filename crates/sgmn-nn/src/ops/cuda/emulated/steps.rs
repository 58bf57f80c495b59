//! Steps over all rows of a block of edges.

use super::*;
use crate::ops::{
    EdgeAxis::{Receivers, Senders},
    cpu::kernels::Mask,
    cuda::launch::steps::{Flags, MOST_WIDTH_IN_REGISTERS, Steps},
    steps::{Addends, Block, plain},
};

/// Widths that fill no, one and several turns of a warp, and the second of the two sizes that stay in registers.
const SIZES: [([usize; 3], usize); 6] = [
    ([1, 1, 1], 1),
    ([2, 3, 4], 7),
    ([2, 5, 1], 31),
    ([1, 1, 6], 128),
    ([3, 2, 11], 40),
    ([1, 4, 3], MOST_WIDTH_IN_REGISTERS),
];

fn tensor(n: usize, width: usize, seed: u64) -> Tensor {
    Tensor::from_vec(numbers(n * width, seed), (n, width), &Device::Cpu).unwrap()
}

/// A launch on tensors, in place of a device.
fn launched(host: &Host, launch: Launch, inputs: &[&Tensor]) -> Vec<f32> {
    let inputs: Vec<Vec<f32>> = inputs.iter().map(|input| flat(input)).collect();
    host.one(launch, &inputs.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn joined(parts: &[Tensor]) -> Vec<f32> {
    parts.iter().flat_map(flat).collect()
}

#[test]
fn sums_are_normalized_and_added_up_as_their_plain_forms_do() {
    let Some(host) = Host::compile() else { return };
    for ([b, r, s], width) in SIZES {
        let block = Block { b, r, s };
        let steps = Steps { block, width };
        let (rows, dy) = (tensor(block.n_rows(), width, 1), tensor(block.n_rows(), width, 2));
        let (receivers, senders) = (tensor(b * r, width, 3), tensor(b * s, width, 4));
        let (packed, bias) =
            (tensor(3, width, 5).flatten_all().unwrap(), tensor(1, width, 6).flatten_all().unwrap());
        let (of_receivers, of_senders) = ((receivers, Receivers), (senders, Senders));
        for addends in [
            Addends::from(rows.clone()),
            Addends { rows: Some(rows.clone()), nodes: vec![of_senders.clone()] },
            Addends { rows: None, nodes: vec![of_receivers.clone(), of_senders.clone()] },
            Addends { rows: Some(rows.clone()), nodes: vec![of_receivers.clone(), of_senders.clone()] },
        ] {
            let what = format!("{block:?} {width} {} {}", addends.rows.is_some(), addends.nodes.len());
            let node = |i: usize| addends.nodes.get(i).map_or(&packed, |(nodes, _)| nodes);
            let of_sum = [addends.rows.as_ref().unwrap_or(&packed), node(0), node(1)];
            let flags = Flags::of(&addends);
            for signs in [Symmetrize::No, Symmetrize::Signs] {
                let [x, a, b] = of_sum;
                let y = launched(&host, steps.norm_silu(signs, flags), &[x, a, b, &packed]);
                same(&what, &y, &flat(&plain::norm_silu(block, &addends, &packed, signs).unwrap()));
                let out = launched(&host, steps.norm_silu_grad(signs, flags), &[x, a, b, &packed, &dy]);
                let (dx, parts) = out.split_at(block.n_rows() * width);
                let sums = host.one(Rows { n_rows: steps.parts(), width: 3 * width }.sum(1), &[parts]);
                let expected = plain::norm_silu_grad(block, &addends, &packed, signs, &dy).unwrap();
                // A width of one normalizes to zero: rounding is all that is left of its gradient.
                if width > 1 {
                    same(&what, dx, &flat(&expected[0]));
                    same(&what, &sums, &flat(&expected[1]));
                }
            }
            let [x, a, b] = of_sum;
            for is_full in [false, true] {
                let (more, bias) = (is_full.then_some(&dy), is_full.then_some(&bias));
                let flags = flags.with_more(is_full).with_bias(is_full);
                let inputs = [x, more.unwrap_or(&dy), a, b, bias.unwrap_or(&packed)];
                let expected = plain::add_up(block, &addends, more, bias).unwrap();
                same(&what, &launched(&host, steps.add_up(flags), &inputs), &flat(&expected));
            }
        }
    }
}

#[test]
fn products_and_their_sums_are_those_of_their_plain_forms() {
    let Some(host) = Host::compile() else { return };
    for ([b, r, s], width) in SIZES {
        let block = Block { b, r, s };
        let steps = Steps { block, width };
        let what = format!("{block:?} {width}");
        let [x, y, dy] = [1, 2, 3].map(|seed| tensor(block.n_rows(), width, seed));
        let numbers = tensor(block.n_rows(), 1, 4);
        let bias = tensor(1, width, 5).flatten_all().unwrap();
        for bias in [None, Some(&bias)] {
            let flags = Flags::default().with_bias(bias.is_some());
            let any = bias.unwrap_or(&x);
            let found = launched(&host, steps.mul(flags), &[&x, &y, any]);
            same(&what, &found, &flat(&plain::mul(&x, &y, bias).unwrap()));
            let found = launched(&host, steps.mul_grad(flags), &[&x, &y, any, &dy]);
            same(&what, &found, &joined(&plain::mul_grad(&x, &y, bias, &dy).unwrap()));
            for (summed, kept, n_kept) in [(Senders, Receivers, b * r), (Receivers, Senders, b * s)] {
                let g = tensor(n_kept, width, 6);
                let found = launched(&host, steps.sum_product(width, summed, flags), &[&x, &y, any]);
                same(&what, &found, &flat(&plain::sum_product(block, &x, &y, bias, summed).unwrap()));
                let found = launched(&host, steps.sum_product_grad(flags.at(kept)), &[&x, &y, any, &g]);
                let expected = plain::sum_product_grad(block, &x, &y, bias, summed, &g).unwrap();
                same(&what, &found, &joined(&expected));
            }
        }
        for (axis, summed, n_nodes) in [(Receivers, Senders, b * r), (Senders, Receivers, b * s)] {
            let v = tensor(n_nodes, width, 7);
            for x in [&x, &numbers] {
                let x_width = x.dim(1).unwrap();
                let found = launched(&host, steps.mul_nodes(x_width, Flags::default().at(axis)), &[x, &v]);
                same(&what, &found, &flat(&plain::mul_nodes(block, x, &v, axis).unwrap()));
                let launch = steps.sum_product(x_width, summed, Flags::default());
                let found = launched(&host, launch, &[x, &dy, x]);
                same(&what, &found, &flat(&plain::sum_product(block, x, &dy, None, summed).unwrap()));
            }
        }
        let mask = Mask::new(0.3, &Seed::new(3));
        assert_eq!(launched(&host, steps.kept(mask), &[&x]), flat(&plain::kept(&x, mask).unwrap()), "{what}");
    }
}

#[test]
fn few_blocks_take_turns_until_all_rows_are_done() {
    let Some(host) = Host::compile() else { return };
    let steps = Steps { block: Block { b: 3, r: 10, s: 10 }, width: 5 };
    let n = 300 * 5;
    let (x, y, g) = (numbers(n, 1), numbers(n, 2), numbers(n, 3));
    let (packed, nodes) = (numbers(15, 4), numbers(30 * 5, 5));
    let signs = Symmetrize::Signs;
    let addends = Addends { rows: Some(tensor(300, 5, 1)), nodes: vec![(tensor(30, 5, 5), Senders)] };
    let flags = Flags::of(&addends);
    let of_sum: [&[f32]; 4] = [&x, &nodes, &packed, &packed];
    let grad = [of_sum[0], of_sum[1], of_sum[2], of_sum[3], &g];
    in_turns_too(&host, steps.norm_silu_grad(signs, flags), &grad, n, 15);
    let at = Flags::default().at(Receivers);
    for (launch, inputs) in [
        (steps.norm_silu(signs, flags), of_sum.to_vec()),
        (steps.add_up(flags), vec![&x, &x, &nodes, &nodes, &packed]),
        (steps.mul(Flags::default()), vec![&x, &y, &packed]),
        (steps.mul_grad(Flags::default()), vec![&x, &y, &packed, &g]),
        (steps.mul_nodes(5, at), vec![&x, &nodes]),
        (steps.sum_product_grad(at), vec![&x, &y, &packed, &nodes]),
        (steps.kept(Mask::new(0.5, &Seed::new(3))), vec![&x]),
    ] {
        assert_eq!(host.one(in_turns(launch.clone(), 0), &inputs), host.one(launch, &inputs));
    }
}

#[test]
fn a_node_at_the_wrong_end_is_noticed() {
    let Some(host) = Host::compile() else { return };
    let block = Block { b: 2, r: 3, s: 3 };
    let (x, v) = (tensor(18, 5, 1), tensor(6, 5, 2));
    let launch = Steps { block, width: 5 }.mul_nodes(5, Flags::default().at(Senders));
    let wrong = plain::mul_nodes(block, &x, &v, Receivers).unwrap();
    let found = launched(&host, launch, &[&x, &v]);
    assert!(found.iter().zip(flat(&wrong)).any(|(a, b)| (a - b).abs() > 0.1));
}
