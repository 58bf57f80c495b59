//! Adapters of LoRA (Hu et al. 2021), as `peft` saves them: for each matrix of a larger net, the update `scale · B A`.
//!
//! Each pair is a small net of its own: it takes what the matrix takes and gives what is added to its result.

use std::collections::{BTreeMap, BTreeSet};

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{Family, config::Config, sketch::Sketch};
use crate::{
    Result,
    any_net::{Update, architecture::document::Size},
};

/// Tables of the larger net may stand in the file as they were.
pub(super) const FAMILY: Family = Family { name: "LORA", build, buffers: &["*.base_layer.weight"] };

/// What names of tensors begin with.
const PREFIX: &str = "base_model.model.";
/// Ends of the two matrices of a pair: of layers, and of tables of tokens.
const ENDS: [[&str; 2]; 2] =
    [[".lora_A.weight", ".lora_B.weight"], [".lora_embedding_A", ".lora_embedding_B"]];

/// Patterns under a key at most, and bytes that each may take.
const MOST_PATTERNS: usize = 4096;
const MOST_BYTES: usize = 1 << 16;
/// Keys of how an adapter was made or is loaded.
const MAKING: &[&str] = &[
    "auto_mapping",
    "base_model_name_or_path",
    "corda_config",
    "eva_config",
    "exclude_modules",
    "fan_in_fan_out",
    "inference_mode",
    "init_lora_weights",
    "layers_pattern",
    "layers_to_transform",
    "loftq_config",
    "megatron_core",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
    "target_modules",
    "task_type",
];

fn build(config: &Config, sketch: &mut Sketch<'_>) -> Result<()> {
    for key in MAKING {
        config.get(key);
    }
    config.only_word("bias", "none")?;
    for key in ["use_dora", "lora_bias", "use_qalora"] {
        config.only_truth(key, false)?;
    }
    let (rank, alpha) = (config.size("r")?, config.number_or("lora_alpha", 8.0)?);
    let ranks = Patterns::of(config, "rank_pattern")?;
    let alphas = Patterns::of(config, "alpha_pattern")?;
    let by_root = config.truth_or("use_rslora", false)?;
    let targets = targets(sketch);
    if targets.is_empty() {
        return config
            .fault("peft_type", format!("pairs of tensors {PREFIX}..{} beside", ENDS[0].join(" and ")));
    }
    for (target, ends) in targets {
        let rank = match ranks.value(config, &target)? {
            None => rank,
            Some(value) => {
                match value.as_u64().and_then(|rank| usize::try_from(rank).ok()).filter(|rank| *rank > 0) {
                    Some(rank) => rank,
                    None => return config.fault("rank_pattern", "a whole number of 1 or more for each"),
                }
            }
        };
        let alpha = match alphas.value(config, &target)? {
            None => alpha,
            Some(value) => match value.as_f64() {
                Some(alpha) => alpha,
                None => return config.fault("alpha_pattern", "a number for each"),
            },
        };
        let scale = alpha / if by_root { (rank as f64).sqrt() } else { rank as f64 };
        pair(sketch, &target, ends, rank, scale);
    }
    Ok(())
}

/// The matrices that are changed, by the names of their layers, each with the ends of its two tensors.
fn targets(sketch: &Sketch<'_>) -> BTreeMap<String, [&'static str; 2]> {
    let mut targets = BTreeMap::new();
    let bare: BTreeSet<&str> = sketch.names().filter_map(|name| name.strip_prefix(PREFIX)).collect();
    for ends in ENDS {
        let with_end = |end: &'static str| bare.iter().filter_map(move |name| name.strip_suffix(end));
        targets.extend(ends.into_iter().flat_map(with_end).map(|target| (target.to_owned(), ends)));
    }
    targets
}

/// One pair; shapes that do not fit each other are found when they are held against the files.
fn pair(sketch: &mut Sketch<'_>, target: &str, ends: [&str; 2], rank: usize, scale: f64) {
    let [a, b] = ends.map(|end| format!("{PREFIX}{target}{end}"));
    let (of_a, of_b) = (sketch.shape(&a).unwrap_or(&[]), sketch.shape(&b).unwrap_or(&[]));
    let (inner, n_out) = (of_a.get(1..).unwrap_or(&[]).to_vec(), of_b.first().copied().unwrap_or(0));
    // A linear layer has [rank, in] and [out, rank]; a convolution has the sides of a kernel behind, all 1 in B.
    let sides = inner.len().max(1);
    sketch.expect(&a, &[vec![rank], if inner.is_empty() { vec![0] } else { inner.clone() }].concat());
    sketch.expect(&b, &[vec![n_out, rank], vec![1; sides - 1]].concat());
    let shape = inner.iter().map(|size| Size::Known(*size));
    sketch.input(target, std::iter::once(Size::Open("batch".to_owned())).chain(shape).collect(), false);
    let op = if sides > 1 { "conv" } else { "linear" };
    for (i, tensor) in [&a, &b].into_iter().enumerate() {
        let layer = sketch.layer(op, "");
        layer.tensors.insert("weight".to_owned(), tensor.clone());
        if i == 0 {
            layer.takes(target);
        }
    }
    let output = format!("{target}.update");
    sketch.layer("scale", "").option("by", scale).called(&output);
    sketch.outputs.push(output);
    sketch.updates.push(Update { target: target.to_owned(), scale, a, b });
}

/// Values for layers whose names end with a pattern.
struct Patterns<'a> {
    key: &'a str,
    list: Vec<(Regex, &'a Value)>,
}

impl<'a> Patterns<'a> {
    fn of(config: &'a Config, key: &'a str) -> Result<Self> {
        let mut list = Vec::new();
        match config.get(key) {
            None => {}
            Some(Value::Object(entries)) => {
                if entries.len() > MOST_PATTERNS {
                    return config.fault(key, format!("at most {MOST_PATTERNS} patterns"));
                }
                for (pattern, value) in entries {
                    let whole = format!(r"^(.*\.)?({pattern})$");
                    match RegexBuilder::new(&whole).size_limit(MOST_BYTES).build() {
                        Ok(regex) => list.push((regex, value)),
                        Err(_) => {
                            return config.fault(key, "short regular expressions without look-around");
                        }
                    }
                }
            }
            Some(_) => return config.fault(key, "an object"),
        }
        Ok(Self { key, list })
    }

    /// The value for a layer, if a pattern fits it.
    fn value(&self, config: &Config, target: &str) -> Result<Option<&'a Value>> {
        let mut fitting =
            self.list.iter().filter(|(regex, _)| regex.is_match(target)).map(|(_, value)| *value);
        let first = fitting.next();
        match fitting.find(|other| Some(*other) != first) {
            None => Ok(first),
            Some(_) => config.fault(self.key, format!("one value for {target}, not several,")),
        }
    }
}
