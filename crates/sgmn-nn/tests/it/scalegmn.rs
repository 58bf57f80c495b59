//! ScaleGMN among the others: each setting has exactly the symmetries it claims (more in `symmetry.rs`).

use sgmn_nn::models::{Direction, ModelConfig, ScaleGmnConfig, Symmetry};

use crate::claims::{Nets, hold};

#[test]
fn each_setting_has_its_own_symmetries_and_no_others() {
    for symmetry in [Symmetry::Sign, Symmetry::Scale, Symmetry::Permutation] {
        let config = ScaleGmnConfig::new(symmetry, Direction::Bidirectional, 6, 2);
        hold("scalegmn", &ModelConfig::ScaleGmn(config), &[Nets::Mlps, Nets::Cnns]);
    }
}
