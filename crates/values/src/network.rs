//! `inet`, `cidr` and `macaddr`: checked, brought to one form, and ordered.

use crate::{Result, ValueError};
use std::cmp::Ordering;
use std::net::{IpAddr, Ipv4Addr};

fn split(text: &str, cidr: bool) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
    let mut given = 4;
    let ip: IpAddr = match address.parse() {
        Ok(ip) => ip,
        // "10.1/16": the missing parts are zero.
        Err(_) if bits.is_some() || cidr => {
            let parts: Vec<u8> = address.split('.').map(str::parse).collect::<std::result::Result<_, _>>().ok()?;
            given = u8::try_from(parts.len()).ok().filter(|n| *n < 4)?;
            let part = |i: usize| parts.get(i).copied().unwrap_or(0);
            IpAddr::V4(Ipv4Addr::new(part(0), part(1), part(2), part(3)))
        }
        Err(_) => return None,
    };
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(b) if !b.is_empty() && b.len() <= 3 && b.bytes().all(|c| c.is_ascii_digit()) => {
            b.parse().ok().filter(|b| *b <= most)?
        }
        Some(_) => return None,
        None if ip.is_ipv4() && given < 4 => given * 8,
        None => most,
    };
    Some((ip, bits))
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(v) => v.octets().to_vec(),
        IpAddr::V6(v) => v.octets().to_vec(),
    }
}

/// The address's first bits, the rest zero.
fn masked(bytes: &[u8], bits: u8) -> Vec<u8> {
    let keep = |i: usize| match usize::from(bits).saturating_sub(i * 8).min(8) {
        0 => 0,
        n => 0xFFu8 << (8 - n),
    };
    bytes.iter().enumerate().map(|(i, b)| b & keep(i)).collect()
}

/// `inet` input in canonical form: the mask only where it is not the whole address.
pub(crate) fn parse_inet(text: &str) -> Result<String> {
    let t = text.trim();
    let (ip, bits) = split(t, false).ok_or_else(|| ValueError::syntax("inet", text))?;
    Ok(if bits == if ip.is_ipv4() { 32 } else { 128 } { ip.to_string() } else { format!("{ip}/{bits}") })
}

/// `cidr` input in canonical form: no bits to the right of the mask, which is always shown.
pub(crate) fn parse_cidr(text: &str) -> Result<String> {
    let (ip, bits) = split(text.trim(), true).ok_or_else(|| ValueError::syntax("cidr", text))?;
    let bytes = octets(ip);
    if masked(&bytes, bits) != bytes {
        return Err(ValueError::new("22P02", format!("invalid cidr value: \"{text}\""))
            .with_detail("Value has bits set to right of mask."));
    }
    Ok(format!("{ip}/{bits}"))
}

/// `macaddr` input as `08:00:2b:01:02:03`.
pub(crate) fn parse_mac(text: &str) -> Result<String> {
    let t = text.trim();
    let bad = || ValueError::syntax("macaddr", text);
    let separators: String = t.chars().filter(|c| !c.is_ascii_hexdigit()).collect();
    let groups: Vec<&str> = t.split([':', '-', '.']).collect();
    let mut hex = String::with_capacity(12);
    for group in &groups {
        // Six groups may leave out a leading zero; the other forms are whole.
        if groups.len() == 6 && group.len() == 1 {
            hex.push('0');
        }
        hex.push_str(group);
    }
    let hex = hex.to_ascii_lowercase();
    let even = groups.iter().all(|g| g.len() == 12 / groups.len() || (groups.len() == 6 && g.len() == 1));
    let known = matches!(separators.as_str(), "" | ":::::" | "-----" | ":" | "-" | ".." | "--");
    if hex.len() != 12 || !known || !even {
        return Err(bad());
    }
    Ok((0..6).map(|i| &hex[i * 2..i * 2 + 2]).collect::<Vec<_>>().join(":"))
}

/// PostgreSQL's order: IPv4 first, then the network's bits, the length of the mask, the whole address.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    match (split(a, true), split(b, true)) {
        (Some((x, m)), Some((y, n))) => y.is_ipv4().cmp(&x.is_ipv4()).then_with(|| {
            let (x, y) = (octets(x), octets(y));
            let common = m.min(n);
            masked(&x, common).cmp(&masked(&y, common)).then(m.cmp(&n)).then_with(|| x.cmp(&y))
        }),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_brought_to_one_form() {
        for (text, want) in [
            ("192.168.0.1", "192.168.0.1"),
            ("192.168.0.1/32", "192.168.0.1"),
            ("192.168.0.1/24", "192.168.0.1/24"),
            ("::1", "::1"),
            ("2001:DB8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(parse_inet(text).unwrap(), want);
        }
        for (text, want) in [("10.0.0.0/8", "10.0.0.0/8"), ("10.1.2.3", "10.1.2.3/32"), ("10/8", "10.0.0.0/8")] {
            assert_eq!(parse_cidr(text).unwrap(), want);
        }
        assert_eq!(parse_cidr("10.0.0.1/8").unwrap_err().detail.unwrap(), "Value has bits set to right of mask.");
        for text in ["", "1.2.3", "1.2.3.4/33", "x", "1.2.3.4/"] {
            assert_eq!(parse_inet(text).unwrap_err().sqlstate, "22P02", "{text}");
        }
        for text in ["08:00:2b:01:02:03", "08-00-2B-01-02-03", "08002b:010203", "0800.2b01.0203", "08002b010203"] {
            assert_eq!(parse_mac(text).unwrap(), "08:00:2b:01:02:03");
        }
        assert_eq!(parse_mac("8:0:2b:1:2:3").unwrap(), "08:00:2b:01:02:03");
        assert!(parse_mac("08:00:2b:01:02").is_err() && parse_mac("08:007:2b:01:0:03").is_err());
    }

    #[test]
    fn addresses_are_ordered_by_network_first() {
        let sorted = ["1.2.3.4", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.1", "192.168.1.5/24", "::1", "2001:db8::/32"];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} {b}");
            }
        }
    }
}
