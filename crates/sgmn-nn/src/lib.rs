//! sgmn-nn.
