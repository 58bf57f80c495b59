//! A digest of the nets that a model learns from, by which a checkpoint knows its data again.

use sgmn_data::{Target, split::Split};
use sgmn_graph::{
    Net,
    flow::{FlowNet, Numbers},
};
use sha2::{Digest, Sha256};

/// SHA-256 of a net and its target: the architecture's fingerprint, the numbers, the target, each of known length.
pub(super) fn of_net(net: &Net, target: &Target) -> [u8; 32] {
    of(&net.spec().fingerprint(), net.params().iter().copied(), target)
}

/// The same of a net of any architecture, whose flow stands for it.
pub(super) fn of_flow(net: &FlowNet, target: &Target) -> [u8; 32] {
    let architecture = format!("{:?}", net.flow());
    let params = (0..net.flow().params().len()).flat_map(|param| net.numbers(param).into_owned());
    of(&architecture, params.collect::<Vec<f64>>().into_iter(), target)
}

fn of(architecture: &str, params: impl ExactSizeIterator<Item = f64>, target: &Target) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(architecture.len() + 8 * params.len() + 32);
    bytes.extend((architecture.len() as u64).to_le_bytes());
    bytes.extend(architecture.as_bytes());
    bytes.extend((params.len() as u64).to_le_bytes());
    bytes.extend(params.flat_map(f64::to_le_bytes));
    match target {
        Target::None => bytes.push(0),
        Target::Class(class) => {
            bytes.push(1);
            bytes.extend(class.to_le_bytes());
        }
        Target::Score(score) => {
            bytes.push(2);
            bytes.extend(score.to_le_bytes());
        }
    }
    Sha256::digest(bytes).into()
}

/// SHA-256 over the digests of all nets, part by part.
#[derive(Debug, Default)]
pub(super) struct DataDigest(Sha256);

impl DataDigest {
    /// Adds a net of a part.
    pub(super) fn add(&mut self, split: Split, net: &[u8; 32]) {
        self.0.update(split.name());
        self.0.update(net);
    }

    /// The digest as 64 hexadecimal digits.
    pub(super) fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sgmn_graph::{Activation, NetSpec};

    use super::*;

    fn digest(nets: &[(Split, f64, Target)]) -> String {
        let spec = Arc::new(NetSpec::mlp(&[1, 1], Activation::Tanh, 0.0).unwrap());
        let mut digest = DataDigest::default();
        for (split, weight, target) in nets {
            digest.add(*split, &of_net(&Net::new(spec.clone(), vec![*weight, 0.5]).unwrap(), target));
        }
        digest.finish()
    }

    #[test]
    fn other_numbers_targets_and_parts_are_other_data() {
        let net = (Split::Train, 1.0, Target::Class(1));
        let first = digest(&[net]);
        assert_eq!(first, digest(&[net]));
        assert_eq!(first.len(), 64);
        for other in [
            (Split::Train, 2.0, Target::Class(1)),
            (Split::Train, 1.0, Target::Class(2)),
            (Split::Train, 1.0, Target::Score(1.0)),
            (Split::Test, 1.0, Target::Class(1)),
        ] {
            assert_ne!(first, digest(&[other]), "{other:?}");
        }
    }
}
