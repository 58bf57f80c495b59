//! Steps of the optimizer.

use super::*;

#[test]
fn steps_of_the_optimizer_are_those_of_the_plain_form() {
    let Some(host) = Host::compile() else { return };
    let step = AdamWStep::EARLY;
    for n in [1, 700] {
        let [g, m, v, w] = [8, 9, 10, 11].map(|seed| numbers(n, seed));
        let v: Vec<f32> = v.iter().map(|v| v * v).collect();
        let tensor = |values: &[f32]| Tensor::from_slice(values, n, &Device::Cpu).unwrap();
        let expected = reference::adamw(&tensor(&g), &tensor(&m), &tensor(&v), &tensor(&w), &step).unwrap();
        let expected: Vec<f32> = expected.iter().flat_map(flat).collect();
        let found = host.one(launch::adamw(n, &step), &[&g, &m, &v, &w]);
        for (part, (found, expected)) in found.chunks(n).zip(expected.chunks(n)).enumerate() {
            same(&format!("part {part} of adamw"), found, expected);
        }
        let total = Tensor::new(2.5f32, &Device::Cpu).unwrap();
        let expected = flat(&reference::add_squares(Some(&total), &tensor(&g)).unwrap());
        same("add_squares", &host.one(launch::add_squares(n), &[&g, &[2.5]]), &expected);
    }
}
