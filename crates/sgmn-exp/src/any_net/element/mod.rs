//! The file of an element that carries one net to another: JSON that can be read by a person and applied again.
//!
//! In this order it acts: `parameters` are reordered and multiplied by scalars, `matrices` mix units, `additions` are made.
//! What is not listed stays. [any-net.md](../../../../../docs/any-net.md) describes each field.

mod words;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, BufWriter, Write},
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sgmn_graph::flow::{Flow, FlowNet, Numbers};
use sgmn_symmetry::flow::{
    PartNumbers,
    fold::Fold,
    matrices::{Block, MatrixElement},
    transport::{Addition, Found, Transport},
};

use super::free::Free;

pub use words::{Row, words};

/// The element as it stands in its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElementFile {
    /// What the file is: [`KIND`].
    kind: String,
    /// Whether it acts on the net with its norms folded.
    folded: bool,
    /// Parameters that are reordered and multiplied.
    parameters: Vec<ParamEntry>,
    /// Spaces whose units are mixed.
    matrices: Vec<MatrixEntry>,
    /// What is added then.
    additions: Vec<AdditionEntry>,
}

/// The first words of the file.
const KIND: &str = "sgmn element 1";

/// A change of a freedom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdditionEntry {
    /// The freedom in words, as `sgmn inspect` says them.
    what: String,
    /// The freedom, by its place in the list of the flow.
    freedom: usize,
    /// The numbers that choose the change.
    amounts: Vec<f64>,
}

/// What is done to a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ParamEntry {
    /// Its name.
    name: String,
    /// Factor of all its numbers.
    scalar: f64,
    parts: Vec<PartEntry>,
}

/// What is done along some axes, counted row-major: new index i holds old index `from[i]`, times `scales[i]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartEntry {
    axes: Vec<usize>,
    from: Vec<u32>,
    scales: Vec<f64>,
}

/// A matrix for each block of a space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MatrixEntry {
    /// The space, by its place in the list of the flow.
    space: usize,
    /// Its group in words.
    group: String,
    /// Where it stands.
    held_by: Vec<String>,
    /// For each block the rows of its matrix.
    blocks: Vec<Vec<Vec<f64>>>,
}

impl ElementFile {
    /// The file of an element of nets of a flow, for which `free` is all that is free (in the folded flow, if norms were
    /// folded).
    pub fn of(found: &Found, free: &Free) -> Self {
        let Transport { element, turning, additions } = &found.transport;
        let flow = free.spaces.flow();
        let additions = additions.iter().map(|addition| AdditionEntry {
            what: free.freedoms[addition.freedom].words.clone(),
            freedom: addition.freedom,
            amounts: addition.change.amounts().to_vec(),
        });
        let moving = element.params().iter().zip(flow.params()).filter(|(acts, _)| !acts.is_identity());
        let parameters = moving.map(|(acts, param)| ParamEntry {
            name: param.name.clone(),
            scalar: acts.scalar(),
            parts: acts
                .parts()
                .iter()
                .map(|part| PartEntry {
                    axes: part.axes().to_vec(),
                    from: part.from().to_vec(),
                    scales: part.scales().to_vec(),
                })
                .collect(),
        });
        let mixing = (0..free.matrices.len()).filter(|space| found.transport.mixes(*space));
        let matrices = mixing.map(|space| MatrixEntry {
            space,
            group: free.matrices[space].kind.words(free.matrices[space].n),
            held_by: free.matrices[space].axes(flow),
            blocks: turning.blocks()[space]
                .iter()
                .map(|block| block.matrix().chunks(block.n()).map(<[f64]>::to_vec).collect())
                .collect(),
        });
        Self {
            kind: KIND.to_owned(),
            folded: found.folded,
            parameters: parameters.collect(),
            matrices: matrices.collect(),
            additions: additions.collect(),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// A file that is none, by its name.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = || path.display().to_string();
        let reader = BufReader::new(File::open(path).with_context(shown)?);
        let file: Self =
            serde_json::from_reader(reader).with_context(|| format!("{}: expected an element", shown()))?;
        ensure!(file.kind == KIND, "{}: kind: expected {KIND:?}, found {:?}", shown(), file.kind);
        Ok(file)
    }

    /// Writes the file; it appears when it is complete.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, path: &Path) -> Result<()> {
        let shown = || path.display().to_string();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let part = tempfile::NamedTempFile::new_in(folder).with_context(shown)?;
        let mut writer = BufWriter::new(&part);
        serde_json::to_writer(&mut writer, self).with_context(shown)?;
        writeln!(writer).and_then(|()| writer.flush()).with_context(shown)?;
        drop(writer);
        part.persist(path).with_context(shown)?;
        Ok(())
    }

