//! Array operators
