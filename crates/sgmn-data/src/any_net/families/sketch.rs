//! A net while a family writes it down: its layers in the words of architecture files, and the tensors that it expects.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use toml::Value;

use crate::{
    Error, Result,
    any_net::{
        Update,
        architecture::document::{Input, Layer, Size},
    },
};

/// Sizes of tensors by name.
pub(super) type Shapes = BTreeMap<String, Vec<usize>>;

/// What a family says about a net.
#[derive(Debug)]
pub(super) struct Sketch<'a> {
    /// The tensors of the files.
    there: &'a Shapes,
    /// What the net must have.
    expected: Shapes,
    fits: bool,
    /// Inputs by name.
    pub(super) inputs: Vec<(String, Input)>,
    /// Names of values that are outputs.
    pub(super) outputs: Vec<String>,
    /// The layers in order.
    pub(super) layers: Vec<Layer>,
    /// Tensors that files may hold though nothing uses them; `*` is any text at one end.
    pub(super) idle: Vec<String>,
    /// A further name of a tensor, and its first one; both must hold the same numbers.
    pub(super) same: Vec<(String, String)>,
    /// Of an adapter: what it changes.
    pub(super) updates: Vec<Update>,
}

/// Places of a text that a net reads if nobody says how many: enough for attention to have something to weigh.
const LENGTH: usize = 8;
/// Names that a message lists at most.
const MOST_LISTED: usize = 8;

impl<'a> Sketch<'a> {
    /// Nothing yet.
    pub(super) fn new(there: &'a Shapes) -> Self {
        Self {
            there,
            expected: Shapes::new(),
            fits: true,
            inputs: Vec::new(),
            outputs: Vec::new(),
            layers: Vec::new(),
            idle: Vec::new(),
            same: Vec::new(),
            updates: Vec::new(),
        }
    }

