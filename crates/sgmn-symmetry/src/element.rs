//! Group elements: what is done to the hidden units of a net, and the group law.

use sgmn_graph::Topology;

use crate::{Error, Result};

/// One change of every hidden unit that leaves the net's function alone, if the units' activations admit it.
///
/// ```
/// use sgmn_graph::{Activation, NetSpec, Topology};
/// use sgmn_symmetry::{Element, LayerElement};
/// let topology = Topology::new(NetSpec::mlp(&[2, 3, 1], Activation::Tanh, 0.0)?.into())?;
/// let flip = Element::new(vec![LayerElement::scale(vec![-1.0, 1.0, 1.0])?]);
/// assert_eq!(flip.compose(&flip)?, Element::identity(&topology));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    layers: Vec<LayerElement>,
}

/// The part of an element that concerns one hidden layer: an order, and for each unit a scalar q, a sign s and a count m.
///
/// The new unit i is the old unit `p = order[i]`, mirrored, scaled and then shifted:
///
/// ```text
/// weights into i:  s_i q_i · w_p
/// bias of i:       s_i q_i · b_p + m_i · π/ω      (m_i = 0 except at sine units with a bias)
/// weights from i:  (−1)^m_i / q_i · v_p           (s_i = 1 except at units with an even activation)
/// ```
///
/// Scaling stands before shifting, so a later sign flip turns an earlier shift round: applying (q, m) after (q′, m′)
/// gives (q q′, q m′ + m), and the inverse of (q, m) is (1/q, −q m), as q = ±1 wherever shifts exist. At a sine unit
/// this is the infinite dihedral group; together with the order it is a semidirect product. Mirrors commute with all
/// but the order, for no function is both even and a sine.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerElement {
    order: Vec<usize>,
    scales: Vec<f64>,
    mirrors: Vec<bool>,
    shifts: Vec<i64>,
}

impl Element {
    /// An element from its parts, one for each hidden layer, first to last.
    pub fn new(layers: Vec<LayerElement>) -> Self {
        Self { layers }
    }

    /// The element that changes nothing.
    pub fn identity(topology: &Topology) -> Self {
        Self::new(topology.hidden_layers().map(|l| LayerElement::identity(topology.widths()[l])).collect())
    }

    /// The parts, one for each hidden layer, first to last.
    pub fn layers(&self) -> &[LayerElement] {
        &self.layers
    }

    /// First `first`, then `self`: `a.compose(&b)?.act(x)` is `a.act(b.act(x))`.
    ///
    /// # Errors
    /// [`Error::Element`] if the elements belong to nets of different shapes or activations.
    pub fn compose(&self, first: &Self) -> Result<Self> {
        if self.layers.len() != first.layers.len() {
            let counts = (self.layers.len(), first.layers.len());
            return Err(fault("hidden layers of the composed elements", counts.0, counts.1).at(0));
        }
        let pairs = self.layers.iter().zip(&first.layers).enumerate();
        let layers = pairs.map(|(i, (second, first))| second.after(first).map_err(|fault| fault.at(i + 1)));
        Ok(Self::new(layers.collect::<Result<_>>()?))
    }

    /// The element that undoes this one.
    #[must_use]
    pub fn inverse(&self) -> Self {
        Self::new(self.layers.iter().map(LayerElement::inverse).collect())
    }

    /// Whether the element changes nothing.
    pub fn is_identity(&self) -> bool {
        self.layers.iter().all(|layer| *layer == LayerElement::identity(layer.n_units()))
    }
}

impl LayerElement {
    /// The part that changes nothing.
    pub fn identity(n_units: usize) -> Self {
        Self {
            order: (0..n_units).collect(),
            scales: vec![1.0; n_units],
            mirrors: vec![false; n_units],
            shifts: vec![0; n_units],
        }
    }

    /// A reordering: unit `i` becomes what unit `order[i]` was.
    ///
    /// # Errors
    /// [`Error::Element`] if `order` does not name each unit once.
    pub fn reorder(order: Vec<usize>) -> Result<Self> {
        let n_units = order.len();
        Self { order, ..Self::identity(n_units) }.checked().map_err(|fault| fault.at(0))
    }

    /// A scaling of each unit.
    ///
    /// # Errors
    /// [`Error::Element`] if a scalar or its reciprocal is 0 or not finite.
    pub fn scale(scales: Vec<f64>) -> Result<Self> {
        let n_units = scales.len();
        Self { scales, ..Self::identity(n_units) }.checked().map_err(|fault| fault.at(0))
    }

    /// A change of sign of what enters the units for which it holds.
    pub fn mirror(mirrors: Vec<bool>) -> Self {
        let n_units = mirrors.len();
        Self { mirrors, ..Self::identity(n_units) }
    }

    /// A shift of each bias by `shifts[i] · π/ω`.
    ///
    /// # Errors
    /// [`Error::Element`] if a count exceeds 2⁵², beyond which f64 cannot tell neighbors apart.
    pub fn shift(shifts: Vec<i64>) -> Result<Self> {
        let n_units = shifts.len();
        Self { shifts, ..Self::identity(n_units) }.checked().map_err(|fault| fault.at(0))
    }

    /// Number of units.
    pub fn n_units(&self) -> usize {
        self.order.len()
    }

    /// For each new unit, the old unit it comes from.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// For each new unit, the scalar q of its incoming weights and bias; their sign is another one if it is mirrored.
    pub fn scales(&self) -> &[f64] {
        &self.scales
    }

