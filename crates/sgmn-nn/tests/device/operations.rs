//! Every operation of the suite on the device against its reference on the CPU, and every kernel against its plain form.

use std::collections::BTreeMap;

use candle_core::{DType, Device};
use sgmn_nn::{
    ops::{
        self,
        suite::{self, Case},
    },
    tolerance,
};

use crate::check::{Check, Finding, said};

/// Checks of the group `ops` in a number type, one an operation, over all shapes.
pub(crate) fn checks(device: &Device, dtype: DType) -> Result<Vec<Check>, String> {
    let mut by_name: BTreeMap<&'static str, Vec<Case>> = BTreeMap::new();
    for case in said(suite::cases())? {
        by_name.entry(case.name).or_default().push(case);
    }
    let mut checks = Vec::new();
    let tolerance = if dtype == DType::F64 { tolerance::OPERATION_F64 } else { tolerance::OPERATION_F32 };
    for (name, cases) in by_name {
        let device = device.clone();
        checks.push(Check::new("ops", format!("{name} {}", dtype.as_str()), move || {
            let mut worst: f64 = 0.0;
            for case in &cases {
                // candle launches its own kernels for tensors without numbers too, which a CUDA driver refuses.
                if device.is_cuda() && said(case.is_empty())? {
                    continue;
                }
                let difference = case.difference(&device, dtype);
                worst = worst.max(difference.map_err(|error| format!("{case:?}: {error}"))?);
            }
            Ok(Finding::Error { worst, tolerance })
        }));
    }
    Ok(checks)
}

/// Checks of the group `kernels`: whether all are used, how far each is from its plain form, and that a wrong form is seen.
pub(crate) fn kernels(device: &Device, has_kernels: bool) -> Vec<Check> {
    let on = device.clone();
    let mut checks = vec![Check::new("kernels", "all are used", move || match ops::faults(&on).as_slice() {
        [] => Ok(Finding::Holds),
        faults => Err(faults.join("; ")),
    })];
    let names = ops::kernel_names();
    if names.is_empty() || !has_kernels {
        return checks;
    }
    let on = device.clone();
    checks.push(Check::new("kernels", "a wrong form is found out", move || {
        match said(ops::kernel_control(&on))? {
            found if found > tolerance::KERNEL => Ok(Finding::Holds),
            found => Err(format!("expected a difference above {:.0e}, found {found:.1e}", tolerance::KERNEL)),
        }
    }));
    for name in names {
        let on = device.clone();
        checks.push(Check::new("kernels", name.clone(), move || {
            let worst = said(ops::kernel_difference(&on, &name))?;
            Ok(Finding::Error { worst, tolerance: tolerance::KERNEL })
        }));
    }
    checks
}
