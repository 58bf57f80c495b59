//! Which tensors may move: what the user says, what their use says, what their names say, what their numbers say.

use sgmn_graph::flow::{Flow, Function, InputKind, Op, Origin, Pointwise, Role, Stored};

use super::{ReadOptions, Record, numbers::Facts};

/// What became of a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Decision {
    /// Its numbers may change.
    Param(Role),
    /// It is part of the architecture, for this reason.
    Fixed(String),
}

/// What a container knows about a tensor before the graph is looked at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Known {
    /// Learned.
    Trained,
    /// Gathered from data.
    Statistic,
    /// Part of the architecture, for this reason.
    Fixed(String),
}

/// What the graph says about the use of a tensor.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Hint {
    /// An operation must know it when the net is read.
    pub(super) constant: Option<String>,
    /// It stands where a parameter belongs: the weight of a convolution, the mean of a batch normalization.
    pub(super) param: Option<Role>,
    /// Angles are computed from it.
    pub(super) angles: bool,
}

/// Words at the end of a name that only parameters have.
const ENDS: [&str; 22] = [
    "weight",
    "weights",
    "bias",
    "biases",
    "gamma",
    "beta",
    "scale",
    "kernel",
    "embedding",
    "embeddings",
    "alpha",
    "slope",
    "temperature",
    "readvariableop",
    "resource",
    "running_mean",
    "running_var",
    "moving_mean",
    "moving_variance",
    "mean",
    "variance",
    "var",
];
/// Whole last parts of names that only parameters have.
const WHOLE: [&str; 6] = ["w", "b", "r", "g", "v", "lambda"];
/// Ends of names of batch statistics.
const STATISTICS: [&str; 4] = ["running_mean", "running_var", "moving_mean", "moving_variance"];

/// Decides for every record. The order is that of certainty; what remains undecided may move.
pub(super) fn decide(
    records: &[Record],
    facts: &[Facts],
    tables: &[bool],
    hints: &[Hint],
    options: &ReadOptions,
) -> Vec<Decision> {
    let one = |i: usize| {
        let (record, facts, hint) = (&records[i], &facts[i], &hints[i]);
        let role = hint.param.unwrap_or_else(|| role_of(&record.name));
        let fixed = |why: &str| Decision::Fixed(why.to_owned());
        if ReadOptions::lists(&options.fixed, &record.name) {
            return fixed("named as fixed");
        }
        if record.numbers.is_empty() {
            return fixed("it has no numbers");
        }
        if ReadOptions::lists(&options.trained, &record.name) {
            return Decision::Param(role);
        }
        if let Some(why) = &hint.constant {
            return Decision::Fixed(why.clone());
        }
        match &record.known {
            Some(Known::Trained) => return Decision::Param(Role::Trained),
            Some(Known::Statistic) => return Decision::Param(Role::Statistic),
            Some(Known::Fixed(why)) => return Decision::Fixed(why.clone()),
            None => {}
        }
        if hint.angles {
            return fixed("a sine or cosine is taken of it before any input is met: a table of angles");
        }
        if tables[i] {
            return fixed("squares of its sines and cosines add up to one number: a table of angles");
        }
        if hint.param.is_some() || named_like_a_parameter(&record.name) {
            return Decision::Param(role);
        }
        if facts.infinite || facts.huge {
            return fixed("it holds infinite or huge numbers, as masks do");
        }
        if facts.uniform || record.numbers.len() == 1 {
            return fixed("one number everywhere, and neither name nor use of a parameter");
        }
        if facts.whole {
            return fixed("whole numbers only, and neither name nor use of a parameter");
        }
        Decision::Param(role)
    };
    (0..records.len()).map(one).collect()
}

fn role_of(name: &str) -> Role {
    let name = last_part(name);
    if STATISTICS.iter().any(|end| name.ends_with(end)) { Role::Statistic } else { Role::Trained }
}

fn named_like_a_parameter(name: &str) -> bool {
    let last = last_part(name);
    WHOLE.contains(&last.as_str()) || ENDS.iter().any(|end| last.ends_with(end))
}

/// The last part of a name in small letters, without counters: `layer.0/conv.w_0:0` gives `w`.
fn last_part(name: &str) -> String {
    let name = name.strip_suffix(":0").unwrap_or(name);
    let last = name.rsplit(['.', '/', ':']).next().unwrap_or(name);
    let bare = last.trim_end_matches(|c: char| c.is_ascii_digit());
    let bare = if bare.len() < last.len() { bare.trim_end_matches('_') } else { last };
    bare.to_lowercase()
}

