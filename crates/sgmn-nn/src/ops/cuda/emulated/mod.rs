//! The kernels' source, compiled for the host and run by an emulator, against the plain forms.
//!
//! One file a file of kernels. Without a C++ compiler under the name `c++` nothing is shown; the check at first use on a device remains.

mod edges;
mod gather;
mod nets;
mod optimizer;
mod rows;
mod steps;

use std::{fmt::Write, path::Path, process::Command};

use candle_core::{Device, Tensor, Var};
use sgmn_graph::{Seed, normal};

use super::launch::{self, Argument, Axis, Launch, Rows, Table, Word};
use crate::ops::{EdgeAxis, Symmetrize, reference};

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

    /// The output of a launch.
    #[track_caller]
    fn one(&self, launch: Launch, inputs: &[&[f32]]) -> Vec<f32> {
        self.run(&launch, inputs, &[], &[]).unwrap()
    }

    /// The output of a launch on many arrays, of which a row belongs to a variable; it may change them.
    fn tabled<const N: usize>(
        &self,
        launch: Launch,
        table: &Table,
        inputs: &[&[f32]],
        rows: &mut [[Vec<f32>; N]],
    ) -> Vec<f32> {
        let arrays: Vec<&[f32]> = rows.iter().flatten().map(Vec::as_slice).collect();
        let mut out = self.run(&launch, inputs, &table.words(N), &arrays).unwrap();
        let changed = out.split_off(launch.n_out);
        let mut numbers = changed.into_iter();
        for array in rows.iter_mut().flatten() {
            array.iter_mut().for_each(|number| *number = numbers.next().unwrap());
        }
        out
    }

    /// The output of a launch, and behind it what became of the arrays, which stand in the order of their words; or what the
    /// emulator found wrong.
    fn run(
        &self,
        launch: &Launch,
        inputs: &[&[f32]],
        words: &[Word],
        arrays: &[&[f32]],
    ) -> Result<Vec<f32>, String> {
        let Launch { kernel, n_out, grid, block, shared, arguments, .. } = launch;
        let mut line = String::new();
        write!(line, "{kernel} {} {} {} {} ", grid[0], grid[1], block[0], block[1]).unwrap();
        write!(line, "{shared} {n_out} {} {} ", arguments.len(), inputs.len()).unwrap();
        writeln!(line, "{} {}", words.len(), arrays.len()).unwrap();
        let mut bytes = line.into_bytes();
        for argument in arguments {
            let bits = match argument {
                Argument::U64(value) => *value,
                Argument::U32(value) => (*value).into(),
                Argument::F32(value) => value.to_bits().into(),
            };
            bytes.extend(bits.to_le_bytes());
        }
        let numbers = |bytes: &mut Vec<u8>, numbers: &[f32]| {
            bytes.extend((numbers.len() as u64).to_le_bytes());
            bytes.extend(numbers.iter().flat_map(|value| value.to_le_bytes()));
        };
        inputs.iter().for_each(|input| numbers(&mut bytes, input));
        let mut places = Vec::new();
        for (place, word) in words.iter().enumerate() {
            let number = match word {
                Word::Number(number) => *number,
                Word::Address { .. } => {
                    places.push(place as u64);
                    u64::MAX
                }
            };
            bytes.extend(number.to_le_bytes());
        }
        assert_eq!(places.len(), arrays.len());
        for (place, array) in places.iter().zip(arrays) {
            bytes.extend(place.to_le_bytes());
            numbers(&mut bytes, array);
        }
        let [from, to] = ["launch", "output"].map(|name| self.folder.path().join(name));
        std::fs::write(&from, bytes).unwrap();
        let output = Command::new(self.folder.path().join("driver")).arg(&from).arg(&to).output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let bytes = std::fs::read(&to).unwrap();
        Ok(bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect())
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
    f: impl Fn(&[Tensor]) -> candle_core::Result<Tensor>,
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
    if let Some(difference) = difference(ours, plain) {
        panic!("{what}: {difference}");
    }
}

/// Where two rows of numbers are not the same to f32's rounding; NaN is the same as nothing.
fn difference(ours: &[f32], plain: &[f32]) -> Option<String> {
    if ours.len() != plain.len() {
        return Some(format!("{} numbers instead of {}", ours.len(), plain.len()));
    }
    let largest = plain.iter().fold(1e-3, |largest: f32, v| largest.max(v.abs()));
    let mut pairs = ours.iter().zip(plain).enumerate();
    pairs.find_map(|(i, (a, b))| {
        let is_same = (a - b).abs() <= 3e-5 * largest;
        (!is_same).then(|| format!("at {i}: {a} instead of {b}"))
    })
}

/// A description for two blocks only, so that each has to take several turns.
fn by_two_blocks(launch: Launch) -> Launch {
    assert!(launch.grid[0] > 2);
    Launch { grid: [2, 1], ..launch }
}

/// A description for so few blocks that each has to take several turns; behind its output stands a part of so many sums
/// for each block.
fn in_turns(launch: Launch, n_sums: usize) -> Launch {
    let blocks = launch.grid[0] as usize;
    assert!(blocks > 2);
    Launch { n_out: launch.n_out - (blocks - 2) * n_sums, grid: [2, 1], ..launch }
}

/// Two blocks that take turns give the same rows as many, and the same sums but for rounding.
#[track_caller]
fn in_turns_too(host: &Host, launch: Launch, inputs: &[&[f32]], n: usize, n_sums: usize) {
    let (many, few) = (host.one(launch.clone(), inputs), host.one(in_turns(launch, n_sums), inputs));
    assert_eq!(many[..n], few[..n]);
    let sum =
        |out: &[f32]| host.one(Rows { n_rows: (out.len() - n) / n_sums, width: n_sums }.sum(1), &[&out[n..]]);
    same("sums in turns", &sum(&few), &sum(&many));
}
