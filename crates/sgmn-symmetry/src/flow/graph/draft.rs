//! The graph of a flow, parameter by parameter: blocks between sites, values of nodes, and where their numbers lie.

use sgmn_graph::{Block, flow::Flow};

use super::{
    super::{
        Spaces,
        derive::{Chart, Group, Holding},
        matrices::Matrix,
    },
    nodes::{Nodes, Unit, times},
    offsets::{group_of, offsets, offsets_along, places_of, rest, table},
    sides::{Kind, Side, Usage, Usages},
};
use crate::{Error, Result, flow::derive::Scale};

/// No number: an edge that a parameter does not have.
pub(super) const MISSING: u32 = u32::MAX;

/// Where the numbers of a block lie in a parameter: that of receiver r at its place p, of sender s at its place q, and of
/// the rest k at `rows[r, p] + columns[s, q] + rest[k]`. With groups, receivers and senders stand group after group.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) param: usize,
    pub(super) chart: Chart,
    pub(super) rows: Vec<u32>,
    pub(super) columns: Vec<u32>,
    pub(super) rest: Vec<u32>,
    /// Places of each receiver and of each sender.
    pub(super) places: [usize; 2],
}

/// Everything but roles.
#[derive(Debug)]
pub(super) struct Graph<'a> {
    pub(super) nodes: Nodes<'a>,
    pub(super) blocks: Vec<(Block, Source)>,
    /// Of each site the parameter that is the bias of its nodes.
    pub(super) biases: Vec<(usize, Source)>,
}

/// An axis, or axes together, of a parameter, and what is done along them.
struct Part<'g> {
    group: &'g Group,
    side: Side,
}

/// One end of a block: its site, the site and place of the node at each index, and the axes of the parameter.
type End<'e> = (usize, &'e [(usize, u32)], &'e [usize]);

/// More numbers on an edge are refused.
const MOST_EDGE_VALUES: usize = 1_000_000;

impl<'a> Graph<'a> {
    pub(super) fn new(spaces: &'a Spaces, matrices: &[Matrix]) -> Result<Self> {
        let flow = spaces.flow();
        let usages = Usages::new(flow);
        let mut graph = Self { nodes: Nodes::new(spaces, matrices), blocks: Vec::new(), biases: Vec::new() };
        graph.nodes.one();
        let mut later = Vec::new();
        for holding in spaces.holdings_in_order() {
            let usage = usages.of(holding);
            if !graph.add(spaces, holding, &usage)? {
                later.push((holding, usage));
            }
        }
        for (holding, usage) in later {
            graph.add_factor(spaces, holding, &usage)?;
        }
        graph.blocks.sort_by_key(|(_, source)| source.param);
        graph.blocks.iter_mut().enumerate().for_each(|(at, (block, _))| block.at = at);
        Ok(graph)
    }

    /// Adds a parameter; not a factor of single units, which joins sites that may be founded later.
    fn add(&mut self, spaces: &Spaces, holding: &Holding, usage: &Usage) -> Result<bool> {
        let parts = parts(spaces.flow(), spaces, holding, usage)?;
        let written = parts.iter().find(|part| part.side == Side::Written);
        let read = parts.iter().find(|part| part.side == Side::Read);
        let along = parts.iter().any(|part| part.side == Side::Along);
        if along || usage.kind == Kind::Factor && read.is_none() && written.is_some() {
            return Ok(false);
        }
        let whole = spaces.derived.reduced(holding.motion.scalar);
        let to = match written {
            Some(part) => self.ends(spaces, part.group, &whole, 1, usage.writes_output),
            None => self.nodes.place(&[(None, whole.clone())], usage.writes_output),
        };
        let from = match read {
            Some(part) => self.ends(spaces, part.group, &Scale::default(), -1, false),
            None => vec![(self.nodes.one(), 0)],
        };
        let [to_axes, from_axes] = [written, read].map(|part| part.map_or(&[][..], |part| &part.group.axes));
        let n_rest: usize = rest(holding, &[to_axes, from_axes]).len();
        let is_bias = usage.kind == Kind::Bias && read.is_none() && n_rest == 1;
        for site in sites(&to) {
            let bias_is_free = self.biases.iter().all(|(of, _)| *of != site);
            let rows =
                table(&to, site, self.n(site), &offsets(holding, to_axes), places_of(holding, to_axes));
            if is_bias && bias_is_free && rows.len() == self.n(site) {
                let source = Source {
                    param: holding.param,
                    chart: holding.chart,
                    rows,
                    columns: vec![0],
                    rest: vec![0],
                    places: [1, 1],
                };
                self.biases.push((site, source));
                continue;
            }
            for other in sites(&from) {
                self.add_block(spaces, holding, [(site, &to, to_axes), (other, &from, from_axes)])?;
            }
        }
        Ok(true)
    }

