//! From a database's SQLSTATE to the HTTP status a client sees (section 16).

/// The status for an SQLSTATE. `anonymous` = the effective role is the anonymous one, so that a missing privilege
/// reads "log in" (401) rather than "not you" (403).
///
/// Two cases need the message as well; see [`status_for`].
pub fn status_for_sqlstate(code: &str, anonymous: bool) -> u16 {
    if let Some(raised) = code.strip_prefix("PT").filter(|digits| digits.len() == 3) {
        // PTxyz is a function's way to choose its status
        return raised.parse().ok().filter(|status| (100..=599).contains(status)).unwrap_or(500);
    }
    match code {
        "23503" | "23505" => return 409,
        "25006" => return 405,
        "42501" => return if anonymous { 401 } else { 403 },
        "42883" | "42P01" => return 404,
        "42P17" | "53400" | "21000" => return 500,
        "57P01" => return 503,
        "P0001" => return 400,
        _ => {}
    }
    match code.get(..2).unwrap_or_default() {
        "08" | "53" => 503,
        "0L" | "0P" | "28" => 403,
        "09" | "25" | "2D" | "38" | "39" | "3B" | "40" | "54" | "55" | "57" | "58" | "F0" | "HV" | "P0" | "XX" => 500,
        _ => 400,
    }
}

/// As [`status_for_sqlstate`], with the cases that only the message tells apart: the guard against updates and deletes
/// without a condition (21000), a missing `xmlagg` (42883) and an unknown role (22023).
pub fn status_for(code: &str, anonymous: bool, message: &str) -> u16 {
    match code {
        "21000" if message.contains("requires a WHERE clause") => 400,
        "42883" if message.starts_with("function xmlagg(") => 406,
        "22023" if message.starts_with("role ") && message.ends_with("does not exist") => 401,
        _ => status_for_sqlstate(code, anonymous),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_status() {
        let cases = [
            ("08006", 503),
            ("09000", 500),
            ("0L000", 403),
            ("0P000", 403),
            ("28000", 403),
            ("21000", 500),
            ("22023", 400),
            ("22P02", 400),
            ("23502", 400),
            ("23503", 409),
            ("23505", 409),
            ("23514", 400),
            ("25006", 405),
            ("25001", 500),
            ("2D000", 500),
            ("38000", 500),
            ("39000", 500),
            ("3B000", 500),
            ("40001", 500),
            ("42501", 403),
            ("42703", 400),
            ("42883", 404),
            ("42P01", 404),
            ("42P17", 500),
            ("53300", 503),
            ("53400", 500),
            ("54000", 500),
            ("55P03", 500),
            ("57P01", 503),
            ("57014", 500),
            ("58000", 500),
            ("F0000", 500),
            ("HV000", 500),
            ("P0001", 400),
            ("P0002", 500),
            ("XX000", 500),
            ("PT402", 402),
            ("PT999", 500),
            ("PTabc", 500),
            ("", 400),
            ("é", 400),
        ];
        for (code, status) in cases {
            assert_eq!(status_for_sqlstate(code, false), status, "{code}");
        }
        assert_eq!(status_for_sqlstate("42501", true), 401);
    }

    #[test]
    fn three_statuses_depend_on_the_message() {
        assert_eq!(status_for("21000", false, "UPDATE requires a WHERE clause"), 400);
        assert_eq!(status_for("21000", false, "ON CONFLICT DO UPDATE command cannot affect row a second time"), 500);
        assert_eq!(status_for("42883", false, "function xmlagg(x) does not exist"), 406);
        assert_eq!(status_for("22023", false, "role \"x\" does not exist"), 401);
        assert_eq!(status_for("22023", false, "invalid value for parameter \"TimeZone\""), 400);
    }
}
