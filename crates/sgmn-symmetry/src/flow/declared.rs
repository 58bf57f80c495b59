//! What may change in a net as a person writes it down, and whether that is what was inferred.
//!
//! An axis of a parameter is text: parts side by side are joined by ` | `; a part is factors joined by `.`, outermost
//! first, each the name of an order or a number of places; then terms: `^s` multiplied by the unit's scalar of `s`,
//! `/s` divided by it, `^s^2` by its square, `@m` and `~m` by the unit's matrix of `m` and its contragredient.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    IndexView, Spaces, along,
    derive::{Bit, Field, Form, Ratio, Scale, System},
    views::sum,
};
use crate::{Error, Result};

/// Orders, scales and matrices by name, and the axes of parameters as text.
#[derive(Debug, Clone, Default)]
pub struct Declared {
    /// For each order its number of units, and the orders it stands over: then it has one order for each unit of those.
    pub orders: BTreeMap<String, (usize, Vec<String>)>,
    /// For each scale the factors it has a scalar for (none: one for all), and its group.
    pub scales: BTreeMap<String, (Vec<String>, String)>,
    /// For each matrix the factors it stands on, the last one inside; and its kind.
    pub matrices: BTreeMap<String, (Vec<String>, String)>,
    /// Parameters of the flow by their place, each with a text for each axis, or one for all axes in a row.
    pub params: Vec<DeclaredParam>,
}

/// The axes of one parameter.
#[derive(Debug, Clone)]
pub struct DeclaredParam {
    /// Its place in the flow.
    pub param: usize,
    /// A text for each axis.
    pub axes: Vec<String>,
    /// Whether the one text speaks of all axes in a row.
    pub flat: bool,
}

/// One index of an axis as the text says it.
#[derive(Debug, Clone, PartialEq)]
struct Word {
    /// What it is: names, and places where they do not move.
    orbit: Vec<(String, Option<usize>)>,
    /// Which it is.
    unit: Vec<(String, usize)>,
    scale: Scale,
    moves: bool,
}

/// Variables of declared scales.
#[derive(Default)]
struct Vars(BTreeMap<(String, Vec<usize>), u32>);

/// Beyond all variables that an inference makes.
const FIRST_VAR: u32 = 1 << 30;

impl Declared {
    /// Whether the orbits, the ties between units, and the scalars of the declared parameters are those inferred.
    ///
    /// # Errors
    /// [`Error::Unlike`] that says what differs first, or which text cannot be read.
    pub fn check(&self, spaces: &Spaces) -> Result<()> {
        let mut vars = Vars::default();
        let mut orbits = Pairing::new("orbits");
        let mut units = Pairing::new("units");
        let mut rows = Rows::default();
        let parts = spaces.parts();
        for declared in &self.params {
            let shape = spaces.flow().param_shape(declared.param);
            let name = &spaces.flow().params()[declared.param].name;
            let of_param = || parts.iter().filter(|part| part.param == declared.param);
            let words: Vec<Vec<Word>> = declared
                .axes
                .iter()
                .map(|text| {
                    self.words(text, &mut vars).map_err(|why| unlike(format!("{name}: {text:?}"), why))
                })
                .collect::<Result<_>>()?;
            let sizes: Vec<usize> = words.iter().map(Vec::len).collect();
            let expected = if declared.flat { vec![shape.iter().product()] } else { shape.to_vec() };
            if sizes != expected {
                return Err(unlike(
                    format!("axes of {name}"),
                    (format!("{expected:?}"), format!("{sizes:?}")),
                ));
            }
            if !declared.flat {
                for (axis, words) in words.iter().enumerate() {
                    let part = of_param().find(|part| part.axes == [axis]);
                    for (at, word) in words.iter().enumerate() {
                        let index = part.map(|part| &part.at[at]).filter(|index| index.like > 1);
                        let place = format!("{name} axis {axis} index {at}");
                        // What does not move, scales or not, is known by its place.
                        let found = match index {
                            Some(index) => {
                                // A unit that stands at places is another word than the unit alone.
                                let at_places =
                                    part.is_some_and(|part| part.at.iter().any(|at| at.place != 0));
                                let place =
                                    if at_places { format!(" at {}", index.place) } else { String::new() };
                                (
                                    format!("orbit {}{place}", index.orbit),
                                    format!("unit {}{place}", index.unit),
                                )
                            }
                            None => (place.clone(), place.clone()),
                        };
                        let said = if word.moves {
                            (format!("{:?}", word.orbit), format!("{:?}", word.unit))
                        } else {
                            (place.clone(), place.clone())
                        };
                        orbits.pair(&said.0, &found.0, &place)?;
                        units.pair(&said.1, &found.1, &place)?;
                    }
                }
            }
            rows.add(spaces, declared, &words, of_param())?;
        }
        rows.compare()
    }

