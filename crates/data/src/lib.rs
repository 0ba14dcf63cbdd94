//! The PostgREST dialect as pure stages: request words → plan → SQL → rows → bytes.

pub mod request;
