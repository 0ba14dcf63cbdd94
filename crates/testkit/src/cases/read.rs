//! The parser of `.case` files. Strict: a line that is not understood is an error, so that no expectation is skipped silently.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Case, CaseFile, How, State, Step, Want};
use crate::json::Json;

const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE", "FOO"];
const PSEUDO: [&str; 6] = ["Role", "Token-Claims", "Token-Raw", "Token-Key", "Token-Header", "Token-Scheme"];
/// A step whose status has not been read yet.
const NO_STATUS: u16 = 0;

/// Reads a file. The error names the line.
pub fn read(path: &Path) -> Result<CaseFile, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<CaseFile, String> {
    let mut file = CaseFile {
        path: path.to_owned(),
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        fixture: "zoo".to_owned(),
        settings: BTreeMap::new(),
        state: State::Shared,
        cases: Vec::new(),
    };
    for (at, line) in text.lines().enumerate() {
        file.line(at + 1, line).map_err(|what| format!("{}:{}: {what}: {line}", path.display(), at + 1))?;
    }
    file.check().map_err(|what| format!("{}: {what}", path.display()))?;
    Ok(file)
}

impl CaseFile {
    fn line(&mut self, number: usize, line: &str) -> Result<(), String> {
        if let Some(name) = line.strip_prefix("## ") {
            let name = name.trim().to_owned();
            self.cases.push(Case { name, line: number, notes: Vec::new(), steps: Vec::new() });
            return Ok(());
        }
        if let Some(note) = line.strip_prefix('#') {
            return match self.cases.last_mut() {
                Some(case) => {
                    case.notes.push(note.trim().to_owned());
                    Ok(())
                }
                None => self.head(note.trim()),
            };
        }
        if line.trim().is_empty() {
            return Ok(());
        }
        let case = self.cases.last_mut().ok_or("a line before the first case")?;
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if METHODS.contains(&word) {
            case.steps.push(Step {
                line: number,
                method: word.to_owned(),
                target: rest.to_owned(),
                pseudo: BTreeMap::new(),
                headers: Vec::new(),
                body: None,
                status: NO_STATUS,
                want_headers: Vec::new(),
                want: Want::Any,
            });
            return Ok(());
        }
        case.steps.last_mut().ok_or("a line before the first request")?.line(line)
    }

