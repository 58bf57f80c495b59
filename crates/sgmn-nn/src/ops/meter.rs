//! A meter at the door of the arithmetic: what a computation cost, by kind of operation.
//!
//! Bytes and operations follow from shapes, so they are the same on every device; seconds are measured.

use std::{cell::RefCell, collections::BTreeMap, time::Instant};

use candle_core::{Device, Result, Tensor};

/// A kind of operation, by what bounds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// Products of matrices.
    Product,
    /// Layer normalization with its activation, and unit vectors.
    Norm,
    /// Activation without normalization.
    Activation,
    /// Sums over the edges of a node, over rows, and their counterparts on the way back.
    SumOverEdges,
    /// Sums and products number by number, nodes along edges among them.
    Elementwise,
    /// Copies.
    Copy,
    /// Clipping and the step of the optimizer.
    Optimizer,
    /// The upkeep of candle's graph for tensors that it does not see: launches alone, of next to no bytes.
    Other,
}

impl Kind {
    /// All kinds, in the order of reports.
    pub const ALL: [Self; 8] = [
        Self::Product,
        Self::Norm,
        Self::Activation,
        Self::SumOverEdges,
        Self::Elementwise,
        Self::Copy,
        Self::Optimizer,
        Self::Other,
    ];

    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Norm => "norm",
            Self::Activation => "activation",
            Self::SumOverEdges => "sum_over_edges",
            Self::Elementwise => "elementwise",
            Self::Copy => "copy",
            Self::Optimizer => "optimizer",
            Self::Other => "other",
        }
    }
}

/// What the operations of one kind cost together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tally {
    /// Calls of a kernel or of a library's product; candle's composed forms count as what a kernel would need.
    pub launches: u64,
    /// Bytes read and written, each operand once.
    pub bytes: u64,
    /// Floating-point operations of products, a multiplication and an addition each; other kinds are bound by memory.
    pub flop: u64,
    /// Time on the device, or on the CPU between call and return; 0 where it was not asked for.
    pub seconds: f64,
}

/// What is counted on this thread at the moment.
struct Meter {
    timed: bool,
    tallies: BTreeMap<Kind, Tally>,
    spans: Vec<(Kind, Span)>,
    /// An operation within another one is part of it.
    depth: usize,
}

thread_local! {
    static METER: RefCell<Option<Meter>> = const { RefCell::new(None) };
}

/// Runs `f` and tells what passed the door meanwhile, on this thread; with `timed`, how long it took too.
///
/// On a CUDA device each operation is timed by two events, which are read when all is done. Where the device waits for the
/// host, the gap counts as time of the next operation: who wants the device's own time gives it so much to do before that
/// the host is ahead. What candle does by itself is not counted, but for the upkeep of its graph; neither are the
/// passes over blocks of rows of the CPU, which are one operation each. Within another meter nothing is counted twice:
/// the inner one takes over.
///
/// # Errors
/// If the device cannot be waited for, or its events cannot be read.
pub fn metered<R>(device: &Device, timed: bool, f: impl FnOnce() -> R) -> Result<(R, BTreeMap<Kind, Tally>)> {
    /// Puts the outer meter back, even if `f` panics.
    struct Outer(Option<Meter>);
    impl Drop for Outer {
        fn drop(&mut self) {
            METER.set(self.0.take());
        }
    }
    let meter = Meter { timed, tallies: BTreeMap::new(), spans: Vec::new(), depth: 0 };
    let outer = Outer(METER.replace(Some(meter)));
    let result = f();
    let meter = METER.take();
    drop(outer);
    device.synchronize()?;
    let Some(Meter { mut tallies, spans, .. }) = meter else { return Ok((result, BTreeMap::new())) };
    for (kind, span) in spans {
        tallies.entry(kind).or_default().seconds += span.seconds()?;
    }
    Ok((result, tallies))
}

