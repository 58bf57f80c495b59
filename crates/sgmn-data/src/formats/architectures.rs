//! Architectures that were met while a dataset is read.

use std::sync::{Arc, Mutex, PoisonError};

use sgmn_graph::NetSpec;

/// Architectures that were met, so that equal nets of a dataset share one.
#[derive(Debug, Default)]
pub(super) struct Architectures {
    known: Mutex<Vec<Arc<NetSpec>>>,
}

impl Architectures {
    /// The shared copy of an architecture.
    pub(super) fn share(&self, spec: NetSpec) -> Arc<NetSpec> {
        // A panic while the lock was held cannot leave the list half changed: pushing is the last step.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = known.iter().find(|shared| ***shared == spec) {
            return shared.clone();
        }
        let shared = Arc::new(spec);
        known.push(shared.clone());
        shared
    }
}
