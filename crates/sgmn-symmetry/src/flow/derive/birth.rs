//! How a parameter gets its unknowns: at its first meeting, from the value that it meets.
//!
//! A bias takes the units of what it is added to, a weight those of what it reads; only the axes that it writes get
//! units of their own. So most demands are fulfilled when a parameter is born, and few equations are left to solve.

use super::{
    Deriver,
    chart::Chart,
    meet::{Guest, Is},
    motion::{Group, Motion},
    scales::{ONE, Side},
    units::Label,
};

/// A parameter with its axes permuted, and axes of size 1 added.
#[derive(Debug, Clone)]
pub(in crate::flow) struct View {
    pub(in crate::flow) param: usize,
    /// For each axis of the view the axis of the parameter.
    pub(in crate::flow) axes: Vec<Option<usize>>,
    /// Whether nothing else reads the parameter.
    pub(in crate::flow) lone: bool,
    /// What of the parameter scalars act on.
    pub(in crate::flow) chart: Chart,
}

/// The unknowns of a parameter.
#[derive(Debug, Clone)]
pub(in crate::flow) struct Holding {
    pub(in crate::flow) param: usize,
    /// The shape that the motion speaks of: the parameter's own, or that of a weight split into groups.
    pub(in crate::flow) shape: Vec<usize>,
    /// What of the parameter scalars act on.
    pub(in crate::flow) chart: Chart,
    pub(in crate::flow) motion: Motion,
}

/// Beyond this many units along several axes together each axis gets units of its own.
pub(super) const MOST_JOINT: usize = 1 << 21;

impl View {
    /// A parameter as it is.
    pub(super) fn whole(param: usize, rank: usize, lone: bool) -> Self {
        Self { param, axes: (0..rank).map(Some).collect(), lone, chart: Chart::PLAIN }
    }

    /// Whether it is the parameter as it is.
    pub(super) fn is_whole(&self) -> bool {
        self.axes.iter().enumerate().all(|(at, axis)| *axis == Some(at))
    }
}

