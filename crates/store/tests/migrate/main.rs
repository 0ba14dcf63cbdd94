//! Migrations against real databases: the embedded engine, and PostgreSQL as the oracle.

#[cfg(test)]
mod alter;
#[cfg(test)]
mod facts;
#[cfg(test)]
mod folder;
#[cfg(test)]
mod server;
#[cfg(test)]
mod support;
#[cfg(test)]
mod views;
