//! The files of an app's `migrations` folder: which there are, in which order, with which checksum.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// Bytes in one file: a file is held in memory whole, and parsed whole.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Files in one folder.
pub const FILES_MAX: usize = 10_000;

/// Digits in a version: what fits an `i64` whatever the digits.
const DIGITS_MAX: usize = 18;

/// From this version on a number is taken for a date (`20260131_x.sql`) when notices are made.
const FIRST_DATE: i64 = 10_000_000;

/// One migration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The number before the underscore: the order, and what the file is known by.
    pub version: i64,
    /// The words after the underscore, without `.sql`.
    pub name: String,
    /// The file's name in its folder.
    pub file: String,
    /// Its text, line ends as in the file.
    pub text: Arc<str>,
    /// SHA-256 in hexadecimal of the text with `\n` for every line end, so that a checkout on Windows has the same.
    pub checksum: String,
}

impl File {
    /// A file from its name and text, for apps whose migrations are not in a folder (embedded in a binary, tests).
    pub fn new(file: &str, text: impl Into<Arc<str>>) -> Result<Self, FileError> {
        let (version, name) = parse_name(file)?;
        let text = text.into();
        let checksum = checksum(&text);
        Ok(Self { version, name, file: file.to_owned(), text, checksum })
    }
}

/// What a folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// The migrations in the order in which they are applied.
    pub files: Vec<File>,
    /// What the operator may want to know: no folder, no files, mixed numbering, files that were passed over.
    pub notices: Vec<String>,
}

/// Why a folder cannot be used. Every message names the files and says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// The name has no number, or no word after it.
    #[error(
        "{file}: a migration is named like 0001_create_tables.sql: a number, an underscore, words. Rename the file."
    )]
    Name {
        /// The file.
        file: String,
    },
    /// The number is too long.
    #[error("{file}: the number has more than {DIGITS_MAX} digits. Shorten it.")]
    Number {
        /// The file.
        file: String,
    },
    /// Two files have the same number.
    #[error(
        "{first} and {second} have the same number. Give one of them a number of its own; keep the one that was applied first."
    )]
    Duplicate {
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// The file is not UTF-8.
    #[error("{file}: not UTF-8 from line {line} on. Save the file as UTF-8.")]
    Encoding {
        /// The file.
        file: String,
        /// The first line that is not.
        line: usize,
    },
    /// The file is too large.
    #[error("{file}: {bytes} bytes are more than {FILE_BYTES_MAX}. Split the file.")]
    Size {
        /// The file.
        file: String,
        /// How large it is.
        bytes: u64,
    },
    /// Too many files.
    #[error("more than {FILES_MAX} files in the migrations folder")]
    Count,
    /// The folder or a file cannot be read.
    #[error("{file}: {reason}")]
    Read {
        /// The file or folder.
        file: String,
        /// What the system said.
        reason: String,
    },
}

/// Reads `<app>/migrations`. A folder that is missing or empty has no migrations, and a notice says so.
pub fn discover(app: &Path) -> Result<Folder, FileError> {
    let folder = app.join("migrations");
    let unreadable =
        |file: &str, error: &std::io::Error| FileError::Read { file: file.to_owned(), reason: error.to_string() };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let notice = "There is no migrations folder: the database stays as it is. Create migrations/0001_first.sql to begin.";
            return Ok(Folder { files: Vec::new(), notices: vec![notice.to_owned()] });
        }
        Err(error) => return Err(unreadable("migrations", &error)),
    };
    let mut files = Vec::new();
    let mut others = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unreadable("migrations", &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let metadata = fs::metadata(entry.path()).map_err(|error| unreadable(&name, &error))?;
        if name.starts_with('.') || metadata.is_dir() {
            continue;
        }
        if !Path::new(&name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("sql")) {
            others.push(name);
            continue;
        }
        if files.len() >= FILES_MAX {
            return Err(FileError::Count);
        }
        if metadata.len() > FILE_BYTES_MAX {
            return Err(FileError::Size { file: name, bytes: metadata.len() });
        }
        let bytes = fs::read(entry.path()).map_err(|error| unreadable(&name, &error))?;
        files.push(File::new(&name, decode(&name, bytes)?)?);
    }
    let mut folder = arrange(files)?;
    others.sort();
    if !others.is_empty() {
        folder.notices.push(format!("Only .sql files are migrations; passed over: {}.", others.join(", ")));
    }
    Ok(folder)
}

/// Puts files in order of their numbers and says what is worth saying about them.
pub fn arrange(mut files: Vec<File>) -> Result<Folder, FileError> {
    files.sort_by(|a, b| (a.version, &a.file).cmp(&(b.version, &b.file)));
    for pair in files.windows(2) {
        if pair[0].version == pair[1].version {
            return Err(FileError::Duplicate { first: pair[0].file.clone(), second: pair[1].file.clone() });
        }
    }
    let mut notices = Vec::new();
    if files.is_empty() {
        notices.push(
            "The migrations folder is empty: the database stays as it is. Create migrations/0001_first.sql to begin."
                .to_owned(),
        );
    }
    let dated = files.partition_point(|file| file.version < FIRST_DATE);
    if dated > 0 && dated < files.len() {
        notices.push(format!(
            "Numbers and dates are mixed; files run in the order of their numbers, so all of {} … {} run before {}.",
            files[0].file,
            files[dated - 1].file,
            files[dated].file
        ));
    }
    let empty: Vec<&str> =
        files.iter().filter(|file| file.text.trim().is_empty()).map(|file| file.file.as_str()).collect();
    if !empty.is_empty() {
        notices.push(format!("Without any statement: {}.", empty.join(", ")));
    }
    Ok(Folder { files, notices })
}

