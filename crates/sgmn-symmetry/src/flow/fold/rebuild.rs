//! Builds the folded flow: the same steps, without those of chains that were taken up elsewhere.

use sgmn_graph::flow::{Combination, Combine, Flow, FlowBuilder, FlowResult, Origin, Reshape, Role, ValueId};

use super::{
    chains::{Chain, Fate},
    pass::Recipe,
};
use crate::flow::freedoms::view::View;

/// The folded flow, and where the numbers of its parameters come from.
pub(super) fn rebuild(view: &View<'_>, chains: &[Chain]) -> FlowResult<(Flow, Vec<Recipe>)> {
    // The first time all parameters have names of their own, to learn which ones are still read.
    let all: Vec<Made> = (0..view.flow.params().len())
        .map(|param| Made { of: Of::Param(param), name: String::new() })
        .collect();
    let new = chains.iter().enumerate().flat_map(|(at, chain)| {
        let gain = matches!(chain.fate, Fate::Short).then_some(Of::Gain(at));
        let shift = matches!(chain.fate, Fate::Short | Fate::Writers(_)) && chain.shifts();
        [gain, shift.then_some(Of::Shift(at))]
    });
    let new = new.flatten().map(|of| Made { of, name: String::new() });
    let mut made: Vec<Made> = all.into_iter().chain(new).collect();
    made.iter_mut().enumerate().for_each(|(at, made)| made.name = at.to_string());
    let draft = build(view, chains, &made)?;
    let read: Vec<usize> =
        draft.params().iter().map(|param| param.name.parse().expect("names are numbers here")).collect();
    let mut kept: Vec<Made> = Vec::new();
    for at in read {
        let of = made[at].of;
        let chain = |at: usize| &chains[at];
        let name = match of {
            Of::Param(param) => Some(view.flow.params()[param].name.clone()),
            Of::Gain(at) => chain(at).gain_name(view.flow),
            Of::Shift(at) => chain(at).shift_name(view.flow),
        };
        let mut name = name.unwrap_or_else(|| "folded".to_owned());
        while kept.iter().any(|other| other.name == name) {
            name += ".folded";
        }
        kept.push(Made { of, name });
    }
    let flow = build(view, chains, &kept)?;
    // What is read stands in the order in which it was made.
    let recipes = flow.params().iter().map(|param| {
        let made = kept.iter().find(|made| made.name == param.name).expect("only these were made");
        match made.of {
            Of::Gain(at) => Recipe::Gain(at),
            Of::Shift(at) => Recipe::Shift(at),
            Of::Param(param) => {
                let mut scaled = Vec::new();
                for (at, chain) in chains.iter().enumerate() {
                    if let Fate::Writers(all) | Fate::Readers(all) = &chain.fate {
                        let of = all.iter().filter(|signed| signed.param == param);
                        scaled.extend(of.map(|signed| (at, signed.clone())));
                    }
                }
                Recipe::Param { param, scaled }
            }
        }
    });
    let recipes = recipes.collect();
    Ok((flow, recipes))
}

/// A parameter of the folded flow.
struct Made {
    of: Of,
    name: String,
}

/// What a parameter is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Param(usize),
    Gain(usize),
    Shift(usize),
}

fn build(view: &View<'_>, chains: &[Chain], made: &[Made]) -> FlowResult<Flow> {
    let flow = view.flow;
    let mut builder = FlowBuilder::new();
    let mut vectors: Vec<(Of, ValueId)> = Vec::new();
    for made in made {
        let id = match made.of {
            Of::Param(param) => {
                builder.param(&made.name, flow.param_shape(param).to_vec(), flow.params()[param].role)?
            }
            Of::Gain(at) | Of::Shift(at) => {
                let chain = &chains[at];
                let id = builder.param(&made.name, vec![chain.n], Role::Trained)?;
                let ones = flow.shape(chain.to).len() - 1 - chain.axis;
                let shape = [vec![chain.n], vec![1; ones]].concat();
                builder.step(Reshape { shape }, &[id], &made.name)?
            }
        };
        vectors.push((made.of, id));
    }
    let vector = |of: Of| vectors.iter().find(|(other, _)| *other == of).map(|(_, id)| *id);
    let mut new: Vec<Option<ValueId>> = vec![None; flow.values().len()];
    for (at, value) in flow.values().iter().enumerate() {
        let step = match value.origin {
            Origin::Input(i) => {
                let input = &flow.inputs()[i];
                new[at] = Some(builder.input(&input.name, value.shape.clone(), input.kind)?);
                continue;
            }
            Origin::Param(param) => {
                new[at] = vector(Of::Param(param));
                continue;
            }
            Origin::Const(i) => {
                new[at] = Some(builder.constant(flow.consts()[i].clone())?);
                continue;
            }
            Origin::Step(step) => step,
        };
        let chain =
            chains.iter().position(|chain| !matches!(chain.fate, Fate::Stays) && chain.steps.contains(&step));
        let step = &flow.steps()[step];
        let Some(chain) = chain else {
            // A value whose operands are gone is read by nobody.
            let from: Option<Vec<ValueId>> = step.from.iter().map(|id| new[id.index()]).collect();
            if let Some(from) = from {
                new[at] = Some(builder.step(step.op.clone(), &from, &step.name)?);
            }
            continue;
        };
        if step.to != chains[chain].to {
            continue;
        }
        let mut value = new[chains[chain].from.index()];
        for (of, by) in [(Of::Gain(chain), Combination::Multiply), (Of::Shift(chain), Combination::Add)] {
            if let (Some(id), Some(vector)) = (value, vector(of)) {
                value = Some(builder.step(Combine { by }, &[id, vector], &step.name)?);
            }
        }
        new[at] = value;
    }
    for output in flow.outputs() {
        if let Some(id) = new[output.value.index()] {
            builder.output(&output.name, id);
        }
    }
    builder.build()
}
