//! Every operation of the suite on the device against its reference on the CPU, and every kernel against its plain form.

use std::{collections::BTreeMap, rc::Rc};

use candle_core::{DType, Device};
use sgmn_nn::ops::{
    self,
    suite::{self, Case},
};

use crate::check::{Check, Finding, said};

/// Checks of the groups `kernels` and `ops`: one an operation and number type, over all shapes.
pub(crate) fn checks(device: &Device) -> Result<Vec<Check>, String> {
    let mut by_name: BTreeMap<&'static str, Vec<Case>> = BTreeMap::new();
    for case in said(suite::cases())? {
        by_name.entry(case.name).or_default().push(case);
    }
    let mut checks = kernels(device);
    // Metal has no f64.
    let types = [(DType::F32, suite::F32), (DType::F64, suite::F64)];
    let n_types = if device.is_metal() { 1 } else { 2 };
    for (name, cases) in by_name {
        let cases = Rc::new(cases);
        for (dtype, tolerance) in types.into_iter().take(n_types) {
            let (cases, device) = (cases.clone(), device.clone());
            checks.push(Check::new("ops", format!("{name} {}", dtype.as_str()), move || {
                let mut worst: f64 = 0.0;
                for case in cases.iter() {
                    let difference = case.difference(&device, dtype);
                    worst = worst.max(difference.map_err(|error| format!("{case:?}: {error}"))?);
                }
                Ok(Finding::Error { worst, tolerance })
            }));
        }
    }
    Ok(checks)
}

/// Whether all kernels are used, and how far each is from its plain form.
fn kernels(device: &Device) -> Vec<Check> {
    let on = device.clone();
    let mut checks = vec![Check::new("kernels", "all are used", move || match ops::faults(&on).as_slice() {
        [] => Ok(Finding::Holds),
        faults => Err(faults.join("; ")),
    })];
    for (kernel, difference) in ops::kernel_differences(device) {
        checks.push(Check::new("kernels", kernel, move || {
            Ok(Finding::Error { worst: said(difference)?, tolerance: ops::KERNEL_TOLERANCE })
        }));
    }
    checks
}