fn parse_name(file: &str) -> Result<(i64, String), FileError> {
    let wrong = || FileError::Name { file: file.to_owned() };
    let stem = file.len().checked_sub(4).and_then(|end| file.get(..end)).ok_or_else(wrong)?;
    let digits = stem.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = stem.split_at(digits);
    let name = rest.strip_prefix(['_', '-']).unwrap_or_default().trim();
    if number.is_empty() || name.is_empty() {
        return Err(wrong());
    }
    if number.trim_start_matches('0').len() > DIGITS_MAX {
        return Err(FileError::Number { file: file.to_owned() });
    }
    let version = number.parse().map_err(|_| FileError::Number { file: file.to_owned() })?;
    Ok((version, name.to_owned()))
}

fn decode(file: &str, bytes: Vec<u8>) -> Result<String, FileError> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..good].split(|byte| *byte == b'\n').count();
        FileError::Encoding { file: file.to_owned(), line }
    })?;
    match text.find('\0') {
        Some(at) => Err(FileError::Encoding { file: file.to_owned(), line: text[..at].matches('\n').count() + 1 }),
        None => Ok(text),
    }
}

fn checksum(text: &str) -> String {
    let mut hash = Sha256::new();
    for (index, line) in text.split("\r\n").enumerate() {
        if index > 0 {
            hash.update(b"\n");
        }
        hash.update(line.as_bytes());
    }
    hex(&hash.finalize())
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_a_number_an_underscore_and_words() {
        for (file, want) in [
            ("0001_schema.sql", Some((1, "schema"))),
            ("20260131_add_users.sql", Some((20_260_131, "add_users"))),
            ("20260131120000_x.SQL", Some((20_260_131_120_000, "x"))),
            ("12-x.sql", Some((12, "x"))),
            ("000000000000000000000000000001_x.sql", Some((1, "x"))),
            ("schema.sql", None),
            ("0001.sql", None),
            ("0001_.sql", None),
            ("_x.sql", None),
            (".sql", None),
            ("1234567890123456789_x.sql", None),
        ] {
            let got = parse_name(file).ok();
            assert_eq!(got.as_ref().map(|(version, name)| (*version, name.as_str())), want, "{file}");
        }
    }

    #[test]
    fn the_order_is_that_of_the_numbers_and_mixing_is_said() {
        let files =
            ["20260131_c.sql", "0002_b.sql", "10_x.sql", "0001_a.sql"].map(|name| File::new(name, "select 1").unwrap());
        let folder = arrange(files.to_vec()).unwrap();
        let order: Vec<&str> = folder.files.iter().map(|file| file.file.as_str()).collect();
        assert_eq!(order, ["0001_a.sql", "0002_b.sql", "10_x.sql", "20260131_c.sql"]);
        assert_eq!(folder.notices.len(), 1);
        assert!(folder.notices[0].contains("mixed"), "{}", folder.notices[0]);
    }

    #[test]
    fn two_files_of_one_number_are_refused_by_name() {
        let files = ["0001_a.sql", "1_b.sql"].map(|name| File::new(name, "").unwrap());
        let error = arrange(files.to_vec()).unwrap_err();
        assert_eq!(error, FileError::Duplicate { first: "0001_a.sql".to_owned(), second: "1_b.sql".to_owned() });
    }

    #[test]
    fn line_ends_do_not_change_a_checksum_and_everything_else_does() {
        let sum = |text: &str| File::new("1_a.sql", text).unwrap().checksum;
        assert_eq!(sum("select 1;\nselect 2;\n"), sum("select 1;\r\nselect 2;\r\n"));
        assert_ne!(sum("select 1;\n"), sum("select 1;"));
        assert_ne!(sum("a\rb"), sum("a\nb"));
        assert_eq!(sum(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn what_is_not_utf8_is_refused_with_its_line() {
        assert_eq!(
            decode("x.sql", b"a\nb\xff".to_vec()).unwrap_err(),
            FileError::Encoding { file: "x.sql".to_owned(), line: 2 }
        );
        assert_eq!(
            decode("x.sql", b"a\0".to_vec()).unwrap_err(),
            FileError::Encoding { file: "x.sql".to_owned(), line: 1 }
        );
    }

    #[test]
    fn a_missing_folder_is_fine_and_said() {
        let folder = discover(Path::new("no such folder")).unwrap();
        assert!(folder.files.is_empty());
        assert!(folder.notices[0].contains("no migrations folder"), "{}", folder.notices[0]);
    }
}
