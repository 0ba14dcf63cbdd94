//! `mainstay handbook`: pages that answer questions, carried in the binary.

use clap::Args;

use super::{Ended, output};
use crate::failure::{EXIT_OK, Failure};

pub(super) const EXAMPLES: &str = "Examples:\n  mainstay handbook\n  mainstay handbook 35";

/// (file name, text), in order of names; gathered when the binary is built.
const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/handbook.rs"));

#[derive(Args)]
pub(super) struct Handbook {
    /// The page's number; without it all pages are listed
    number: Option<u32>,
}

impl Handbook {
    pub(super) fn run(self) -> Ended {
        let Some(wanted) = self.number else {
            let mut pages = PAGES.iter().filter_map(|(file, text)| Some((number(file)?, title(text)))).peekable();
            if pages.peek().is_none() {
                output::line("The handbook has no pages yet.");
            }
            for (number, title) in pages {
                output::line(&format!("{number:>4}  {title}"));
            }
            return Ok(EXIT_OK);
        };
        let page = PAGES.iter().find(|(file, _)| number(file) == Some(wanted));
        let Some((_, text)) = page else {
            return Err(Failure::Usage(format!(
                "the handbook has no page {wanted}. `mainstay handbook` lists its pages."
            )));
        };
        output::line(text.trim_end());
        Ok(EXIT_OK)
    }
}

/// The number a file's name begins with.
fn number(file: &str) -> Option<u32> {
    let digits = file.bytes().take_while(u8::is_ascii_digit).count();
    file[..digits].parse().ok()
}

/// The first heading of a page.
fn title(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or("(without a title)").trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_known_by_the_number_of_their_file() {
        for (file, want) in [("35-locks.md", Some(35)), ("007_x.md", Some(7)), ("README.md", None)] {
            assert_eq!(number(file), want, "{file}");
        }
        assert_eq!(title("\n# How it is\ntext"), "How it is");
    }
}
