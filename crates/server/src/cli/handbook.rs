//! `mainstay handbook`: pages that answer questions, carried in the binary.

use clap::Args;

use super::{Ended, output};
use crate::failure::{EXIT_OK, Failure};

pub(super) const EXAMPLES: &str =
    "Examples:\n  mainstay handbook\n  mainstay handbook 35\n  mainstay handbook pagination";

/// (file name, text), in order of names; gathered when the binary is built.
const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/handbook.rs"));

#[derive(Args)]
pub(super) struct Handbook {
    /// The page's number, or a word of the titles to list; without it all pages are listed
    page: Option<String>,
}

impl Handbook {
    pub(super) fn run(self) -> Ended {
        let wanted = self.page.unwrap_or_default();
        let Ok(numbered) = wanted.parse::<u32>() else { return list(&wanted) };
        let page = PAGES.iter().find(|(file, _)| number(file) == Some(numbered));
        let Some((_, text)) = page else {
            return Err(Failure::Usage(format!(
                "the handbook has no page {numbered}. `mainstay handbook` lists its pages."
            )));
        };
        output::line(text.trim_end());
        Ok(EXIT_OK)
    }
}

/// Lists the pages whose title holds the word, whatever its capitals.
fn list(word: &str) -> Ended {
    let word = word.to_lowercase();
    let mut found = PAGES
        .iter()
        .filter_map(|(file, text)| Some((number(file)?, title(text))))
        .filter(|(_, title)| title.to_lowercase().contains(&word))
        .peekable();
    if found.peek().is_none() {
        return Err(Failure::Usage(format!(
            "no page of the handbook has {word:?} in its title. `mainstay handbook` lists its pages."
        )));
    }
    for (number, title) in found {
        output::line(&format!("{number:>4}  {title}"));
    }
    Ok(EXIT_OK)
}

/// The number a file's name begins with.
fn number(file: &str) -> Option<u32> {
    let digits = file.bytes().take_while(u8::is_ascii_digit).count();
    file[..digits].parse().ok()
}

/// The first heading of a page, without the number that it begins with.
fn title(text: &str) -> &str {
    let heading = text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or("(without a title)").trim();
    heading.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(". ").unwrap_or(heading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_known_by_the_number_of_their_file() {
        for (file, want) in [("35-locks.md", Some(35)), ("007_x.md", Some(7)), ("README.md", None)] {
            assert_eq!(number(file), want, "{file}");
        }
        for (text, want) in [("\n# How it is\ntext", "How it is"), ("# 35. Lists", "Lists"), ("# 2 tables", "2 tables")]
        {
            assert_eq!(title(text), want);
        }
    }
}
