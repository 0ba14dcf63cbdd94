//! As much of a shell as pages need: words with quotes and variables, assignments before a command, a file to write to.

/// A command line taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// `NAME=value` before the command.
    pub(crate) assignments: Vec<(String, String)>,
    /// The command and its arguments.
    pub(crate) words: Vec<String>,
    /// Where the output goes: the file, and whether it is added to its end.
    pub(crate) file: Option<(String, bool)>,
    /// The line ends with `&`.
    pub(crate) background: bool,
}

/// Takes a line apart. `variable` gives the value of `$NAME`, or nothing for one that does not exist.
pub(crate) fn parse(text: &str, variable: &mut dyn FnMut(&str) -> Option<String>) -> Result<Line, String> {
    let mut line = Line::default();
    let mut redirection = None;
    let mut words = Words { rest: text, variable };
    while let Some((word, quoted)) = words.next()? {
        match word.as_str() {
            "&" if !quoted => line.background = true,
            ">" if !quoted => redirection = Some(false),
            ">>" if !quoted => redirection = Some(true),
            _ if redirection.is_some() => line.file = redirection.take().map(|add| (word, add)),
            _ => match word.split_once('=') {
                Some((name, value)) if line.words.is_empty() && is_name(name) => {
                    line.assignments.push((name.to_owned(), value.to_owned()));
                }
                _ => line.words.push(word),
            },
        }
    }
    if redirection.is_some() { Err("`>` without a file".to_owned()) } else { Ok(line) }
}

/// A line that keeps the output of a command: the variable's name and the command of `NAME=$(command)`.
pub(crate) fn kept(text: &str) -> Option<(&str, &str)> {
    let (name, inner) = text.trim().strip_suffix(')')?.split_once("=$(")?;
    is_name(name).then_some((name, inner))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

struct Words<'a, 'v> {
    rest: &'a str,
    variable: &'v mut dyn FnMut(&str) -> Option<String>,
}

impl Words<'_, '_> {
    /// The next word, and whether any of it was quoted.
    fn next(&mut self) -> Result<Option<(String, bool)>, String> {
        self.rest = self.rest.trim_start();
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (mut word, mut quoted, mut double) = (String::new(), false, false);
        while let Some(next) = self.rest.chars().next() {
            if next.is_whitespace() && !double {
                break;
            }
            self.rest = &self.rest[next.len_utf8()..];
            match next {
                '\'' if !double => {
                    let (inside, after) = self.rest.split_once('\'').ok_or("a quote does not end")?;
                    word.push_str(inside);
                    self.rest = after;
                    quoted = true;
                }
                '"' => {
                    double = !double;
                    quoted = true;
                }
                '\\' => {
                    let escaped = self.rest.chars().next().ok_or("nothing follows the backslash")?;
                    // Between double quotes a backslash protects these four only.
                    if double && !"\"\\$`".contains(escaped) {
                        word.push('\\');
                    }
                    word.push(escaped);
                    self.rest = &self.rest[escaped.len_utf8()..];
                }
                '$' => word.push_str(&self.value()?),
                '|' | ';' | '`' | '<' if !double => return Err(format!("pages do without `{next}`")),
                _ => word.push(next),
            }
        }
        if double { Err("a quote does not end".to_owned()) } else { Ok(Some((word, quoted))) }
    }

    fn value(&mut self) -> Result<String, String> {
        let end = if self.rest.starts_with('?') {
            1
        } else {
            self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len())
        };
        let name = &self.rest[..end];
        self.rest = &self.rest[end..];
        (self.variable)(name).ok_or_else(|| format!("there is no variable ${name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, kept, parse};

    fn parsed(text: &str) -> Result<Line, String> {
        parse(text, &mut |name| (name == "A" || name == "?").then(|| "v v".to_owned()))
    }

    #[test]
    fn words_are_those_of_a_shell() {
        for (text, want) in [
            (r"a  'b $A' c", vec!["a", "b $A", "c"]),
            (r#"a "b $A" $A"#, vec!["a", "b v v", "v v"]),
            (r#"a "x\"y\z" b\ c"#, vec!["a", r#"x"y\z"#, "b c"]),
            (r"a 'it'\''s' ''", vec!["a", "it's", ""]),
            ("echo $?", vec!["echo", "v v"]),
        ] {
            assert_eq!(parsed(text).unwrap().words, want, "{text}");
        }
    }

    #[test]
    fn assignments_files_and_the_background_are_known() {
        let line = parsed("X_1=2 mainstay a=b").unwrap();
        assert_eq!(
            (line.assignments, line.words),
            (vec![("X_1".into(), "2".into())], vec!["mainstay".into(), "a=b".into()])
        );
        assert_eq!(parsed("echo a >> b").unwrap().file, Some(("b".into(), true)));
        assert_eq!(parsed("echo '>' > b").unwrap().file, Some(("b".into(), false)));
        assert!(parsed("mainstay serve &").unwrap().background);
    }

    #[test]
    fn outputs_are_kept_in_variables() {
        assert_eq!(kept("ACK=$(jq -r '.a' b)"), Some(("ACK", "jq -r '.a' b")));
        assert_eq!(kept("curl -d 'A=$(b)'"), None);
        assert_eq!(kept("echo a"), None);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in ["a 'b", "a \"b", "a | b", "a; b", "a $B", "a >", "a \\"] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }
}