    fn size(&self, factor: &str) -> Option<usize> {
        factor.parse().ok().or_else(|| self.orders.get(factor).map(|order| order.0))
    }

    fn words(&self, text: &str, vars: &mut Vars) -> Result<Vec<Word>, (String, String)> {
        let unknown =
            |what: &str| ("a name of an order, a scale or a matrix".to_owned(), format!("{what:?}"));
        let mut words = Vec::new();
        for part in text.split(" | ") {
            let mut terms = part.split(' ');
            let factors: Vec<&str> = terms.next().unwrap_or_default().split('.').collect();
            let terms: Vec<&str> = terms.collect();
            let sizes: Vec<usize> =
                factors.iter().map(|f| self.size(f).ok_or_else(|| unknown(f))).collect::<Result<_, _>>()?;
            let n: usize = sizes.iter().product();
            for flat in 0..n {
                let mut rest = flat;
                let mut index = vec![0; sizes.len()];
                for (at, size) in sizes.iter().enumerate().rev() {
                    index[at] = rest % size;
                    rest /= size;
                }
                let at: BTreeMap<&str, usize> = factors.iter().copied().zip(index.iter().copied()).collect();
                let mut word =
                    Word { orbit: Vec::new(), unit: Vec::new(), scale: Scale::default(), moves: false };
                let rotary: BTreeSet<&str> = terms
                    .iter()
                    .filter_map(|term| term.strip_prefix(['@', '~']))
                    .filter_map(|name| self.matrices.get(name))
                    .filter(|(_, kind)| kind.starts_with("rope"))
                    .filter_map(|(on, _)| on.last().map(String::as_str))
                    .collect();
                for (factor, index) in factors.iter().zip(&index) {
                    let still = factor.parse::<usize>().is_ok() || rotary.contains(factor);
                    word.orbit.push(((*factor).to_owned(), still.then_some(*index)));
                    word.unit.push(((*factor).to_owned(), *index));
                    word.moves |= !still && self.size(factor) > Some(1);
                }
                for term in &terms {
                    self.term(term, &at, vars, &mut word.scale).ok_or_else(|| unknown(term))?;
                }
                words.push(word);
            }
        }
        Ok(words)
    }

    /// Adds a term to a scalar: of a matrix its monomial part.
    fn term(&self, term: &str, at: &BTreeMap<&str, usize>, vars: &mut Vars, scale: &mut Scale) -> Option<()> {
        let (kind, rest) = term.split_at_checked(1)?;
        let (name, power) =
            rest.split_once('^').map_or(Some((rest, 1)), |(n, p)| p.parse().ok().map(|p| (n, p)))?;
        let (on, group, power): (&[String], &str, i32) = match kind {
            "^" | "/" => {
                let (on, group) = self.scales.get(name)?;
                (on, group, if kind == "^" { power } else { -power })
            }
            "@" | "~" => (&self.matrices.get(name)?.0, "nonzero", if kind == "@" { 1 } else { -1 }),
            _ => return None,
        };
        let mut index: Vec<usize> =
            on.iter().map(|factor| at.get(factor.as_str()).copied()).collect::<Option<_>>()?;
        if let Some((on, matrix)) = self.matrices.get(name).filter(|_| kind == "@" || kind == "~") {
            // A rotary matrix has one number for a pair.
            let n = self.size(on.last()?)?;
            let last = index.last_mut()?;
            match matrix.as_str() {
                "rope" => *last %= n / 2,
                "rope_adjacent" => *last /= 2,
                _ => {}
            }
        }
        let next = FIRST_VAR + u32::try_from(vars.0.len()).ok()?;
        let var = *vars
            .0
            .entry((
                format!("{kind_of} {name}", kind_of = if "@~".contains(kind) { "matrix" } else { "scale" }),
                index,
            ))
            .or_insert(next);
        let mut one = Scale::default();
        if group != "sign" {
            one.log = Form::var(var);
        }
        if group != "positive" {
            one.sign = Form::var(var);
        }
        scale.log = scale.log.plus(&one.log, Ratio::whole(power))?;
        if power % 2 != 0 {
            scale.sign = scale.sign.plus(&one.sign, Bit(true))?;
        }
        Some(())
    }
}

