//! Where in the claims the role stands: PostgREST's `jwt-role-claim-key`.

use std::borrow::Cow;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::error::KeyError;

/// A path such as `.role`, `.a.b`, `."x y"[0]` or `.roles[?(@ ^== "app_")]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    /// The first string of an array that compares so; only as the last step.
    First(Compare, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Equals,
    Differs,
    Starts,
    Ends,
    Contains,
}

const COMPARISONS: &[(&str, Compare)] = &[
    ("==^", Compare::Ends),
    ("==", Compare::Equals),
    ("!=", Compare::Differs),
    ("^==", Compare::Starts),
    ("*==", Compare::Contains),
];

impl Default for ClaimPath {
    /// `.role`
    fn default() -> Self {
        Self(vec![Step::Key("role".to_owned())])
    }
}

impl ClaimPath {
    /// The role that the claims name. A value that is not a string counts as its JSON text, as PostgREST has it.
    pub(crate) fn role(&self, claims: &Map<String, Value>) -> Option<String> {
        let mut steps = self.0.iter();
        let mut at: &Value = match steps.next()? {
            Step::Key(key) => claims.get(key)?,
            Step::Index(_) | Step::First(..) => return None,
        };
        for step in steps {
            at = match (step, at) {
                (Step::Key(key), Value::Object(map)) => map.get(key)?,
                (Step::Index(i), Value::Array(items)) => items.get(*i)?,
                (Step::First(how, want), Value::Array(items)) => {
                    items.iter().find(|item| item.as_str().is_some_and(|s| how.holds(s, want)))?
                }
                _ => return None,
            };
        }
        Some(at.as_str().map_or_else(|| at.to_string(), str::to_owned))
    }
}

impl Compare {
    fn holds(self, text: &str, want: &str) -> bool {
        match self {
            Self::Equals => text == want,
            Self::Differs => text != want,
            Self::Starts => text.starts_with(want),
            Self::Ends => text.ends_with(want),
            Self::Contains => text.contains(want),
        }
    }
}

impl FromStr for ClaimPath {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut rest = text;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if matches!(steps.last(), Some(Step::First(..))) {
                return Err(bad(text));
            }
            let (step, after) = step(rest).ok_or_else(|| bad(text))?;
            steps.push(step);
            rest = after;
        }
        if matches!(steps.first(), Some(Step::Key(_))) { Ok(Self(steps)) } else { Err(bad(text)) }
    }
}

fn bad(text: &str) -> KeyError {
    KeyError(Cow::Owned(format!(
        "the path of the role claim {text:?} cannot be read: write it like .role, .app.role, .\"my roles\"[0] or .roles[?(@ == \"x\")]"
    )))
}

fn step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix('.') {
        if rest.starts_with('"') {
            let (key, rest) = quoted(rest)?;
            return Some((Step::Key(key.to_owned()), rest));
        }
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "_$@".contains(c))).unwrap_or(rest.len());
        return (end > 0).then(|| (Step::Key(rest[..end].to_owned()), &rest[end..]));
    }
    let rest = text.strip_prefix('[')?;
    if let Some(filter) = rest.strip_prefix("?(@") {
        let filter = filter.trim_start();
        let (how, filter) = COMPARISONS.iter().find_map(|(sign, how)| Some((*how, filter.strip_prefix(sign)?)))?;
        let (want, rest) = quoted(filter.trim_start())?;
        return Some((Step::First(how, want.to_owned()), rest.trim_start().strip_prefix(")]")?));
    }
    let (digits, rest) = rest.split_once(']')?;
    let index = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())??;
    Some((Step::Index(index), rest))
}

fn quoted(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('"')?.split_once('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_finds_the_role() {
        let claims = serde_json::json!({
            "role": "r", "a": {"b": "ab", "x y": ["q0", "q1"]}, "https://x/role": "ns",
            "list": ["app_one", "two", 3, "the_end"], "n": 7, "nothing": null
        });
        for (path, role) in [
            (".role", Some("r")),
            (".a.b", Some("ab")),
            (".a.\"x y\"[1]", Some("q1")),
            (".\"https://x/role\"", Some("ns")),
            (".list[?(@ == \"two\")]", Some("two")),
            (".list[?(@ != \"app_one\")]", Some("two")),
            (".list[?(@ ^== \"app\")]", Some("app_one")),
            (".list[?(@ ==^ \"end\")]", Some("the_end")),
            (".list[?(@ *== \"e_e\")]", Some("the_end")),
            (".list[?(@ == \"none\")]", None),
            (".n", Some("7")),
            (".nothing", Some("null")),
            (".missing", None),
            (".a[0]", None),
            (".list[9]", None),
            (".role.b", None),
        ] {
            let path_read: ClaimPath = path.parse().expect(path);
            assert_eq!(path_read.role(claims.as_object().unwrap()).as_deref(), role, "{path}");
        }
        assert_eq!(".role".parse(), Ok(ClaimPath::default()));
    }

    #[test]
    fn a_path_that_cannot_be_read_says_how_to_write_one() {
        for path in [
            "",
            "role",
            ".",
            "..a",
            "[0]",
            ".a[",
            ".a[-1]",
            ".a[+1]",
            ".a[]",
            ".a[x]",
            ".\"a",
            ".a[?(@ == x)]",
            ".a b",
            ".a[?(@ == \"x\")].b",
            ".a[99999999999999999999999]",
        ] {
            let error = path.parse::<ClaimPath>().expect_err(path);
            assert!(error.to_string().contains(".role"), "{error}");
        }
    }
}
