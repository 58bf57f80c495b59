//! Images in other sizes: each axis by itself, by a list of places or a matrix of weights.

use sgmn_graph::flow::Array;

use super::{
    Call, Family, Kind, Lower, Operand, Outcome, Value,
    call::{axis, size},
    unsupported, wrong,
};

pub(super) const OPERATORS: Family = &[("Resize", resize), ("Upsample", upsample)];

/// How places of the result are found in x.
#[derive(Debug, Clone)]
struct Manner {
    mode: Mode,
    coordinates: String,
    /// How a coordinate becomes the nearest place.
    nearest: String,
    /// Coefficient of the cubic curve.
    cubic: f64,
    /// Whether weights of places outside are left out and the others made to sum up to one.
    exclude: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Nearest,
    Linear,
    Cubic,
}

/// Size and scale along an axis.
#[derive(Debug, Clone, Copy)]
struct Change {
    from: usize,
    to: usize,
    scale: f64,
}

/// `Resize` before it was called so: nearest by rounding down, coordinates without a shift.
fn upsample(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let scales: Vec<f64> = match call.floats("scales")? {
        Some(scales) => scales.iter().map(|scale| f64::from(*scale)).collect(),
        None => lower.known(call.input(1)?, "scales")?.into_data(),
    };
    let manner = Manner {
        mode: mode(call)?,
        coordinates: "asymmetric".to_owned(),
        nearest: "floor".to_owned(),
        cubic: -0.75,
        exclude: false,
    };
    let axes: Vec<usize> = (0..lower.rank(x)).collect();
    Ok(lower.resized(x, &axes, &Target::Scales(scales), &manner)?.into())
}

fn resize(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let rank = lower.rank(x);
    if call.flag("antialias", false)? {
        return unsupported("antialiasing is not read");
    }
    let old = call.opset < 11;
    let manner = Manner {
        mode: mode(call)?,
        coordinates: if old {
            "asymmetric"
        } else {
            call.text_or("coordinate_transformation_mode", "half_pixel")?
        }
        .to_owned(),
        nearest: if old { "floor" } else { call.text_or("nearest_mode", "round_prefer_floor")? }.to_owned(),
        cubic: call.float_or("cubic_coeff_a", -0.75)?,
        exclude: call.flag("exclude_outside", false)?,
    };
    let (of_scales, of_sizes) = if old { (1, usize::MAX) } else { (2, 3) };
    let policy = call.text_or("keep_aspect_ratio_policy", "stretch")?;
    // An empty list of scales stands for none.
    let scales = match call.optional(of_scales)? {
        Some(scales) if lower.shape(scales) != [0] => Some(lower.known(scales, "scales")?.into_data()),
        _ => None,
    };
    let target = match (scales, call.optional(of_sizes)?) {
        (Some(scales), _) => Target::Scales(scales),
        (None, Some(sizes)) => {
            let sizes = lower.known_ints(sizes, "sizes")?.into_iter().map(size).collect::<Outcome<_>>()?;
            match policy {
                "stretch" => Target::Sizes(sizes),
                "not_larger" => Target::Inside(sizes),
                "not_smaller" => Target::Around(sizes),
                other => return wrong(format!("expected a known policy of aspect ratio, found {other:?}")),
            }
        }
        (None, None) => return wrong("expected scales or sizes, found neither"),
    };
    let axes = match call.ints("axes")? {
        Some(given) => given.iter().map(|given| axis(*given, rank)).collect::<Outcome<_>>()?,
        None => (0..rank).collect::<Vec<_>>(),
    };
    Ok(lower.resized(x, &axes, &target, &manner)?.into())
}

fn mode(call: &Call<'_>) -> Outcome<Mode> {
    match call.text_or("mode", "nearest")? {
        "nearest" => Ok(Mode::Nearest),
        "linear" | "bilinear" => Ok(Mode::Linear),
        "cubic" => Ok(Mode::Cubic),
        other => wrong(format!("expected nearest, linear or cubic as mode, found {other:?}")),
    }
}

/// The sizes that are asked for.
#[derive(Debug)]
enum Target {
    Scales(Vec<f64>),
    Sizes(Vec<usize>),
    /// One scale for all axes, so that none is larger.
    Inside(Vec<usize>),
    /// One scale for all axes, so that none is smaller.
    Around(Vec<usize>),
}

impl Target {
    #[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes are checked against a limit"
    )]
    fn changes(&self, from: &[usize]) -> Outcome<Vec<Change>> {
        const MOST: f64 = (1u64 << 31) as f64;
        let given = match self {
            Self::Scales(scales) => scales.len(),
            Self::Sizes(sizes) | Self::Inside(sizes) | Self::Around(sizes) => sizes.len(),
        };
        if given != from.len() || from.contains(&0) {
            return wrong(format!("expected sizes for {from:?}, found {self:?}"));
        }
        let ratios = |sizes: &[usize]| {
            sizes.iter().zip(from).map(|(to, from)| *to as f64 / *from as f64).collect::<Vec<_>>()
        };
        let uniform = |scale: f64| {
            let to = |from: &usize| (scale * *from as f64).round() as usize;
            from.iter().map(|from| Change { from: *from, to: to(from), scale }).collect()
        };
        let changes: Vec<Change> = match self {
            Self::Scales(scales) => {
                let change = |(scale, from): (&f64, &usize)| Change {
                    from: *from,
                    to: (*scale * *from as f64).min(MOST).floor() as usize,
                    scale: *scale,
                };
                scales.iter().zip(from).map(change).collect()
            }
            Self::Sizes(sizes) => {
                let change =
                    |((to, from), scale): ((&usize, &usize), f64)| Change { from: *from, to: *to, scale };
                sizes.iter().zip(from).zip(ratios(sizes)).map(change).collect()
            }
            Self::Inside(sizes) => uniform(ratios(sizes).into_iter().fold(f64::INFINITY, f64::min)),
            Self::Around(sizes) => uniform(ratios(sizes).into_iter().fold(0.0, f64::max)),
        };
        match changes.iter().all(|change| change.scale > 0.0 && (1..1 << 31).contains(&change.to)) {
            true => Ok(changes),
            false => wrong(format!("expected sizes above 0, found {self:?}")),
        }
    }
}

