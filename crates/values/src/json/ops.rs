//! JSON operators
