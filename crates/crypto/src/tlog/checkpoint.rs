//! Checkpoints: which tree a log stands by.

use std::fmt;

use super::hash::Hash;
use super::{FormError, base64_encode, base64_hash, decimal};

/// The text of a checkpoint: origin, size, root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log; the name of its key.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// Further lines. Legal and discouraged; the house writes none.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint without extensions.
    pub const fn new(origin: String, size: u64, root: Hash) -> Self {
        Self { origin, size, root, extensions: Vec::new() }
    }

    /// The text that is signed, with its last newline.
    pub fn text(&self) -> String {
        self.to_string()
    }

    /// Reads the text of a note.
    pub fn parse(text: &str) -> Result<Self, FormError> {
        let Some(lines) = text.strip_suffix('\n') else {
            return Err(FormError("a checkpoint ends with a newline"));
        };
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(FormError("a checkpoint has at least three lines"));
        };
        if origin.is_empty() {
            return Err(FormError("a checkpoint's origin is not empty"));
        }
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(FormError("a checkpoint's extension lines are not empty"));
        }
        Ok(Self {
            origin: origin.to_owned(),
            size: decimal(size).ok_or(FormError("a checkpoint's size is a decimal number"))?,
            root: base64_hash(root).ok_or(FormError("a checkpoint's root is 32 bytes in base64"))?,
            extensions,
        })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, base64_encode(&self.root))?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=";

    #[test]
    fn checkpoints_print_as_they_were_read() {
        for text in [
            format!("audit.example/mainstay\n8\n{ROOT}\n"),
            format!("a b\n0\n{ROOT}\n"),
            format!("a\n9223372036854775807\n{ROOT}\nmore\nand more\n"),
        ] {
            assert_eq!(Checkpoint::parse(&text).unwrap().text(), text);
        }
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        for text in [
            String::new(),
            "\n".to_owned(),
            "a\n8\n".to_owned(),
            format!("a\n8\n{ROOT}"),
            format!("\n8\n{ROOT}\n"),
            format!("a\n08\n{ROOT}\n"),
            format!("a\n-8\n{ROOT}\n"),
            format!("a\n8 \n{ROOT}\n"),
            format!("a\n9223372036854775808\n{ROOT}\n"),
            format!("a\n8\n{ROOT}\n\n"),
            format!("a\n8\n{ROOT}\n\nb\n"),
            format!("a\n8\n{}\n", &ROOT[4..]),
            format!("a\n8\n{}\n", &ROOT[..43]),
            "a\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQym=\n".to_owned(),
        ] {
            assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
        }
    }
}