    /// For each new unit, whether what enters it changes its sign and what leaves it does not.
    pub fn mirrors(&self) -> &[bool] {
        &self.mirrors
    }

    /// By what the incoming weights and the bias of new unit `i` are multiplied.
    pub fn incoming_factor(&self, i: usize) -> f64 {
        if self.mirrors[i] { -self.scales[i] } else { self.scales[i] }
    }

    /// For each new unit, by how many times π/ω its bias is shifted after scaling.
    pub fn shifts(&self) -> &[i64] {
        &self.shifts
    }

    /// By what the outgoing weights of new unit `i` are divided: `q_i · (−1)^m_i`.
    pub fn outgoing_divisor(&self, i: usize) -> f64 {
        if self.shifts[i].rem_euclid(2) == 0 { self.scales[i] } else { -self.scales[i] }
    }

    /// First `first`, then `self`.
    pub(crate) fn after(&self, first: &Self) -> Result<Self, Fault> {
        if self.n_units() != first.n_units() {
            return Err(fault("units of the composed elements", self.n_units(), first.n_units()));
        }
        let n_units = self.n_units();
        let mut product = Self::identity(n_units);
        for i in 0..n_units {
            let middle = self.order[i];
            product.order[i] = first.order[middle];
            product.scales[i] = self.scales[i] * first.scales[middle];
            product.mirrors[i] = self.mirrors[i] != first.mirrors[middle];
            product.shifts[i] = turned(first.shifts[middle], self.scales[i]) + self.shifts[i];
        }
        product.checked()
    }

    fn inverse(&self) -> Self {
        let mut inverse = Self::identity(self.n_units());
        for (i, old) in self.order.iter().enumerate() {
            inverse.order[*old] = i;
            inverse.scales[*old] = self.scales[i].recip();
            inverse.mirrors[*old] = self.mirrors[i];
            inverse.shifts[*old] = -turned(self.shifts[i], self.scales[i]);
        }
        inverse
    }

    /// Itself, if it is an element of the group at all.
    fn checked(self) -> Result<Self, Fault> {
        let mut seen = vec![false; self.n_units()];
        for old in &self.order {
            match seen.get_mut(*old) {
                Some(seen) if !*seen => *seen = true,
                Some(_) => {
                    return Err(fault("order of units", "each unit once", format!("unit {old} twice")));
                }
                None => return Err(fault("order of units", format!("below {}", seen.len()), old)),
            }
        }
        for ((scale, shift), mirror) in self.scales.iter().zip(&self.shifts).zip(&self.mirrors) {
            let invertible = scale.is_finite() && scale.recip().is_finite();
            if !invertible {
                return Err(fault("scale", "a finite number with a finite reciprocal", scale));
            }
            if shift.unsigned_abs() > MOST_SHIFTS.unsigned_abs() {
                return Err(fault("shift", format!("at most {MOST_SHIFTS} either way"), shift));
            }
            // Shifts by multiples of π/ω are carried to such shifts by signs only.
            if *shift != 0 && scale.abs() != 1.0 {
                return Err(fault("scale of a shifted unit", "1 or -1", scale));
            }
            if *shift != 0 && *mirror {
                return Err(fault("shift of a mirrored unit", 0, shift));
            }
        }
        Ok(self)
    }
}

/// Largest count of shifts, 2⁵²: beyond it the sum of a bias and the shift has no digit left for the phase.
pub(crate) const MOST_SHIFTS: i64 = 1 << 52;

/// A shift seen after scaling by ±1.
fn turned(shift: i64, scale: f64) -> i64 {
    if scale < 0.0 { -shift } else { shift }
}

/// A fault in a layer's part, not knowing which layer it is.
pub(crate) struct Fault {
    what: &'static str,
    expected: String,
    found: String,
}

pub(crate) fn fault(what: &'static str, expected: impl ToString, found: impl ToString) -> Fault {
    Fault { what, expected: expected.to_string(), found: found.to_string() }
}

impl Fault {
    pub(crate) fn at(self, layer: usize) -> Error {
        Error::Element { layer, what: self.what, expected: self.expected, found: self.found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flip_after_a_shift_turns_the_shift_round() {
        let flip = Element::new(vec![LayerElement::scale(vec![-1.0]).unwrap()]);
        let shift = Element::new(vec![LayerElement::shift(vec![3]).unwrap()]);
        assert_eq!(flip.compose(&shift).unwrap().layers()[0].shifts(), [-3]);
        assert_eq!(shift.compose(&flip).unwrap().layers()[0].shifts(), [3]);
    }

    #[test]
    fn what_is_no_element_is_refused() {
        assert!(LayerElement::reorder(vec![0, 0]).is_err());
        assert!(LayerElement::reorder(vec![0, 2]).is_err());
        for scalar in [0.0, f64::NAN, f64::INFINITY, 1e-310] {
            assert!(LayerElement::scale(vec![scalar]).is_err(), "{scalar}");
        }
        assert!(LayerElement::shift(vec![i64::MIN]).is_err());
        let shift = Element::new(vec![LayerElement::shift(vec![1]).unwrap()]);
        let double = Element::new(vec![LayerElement::scale(vec![2.0]).unwrap()]);
        let message = double.compose(&shift).unwrap_err().to_string();
        assert_eq!(message, "element, node layer 1: scale of a shifted unit: expected 1 or -1, found 2");
        assert!(shift.compose(&Element::new(vec![LayerElement::identity(2)])).is_err());
    }
}