    /// The names of all tensors of the files.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.there.keys().map(String::as_str)
    }

    /// The shape of a tensor of the files.
    pub(super) fn shape(&self, name: &str) -> Option<&'a [usize]> {
        self.there.get(name).map(Vec::as_slice)
    }

    /// Whether the files have a tensor.
    pub(super) fn has(&self, name: &str) -> bool {
        self.there.contains_key(name)
    }

    /// What names begin with: the first of the beginnings with which the files have the tensor.
    ///
    /// # Errors
    /// [`Error::Format`] if there is none.
    pub(super) fn prefix<'b>(&self, beginnings: &[&'b str], tensor: &str, of: &Path) -> Result<&'b str> {
        match beginnings.iter().find(|beginning| self.has(&format!("{beginning}{tensor}"))) {
            Some(beginning) => Ok(beginning),
            None => {
                let names: Vec<String> =
                    beginnings.iter().map(|beginning| format!("{beginning}{tensor}")).collect();
                let found: Vec<&String> = self.there.keys().take(MOST_LISTED).collect();
                Err(Error::format(of, format!("a tensor {}", names.join(" or ")), format!("{found:?}")))
            }
        }
    }

    /// An input of tokens `[batch, length]`; at most so many places.
    pub(super) fn tokens(&mut self, name: &str, most: usize) {
        let length = Size::Usual("length".to_owned(), LENGTH.min(most));
        self.input(name, vec![Size::Open("batch".to_owned()), length], true);
    }

    /// An input.
    pub(super) fn input(&mut self, name: &str, shape: Vec<Size>, whole: bool) {
        self.inputs.push((name.to_owned(), Input { shape, whole }));
    }

    /// A layer that takes the result of the one before it.
    pub(super) fn layer(&mut self, op: &str, name: &str) -> &mut Layer {
        let at = self.layers.len();
        self.layers.push(Layer {
            place: format!("layer {at}"),
            op: op.to_owned(),
            name: name.to_owned(),
            aliases: if name.is_empty() { Vec::new() } else { vec![name.to_owned()] },
            from: None,
            with: Vec::new(),
            tensors: BTreeMap::new(),
            options: toml::Table::new(),
        });
        &mut self.layers[at]
    }

    /// The layer that was written last.
    pub(super) fn last(&mut self) -> &mut Layer {
        let last = self.layers.len() - 1;
        &mut self.layers[last]
    }

    /// Demands a tensor of a shape.
    pub(super) fn expect(&mut self, name: &str, shape: &[usize]) {
        self.fits &= self.shape(name) == Some(shape);
        self.expected.insert(name.to_owned(), shape.to_vec());
    }

    /// A linear layer with a weight `[out, in]`.
    pub(super) fn linear(&mut self, name: &str, [n_in, n_out]: [usize; 2], bias: bool) -> &mut Layer {
        self.expect(&format!("{name}.weight"), &[n_out, n_in]);
        if bias {
            self.expect(&format!("{name}.bias"), &[n_out]);
        }
        self.layer("linear", name)
    }

    /// A table of rows by tokens.
    pub(super) fn embedding(&mut self, name: &str, rows: usize, n: usize) -> &mut Layer {
        self.expect(&format!("{name}.weight"), &[rows, n]);
        self.layer("embedding", name)
    }

    /// Adds rows of a table to the value of the layer before, chosen by the input `position_ids`: all rows are rows that
    /// the net may read, be the text that is asked about as short as it may.
    pub(super) fn positions(&mut self, name: &str, rows: usize, n: usize) -> &mut Layer {
        self.tokens("position_ids", rows);
        self.last().called("before");
        self.embedding(name, rows, n).takes("position_ids");
        self.layer("add", "").with("before")
    }

    /// A norm with centre, gain and shift; older files call these two gamma and beta.
    pub(super) fn layer_norm(&mut self, name: &str, n: usize, epsilon: f64) -> &mut Layer {
        let is_old = self.has(&format!("{name}.gamma"));
        let ends = if is_old { ["gamma", "beta"] } else { ["weight", "bias"] };
        let names = ends.map(|end| format!("{name}.{end}"));
        names.iter().for_each(|name| self.expect(name, &[n]));
        let layer = self.layer("layer_norm", name).option("epsilon", epsilon);
        if is_old {
            let [gain, shift] = names;
            layer.tensors.extend([("weight".to_owned(), gain), ("bias".to_owned(), shift)]);
        }
        layer
    }

    /// A norm without centre.
    pub(super) fn rms_norm(&mut self, name: &str, n: usize, epsilon: f64) -> &mut Layer {
        self.expect(&format!("{name}.weight"), &[n]);
        self.layer("rms_norm", name).option("epsilon", epsilon)
    }

    /// The layer from the stream to the scores of tokens, which may be the table of the tokens.
    pub(super) fn scores(&mut self, name: &str, table: &str, [vocabulary, n]: [usize; 2], tied: bool) {
        if !tied {
            self.linear(name, [n, vocabulary], false);
            return;
        }
        let own = format!("{name}.weight");
        if self.has(&own) {
            self.same.push((own, table.to_owned()));
        }
        self.layer("linear", "").tensors.insert("weight".to_owned(), table.to_owned());
    }

    /// The end of a net that reads tokens from left to right: the stream, or the scores of tokens from it.
    pub(super) fn end(&mut self, has_scores: bool, table: &str, sizes: [usize; 2], tied: bool) {
        let output = if has_scores {
            self.scores("lm_head", table, sizes, tied);
            self.layer("same", "").called("logits");
            "logits"
        } else {
            "last_hidden_state"
        };
        self.outputs.push(output.to_owned());
    }

    /// Whether all tensors that were demanded so far are there, with their shapes. Where they are not, the rest need not be
    /// written: the net will be refused.
    pub(super) fn fits_so_far(&self) -> bool {
        self.fits
    }

    /// Refuses tensors that are missing or have other sizes, and tensors that nothing uses.
    ///
    /// # Errors
    /// [`Error::Format`] with the tensor, what was expected, and what was found.
    pub(super) fn check(&self, config: &Path, weights: &Path) -> Result<()> {
        for (name, shape) in &self.expected {
            let expected = || format!("a tensor {name:?} of shape {shape:?}, as {} says", config.display());
            match self.there.get(name) {
                Some(found) if found == shape => {}
                Some(found) => return Err(Error::format(weights, expected(), format!("{found:?}"))),
                None => return Err(Error::format(weights, expected(), "none of that name")),
            }
        }
        let idle = self.idle_tensors();
        let is_second = |name: &String| self.same.iter().any(|(second, _)| second == name);
        let is_left =
            |name: &&String| !self.expected.contains_key(*name) && !idle.contains(*name) && !is_second(name);
        let left: Vec<&String> = self.there.keys().filter(is_left).collect();
        if left.is_empty() {
            return Ok(());
        }
        let more = left.len().saturating_sub(MOST_LISTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let found = format!("{:?}{more}, which it does not have", &left[..left.len().min(MOST_LISTED)]);
        Err(Error::format(
            weights,
            format!("the tensors of the net that {} tells of", config.display()),
            found,
        ))
    }

    /// Tensors of the files that nothing needs to use.
    pub(super) fn idle_tensors(&self) -> BTreeSet<String> {
        let fits = |name: &&String| {
            !self.expected.contains_key(*name)
                && self.idle.iter().any(|pattern| super::super::architecture::fits(pattern, name))
        };
        self.there.keys().filter(fits).cloned().collect()
    }
}

impl Layer {
    /// The layer takes this value instead of the one before it.
    pub(super) fn takes(&mut self, value: &str) -> &mut Self {
        self.from = Some(value.to_owned());
        self
    }

    /// A further value that it takes.
    pub(super) fn with(&mut self, value: &str) -> &mut Self {
        self.with.push(value.to_owned());
        self
    }

    /// A name for its result; a name may be given again.
    pub(super) fn called(&mut self, name: &str) -> &mut Self {
        self.aliases.push(name.to_owned());
        self
    }

    /// An option of its kind.
    pub(super) fn option(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        self.options.insert(key.to_owned(), value.into());
        self
    }
}
