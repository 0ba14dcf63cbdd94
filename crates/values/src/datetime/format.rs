//! to_char
