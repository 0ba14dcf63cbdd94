//! Reading settings from their sources.

use std::fmt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::field::{Kind, Value};
use super::keys::{KEYS, Key, PREFIX, SECTIONS};
use super::{DATA_DIR, FILE, Settings, validate};

/// An app folder with its settings.
#[derive(Clone, Debug)]
pub struct App {
    /// The folder.
    pub folder: PathBuf,
    /// The settings.
    pub settings: Settings,
    /// Where the value of each key of [`KEYS`] comes from, in the same order.
    pub origins: Vec<Origin>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// This line of `mainstay.toml`.
    File(usize),
    /// This variable.
    Variable(String),
    /// This flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(line) => write!(f, "{FILE}:{line}"),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// Something wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub at: Origin,
    /// What, and what to do.
    pub text: String,
}

/// Everything wrong with the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            match &problem.at {
                Origin::Default => f.write_str(&problem.text)?,
                at => write!(f, "{at}: {}", problem.text)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// What is laid over the file: the environment, and the flags of a command as (flag, key, text).
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Variables; those that are not ours are passed over.
    pub variables: Vec<(String, String)>,
    /// Flags that were given.
    pub flags: Vec<(&'static str, &'static str, String)>,
}

impl Source {
    /// The environment of the process.
    pub fn environment() -> Self {
        let texts =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self { variables: texts.filter(|(name, _)| name.starts_with(PREFIX)).collect(), flags: Vec::new() }
    }

    /// With a flag, if it was given.
    #[must_use]
    pub fn flag(mut self, flag: &'static str, key: &'static str, text: Option<String>) -> Self {
        self.flags.extend(text.map(|text| (flag, key, text)));
        self
    }
}

