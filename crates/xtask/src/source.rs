//! A Rust file, told apart into code, comments and strings, so that laws look at the right one.

use std::path::{Path, PathBuf};

/// A Rust file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its path in its crate: `src/lib.rs`.
    pub(crate) inside: String,
    /// As it is.
    pub(crate) text: String,
    /// Code only: comments, and what stands in strings, are blanks. As long as the text.
    pub(crate) code: String,
    /// What stands in strings, with the byte where it begins.
    pub(crate) strings: Vec<(usize, String)>,
}

impl Source {
    /// Reads a file of the crate in `folder`.
    pub(crate) fn read(folder: &Path, path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let inside = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned();
        Ok(Self::new(path.to_owned(), inside, text))
    }

    fn new(path: PathBuf, inside: String, text: String) -> Self {
        let mut reader = Reader { text: &text, code: text.as_bytes().to_vec(), strings: Vec::new(), at: 0 };
        reader.run();
        let (code, strings) = (String::from_utf8_lossy(&reader.code).into_owned(), reader.strings);
        Self { path, inside, text, code, strings }
    }

    /// Whether nothing of it ships.
    pub(crate) fn only_for_tests(&self) -> bool {
        ["tests/", "benches/", "examples/"].iter().any(|folder| self.inside.starts_with(folder))
            || self.inside.split('/').any(|part| part == "tests" || part == "tests.rs")
    }

    /// The code that ships: without what follows `#[cfg(test)]`.
    pub(crate) fn shipped(&self) -> String {
        let mut code = self.code.clone();
        while let Some(start) = code.find("#[cfg(test)]") {
            let end = item_end(&code, start + "#[cfg(test)]".len());
            code.replace_range(start..end, &" ".repeat(end - start));
        }
        code
    }

    /// The line of a byte, counted from 1.
    pub(crate) fn line(&self, byte: usize) -> usize {
        self.code.as_bytes()[..byte.min(self.code.len())].split(|byte| *byte == b'\n').count()
    }
}

/// Where the item that begins at a byte ends: after its first `;`, or after its block.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return at + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

struct Reader<'a> {
    text: &'a str,
    code: Vec<u8>,
    strings: Vec<(usize, String)>,
    at: usize,
}

impl Reader<'_> {
    fn run(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            let rest = &bytes[self.at..];
            let inside_a_word = self.at > 0 && word(bytes[self.at - 1]);
            match byte {
                b'/' if rest.starts_with(b"//") => self.blank(find(rest, b"\n").unwrap_or(rest.len())),
                b'/' if rest.starts_with(b"/*") => self.blank(comment(rest)),
                b'"' => self.string(1, 0),
                b'r' | b'b' | b'c' if !inside_a_word => match prefix(rest) {
                    Some((length, hashes, raw)) if raw => self.string(length, hashes + RAW),
                    Some((length, _, _)) => self.string(length, 0),
                    None => self.at += 1,
                },
                b'\'' => self.quote(rest),
                _ => self.at += 1,
            }
        }
    }

    fn blank(&mut self, length: usize) {
        for byte in &mut self.code[self.at..self.at + length] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        self.at += length;
    }

    /// A string whose opening quote ends `opening` bytes ahead; `kind` is 0, or [`RAW`] and the number of hashes.
    fn string(&mut self, opening: usize, kind: usize) {
        self.at += opening;
        let rest = &self.text.as_bytes()[self.at..];
        let length = if kind == 0 {
            let mut at = 0;
            while at < rest.len() && rest[at] != b'"' {
                at += if rest[at] == b'\\' { 2 } else { 1 };
            }
            at.min(rest.len())
        } else {
            let end = [b"\"".as_slice(), "#".repeat(kind - RAW).as_bytes()].concat();
            find(rest, &end).unwrap_or(rest.len())
        };
        let content = String::from_utf8_lossy(&rest[..length]).into_owned();
        self.strings.push((self.at, content));
        self.blank(length);
        self.at = (self.at + 1 + kind.saturating_sub(RAW)).min(self.code.len());
    }

    /// A character, or the name of a lifetime.
    fn quote(&mut self, rest: &[u8]) {
        let length = match rest.get(1) {
            Some(b'\\') => 3 + find(&rest[3.min(rest.len())..], b"'").unwrap_or(0),
            Some(_) => {
                let letter = self.text[self.at + 1..].chars().next().map_or(1, char::len_utf8);
                if rest.get(1 + letter) == Some(&b'\'') { 1 + letter } else { 0 }
            }
            None => 0,
        };
        if length > 0 {
            self.at += 1;
            self.blank(length - 1);
        }
        self.at += 1;
    }
}

/// Marks a raw string; the number of hashes is added.
const RAW: usize = 1;

/// The opening of a string with a prefix: its length, the hashes, and whether it is raw.
fn prefix(rest: &[u8]) -> Option<(usize, usize, bool)> {
    let letters = rest.iter().take(2).take_while(|byte| matches!(byte, b'r' | b'b' | b'c')).count();
    let raw = rest[..letters].contains(&b'r');
    let hashes = if raw { rest[letters..].iter().take_while(|byte| **byte == b'#').count() } else { 0 };
    (rest.get(letters + hashes) == Some(&b'"')).then_some((letters + hashes + 1, hashes, raw))
}

fn comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// Whether a byte may stand in a name.
pub(crate) fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new(PathBuf::new(), "src/lib.rs".to_owned(), text.to_owned())
    }

    #[test]
    fn code_is_told_from_comments_and_strings() {
        for (text, code, strings) in [
            ("a // b\nc", "a     \nc", &[][..]),
            ("a /* b /* c */ d */ e", "a                   e", &[]),
            (r#"f("x\"y") + 1"#, r#"f("    ") + 1"#, &[r#"x\"y"#]),
            (r##"f(r#"a"b"#) + 1"##, r##"f(r#"   "#) + 1"##, &[r#"a"b"#]),
            (r#"b"x" c"y" br"\" z"#, r#"b" " c" " br" " z"#, &["x", "y", r"\"]),
            ("'a' '\\'' 'é' &'a str", "' ' '  ' '  ' &'a str", &[]),
            ("'\"' + \"s\"", "' ' + \" \"", &["s"]),
            ("for_each(\"x\")", "for_each(\" \")", &["x"]),
            ("\"//\" x", "\"  \" x", &["//"]),
        ] {
            let made = source(text);
            assert_eq!(made.code, code, "{text}");
            assert_eq!(made.strings.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), strings, "{text}");
        }
    }

    #[test]
    fn what_is_for_tests_does_not_ship() {
        for (text, shipped) in [
            ("a; #[cfg(test)] mod tests { b { c } } d", "a; d"),
            ("#[cfg(test)] mod tests; d", "d"),
            ("#[cfg(test)]\nuse x;\nd", "d"),
        ] {
            let found: Vec<String> = source(text).shipped().split_whitespace().map(str::to_owned).collect();
            assert_eq!(found.join(" "), shipped, "{text}");
        }
    }
}
