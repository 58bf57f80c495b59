//! sgmn-exp.