    /// A comment before the first case: a setting of the file, or nothing to us.
    fn head(&mut self, note: &str) -> Result<(), String> {
        let Some((key, value)) = note.split_once(':') else { return Ok(()) };
        let value = value.trim();
        match key {
            "fixture" => value.clone_into(&mut self.fixture),
            "settings" => {
                for pair in value.split_whitespace() {
                    let (key, value) = pair.split_once('=').ok_or("a setting without `=`")?;
                    self.settings.insert(key.to_owned(), Some(value.to_owned()).filter(|value| value != "none"));
                }
            }
            "state" => {
                self.state = match value {
                    "shared" => State::Shared,
                    "fresh" => State::Fresh,
                    "each" => State::Each,
                    _ => return Err("an unknown state".to_owned()),
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for case in &self.cases {
            if !names.insert(&case.name) {
                return Err(format!("two cases are named `{}`", case.name));
            }
            if case.steps.is_empty() {
                return Err(format!("case `{}` asks nothing", case.name));
            }
            for step in &case.steps {
                if step.status == NO_STATUS {
                    return Err(format!("line {}: no status is expected", step.line));
                }
                if let Want::Json(text, _) = &step.want {
                    Json::parse(text).map_err(|error| format!("line {}: expected JSON: {error}", step.line))?;
                }
            }
            if self.state == State::Shared && case.steps.iter().any(|step| step.status < 300) && !case.only_reads() {
                return Err(format!("case `{}` writes to a shared database", case.name));
            }
        }
        Ok(())
    }
}

impl Step {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let mark = line.get(..2).unwrap_or(line);
        // One blank after the mark does not count.
        let text = line.get(3..).unwrap_or_default();
        match mark {
            ">>" => join(&mut self.body, text),
            "> " => {
                let (name, value) = line[2..].split_once(':').ok_or("a header without a colon")?;
                let (name, value) = (name.to_owned(), value.trim().to_owned());
                if PSEUDO.contains(&&*name) {
                    self.pseudo.insert(name, value);
                } else {
                    self.headers.push((name, value));
                }
            }
            "<<" => self.json(text, How::Exact)?,
            "<~" => self.json(text, How::AnyOrder)?,
            "<+" => self.json(text, How::Within)?,
            "<|" => match &mut self.want {
                Want::Any => self.want = Want::Text(text.to_owned()),
                Want::Text(known) => *known = format!("{known}\n{text}"),
                Want::Json(..) => return Err("a body as text and as JSON".to_owned()),
            },
            "< " => {
                let rest = line[2..].trim();
                if rest.len() == 3 && rest.bytes().all(|byte| byte.is_ascii_digit()) {
                    self.status = rest.parse().map_err(|_| "no status")?;
                } else if let Some(name) = rest.strip_prefix('-') {
                    self.want_headers.push((name.to_owned(), None));
                } else {
                    let (name, value) = rest.split_once(':').ok_or("a header without a colon")?;
                    self.want_headers.push((name.to_owned(), Some(value.trim().to_owned())));
                }
            }
            _ => return Err("not understood".to_owned()),
        }
        Ok(())
    }

    fn json(&mut self, text: &str, how: How) -> Result<(), String> {
        match &mut self.want {
            Want::Any => self.want = Want::Json(text.to_owned(), how),
            Want::Json(known, before) if *before == how => *known = format!("{known}\n{text}"),
            Want::Json(..) | Want::Text(_) => return Err("a body in two ways".to_owned()),
        }
        Ok(())
    }
}

fn join(body: &mut Option<String>, text: &str) {
    *body = Some(match body.take() {
        None => text.to_owned(),
        Some(known) => format!("{known}\n{text}"),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_line_by_line() {
        let text = "# fixture: zoo\n# settings: max_rows=5 anon_role=none\n# state: each\n\n## a name\n# a note\nPOST /a?b=c d\n\
                    > Role: anon\n> Prefer: x\n>> {\"a\":\n>>  1}\n< 201\n< -Location\n< Vary: ...\n<< [\n<< 1]\nGET /a\n< 200\n<|\n";
        let file = parse(Path::new("dir/some.case"), text).unwrap();
        assert_eq!((&*file.name, &*file.fixture, file.state), ("some", "zoo", State::Each));
        assert_eq!(file.settings["anon_role"], None);
        let [post, get] = &*file.cases[0].steps else { panic!("{:?}", file.cases) };
        assert_eq!((&*post.target, post.status), ("/a?b=c d", 201));
        assert_eq!(post.wire_target(), "/a?b=c%20d");
        assert_eq!(post.body.as_deref(), Some("{\"a\":\n 1}"));
        assert_eq!(post.want, Want::Json("[\n1]".to_owned(), How::Exact));
        assert_eq!(post.want_headers[0], ("Location".to_owned(), None));
        assert_eq!(post.headers, [("Prefer".to_owned(), "x".to_owned())]);
        assert_eq!(get.want, Want::Text(String::new()));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_line() {
        for (text, expected) in [
            ("## a\nGET /\n< 200\nnonsense\n", "4: not understood"),
            ("GET /\n< 200\n", "1: a line before the first case"),
            ("## a\n< 200\n", "2: a line before the first request"),
            ("## a\nGET /\n", "line 2: no status"),
            ("## a\n", "asks nothing"),
            ("## a\nGET /\n< 200\n## a\nGET /\n< 200\n", "two cases are named"),
            ("## a\nGET /\n< 200\n<< [1\n", "expected JSON"),
            ("## a\nGET /\n< 200\n<< [1]\n<| x\n", "a body as text and as JSON"),
            ("# state: some\n", "unknown state"),
            ("## a\nPOST /x\n< 201\n", "writes to a shared database"),
        ] {
            let error = parse(Path::new("x.case"), text).expect_err(text);
            assert!(error.contains(expected), "{error}");
        }
    }
}
