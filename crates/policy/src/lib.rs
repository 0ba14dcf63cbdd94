//! Who may do what: roles, grants and row policies.
//!
//! # What
//! PostgreSQL enforces grants and row security by itself. On SQLite this room does: it answers the translator's [`Guard`] for one role,
//! from the catalog that the migrations built. PostgreSQL is the oracle: a generated matrix of tables, policies, roles and commands must give
//! equal answers on both engines.
//!
//! # Words
//! *Permissive* policies are joined by `or`, *restrictive* ones by `and`; a table under row security without a permissive policy for
//! a command shows and accepts nothing. `using` judges rows that are there, `with check` rows that come.
//!
//! # Invariants
//! - No grant, no access: every check is answered from [`store::catalog::Grants`] and refused with `42501` otherwise.
//! - A superuser is bound by nothing, a role with `bypassrls` by no row policy, the owner by none unless it is forced.
//! - Rights of roles that a role is a member of are its own, and so are policies that name them.
//!
//! # Walk
//! [`RoleGuard`] is made once per role and catalog version and shared by all requests of that role; [`RoleGuard::insert_checks`] and its
//! siblings give the write path the conditions that PostgreSQL calls *with check options*.
//!
//! # Not here
//! Tokens (crypto), who a user is (identity), the rewriting itself (store's translator).

mod guard;
mod rules;

pub use guard::RoleGuard;
pub use rules::Check;