/// Names of two sides that must stand for each other.
struct Pairing {
    what: &'static str,
    forth: BTreeMap<String, String>,
    back: BTreeMap<String, String>,
}

impl Pairing {
    fn new(what: &'static str) -> Self {
        Self { what, forth: BTreeMap::new(), back: BTreeMap::new() }
    }

    fn pair(&mut self, said: &str, found: &str, place: &str) -> Result<()> {
        let forth = self.forth.entry(said.to_owned()).or_insert_with(|| found.to_owned());
        let back = self.back.entry(found.to_owned()).or_insert_with(|| said.to_owned());
        if forth != found || back != said {
            let said = format!("{said} (elsewhere {forth})");
            return Err(unlike(
                format!("{} at {place}", self.what),
                (said, format!("{found} (elsewhere {back})")),
            ));
        }
        Ok(())
    }
}

/// The scalars of all numbers, inferred and declared side by side.
#[derive(Default)]
struct Rows {
    found: Vec<Scale>,
    said: Vec<Scale>,
}

impl Rows {
    fn add<'a>(
        &mut self,
        spaces: &Spaces,
        declared: &DeclaredParam,
        words: &[Vec<Word>],
        parts: impl Iterator<Item = &'a super::PartView> + Clone,
    ) -> Result<()> {
        let shape = spaces.flow().param_shape(declared.param).to_vec();
        let n: usize = shape.iter().product();
        let scalar = spaces.whole_scalar(declared.param);
        for number in 0..n {
            let mut found = scalar.clone();
            for part in parts.clone() {
                found = sum(&found, &scale_of(&part.at[along(number, &part.shape, &part.axes)]), 1);
            }
            let mut said = Scale::default();
            for (axis, words) in words.iter().enumerate() {
                let at = if declared.flat { number } else { along(number, &shape, &[axis]) };
                said = sum(&said, &words[at].scale, 1);
            }
            self.found.push(found);
            self.said.push(said);
        }
        Ok(())
    }

    fn compare(&self) -> Result<()> {
        let both: Vec<Scale> =
            self.found.iter().zip(&self.said).map(|(found, said)| sum(found, said, 1)).collect();
        let (found, said, both) = (ranks(&self.found), ranks(&self.said), ranks(&both));
        if found != said || both != said {
            let show = |(log, sign)| format!("{log} magnitudes, {sign} signs");
            let found = format!("{} ({} together)", show(found), show(both));
            return Err(unlike("scalars".to_owned(), (show(said), found)));
        }
        Ok(())
    }
}

fn ranks(rows: &[Scale]) -> (usize, usize) {
    (rank(rows.iter().map(|row| &row.log)), rank(rows.iter().map(|row| &row.sign)))
}

/// How many of the forms say something that those before them did not.
fn rank<'a, F: Field + 'a>(forms: impl Iterator<Item = &'a Form<F>> + Clone) -> usize {
    let mut vars: Vec<u32> = forms.clone().flat_map(|form| form.0.iter().map(|(var, _)| *var)).collect();
    vars.sort_unstable();
    vars.dedup();
    // A system has a place for each variable up to the last one: they are counted anew, in their order.
    let place = |var: &u32| vars.partition_point(|other| other < var) as u32;
    let mut system = System::default();
    let mut grows =
        |form: &Form<F>| system.grows(&Form(form.0.iter().map(|(var, by)| (place(var), *by)).collect()));
    forms.filter(|form| grows(form)).count()
}

fn scale_of(index: &IndexView) -> Scale {
    Scale {
        log: Form(
            index.log.iter().map(|(v, by)| (*v, Ratio::from_f64(*by).unwrap_or(Ratio::whole(0)))).collect(),
        ),
        sign: Form(index.sign.iter().map(|v| (*v, Bit(true))).collect()),
    }
}

fn unlike(what: String, (expected, found): (String, String)) -> Error {
    Error::Unlike { what, expected, found }
}