/// Parameters of a flow of which a sine or cosine is taken after nothing but arithmetic with constants and whole
/// inputs (positions). Real inputs end the search: the weights of a sine layer are learned.
pub(super) fn angles(flow: &Flow) -> Vec<usize> {
    // For each value the parameters it is made of, if it is made of nothing else; long lists are no tables.
    const MOST: usize = 8;
    let mut made_of: Vec<Option<Vec<usize>>> = vec![None; flow.values().len()];
    for (at, value) in flow.values().iter().enumerate() {
        made_of[at] = match value.origin {
            Origin::Param(i) => Some(vec![i]),
            Origin::Const(_) => Some(Vec::new()),
            Origin::Input(i) if flow.inputs()[i].kind == InputKind::Whole => Some(Vec::new()),
            Origin::Input(_) | Origin::Step(_) => None,
        };
    }
    let mut found = Vec::new();
    for step in flow.steps() {
        let parts: Option<Vec<&Vec<usize>>> =
            step.from.iter().map(|id| made_of[id.index()].as_ref()).collect();
        let Some(parts) = parts.filter(|_| !matches!(step.op, Op::Lookup(_) | Op::Pick(_))) else { continue };
        let mut params: Vec<usize> = parts.into_iter().flatten().copied().collect();
        params.sort_unstable();
        params.dedup();
        if let Op::Pointwise(Pointwise { function: Function::Sine | Function::Cosine }) = step.op {
            found.extend(&params);
        }
        made_of[step.to.index()] = (params.len() <= MOST).then_some(params);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Numbers that a table of angles has at least.
const LEAST_ANGLES: usize = 4;
/// Relative error of sums of squares in tables of f32; tables of half precision are not told from others.
const CIRCLE: f64 = 1e-5;

/// Which records are tables of sines and cosines of the same angles: two records, two halves of the last axis, or
/// neighbours along it.
pub(super) fn tables(records: &[Record], facts: &[Facts]) -> Vec<bool> {
    let mut tables = vec![false; records.len()];
    let may = |i: usize| {
        let n = records[i].numbers.len();
        n >= LEAST_ANGLES && facts[i].finite && !facts[i].uniform && records[i].known.is_none()
    };
    let mut by_shape: std::collections::BTreeMap<&[usize], Vec<usize>> = std::collections::BTreeMap::new();
    for i in (0..records.len()).filter(|i| may(*i)) {
        let numbers = &records[i].numbers;
        let last = records[i].shape.last().copied().unwrap_or(1);
        if last % 2 == 0 && numbers.len() >= 2 * LEAST_ANGLES {
            let half = last / 2;
            let n = numbers.len() / 2;
            let halves = circle(
                n,
                |at| at / half * last + at % half,
                numbers,
                |at| at / half * last + at % half + half,
                numbers,
            );
            tables[i] |= halves || circle(n, |at| 2 * at, numbers, |at| 2 * at + 1, numbers);
        }
        by_shape.entry(&records[i].shape).or_default().push(i);
    }
    for group in by_shape.values() {
        for (at, a) in group.iter().enumerate() {
            // Sines and cosines of one table stand near each other in a file.
            for b in &group[at + 1..group.len().min(at + 1 + NEAR)] {
                let numbers = (&records[*a].numbers, &records[*b].numbers);
                if circle(numbers.0.len(), |at| at, numbers.0, |at| at, numbers.1) {
                    tables[*a] = true;
                    tables[*b] = true;
                }
            }
        }
    }
    tables
}

/// How many tensors of one shape are compared with each.
const NEAR: usize = 64;

/// Whether a² + b² is one number at all n places.
fn circle(
    n: usize,
    at_a: impl Fn(usize) -> usize,
    a: &Stored,
    at_b: impl Fn(usize) -> usize,
    b: &Stored,
) -> bool {
    let number = |stored: &Stored, at: usize| match stored {
        Stored::F32(values) => f64::from(values[at]),
        Stored::F64(values) => values[at],
    };
    let square = |at: usize| number(a, at_a(at)).powi(2) + number(b, at_b(at)).powi(2);
    let first = square(0);
    let mut varies = false;
    let start = number(a, at_a(0));
    first > 0.0
        && (0..n).all(|at| {
            varies |= number(a, at_a(at)) != start;
            (square(at) - first).abs() <= CIRCLE * first
        })
        && varies
}