/// Reads the settings of an app. All that is wrong is told at once.
pub fn load(folder: &Path, source: &Source) -> Result<App, Problems> {
    let mut found =
        Found { settings: Settings::default(), origins: vec![Origin::Default; KEYS.len()], problems: Vec::new() };
    if !folder.is_dir() {
        let text = format!(
            "{}: there is no such folder. `mainstay new {}` makes one with an app to begin with.",
            folder.display(),
            folder.display()
        );
        return Err(Problems(vec![Problem { at: Origin::Default, text }]));
    }
    match std::fs::read_to_string(folder.join(FILE)) {
        Ok(text) => found.file(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => found.problem(Origin::Default, format!("{FILE} cannot be read: {error}")),
    }
    for (name, value) in &source.variables {
        found.variable(name, value);
    }
    for (flag, key, text) in &source.flags {
        if let Some(index) = KEYS.iter().position(|known| known.name == *key) {
            found.text(index, Origin::Flag(flag), text);
        }
    }
    found.finish(folder)
}

impl App {
    /// The folder for the database and the secret.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join(self.settings.store.data_dir.as_deref().unwrap_or(DATA_DIR))
    }

    /// The app's name: that of its folder.
    pub fn name(&self) -> String {
        let folder = self.folder.canonicalize().unwrap_or_else(|_| self.folder.clone());
        folder.file_name().map_or_else(|| "app".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// Settings as given, for a house that is started from code.
    pub fn of(folder: &Path, settings: Settings) -> Self {
        Self { folder: folder.to_owned(), settings, origins: vec![Origin::Default; KEYS.len()] }
    }
}

struct Found {
    settings: Settings,
    origins: Vec<Origin>,
    problems: Vec<Problem>,
}

impl Found {
    fn problem(&mut self, at: Origin, text: impl Into<String>) {
        self.problems.push(Problem { at, text: text.into() });
    }

    fn file(&mut self, text: &str) {
        let line = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
        let document = match DeTable::parse(text) {
            Ok(document) => document,
            Err(error) => {
                let at = error.span().map_or(Origin::Default, |span| Origin::File(line(span.start)));
                return self.problem(at, error.message().trim_end());
            }
        };
        for (section, value) in document.get_ref() {
            let at = Origin::File(line(section.span().start));
            let name: &str = section.get_ref();
            let Some(table) = value.get_ref().as_table().filter(|_| SECTIONS.iter().any(|(known, _)| *known == name))
            else {
                let known = SECTIONS.iter().map(|(known, _)| *known);
                let whole = KEYS.iter().find(|key| key.parts().1 == name).map(|key| {
                    let (section, key) = key.parts();
                    format!(" Did you mean {key} in [{section}]?")
                });
                let near = whole.or_else(|| nearest(name, known).map(|near| format!(" Did you mean [{near}]?")));
                let what = if value.get_ref().as_table().is_some() { "section" } else { "key" };
                self.problem(at, format!("unknown {what} {name}.{}", near.unwrap_or_default()));
                continue;
            };
            for (key, value) in table {
                let at = Origin::File(line(key.span().start));
                let full = format!("{name}.{}", key.get_ref());
                match KEYS.iter().position(|known| known.name == full) {
                    Some(index) => self.value(index, at, value),
                    None => self.unknown(at, &full, &full, |key| key.name.to_owned()),
                }
            }
        }
    }

    fn value(&mut self, index: usize, at: Origin, value: &Spanned<DeValue<'_>>) {
        let wanted = (KEYS[index].field)(&mut self.settings).kind();
        match from_toml(value.get_ref()) {
            Some(value) => self.set(index, at, value),
            None => self.problem(at, format!("{} takes {}", KEYS[index].name, wanted.wanted())),
        }
    }

    fn variable(&mut self, name: &str, value: &str) {
        let Some(rest) = name.strip_prefix(PREFIX) else { return };
        // Others of our variables (for tests, for tools) have no section.
        if !rest.contains("__") {
            return;
        }
        let full = rest.replacen("__", ".", 1).to_lowercase();
        let at = Origin::Variable(name.to_owned());
        match KEYS.iter().position(|known| known.name == full) {
            Some(index) => self.text(index, at, value),
            None => self.unknown(at, name, &full, Key::variable),
        }
    }

    fn unknown(&mut self, at: Origin, shown: &str, full: &str, show: impl Fn(&Key) -> String) {
        let own = full.split_once('.').map_or(full, |(_, own)| own);
        let near = nearest(full, KEYS.iter().map(|key| key.name)).map(str::to_owned).or_else(|| {
            let moved = KEYS.iter().find(|key| key.parts().1 == own);
            moved.map(|key| key.name.to_owned())
        });
        let near = near.and_then(|near| KEYS.iter().find(|key| key.name == near));
        let hint = near.map_or_else(
            || " `mainstay config show` lists all keys.".to_owned(),
            |key| format!(" Did you mean {}?", show(key)),
        );
        self.problem(at, format!("unknown key {shown}.{hint}"));
    }

    fn text(&mut self, index: usize, at: Origin, text: &str) {
        let kind = (KEYS[index].field)(&mut self.settings).kind();
        match Value::read(kind, text) {
            Ok(value) => self.set(index, at, value),
            Err(wanted) => self.problem(at, format!("{} takes {wanted}", KEYS[index].name)),
        }
    }

    fn set(&mut self, index: usize, at: Origin, value: Value) {
        let key = &KEYS[index];
        if let (Value::Whole(number), Some(bounds)) = (&value, &key.bounds)
            && !bounds.contains(number)
        {
            let text = format!("{} must be between {} and {}, and is {number}", key.name, bounds.start(), bounds.end());
            return self.problem(at, text);
        }
        match (key.field)(&mut self.settings).set(value) {
            Ok(()) => self.origins[index] = at,
            Err(wanted) => self.problem(at, format!("{} takes {wanted}", key.name)),
        }
    }

    fn finish(mut self, folder: &Path) -> Result<App, Problems> {
        for (key, text) in validate::validate(&self.settings) {
            let at =
                KEYS.iter().position(|known| known.name == key).map_or(Origin::Default, |at| self.origins[at].clone());
            self.problem(at, text);
        }
        if !self.problems.is_empty() {
            return Err(Problems(self.problems));
        }
        Ok(App { folder: folder.to_owned(), settings: self.settings, origins: self.origins })
    }
}

fn from_toml(value: &DeValue<'_>) -> Option<Value> {
    if let Some(text) = value.as_str() {
        return Some(Value::Text(text.to_owned()));
    }
    if let Some(number) = value.as_integer() {
        return u64::from_str_radix(number.as_str(), number.radix()).ok().map(Value::Whole);
    }
    if let Some(flag) = value.as_bool() {
        return Some(Value::Flag(flag));
    }
    let texts = value.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
    texts.collect::<Option<Vec<_>>>().map(Value::List)
}

/// The known name that the given one was probably meant to be.
fn nearest<'k>(given: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let close = given.chars().count() / 3 + 1;
    known.map(|name| (distance(given, name), name)).filter(|(far, _)| *far <= close).min().map(|(_, name)| name)
}

/// How many characters must be inserted, removed or changed to make one text of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The kinds of all keys, for the documentation.
pub(super) fn kind_of(key: &Key) -> Kind {
    (key.field)(&mut Settings::default()).kind()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str, variables: &[(&str, &str)]) -> Result<App, String> {
        let mut found =
            Found { settings: Settings::default(), origins: vec![Origin::Default; KEYS.len()], problems: Vec::new() };
        found.file(file);
        for (name, value) in variables {
            found.variable(name, value);
        }
        found.finish(Path::new(".")).map_err(|problems| problems.to_string())
    }

    #[test]
    fn what_is_wrong_names_its_place_and_what_was_meant() {
        for (file, variables, want) in [
            ("[server]\nlisten = \"x:1\"\n", vec![], ""),
            ("[sever]\nlisten = \"x:1\"", vec![], "mainstay.toml:1: unknown section sever. Did you mean [server]?"),
            ("\n[data]\nmaxrows = 3", vec![], "mainstay.toml:3: unknown key data.maxrows. Did you mean data.max_rows?"),
            ("[data]\nlisten = 'x'", vec![], "mainstay.toml:2: unknown key data.listen. Did you mean server.listen?"),
            (
                "[data]\nzzzzzzzzzzzzz = 1",
                vec![],
                "mainstay.toml:2: unknown key data.zzzzzzzzzzzzz. `mainstay config show` lists all keys.",
            ),
            ("listen = 'x'", vec![], "mainstay.toml:1: unknown key listen. Did you mean listen in [server]?"),
            ("[data]\nmax_rows = 'many'", vec![], "mainstay.toml:2: data.max_rows takes a whole number"),
            (
                "[data]\nmax_rows = 0",
                vec![],
                "mainstay.toml:2: data.max_rows must be between 1 and 9223372036854775807, and is 0",
            ),
            ("[data]\nmax_rows = -1", vec![], "mainstay.toml:2: data.max_rows takes a whole number"),
            (
                "[data]\ntx_end = 'never'",
                vec![],
                "mainstay.toml:2: data.tx_end takes commit | commit-allow-override | rollback | rollback-allow-override",
            ),
            ("[data]\nplan = 1", vec![], "mainstay.toml:2: data.plan takes true or false"),
            ("[data]\nschemas = [1]", vec![], "mainstay.toml:2: data.schemas takes a list of texts"),
            (
                "[data]\npre_request = 'check()'",
                vec![],
                "mainstay.toml:2: data.pre_request must be the name of a function, such as public.check_request",
            ),
            (
                "",
                vec![("MAINSTAY_DATA__MAXROWS", "1")],
                "MAINSTAY_DATA__MAXROWS: unknown key MAINSTAY_DATA__MAXROWS. Did you mean MAINSTAY_DATA__MAX_ROWS?",
            ),
            ("", vec![("MAINSTAY_DATA__PLAN", "perhaps")], "MAINSTAY_DATA__PLAN: data.plan takes true or false"),
            ("", vec![("MAINSTAY_TEST_POSTGRES", "x"), ("OTHER__KEY", "x")], ""),
            (
                "[auth]\njwt_secret = 'short'",
                vec![],
                "mainstay.toml:2: auth.jwt_secret: the JWT secret must have at least 32 bytes, it has 5",
            ),
        ] {
            assert_eq!(read(file, &variables).err().unwrap_or_default(), want, "{file} {variables:?}");
        }
    }

    #[test]
    fn a_broken_file_names_its_line() {
        let error = read("[server]\nlisten = \n", &[]).unwrap_err();
        assert!(error.starts_with("mainstay.toml:2: "), "{error}");
    }

    #[test]
    fn the_environment_wins_over_the_file_and_every_value_knows_its_origin() {
        let app = read(
            "[data]\nmax_rows = 10\nschemas = 'api'\n[server]\nlisten = 'a:1'",
            &[("MAINSTAY_DATA__MAX_ROWS", "20"), ("MAINSTAY_DATA__EXTRA_SEARCH_PATH", "public, extensions")],
        )
        .unwrap();
        let origin = |name: &str| app.origins[KEYS.iter().position(|key| key.name == name).unwrap()].to_string();
        assert_eq!(app.settings.data.max_rows, Some(20));
        assert_eq!(app.settings.data.schemas, ["api"]);
        assert_eq!(app.settings.data.extra_search_path, ["public", "extensions"]);
        assert_eq!(origin("data.max_rows"), "MAINSTAY_DATA__MAX_ROWS");
        assert_eq!(origin("data.schemas"), "mainstay.toml:3");
        assert_eq!(origin("log.level"), "default");
    }

    #[test]
    fn distances_are_counted_in_edits() {
        for (a, b, want) in
            [("", "", 0), ("abc", "abc", 0), ("abc", "", 3), ("sever", "server", 1), ("max_row", "max_rows", 1)]
        {
            assert_eq!(distance(a, b), want, "{a} {b}");
        }
    }
}
