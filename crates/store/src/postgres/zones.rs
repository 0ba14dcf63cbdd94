//! Time zones: when their offsets change, as the server knows it.
//!
//! `timestamptz` arrives as a moment; to print it in a caller's zone one needs that zone's offset at that moment. The server has the
//! tables, so it is asked once for each zone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_postgres::Client;

use super::decode::Zone;
use super::failure;
use crate::error::{Error, Result};

/// How many zones are remembered. There are about 600 names; the rest are home-made.
const ZONES_MAX: usize = 1_000;

#[derive(Debug)]
pub(crate) struct Zones {
    utc: Arc<Zone>,
    known: Mutex<HashMap<Box<str>, Arc<Zone>>>,
}

impl Default for Zones {
    fn default() -> Self {
        Self { utc: Arc::new(Zone::Utc), known: Mutex::default() }
    }
}

/// Finds the days on which the offset changes, from 1880 to 2120, and halves each until the second is known. Moments before and
/// after have the first and the last offset.
const CHANGES: &str = "
with recursive
days as (
    select extract(epoch from day)::int8 as at,
           extract(epoch from (day at time zone $1) - (day at time zone 'UTC'))::int4 as east
    from pg_catalog.generate_series(timestamptz '1880-01-01 00:00:00+00', '2120-01-01 00:00:00+00', '1 day') as day),
steps as (
    select at, east, lag(at) over (order by at) as before_at, lag(east) over (order by at) as before_east from days),
halves(low, high, east) as (
    select before_at, at, east from steps where east is distinct from before_east and before_at is not null
    union all
    select case when hit then low else middle end, case when hit then middle else high end, east
    from (select low, high, (low + high) / 2 as middle, east,
                 extract(epoch from (pg_catalog.to_timestamp((low + high) / 2) at time zone $1)
                                  - (pg_catalog.to_timestamp((low + high) / 2) at time zone 'UTC'))::int4 = east as hit
          from halves where high - low > 1) as half)
select null::int8 as at, (select east from days order by at limit 1) as east
union all
select high, east from halves where high - low = 1
order by 1 nulls first";

/// A setting that is a number counts hours eastwards; `at time zone` reads the same words as POSIX, westwards. Spelled as POSIX, with a
/// name, it means the same to both.
fn by_hours(name: &str) -> Option<String> {
    let bare = name.trim_start();
    let digits = bare.strip_prefix(['+', '-']).unwrap_or(bare);
    if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let east = values::datetime::Zone::setting(name).ok()?.offset_at(0);
    let (sign, s) = (if east > 0 { '-' } else { '+' }, east.unsigned_abs());
    Some(format!("<hours>{sign}{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60))
}

/// Seconds from 1970 to 2000, PostgreSQL's epoch.
const EPOCH: i64 = 946_684_800;

impl Zones {
    /// The zone of this name, if it is at hand; none is UTC.
    pub(crate) fn known(&self, name: Option<&str>) -> Option<Arc<Zone>> {
        match name {
            None | Some("UTC" | "utc" | "Etc/UTC" | "GMT") => Some(self.utc.clone()),
            Some(name) => self.lock().get(name).cloned(),
        }
    }

    /// The zone of this name; none is UTC.
    pub(crate) async fn get(&self, name: Option<&str>, client: &Client) -> Result<Arc<Zone>> {
        if let Some(zone) = self.known(name) {
            return Ok(zone);
        }
        let name = name.unwrap_or("UTC");
        let spelled = by_hours(name).unwrap_or_else(|| name.to_owned());
        let changes = client.query_typed(CHANGES, &[(&spelled, postgres_types::Type::TEXT)]).await;
        let rows = changes.map_err(|error| match failure::of(&error) {
            // In the words of `set timezone`, which is what the caller asked for.
            Error::Sql(refusal) if refusal.code == "22023" => {
                Error::sql("22023", format!("invalid value for parameter \"TimeZone\": \"{name}\""))
            }
            other => other,
        })?;
        let table = rows.iter().map(|row| {
            let at = row.try_get::<_, Option<i64>>(0)?;
            Ok((at.map_or(i64::MIN, |at| (at - EPOCH) * 1_000_000), row.try_get::<_, i32>(1)?))
        });
        let table = table.collect::<Result<_, tokio_postgres::Error>>().map_err(|error| failure::of(&error))?;
        let zone = Arc::new(Zone::Table(table));
        let mut known = self.lock();
        if known.len() >= ZONES_MAX {
            known.clear();
        }
        known.insert(name.into(), zone.clone());
        Ok(zone)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, Arc<Zone>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_hours_is_spelled_as_posix_spells_it() {
        for (name, want) in [
            ("-4", Some("<hours>+4:00:00")),
            ("5.5", Some("<hours>-5:30:00")),
            ("+0", Some("<hours>+0:00:00")),
            ("+05:30", None),
            ("Europe/Berlin", None),
            ("", None),
        ] {
            assert_eq!(by_hours(name).as_deref(), want, "{name}");
        }
    }
}
