//! A running mean of the variables, which is often a better model than the last of them.

use std::collections::BTreeMap;

use candle_core::Tensor;

use crate::{Error, Result, VarStore};

/// The exponential moving average of all variables, in the store's order.
///
/// After step t, counted from 1, `a ← d a + (1 − d) θ` with `d = min(decay, t / (t + 10))`: in the first steps it forgets
/// the start of the model soon.
///
/// # Source
/// Polyak and Juditsky 1992 in its exponential form; the short memory of the first steps as in TensorFlow's
/// `ExponentialMovingAverage`.
#[derive(Debug)]
pub struct Average {
    decay: f64,
    values: Vec<Tensor>,
}

/// Before the names of averages in a checkpoint.
const PREFIX: &str = "average";
/// Steps after which the memory is half as long as all steps.
const SHORT: f64 = 10.0;

impl Average {
    /// The average before the first step: the variables as they are.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(decay: f64, vars: &VarStore) -> Result<Self> {
        let copies = vars.iter().map(|(_, var)| Ok(var.as_detached_tensor().copy()?));
        Ok(Self { decay, values: copies.collect::<Result<_>>()? })
    }

    /// Takes the variables after step `n_steps` in, counted from 1.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn step(&mut self, vars: &VarStore, n_steps: u64) -> Result<()> {
        let decay = self.decay.min(n_steps as f64 / (n_steps as f64 + SHORT));
        for (value, (_, var)) in self.values.iter_mut().zip(vars.iter()) {
            *value = ((&*value * decay)? + (var.as_detached_tensor() * (1.0 - decay))?)?;
        }
        Ok(())
    }

    /// Puts the averages in the place of the variables and returns what stood there, for [`VarStore::load`] to put back.
    ///
    /// # Errors
    /// If an average is not finite, or the device refuses.
    pub fn lend(&self, vars: &VarStore) -> Result<BTreeMap<String, Tensor>> {
        let own = vars.snapshot()?;
        let named = vars.iter().zip(&self.values).map(|((name, _), value)| (name.to_owned(), value.clone()));
        vars.load(&named.collect())?;
        Ok(own)
    }

    /// The averages by name (`average.{variable}`), for a checkpoint.
    pub fn state(&self, vars: &VarStore) -> BTreeMap<String, Tensor> {
        let named = vars.iter().zip(&self.values);
        named.map(|((name, _), value)| (format!("{PREFIX}.{name}"), value.clone())).collect()
    }

    /// Continues from a checkpoint.
    ///
    /// # Errors
    /// [`Error::Variable`] for the first average that is missing or of another shape; nothing is changed then.
    pub fn restore(&mut self, vars: &VarStore, state: &BTreeMap<String, Tensor>) -> Result<()> {
        let find = |(name, var): (&str, &candle_core::Var)| {
            let name = format!("{PREFIX}.{name}");
            match state.get(&name) {
                Some(tensor) if tensor.dims() == var.dims() => {
                    Ok(tensor.to_device(vars.device())?.to_dtype(vars.dtype())?.detach())
                }
                other => Err(Error::Variable {
                    name,
                    expected: format!("shape {:?}", var.dims()),
                    found: other.map_or("nothing".to_owned(), |tensor| format!("shape {:?}", tensor.dims())),
                }),
            }
        };
        self.values = vars.iter().map(find).collect::<Result<_>>()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use sgmn_graph::Seed;

    use super::*;
    use crate::{VarBuilder, vars::Init};

    #[test]
    fn averages_follow_the_formula_and_go_in_and_out_of_the_store() {
        let builder = VarBuilder::new(Seed::new(1), DType::F64, &Device::Cpu);
        builder.var("x", &[2], Init::Constant(0.0)).unwrap();
        let vars = builder.finish();
        let set = |x: f64| {
            let tensor = Tensor::new(&[x, -x], &Device::Cpu).unwrap();
            vars.load(&BTreeMap::from([("x".to_owned(), tensor)])).unwrap();
        };
        let read = |name: &str| vars.get(name).unwrap().to_vec1::<f64>().unwrap();
        let mut average = Average::new(0.5, &vars).unwrap();
        let mut expected = 0.0;
        for t in 1..=20u32 {
            set(f64::from(t));
            average.step(&vars, u64::from(t)).unwrap();
            let decay = f64::min(0.5, f64::from(t) / f64::from(t + 10));
            expected = decay * expected + (1.0 - decay) * f64::from(t);
        }
        let own = average.lend(&vars).unwrap();
        assert!((read("x")[0] - expected).abs() < 1e-12 && (read("x")[1] + expected).abs() < 1e-12);
        vars.load(&own).unwrap();
        assert_eq!(read("x"), [20.0, -20.0]);
        let mut other = Average::new(0.5, &vars).unwrap();
        other.restore(&vars, &average.state(&vars)).unwrap();
        other.lend(&vars).unwrap();
        assert!((read("x")[0] - expected).abs() < 1e-12);
        assert!(other.restore(&vars, &BTreeMap::new()).unwrap_err().to_string().contains("average.x"));
    }
}