impl Lower<'_, '_> {
    fn resized(&mut self, x: Operand, axes: &[usize], target: &Target, manner: &Manner) -> Outcome<Operand> {
        let shape = self.shape(x);
        let from: Vec<usize> = axes.iter().map(|axis| shape[*axis]).collect();
        let mut x = x;
        for (axis, change) in axes.iter().zip(target.changes(&from)?) {
            if change.to == change.from && change.scale == 1.0 {
                continue;
            }
            x = match manner.mode {
                Mode::Nearest => {
                    self.budget.spend(&[change.to], 1)?;
                    let places: Outcome<Vec<usize>> =
                        (0..change.to).map(|at| manner.nearest(change, at)).collect();
                    self.take(x, *axis, places?)?
                }
                Mode::Linear | Mode::Cubic => {
                    self.budget.spend(&[change.to, change.from], 1)?;
                    let matrix = manner.matrix(change)?;
                    let id = self.tensors.flow.constant(matrix)?;
                    let rank = self.rank(x);
                    let product =
                        self.contract(x, Operand { id, kind: Kind::Real }, vec![], vec![(*axis, 1)])?;
                    // The new axis stands last.
                    let mut order: Vec<usize> = (0..rank - 1).collect();
                    order.insert(*axis, rank - 1);
                    self.permute(product, order)?
                }
            };
        }
        Ok(x)
    }
}

#[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places are kept inside before")]
impl Manner {
    /// Where place `at` of the result lies in x.
    fn coordinate(&self, change: Change, at: usize) -> Outcome<f64> {
        let Change { from, to, scale } = change;
        let (from, to, at) = (from as f64, to as f64, at as f64);
        Ok(match self.coordinates.as_str() {
            "half_pixel" => (at + 0.5) / scale - 0.5,
            "pytorch_half_pixel" if to <= 1.0 => 0.0,
            "pytorch_half_pixel" => (at + 0.5) / scale - 0.5,
            // As half_pixel, around the centre of what scales of the true size would give.
            "half_pixel_symmetric" => {
                let centre = from / 2.0 * (1.0 - to / (scale * from));
                centre + (at + 0.5) / scale - 0.5
            }
            // The last place of the size that the scale would give, which need not be whole.
            "align_corners" if to <= 1.0 || scale * from <= 1.0 => 0.0,
            "align_corners" => at * (from - 1.0) / (scale * from - 1.0),
            "asymmetric" => at / scale,
            other => return unsupported(format!("coordinates by {other:?} are not read")),
        })
    }

    fn nearest(&self, change: Change, at: usize) -> Outcome<usize> {
        let x = self.coordinate(change, at)?;
        let place = match self.nearest.as_str() {
            "round_prefer_floor" => (x - 0.5).ceil(),
            "round_prefer_ceil" => (x + 0.5).floor(),
            "floor" => x.floor(),
            "ceil" => x.ceil(),
            other => return wrong(format!("expected a known way of rounding, found {other:?}")),
        };
        Ok(place.clamp(0.0, (change.from - 1) as f64) as usize)
    }

    /// Weights of all places of x for each place of the result.
    fn matrix(&self, change: Change) -> Outcome<Array> {
        let Change { from, to, .. } = change;
        let mut matrix = Array::full(vec![to, from], 0.0);
        for at in 0..to {
            let x = self.coordinate(change, at)?;
            let row = &mut matrix.data_mut()[at * from..(at + 1) * from];
            let first = x.floor();
            let t = x - first;
            let weights: Vec<(f64, f64)> = match self.mode {
                Mode::Cubic => {
                    (-1..=2).map(|k| (first + f64::from(k), self.curve(t - f64::from(k)))).collect()
                }
                _ => vec![(first, 1.0 - t), (first + 1.0, t)],
            };
            let last = (from - 1) as f64;
            let inside = |place: f64| (0.0..=last).contains(&place);
            let kept: Vec<(f64, f64)> =
                weights.into_iter().filter(|(place, _)| !self.exclude || inside(*place)).collect();
            let total: f64 = if self.exclude { kept.iter().map(|(_, weight)| weight).sum() } else { 1.0 };
            for (place, weight) in kept {
                row[place.clamp(0.0, last) as usize] += weight / total;
            }
        }
        Ok(matrix)
    }

    /// The cubic convolution kernel at a distance.
    fn curve(&self, distance: f64) -> f64 {
        let (a, d) = (self.cubic, distance.abs());
        if d <= 1.0 {
            ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
        } else if d < 2.0 {
            ((d - 5.0) * d + 8.0) * d * a - 4.0 * a
        } else {
            0.0
        }
    }
}
