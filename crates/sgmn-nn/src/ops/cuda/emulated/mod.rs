//! The kernels' source, compiled for the host and run by an emulator, against the plain forms.
//!
//! One file a file of kernels. Without a C++ compiler under the name `c++` nothing is shown; the check at first use on a device remains.

mod edges;
mod optimizer;
mod rows;
mod steps;

use std::{fmt::Write, path::Path, process::Command};

use candle_core::{Device, Result, Tensor, Var};
use sgmn_graph::{Seed, testing::normal};

use super::launch::{self, Argument, Axis, Launch, Rows};
use crate::ops::{AdamWStep, EdgeAxis, Symmetrize, reference};

/// The compiled emulator.
struct Host {
    folder: tempfile::TempDir,
}

impl Host {
    fn compile() -> Option<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new("c++")
            .args(["-std=c++17", "-O1", "-o"])
            .arg(folder.path().join("driver"))
            .arg("-I")
            .arg(source.join("src/ops/cuda"))
            .arg(source.join("testdata/cuda/driver.cpp"))
            .output()
            .ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(Self { folder })
    }

    /// The outputs of some launches.
    fn run(&self, launches: &[(Launch, Vec<&[f32]>)]) -> Vec<Vec<f32>> {
        let mut bytes = Vec::new();
        for (launch, inputs) in launches {
            let Launch { kernel, n_out, grid, block, shared, arguments, .. } = launch;
            let mut line = String::new();
            write!(line, "{kernel} {} {} {} {} ", grid[0], grid[1], block[0], block[1]).unwrap();
            writeln!(line, "{shared} {n_out} {} {}", arguments.len(), inputs.len()).unwrap();
            bytes.extend(line.bytes());
            for argument in arguments {
                let bits = match argument {
                    Argument::U64(value) => *value,
                    Argument::U32(value) => (*value).into(),
                    Argument::F32(value) => value.to_bits().into(),
                };
                bytes.extend(bits.to_le_bytes());
            }
            for input in inputs {
                bytes.extend((input.len() as u64).to_le_bytes());
                bytes.extend(input.iter().flat_map(|value| value.to_le_bytes()));
            }
        }
        let [from, to] = ["launches", "outputs"].map(|name| self.folder.path().join(name));
        std::fs::write(&from, bytes).unwrap();
        let output = Command::new(self.folder.path().join("driver")).arg(&from).arg(&to).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let bytes = std::fs::read(&to).unwrap();
        let mut numbers = bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
        launches.iter().map(|(launch, _)| numbers.by_ref().take(launch.n_out).collect()).collect()
    }

    fn one(&self, launch: Launch, inputs: &[&[f32]]) -> Vec<f32> {
        self.run(&[(launch, inputs.to_vec())]).remove(0)
    }
}

fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut rng = Seed::new(seed).rng();
    (0..n).map(|_| normal(&mut rng) as f32).collect()
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// The plain result and the gradients of `Σ result ⊙ cotangent`.
fn plain(
    shapes: &[&[usize]],
    values: &[&[f32]],
    cotangent: &[f32],
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
) -> Vec<Vec<f32>> {
    let vars: Vec<Var> = shapes
        .iter()
        .zip(values)
        .map(|(shape, values)| Var::from_slice(values, *shape, &Device::Cpu).unwrap())
        .collect();
    let result = f(&vars.iter().map(|var| var.as_tensor().clone()).collect::<Vec<_>>()).unwrap();
    let cotangent = Tensor::from_slice(cotangent, result.dims(), &Device::Cpu).unwrap();
    let grads = (&result * cotangent).unwrap().sum_all().unwrap().backward().unwrap();
    std::iter::once(flat(&result)).chain(vars.iter().map(|var| flat(grads.get(var).unwrap()))).collect()
}

#[track_caller]
fn same(what: &str, ours: &[f32], plain: &[f32]) {
    assert_eq!(ours.len(), plain.len(), "{what}");
    let largest = plain.iter().fold(1e-3, |largest: f32, v| largest.max(v.abs()));
    for (i, (a, b)) in ours.iter().zip(plain).enumerate() {
        assert!((a - b).abs() <= 3e-5 * largest, "{what} at {i}: {a} instead of {b}");
    }
}