impl Deriver<'_> {
    /// Unknowns along each axis, for a parameter whose first meeting says nothing of it.
    pub(super) fn bear_alone(&mut self, view: &View) {
        let shape = self.param_shape(view.param);
        let axes: Vec<usize> = (0..shape.len()).filter(|axis| shape[*axis] > 1).collect();
        let groups = axes.iter().map(|axis| self.fresh_group(vec![*axis], vec![shape[*axis]])).collect();
        let motion = self.with_scalar(groups);
        self.hold(view, shape, motion);
    }

    /// A parameter that may not move, or a part of a stack.
    pub(super) fn bear_still(&mut self, param: usize) {
        let view = View::whole(param, 0, false);
        self.hold(&view, self.param_shape(param), Motion::still());
    }

    /// Unknowns from the values that a parameter meets index by index.
    ///
    /// A factor keeps a scalar at each index along axes where the others stand still, for what follows may undo it.
    pub(super) fn bear_beside(
        &mut self,
        view: &View,
        name: &[usize],
        rank: usize,
        others: &[Guest<'_>],
        is_factor: bool,
    ) {
        let (own, mut shape) = (self.param_shape(view.param), vec![1; rank]);
        for (at, axis) in name.iter().enumerate() {
            shape[*axis] = view.axes[at].map_or(1, |of| own[of]);
        }
        let mut groups: Vec<Group> = Vec::new();
        for other in others {
            let Is::Moving(motion) = &other.is else { continue };
            for group in &motion.groups {
                let axes: Vec<usize> = group.axes.iter().copied().filter(|axis| shape[*axis] > 1).collect();
                let taken = axes.iter().any(|axis| groups.iter().any(|group| group.axes.contains(axis)));
                if !axes.is_empty() && !taken {
                    groups.push(self.adopt(group, &axes));
                }
            }
        }
        let covered = |axis: &usize| groups.iter().any(|group| group.axes.contains(axis));
        let open: Vec<usize> = (0..rank)
            .filter(|axis| shape[*axis] > 1 && !covered(axis))
            .filter(|axis| others.iter().all(|other| other.repeats_along(*axis)))
            .collect();
        let standing: Vec<usize> = (0..rank)
            .filter(|axis| is_factor && shape[*axis] > 1 && !covered(axis) && !open.contains(axis))
            .collect();
        groups.extend(self.own_groups(&open, &shape));
        for group in self.own_groups(&standing, &shape) {
            self.units.freeze(&group.labels);
            groups.push(group);
        }
        let motion = self.with_scalar(groups);
        self.bear(view, name, motion);
    }

    /// Makes a parameter move as its view does, the view's axes named by those of a common space.
    pub(super) fn bear(&mut self, view: &View, name: &[usize], motion: Motion) {
        let of = |axis: usize| {
            let at = name.iter().position(|named| *named == axis).expect("groups lie on the view's axes");
            view.axes[at]
        };
        let motion = motion.renamed(of);
        self.hold(view, self.param_shape(view.param), motion);
    }

    /// Unknowns of a weight on its axes split into groups.
    pub(super) fn bear_split(&mut self, view: &View, shape: Vec<usize>, motion: Motion) {
        self.holdings.push(Holding {
            param: view.param,
            shape: shape.clone(),
            chart: Chart::PLAIN,
            motion: motion.clone(),
        });
        self.split.insert(view.param, (shape, motion));
    }

    fn hold(&mut self, view: &View, shape: Vec<usize>, motion: Motion) {
        if view.chart == Chart::Exponential {
            motion.demand_one(&mut self.scales, Side::Sign);
        }
        self.holdings.push(Holding { param: view.param, shape, chart: view.chart, motion: motion.clone() });
        self.born[view.param] = Some(motion);
    }

    /// How a parameter that was born moves, seen through a view.
    pub(super) fn seen_through(&mut self, view: &View) -> Motion {
        let Some(motion) = self.born[view.param].clone() else {
            // Born split into groups and read in another way too: then it stands still.
            if let Some((_, mut motion)) = self.split.remove(&view.param) {
                motion.stop(&mut self.units, &mut self.scales);
            }
            self.born[view.param] = Some(Motion::still());
            return Motion::still();
        };
        motion.renamed(|axis| view.axes.iter().position(|of| *of == Some(axis)))
    }

    /// Units of their own along axes: together if they are few, else along each axis.
    pub(super) fn own_groups(&mut self, axes: &[usize], shape: &[usize]) -> Vec<Group> {
        let dims: Vec<usize> = axes.iter().map(|axis| shape[*axis]).collect();
        if axes.is_empty() {
            Vec::new()
        } else if dims.iter().product::<usize>() <= MOST_JOINT {
            vec![self.fresh_group(axes.to_vec(), dims)]
        } else {
            axes.iter().map(|axis| self.fresh_group(vec![*axis], vec![shape[*axis]])).collect()
        }
    }

    /// New units and scalars along axes.
    pub(super) fn fresh_group(&mut self, axes: Vec<usize>, dims: Vec<usize>) -> Group {
        let n = dims.iter().product();
        Group::new(axes, dims, self.units.fresh(n), self.scales.fresh(n))
    }

    /// The units of a group along some of its axes, with new scalars.
    pub(super) fn adopt(&mut self, group: &Group, axes: &[usize]) -> Group {
        let group = if axes.len() == group.axes.len() {
            group.clone()
        } else {
            group.quotient(axes, &mut self.units)
        };
        Group { scales: self.scales.fresh(group.len()).into(), ..group }
    }

    /// Groups, and a scalar of the whole where there are none.
    pub(super) fn with_scalar(&mut self, groups: Vec<Group>) -> Motion {
        let scalar = if groups.is_empty() { self.scales.fresh(1)[0] } else { ONE };
        Motion { scalar, groups, copies: Vec::new() }
    }

    /// Units that stand for nothing in any parameter: constants that lie beside units.
    pub(super) fn frozen_labels(&mut self, count: usize) -> Vec<Label> {
        let labels = self.units.fresh(count);
        self.units.freeze(&labels);
        labels
    }
}
