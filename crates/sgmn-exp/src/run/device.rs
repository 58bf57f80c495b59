//! Where a model runs: the device that a word names, and what is known about it.

use anyhow::{Context, Result, anyhow, bail};
use candle_core::Device;
use clap::Args;
use serde::Serialize;

use crate::{config::DeviceKind, show::MachineFacts};

/// The options of a program about its device.
#[derive(Debug, Clone, Copy, Args)]
pub struct DeviceArg {
    /// Where the model runs; cuda and metal need a build with the feature of that name
    #[arg(long, value_enum, value_name = "DEVICE", default_value = "cpu")]
    device: DeviceKind,
    /// Leave this program's own kernels for the device aside, for a device on which one of them does harm
    #[arg(long)]
    without_kernels: bool,
}

impl DeviceArg {
    /// The word that was given.
    pub fn kind(self) -> DeviceKind {
        self.device
    }

    /// The device.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(self) -> Result<Device> {
        if self.without_kernels {
            sgmn_nn::ops::leave_kernels();
        }
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
    if !device.is_cuda() {
        return None;
    }
    let DeviceFacts { name: Some(name), memory_bytes: Some(bytes), .. } = DeviceFacts::of(device) else {
        return None;
    };
    Some(format!("{name}, {:.1} GiB", bytes as f64 / f64::from(1 << 30)))
}

/// What a device says about itself; what it does not say is absent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeviceFacts {
    /// Name of the device, or model of the processor.
    pub name: Option<String>,
    /// Version of NVIDIA's driver.
    pub driver: Option<String>,
    /// Compute capability, such as `9.0`.
    pub compute_capability: Option<String>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Highest clock of its processors, in hertz.
    pub clock_hz: Option<u64>,
    /// Highest clock of its memory, in hertz.
    pub memory_clock_hz: Option<u64>,
    /// Multiprocessors, or threads that the program may use at once.
    pub n_processors: Option<u64>,
    /// Operating system and architecture of the machine.
    pub system: String,
}

impl DeviceFacts {
    /// Asks the driver, or the system where the device is the processor.
    pub fn of(device: &Device) -> Self {
        let machine = MachineFacts::read();
        let unknown = Self {
            name: None,
            driver: None,
            compute_capability: None,
            memory_bytes: None,
            clock_hz: None,
            memory_clock_hz: None,
            n_processors: None,
            system: machine.system,
        };
        match device {
            Device::Cpu => Self {
                name: machine.processor,
                memory_bytes: machine.memory,
                n_processors: machine.n_threads.map(|n| n as u64),
                ..unknown
            },
            #[cfg(feature = "cuda")]
            Device::Cuda(cuda) => Self::of_cuda(cuda, unknown),
            _ => unknown,
        }
    }

    #[cfg(feature = "cuda")]
    fn of_cuda(device: &candle_core::CudaDevice, unknown: Self) -> Self {
        use candle_core::cuda_backend::cudarc::driver::sys::CUdevice_attribute as Attribute;
        let stream = device.cuda_stream();
        let context = stream.context();
        let number =
            |attribute| context.attribute(attribute).ok().and_then(|value| u64::try_from(value).ok());
        // The driver counts clocks in kilohertz, and says 0 where it does not know.
        let hertz = |attribute| number(attribute).filter(|khz| *khz > 0).map(|khz| 1000 * khz);
        let capability = context.compute_capability().ok().map(|(major, minor)| format!("{major}.{minor}"));
        Self {
            name: context.name().ok(),
            driver: driver_version(&std::fs::read_to_string(DRIVER).unwrap_or_default()),
            compute_capability: capability,
            memory_bytes: context.total_mem().ok().map(|bytes| bytes as u64),
            clock_hz: hertz(Attribute::CU_DEVICE_ATTRIBUTE_CLOCK_RATE),
            memory_clock_hz: hertz(Attribute::CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE),
            n_processors: number(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
            ..unknown
        }
    }

    /// The facts as rows of a table.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let number =
            |n: Option<u64>, unit: f64, name: &str| n.map(|n| format!("{:.2} {name}", n as f64 / unit));
        const GIB: f64 = (1u64 << 30) as f64;
        let rows = [
            ("device", self.name.clone()),
            ("driver", self.driver.clone()),
            ("compute capability", self.compute_capability.clone()),
            ("memory", number(self.memory_bytes, GIB, "GiB")),
            ("clock", number(self.clock_hz, 1e9, "GHz")),
            ("clock of the memory", number(self.memory_clock_hz, 1e9, "GHz")),
            ("processors", self.n_processors.map(|n| n.to_string())),
            ("system", Some(self.system.clone())),
        ];
        rows.map(|(name, value)| (name, value.unwrap_or_else(|| "unknown".to_owned()))).to_vec()
    }
}

/// Where NVIDIA's driver says its version on Linux.
#[cfg(feature = "cuda")]
const DRIVER: &str = "/proc/driver/nvidia/version";

/// The version in the driver's first line, `NVRM version: … Kernel Module  580.95.05  Release Build …`.
#[cfg(any(test, feature = "cuda"))]
fn driver_version(text: &str) -> Option<String> {
    let mut words = text.lines().next()?.split_whitespace();
    let is_version = |word: &&str| {
        word.contains('.') && word.split('.').all(|part| !part.is_empty() && part.parse::<u32>().is_ok())
    };
    words.find(is_version).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_the_line_of_either_driver() {
        let closed =
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue Sep 23 10:11:16 UTC 2025\n";
        assert_eq!(driver_version(closed).as_deref(), Some("580.95.05"));
        let open =
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (root@a.b)";
        assert_eq!(driver_version(open).as_deref(), Some("580.65.06"));
        assert_eq!(driver_version(""), None);
    }

    #[test]
    fn the_processor_has_memory_and_no_compute_capability() {
        let facts = DeviceFacts::of(&Device::Cpu);
        assert!(facts.n_processors.is_some() && facts.compute_capability.is_none(), "{facts:?}");
        assert_eq!(facts.rows()[2], ("compute capability", "unknown".to_owned()));
        assert_eq!(describe(&Device::Cpu), None);
    }
}