    /// Whether it acts on nets whose norms are folded.
    pub fn is_folded(&self) -> bool {
        self.folded
    }

    /// The net after the element; its norms are folded if the element says so.
    ///
    /// # Errors
    /// An element that is none of the group of this net, with the field and the first fact that does not hold.
    pub fn act(&self, net: &FlowNet) -> Result<FlowNet> {
        let net = if self.folded { Fold::new(net.flow())?.apply(net)? } else { net.clone() };
        let free = Free::of(net.flow());
        let transport = self.transport(&net, &free)?;
        Ok(transport.act(&net, &free.matrices, &free.freedoms)?)
    }

    fn transport(&self, net: &FlowNet, free: &Free) -> Result<Transport> {
        Ok(Transport {
            element: free.spaces.element_of(self.parts(free)?)?,
            turning: self.turning(free)?,
            additions: self.additions(net, free)?,
        })
    }

    /// For each parameter of the flow its scalar and its parts.
    fn parts(&self, free: &Free) -> Result<Vec<(f64, Vec<PartNumbers>)>> {
        let flow: &Flow = free.spaces.flow();
        let mut entries: BTreeMap<&str, &ParamEntry> = BTreeMap::new();
        for entry in &self.parameters {
            let name = &entry.name;
            ensure!(
                flow.params().iter().any(|param| param.name == *name),
                "parameters: expected names of parameters of the net, found {name:?}"
            );
            ensure!(
                entries.insert(name, entry).is_none(),
                "parameters: expected {name:?} once, found it twice"
            );
        }
        let identity = free.spaces.identity();
        let mut all = Vec::new();
        for (acts, param) in identity.params().iter().zip(flow.params()) {
            let Some(entry) = entries.get(param.name.as_str()) else {
                let parts = acts.parts().iter().map(|part| (part.from().to_vec(), part.scales().to_vec()));
                all.push((acts.scalar(), parts.collect()));
                continue;
            };
            let axes = |axes: Vec<&[usize]>| format!("{axes:?}");
            let expected = axes(acts.parts().iter().map(|part| part.axes()).collect());
            let found = axes(entry.parts.iter().map(|part| &part.axes[..]).collect());
            ensure!(
                expected == found,
                "parameters: parts of {:?}: expected the axes {expected}, found {found}",
                param.name
            );
            let parts = entry.parts.iter().map(|part| (part.from.clone(), part.scales.clone()));
            all.push((entry.scalar, parts.collect()));
        }
        Ok(all)
    }

    fn turning(&self, free: &Free) -> Result<MatrixElement> {
        let mut blocks: Vec<Vec<Block>> =
            free.matrices.iter().map(|space| vec![Block::identity(space.n); space.blocks]).collect();
        for entry in &self.matrices {
            let (at, n_spaces) = (entry.space, blocks.len());
            let Some(own) = blocks.get_mut(at) else {
                bail!("matrices: space: expected less than the {n_spaces} of the net, found {at}");
            };
            let n = free.matrices[at].n;
            let made = entry.blocks.iter().map(|rows| {
                ensure!(
                    rows.iter().all(|row| row.len() == n),
                    "matrices: space {at}: expected rows of {n} numbers, found others"
                );
                Ok(Block::new(n, rows.concat())?)
            });
            *own = made.collect::<Result<_>>()?;
        }
        Ok(MatrixElement::new(&free.matrices, blocks)?)
    }

    fn additions(&self, net: &dyn Numbers, free: &Free) -> Result<Vec<Addition>> {
        let one = |entry: &AdditionEntry| {
            let freedom = free.freedoms.get(entry.freedom).filter(|freedom| freedom.words == entry.what);
            let Some(freedom) = freedom else {
                bail!(
                    "additions: expected a freedom of the net, found number {}, {:?}",
                    entry.freedom,
                    entry.what
                );
            };
            let change = freedom.change(net, entry.amounts.clone())?;
            Ok(Addition { freedom: entry.freedom, change })
        };
        self.additions.iter().map(one).collect()
    }
}
