//! What a ScaleGMN here can have and the published program has not.

use super::{Direction, OutputConfig, ReversedScale, ScaleGmnConfig};
use crate::{
    Error, Result,
    layers::{IoPath, Scalings},
};

/// Refuses what has no key, or another meaning there.
pub(super) fn refuse_our_own(config: &ScaleGmnConfig) -> Result<()> {
    let refuse = |field: &str, expected: &str, found: &dyn std::fmt::Debug| {
        Err(Error::config(
            format!("model.{field}"),
            format!("{expected} in the published program"),
            format!("{found:?}"),
        ))
    };
    if let Some(probes) = &config.probes {
        return refuse("probes", "none, as there are none", &probes.n);
    }
    match config.n_copies() {
        None | Some(1) => {}
        Some(n_copies) => return refuse("output.n_copies", "1, as there is no other number", &n_copies),
    }
    if (config.message.io == IoPath::Mlp) != (config.update.io == IoPath::Mlp) {
        let expected = "the same as model.message.io where one of them is `mlp`, as one key says both";
        return refuse("update.io", expected, &config.update.io);
    }
    let scales = matches!(config.scalings, Scalings::Scale | Scalings::Own);
    let reversed = config.reversed_scale();
    if config.direction == Direction::Bidirectional && scales && reversed != ReversedScale::Published {
        return refuse("reversed_scale", "`published`, as there is no other form", &reversed);
    }
    let d_hidden = config.d_hidden;
    let as_wide = format!("{d_hidden}, the width of model.d_hidden, which replaces it");
    if config.d_mlp.iter().any(|width| *width != d_hidden) {
        return refuse("d_mlp", &as_wide, &config.d_mlp);
    }
    match &config.output {
        OutputConfig::PerGraph(output) if output.d_rho != d_hidden => {
            refuse("output.d_rho", &as_wide, &output.d_rho)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Compatibility, to_published};
    use super::*;

    fn published() -> ScaleGmnConfig {
        ScaleGmnConfig {
            compatibility: Compatibility::Published,
            ..ScaleGmnConfig::new(Scalings::Sign, Direction::Forward, 8, 3)
        }
    }

    #[test]
    fn options_of_our_own_are_refused_by_their_names() {
        let refusal = |change: &dyn Fn(&mut ScaleGmnConfig)| {
            let mut config = published();
            change(&mut config);
            to_published(&config).unwrap_err().to_string()
        };
        type Change<'a> = &'a dyn Fn(&mut ScaleGmnConfig);
        let cases: [(&str, Change<'_>); 6] = [
            ("model.d_mlp: expected 8, the width of model.d_hidden", &|config| config.d_mlp = vec![4]),
            ("model.update.io: expected the same", &|config| config.update.io = IoPath::Gated),
            ("model.output.n_copies: expected 1", &|config| {
                config.output = OutputConfig::PerParam { initial_scale: 0.1, n_copies: 2 };
            }),
            ("model.output.d_rho: expected 8", &|config| {
                let OutputConfig::PerGraph(output) = &mut config.output else { unreachable!() };
                output.d_rho = 4;
            }),
            ("model.probes: expected none", &|config| {
                let generator = crate::probes::Generator::Free {};
                let coordinates = [-1.0, 1.0];
                config.probes = Some(crate::ProbeConfig { n: 4, image: None, coordinates, generator });
            }),
            ("model.reversed_scale: expected `published`", &|config| {
                config.scalings = Scalings::Scale;
                config.direction = Direction::Bidirectional;
                config.reversed_scale = Some(ReversedScale::Relative);
            }),
        ];
        for (expected, change) in cases {
            let message = refusal(change);
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