    /// Adds edges between two sites from a parameter: dense, or in groups along the axes that both ends share.
    fn add_block(
        &mut self,
        spaces: &Spaces,
        holding: &Holding,
        [(to, receivers, to_axes), (from, senders, from_axes)]: [End<'_>; 2],
    ) -> Result<()> {
        let [n_to, n_from] = [self.n(to), self.n(from)];
        let shared: Vec<usize> = to_axes.iter().copied().filter(|axis| from_axes.contains(axis)).collect();
        let rest = rest(holding, &[to_axes, from_axes]);
        let mut block = Block::dense(from, to, rest.len(), self.blocks.len());
        let rows = offsets(holding, to_axes);
        let mut source = Source {
            param: holding.param,
            chart: holding.chart,
            rows: Vec::new(),
            columns: Vec::new(),
            rest,
            places: [1, 1],
        };
        if shared.is_empty() {
            source.rows = table(receivers, to, n_to, &rows, places_of(holding, to_axes));
            source.columns =
                table(senders, from, n_from, &offsets(holding, from_axes), places_of(holding, from_axes));
            source.places = [source.rows.len() / n_to, source.columns.len() / n_from];
        } else {
            let own: Vec<usize> = from_axes.iter().copied().filter(|axis| !shared.contains(axis)).collect();
            let [by_receivers, by_senders] =
                [to_axes, from_axes].map(|axes| group_of(holding, axes, &shared));
            let in_groups =
                |ends: &[(usize, u32)], of: &[u32], site: usize, n: usize| -> Option<Vec<usize>> {
                    let mut order: Vec<usize> = (0..ends.len()).collect();
                    order.sort_by_key(|i| of[*i]);
                    let mut nodes: Vec<u32> = ends.iter().map(|(_, node)| *node).collect();
                    nodes.sort_unstable();
                    let whole =
                        ends.iter().all(|(at, _)| *at == site) && nodes.iter().copied().eq(0..n as u32);
                    whole.then_some(order)
                };
            let orders = [
                in_groups(receivers, &by_receivers, to, n_to),
                in_groups(senders, &by_senders, from, n_from),
            ];
            let [Some(of_to), Some(of_from)] = orders else {
                return Err(unreadable(spaces.flow(), holding, "groups of whole sites", "parts of several"));
            };
            block.groups = shared.iter().map(|axis| holding.shape[*axis]).product();
            let columns = offsets_along(holding, from_axes, &own);
            source.rows = of_to.iter().map(|i| rows[*i]).collect();
            source.columns = of_from.iter().map(|i| columns[*i]).collect();
            block.receivers = Some(of_to.iter().map(|i| receivers[*i].1).collect());
            block.senders = Some(of_from.iter().map(|i| senders[*i].1).collect());
        }
        block.n_values = source.places.iter().product::<usize>() * source.rest.len();
        if block.n_values > MOST_EDGE_VALUES {
            let expected = format!("at most {MOST_EDGE_VALUES} numbers on an edge");
            return Err(unreadable(spaces.flow(), holding, &expected, block.n_values));
        }
        self.blocks.push((block, source));
        Ok(())
    }

    /// Adds a number, or a kernel, for each unit: from the site before it to the site behind it if both are known, else
    /// as numbers of a site of its own.
    fn add_factor(&mut self, spaces: &Spaces, holding: &Holding, usage: &Usage) -> Result<()> {
        let parts = parts(spaces.flow(), spaces, holding, usage)?;
        let whole = spaces.derived.reduced(holding.motion.scalar);
        let [Part { group, .. }] = parts.as_slice() else {
            return Err(unreadable(spaces.flow(), holding, "units along one set of axes", parts.len()));
        };
        let nodes = nodes(spaces, group, &whole, 1);
        let distinct = nodes.iter().map(|node| node.0).collect::<std::collections::BTreeSet<_>>().len();
        if distinct == nodes.len()
            && let Some([from, to]) = self.nodes.pair(&nodes)
        {
            let source = Source {
                param: holding.param,
                chart: holding.chart,
                rows: offsets(holding, &group.axes),
                columns: vec![0; nodes.len()],
                rest: rest(holding, &[&group.axes]),
                places: [1, 1],
            };
            let block = Block {
                groups: nodes.len(),
                senders: Some(from.iter().map(|(_, node)| *node).collect()),
                receivers: Some(to.iter().map(|(_, node)| *node).collect()),
                ..Block::dense(from[0].0, to[0].0, source.rest.len(), self.blocks.len())
            };
            self.blocks.push((block, source));
            return Ok(());
        }
        let to = self.nodes.place(&nodes, usage.writes_output);
        let from = [(self.nodes.one(), 0)];
        for site in sites(&to) {
            self.add_block(spaces, holding, [(site, &to, &group.axes), (from[0].0, &from, &[])])?;
        }
        Ok(())
    }

    /// The nodes along a group: of receivers with their scalars and that of the whole, of senders with the inverse.
    fn ends(
        &mut self,
        spaces: &Spaces,
        group: &Group,
        whole: &Scale,
        power: i32,
        is_output: bool,
    ) -> Vec<(usize, u32)> {
        self.nodes.place(&nodes(spaces, group, whole, power), is_output)
    }

    fn n(&self, site: usize) -> usize {
        self.nodes.drafts[site].units.len()
    }
}

fn nodes(spaces: &Spaces, group: &Group, whole: &Scale, power: i32) -> Vec<(Unit, Scale)> {
    let node = |i: usize| {
        let unit = spaces.derived.orbits.find(group.labels[i]);
        (Some(unit), times(whole, &spaces.derived.reduced(group.scales[i]), power))
    };
    (0..group.labels.len()).map(node).collect()
}

/// The groups of a parameter and what is done along them: one is written at most, one read at most.
fn parts<'g>(flow: &Flow, spaces: &Spaces, holding: &'g Holding, usage: &Usage) -> Result<Vec<Part<'g>>> {
    let groups = &holding.motion.groups;
    let is_shared = |axis: &usize| groups.iter().filter(|group| group.axes.contains(axis)).count() > 1;
    let side = |group: &Group| {
        let own = group.axes.iter().filter(|axis| !is_shared(axis)).map(|axis| usage.sides[*axis]);
        let sides: Vec<Side> = own.collect();
        if sides.contains(&Side::Read) {
            Side::Read
        } else if sides.contains(&Side::Written) || group.axes.iter().any(is_shared) {
            Side::Written
        } else {
            Side::Along
        }
    };
    let mut parts: Vec<Part<'g>> = groups.iter().map(|group| Part { group, side: side(group) }).collect();
    // Of two groups that are written, as in a table of positions that is added, that whose units stand still is read.
    let moves =
        |part: &Part<'_>| part.group.labels.iter().any(|label| spaces.derived.orbits.size(*label) > 1);
    for (one, other) in [(Side::Written, Side::Read), (Side::Read, Side::Written)] {
        while parts.iter().filter(|part| part.side == one).count() > 1
            && parts.iter().all(|part| part.side != other)
        {
            let still = parts.iter().position(|part| part.side == one && !moves(part));
            let at =
                still.or_else(|| parts.iter().rposition(|part| part.side == one)).expect("there are two");
            parts[at].side = other;
        }
    }
    let n_of = |side: Side| parts.iter().filter(|part| part.side == side).count();
    if n_of(Side::Written) > 1 || n_of(Side::Read) > 1 || n_of(Side::Along) > 1 {
        let expected = "units along two sets of axes at most, one that is read and one that is written";
        return Err(unreadable(flow, holding, expected, parts.len()));
    }
    Ok(parts)
}

fn unreadable(flow: &Flow, holding: &Holding, expected: &str, found: impl ToString) -> Error {
    let what = format!("parameter {} as edges of a graph", flow.params()[holding.param].name);
    Error::Unlike { what, expected: expected.to_owned(), found: found.to_string() }
}

/// The sites that nodes lie in, in the order of their first nodes.
fn sites(ends: &[(usize, u32)]) -> Vec<usize> {
    let mut sites = Vec::new();
    for (site, _) in ends {
        if !sites.contains(site) {
            sites.push(*site);
        }
    }
    sites
}
