//! What a scope says beside who asks: nearly always the same, so that a session which is known to have it need not be told again.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;

use super::failure;
use crate::conn::Scope;
use crate::error::Result;

/// What a scope says beside who asks.
#[derive(Clone, PartialEq)]
pub(crate) struct Rest {
    search_path: Arc<[Arc<str>]>,
    time_zone: Option<Arc<str>>,
    settings: Arc<[(Arc<str>, Arc<str>)]>,
    timeout: Duration,
}

impl Rest {
    pub(crate) fn of(scope: &Scope) -> Self {
        Self {
            search_path: scope.search_path.clone(),
            time_zone: scope.time_zone.clone(),
            settings: scope.settings.clone(),
            timeout: scope.timeout,
        }
    }
    /// The operator's settings it has.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.settings.iter().map(|(name, _)| &**name)
    }
    pub(crate) fn is_of(&self, scope: &Scope) -> bool {
        self.timeout == scope.timeout
            && self.search_path == scope.search_path
            && self.time_zone == scope.time_zone
            && self.settings == scope.settings
    }
}

/// True when no function, view or policy of the user's can change the session it runs in: none names `set_config`, none in PL/pgSQL
/// says `set` or `execute`, and none is in a language that we cannot read. What comes with extensions is trusted.
const TAME: &str = r"
select not exists (
    select from pg_catalog.pg_proc p
    join pg_catalog.pg_language l on l.oid = p.prolang
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where n.nspname not in ('pg_catalog', 'information_schema')
      and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                      and d.objid = p.oid and d.deptype = 'e')
      and case l.lanname
          when 'sql' then coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) ~* 'set_config|u&'
          when 'plpgsql' then p.prosrc ~* '\mset|\mreset|\mexecute|u&'
          else true end)
   and not exists (
    select from pg_catalog.pg_rewrite r join pg_catalog.pg_class c on c.oid = r.ev_class
    where r.oid >= 16384 and pg_catalog.pg_get_ruledef(r.oid) ~* 'set_config')
   and not exists (
    select from pg_catalog.pg_policy
    where concat(pg_catalog.pg_get_expr(polqual, polrelid), pg_catalog.pg_get_expr(polwithcheck, polrelid)) ~* 'set_config')";

/// Asks the server whether anything in the database changes its session.
pub(crate) async fn is_tame(client: &Client) -> Result<bool> {
    let rows = client.query_typed(TAME, &[]).await.map_err(|error| failure::of(&error))?;
    Ok(rows.first().is_some_and(|row| row.try_get(0).unwrap_or(false)))
}
