//! The angles of rotary codes, as settings of several years write them.

use std::f64::consts::TAU;

use serde_json::{Map, Value};

use super::config::Config;
use crate::Result;

/// Most channels of a head.
const MOST_CHANNELS: usize = 4096;
/// Base of the angles where the settings say none.
const BASE: f64 = 10_000.0;

/// By which angle each pair of a head of so many channels turns from one place to the next.
///
/// # Errors
/// A kind of scaling that is not read, or a fact of one that is missing, by the name of the key.
pub(super) fn frequencies(config: &Config, width: usize) -> Result<Vec<f64>> {
    if !width.is_multiple_of(2) || width > MOST_CHANNELS {
        return config.fault(
            "head_dim",
            format!("an even number of channels of a head, at most {MOST_CHANNELS}, not {width},"),
        );
    }
    let newer = config.get("rope_parameters").is_some();
    let key = if newer { "rope_parameters" } else { "rope_scaling" };
    let none = Map::new();
    let facts = match config.get(key) {
        None => &none,
        Some(Value::Object(facts)) => facts,
        Some(_) => return config.fault(key, "an object"),
    };
    if newer && (config.get("rope_scaling").is_some() || config.get("rope_theta").is_some()) {
        return config.fault("rope_parameters", "either this or rope_theta and rope_scaling, not both,");
    }
    let number = |name: &str| facts.get(name).and_then(Value::as_f64).filter(|x| x.is_finite() && *x > 0.0);
    let base = match (newer, facts.contains_key("rope_theta")) {
        (true, false) => BASE,
        (true, true) => match number("rope_theta") {
            Some(base) => base,
            None => return config.fault(key, "a positive rope_theta"),
        },
        (false, _) => config.number_or("rope_theta", BASE)?,
    };
    if base <= 0.0 {
        return config.fault("rope_theta", "a positive number");
    }
    if config.number_or("partial_rotary_factor", 1.0)? != 1.0 {
        return config.fault("partial_rotary_factor", "1, or nothing");
    }
    let plain: Vec<f64> = (0..width / 2).map(|pair| base.powf(-2.0 * pair as f64 / width as f64)).collect();
    let kind = facts.get("rope_type").or_else(|| facts.get("type")).map_or(Some("default"), Value::as_str);
    let own: &[&str] = match kind {
        Some("default") => &[],
        Some("linear") => &["factor"],
        Some("llama3") => {
            &["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"]
        }
        _ => return config.fault(key, "a rope_type default, linear or llama3"),
    };
    let is_known = |name: &str| ["rope_type", "type", "rope_theta"].contains(&name) || own.contains(&name);
    let is_whole = |name: &str| name == "partial_rotary_factor" && number(name) == Some(1.0);
    if let Some(other) = facts.keys().find(|name| !is_known(name) && !is_whole(name)) {
        return config
            .fault(key, format!("nothing but rope_type, rope_theta and {own:?} (there is {other:?})"));
    }
    let mut given = Vec::new();
    for name in own {
        match number(name) {
            Some(number) => given.push(number),
            None => return config.fault(key, format!("a positive number {name}")),
        }
    }
    Ok(match given[..] {
        [factor] => plain.into_iter().map(|frequency| frequency / factor).collect(),
        [factor, low, high, places] if low < high => {
            plain.into_iter().map(|frequency| stretched(frequency, factor, low, high, places)).collect()
        }
        [_, low, ..] => {
            return config.fault(key, format!("a high_freq_factor above low_freq_factor = {low}"));
        }
        [] => plain,
    })
}

/// Llama 3.1: slow turns are divided by the factor, fast ones stay, those between are mixed.
fn stretched(frequency: f64, factor: f64, low: f64, high: f64, places: f64) -> f64 {
    let turns = places * frequency / TAU;
    let share = ((turns - low) / (high - low)).clamp(0.0, 1.0);
    (1.0 - share) * frequency / factor + share * frequency
}
