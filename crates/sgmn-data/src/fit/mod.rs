//! Makes populations of nets: fits thousands of small nets at once.