/// Runs one operation, counted where a meter is on: the tensors it reads and writes decide its bytes.
pub(super) fn count<R: Written>(
    kind: Kind,
    read: &[&Tensor],
    flop: usize,
    f: impl FnOnce() -> Result<R>,
) -> Result<R> {
    let Some(timed) = begin() else { return f() };
    let device = read.first().map(|tensor| tensor.device());
    let start = timed.then(|| Mark::now(device)).transpose();
    let result = f();
    let end = timed.then(|| Mark::now(device)).transpose();
    METER.with_borrow_mut(|meter| {
        let Some(meter) = meter else { return };
        meter.depth -= 1;
        let tally = meter.tallies.entry(kind).or_default();
        tally.launches += 1;
        tally.flop += flop as u64;
        tally.bytes += read.iter().map(|tensor| bytes(tensor)).sum::<u64>();
        tally.bytes += result.as_ref().map_or(0, R::bytes);
        if let (Ok(Some(start)), Ok(Some(end))) = (start, end) {
            meter.spans.push((kind, Span { start, end }));
        }
    });
    result
}

/// Notes what is no operation of its own, such as launches by which candle keeps its graph, where a meter is on.
pub(super) fn note(kind: Kind, launches: usize, bytes: usize) {
    METER.with_borrow_mut(|meter| {
        if let Some(meter) = meter {
            let tally = meter.tallies.entry(kind).or_default();
            tally.launches += launches as u64;
            tally.bytes += bytes as u64;
        }
    });
}

/// Enters an operation: whether it is to be timed, none if nobody counts or it is part of another one.
fn begin() -> Option<bool> {
    METER.with_borrow_mut(|meter| {
        let meter = meter.as_mut().filter(|meter| meter.depth == 0)?;
        meter.depth += 1;
        Some(meter.timed)
    })
}

fn bytes(tensor: &Tensor) -> u64 {
    (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64
}

/// What an operation returns, in bytes.
pub(super) trait Written {
    fn bytes(&self) -> u64;
}

impl Written for Tensor {
    fn bytes(&self) -> u64 {
        bytes(self)
    }
}

/// What changes its operands in place counts them among what it reads.
impl Written for () {
    fn bytes(&self) -> u64 {
        0
    }
}

impl<const N: usize> Written for [Tensor; N] {
    fn bytes(&self) -> u64 {
        self.iter().map(bytes).sum()
    }
}

/// The time between two marks.
struct Span {
    start: Mark,
    end: Mark,
}

/// A moment on the host, or in the queue of a device.
enum Mark {
    Host(Instant),
    #[cfg(feature = "cuda")]
    Cuda(candle_core::cuda_backend::cudarc::driver::CudaEvent),
}

impl Mark {
    fn now(device: Option<&Device>) -> Result<Self> {
        #[cfg(feature = "cuda")]
        if let Some(Device::Cuda(device)) = device {
            use candle_core::cuda_backend::{WrapErr, cudarc::driver::sys::CUevent_flags};
            let event = device.cuda_stream().record_event(Some(CUevent_flags::CU_EVENT_DEFAULT)).w()?;
            return Ok(Self::Cuda(event));
        }
        let _ = device;
        Ok(Self::Host(Instant::now()))
    }
}

impl Span {
    fn seconds(&self) -> Result<f64> {
        match (&self.start, &self.end) {
            (Mark::Host(start), Mark::Host(end)) => Ok(end.duration_since(*start).as_secs_f64()),
            #[cfg(feature = "cuda")]
            (Mark::Cuda(start), Mark::Cuda(end)) => {
                use candle_core::cuda_backend::WrapErr;
                Ok(f64::from(start.elapsed_ms(end).w()?) / 1e3)
            }
            #[cfg(feature = "cuda")]
            _ => Ok(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;

    #[test]
    fn operations_are_counted_once_by_kind_and_only_where_a_meter_is_on() {
        let x = Tensor::zeros((3, 4), DType::F32, &Device::Cpu).unwrap();
        let product =
            || count(Kind::Product, &[&x], 24, || count(Kind::Copy, &[&x], 0, || x.copy())).unwrap();
        product();
        let (_, tallies) = metered(&Device::Cpu, true, || (product(), product())).unwrap();
        assert_eq!(tallies.keys().copied().collect::<Vec<_>>(), [Kind::Product]);
        let Tally { launches, bytes, flop, seconds } = tallies[&Kind::Product];
        assert_eq!((launches, bytes, flop), (2, 2 * 2 * 48, 48));
        assert!(seconds >= 0.0);
        assert!(metered(&Device::Cpu, false, || ()).unwrap().1.is_empty());
    }
}
