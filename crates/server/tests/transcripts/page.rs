//! A page: its blocks taken apart, compared, and written anew.

use std::ops::Range;

use testkit::Engine;

/// The commands of a page, in order.
pub(crate) struct Page {
    pub(crate) steps: Vec<Step>,
}

/// A command and what it prints.
pub(crate) struct Step {
    /// The line of the page it stands in, from 1.
    pub(crate) line: usize,
    /// The engine it is for, when not for both.
    pub(crate) engine: Option<Engine>,
    /// The command, its continued lines joined.
    pub(crate) command: String,
    /// The lines that are expected.
    pub(crate) want: Vec<String>,
    /// Where they stand, as indexes of lines.
    place: Range<usize>,
}

impl Page {
    /// Takes the `console` blocks of a page apart.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let lines: Vec<&str> = text.lines().collect();
        let mut steps = Vec::new();
        let mut at = 0;
        while at < lines.len() {
            let Some(words) = lines[at].strip_prefix("```") else {
                at += 1;
                continue;
            };
            let end = lines[at + 1..].iter().position(|line| *line == "```").map(|offset| at + 1 + offset);
            let end = end.ok_or_else(|| format!("the block of line {} does not end", at + 1))?;
            let mut words = words.split_whitespace();
            if words.next() == Some("console") {
                let engine = match words.next() {
                    None => None,
                    Some("sqlite") => Some(Engine::Sqlite),
                    Some("postgres") => Some(Engine::Postgres),
                    Some(other) => return Err(format!("line {}: there is no engine {other}", at + 1)),
                };
                block(&lines, at + 1..end, engine, &mut steps)?;
            }
            at = end + 1;
        }
        Ok(Self { steps })
    }
}

fn block(lines: &[&str], within: Range<usize>, engine: Option<Engine>, steps: &mut Vec<Step>) -> Result<(), String> {
    let mut at = within.start;
    while at < within.end {
        let line = at + 1;
        let mut command =
            lines[at].strip_prefix("$ ").ok_or_else(|| format!("line {line}: a command begins with `$ `"))?.to_owned();
        while let Some(continued) = command.strip_suffix('\\').map(str::to_owned) {
            at += 1;
            let more = lines.get(at).filter(|_| at < within.end);
            command = continued + more.ok_or_else(|| format!("line {line}: the command goes on nowhere"))?.trim_start();
        }
        let start = at + 1;
        let mut end = (start..within.end).find(|next| lines[*next].starts_with("$ ")).unwrap_or(within.end);
        at = end;
        // An empty line before the next command is for the eye.
        while end > start && lines[end - 1].trim().is_empty() {
            end -= 1;
        }
        let want = lines[start..end].iter().map(|line| (*line).to_owned()).collect();
        steps.push(Step { line, engine, command, want, place: start..end });
    }
    Ok(())
}

/// Whether output is what a page expects: `...` stands for anything within a line, and alone for any lines.
pub(crate) fn matches(want: &[String], got: &[String]) -> bool {
    match want.split_first() {
        None => got.is_empty(),
        Some((first, rest)) if first.trim() == "..." => (0..=got.len()).any(|skip| matches(rest, &got[skip..])),
        Some((first, rest)) => {
            got.split_first().is_some_and(|(line, more)| line_matches(first, line) && matches(rest, more))
        }
    }
}

fn line_matches(want: &str, got: &str) -> bool {
    match want.split_once("...") {
        None => want == got,
        Some((before, after)) => {
            let Some(rest) = got.strip_prefix(before) else { return false };
            (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| line_matches(after, &rest[at..]))
        }
    }
}

/// Both texts, for a person.
pub(crate) fn difference(want: &[String], got: &[String]) -> String {
    let marked =
        |mark: char, lines: &[String]| -> Vec<String> { lines.iter().map(|line| format!("{mark} {line}")).collect() };
    [marked('-', want), marked('+', got)].concat().join("\n")
}

/// The page with other output under some of its commands.
pub(crate) fn blessed(text: &str, outputs: &[(&Step, Vec<String>)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // From the end, so that places before stay where they are.
    for (step, got) in outputs.iter().rev() {
        lines.splice(step.place.clone(), got.iter().cloned());
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::{Page, blessed, matches};
    use testkit::Engine;

    const PAGE: &str =
        "# T\n```console\n$ a \\\n    b\n1\n\n$ c\n```\n```console postgres\n$ d\n2\n3\n```\n```sql\n$ e\n```\n";

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn blocks_become_commands_with_their_output() {
        let page = Page::read(PAGE).unwrap();
        let found: Vec<_> = page.steps.iter().map(|s| (s.line, s.engine, &*s.command, s.want.join("|"))).collect();
        assert_eq!(
            found,
            [
                (3, None, "a b", "1".to_owned()),
                (7, None, "c", String::new()),
                (10, Some(Engine::Postgres), "d", "2|3".to_owned()),
            ]
        );
        let outputs = [(&page.steps[1], lines("x\ny")), (&page.steps[2], vec![])];
        assert_eq!(blessed(PAGE, &outputs), PAGE.replace("$ c\n", "$ c\nx\ny\n").replace("$ d\n2\n3\n", "$ d\n"));
    }

    #[test]
    fn blocks_that_cannot_be_run_are_refused() {
        for text in ["```console\nx\n```", "```console\n$ x", "```console mysql\n$ x\n```", "```console\n$ x \\\n```"] {
            assert!(Page::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn dots_stand_for_anything() {
        for (want, got, same) in [
            ("a\nb", "a\nb", true),
            ("a", "a\nb", false),
            ("a...d", "abcd", true),
            ("a...d...", "abcdef", true),
            ("a...d", "abc", false),
            ("...\nc", "a\nb\nc", true),
            ("a\n...", "a", true),
            ("a\n...\nc", "a\nb", false),
            ("...é", "aéé", true),
        ] {
            assert_eq!(matches(&lines(want), &lines(got)), same, "{want:?} {got:?}");
        }
    }
}
