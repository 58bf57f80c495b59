//! Where a model runs: the device that a word names, and what is known about it.

use anyhow::{Context, Result, anyhow, bail};
use candle_core::Device;
use clap::Args;

use crate::config::DeviceKind;

/// The option `--device` of a program.
#[derive(Debug, Clone, Copy, Args)]
pub struct DeviceArg {
    /// Where the model runs; cuda and metal need a build with the feature of that name
    #[arg(long, value_enum, value_name = "DEVICE", default_value = "cpu")]
    device: DeviceKind,
}

impl DeviceArg {
    /// The device.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(self) -> Result<Device> {
        open(self.device).context("--device")
    }
}

/// The device of a kind.
///
/// # Errors
/// If the program was built without it, or there is none that works.
pub fn open(kind: DeviceKind) -> Result<Device> {
    let name = kind.name();
    let is_built = match kind {
        DeviceKind::Cpu => return Ok(Device::Cpu),
        DeviceKind::Cuda => candle_core::utils::cuda_is_available(),
        DeviceKind::Metal => candle_core::utils::metal_is_available(),
    };
    if !is_built {
        bail!("expected a build with the feature `{name}` to run on {name}, found one without it");
    }
    let found = if kind == DeviceKind::Cuda { Device::new_cuda(0) } else { Device::new_metal(0) };
    found.map_err(|error| {
        // The first line is what the driver said; a backtrace may follow.
        let said = error.to_string().lines().next().unwrap_or_default().to_owned();
        anyhow!("expected a {name} device, found none that works: {said}")
    })
}

/// What is known about a device besides its kind: name and memory of a CUDA device.
pub fn describe(device: &Device) -> Option<String> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(cuda) = device {
        let stream = cuda.cuda_stream();
        let (name, bytes) = (stream.context().name().ok()?, stream.context().total_mem().ok()?);
        return Some(format!("{name}, {:.1} GiB", bytes as f64 / f64::from(1 << 30)));
    }
    let _ = device;
    None
}
