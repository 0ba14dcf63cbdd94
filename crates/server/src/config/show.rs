//! Settings for people, for machines, and as a page of documentation.

use std::fmt::Write as _;

use serde_json::json;

use super::field::{Kind, Value};
use super::keys::{KEYS, Key, SECTIONS};
use super::load::{App, kind_of};
use super::{DATA_DIR, FILE, Settings};

/// What stands for a secret.
const REDACTED: &str = "[redacted]";

fn shown(key: &Key, settings: &mut Settings) -> Value {
    match (key.field)(settings).get() {
        Value::None => Value::None,
        _ if key.secret => Value::Text(REDACTED.to_owned()),
        value => value,
    }
}

/// All settings as a TOML file, each with its origin; secrets are redacted.
pub fn text(app: &App) -> String {
    let mut settings = app.settings.clone();
    let mut out = String::new();
    let mut section = "";
    for (key, origin) in KEYS.iter().zip(&app.origins) {
        let (its, name) = key.parts();
        if its != section {
            let _ = writeln!(out, "{}[{its}]", if section.is_empty() { "" } else { "\n" });
            section = its;
        }
        let line = match shown(key, &mut settings) {
            Value::None => format!("# {name} is not set"),
            value => format!("{name} = {}", value.to_toml()),
        };
        let _ = writeln!(out, "{line:<48}  # {origin}");
    }
    out
}

/// All settings as a JSON object `{"section.key": {"value", "origin", "secret"}}`; secrets are redacted.
pub fn json(app: &App) -> String {
    let mut settings = app.settings.clone();
    let mut all = serde_json::Map::new();
    for (key, origin) in KEYS.iter().zip(&app.origins) {
        let value = shown(key, &mut settings).to_json();
        all.insert(key.name.to_owned(), json!({"value": value, "origin": origin.to_string(), "secret": key.secret}));
    }
    format!("{:#}", serde_json::Value::Object(all))
}

/// `docs/configuration.md`.
pub fn documentation() -> String {
    let mut out = format!(
        "# Configuration\n\n\
         Every setting has a good default. A setting comes from, later winning: its default, `{FILE}` in the app's folder, the\n\
         environment, a flag of the command. `mainstay config show <app>` prints every value with its origin, `mainstay config check\n\
         <app>` says what is wrong. An unknown key is an error.\n\n\
         The variable of a key is `MAINSTAY_` + section + `__` + key in capitals: `data.max_rows` is `MAINSTAY_DATA__MAX_ROWS`. Lists are\n\
         separated by commas there. An empty variable unsets an optional setting. The data folder is `{DATA_DIR}` in the app's folder\n\
         unless `store.data_dir` says otherwise.\n\n\
         A running server reads `[data]` and `[auth]` again when it gets `SIGUSR2`, or `notify pgrst, 'reload config'` from PostgreSQL; what\n\
         is wrong then is logged and changes nothing. All else needs a new start.\n\n\
         This page is generated from the table of keys by `mainstay config docs`; a test keeps it current.\n"
    );
    let mut defaults = Settings::default();
    for (section, about) in SECTIONS {
        let _ =
            write!(out, "\n## `[{section}]`\n\n{about}\n\n| Key | Takes | Default | Meaning |\n|---|---|---|---|\n");
        for key in KEYS.iter().filter(|key| key.parts().0 == *section) {
            let default = match (key.field)(&mut defaults).get() {
                Value::None => "not set".to_owned(),
                value => format!("`{}`", value.to_toml()),
            };
            let takes = match (kind_of(key), &key.bounds) {
                (Kind::Whole, Some(bounds)) => format!("whole number, {} to {}", bounds.start(), bounds.end()),
                (Kind::Choice(words), _) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
                (kind, _) => kind.wanted(),
            };
            let _ = writeln!(out, "| `{}` | {takes} | {default} | {} |", key.parts().1, key.doc);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Secret;
    use std::path::Path;

    #[test]
    fn the_page_of_the_documentation_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == documentation(),
            "docs/configuration.md is stale: run `mainstay config docs > docs/configuration.md`"
        );
    }

    #[test]
    fn secrets_are_redacted_and_everything_else_is_shown() {
        let mut settings = Settings::default();
        settings.auth.jwt_secret = Some(Secret::new("hunter2hunter2hunter2hunter2hunter2".to_owned()));
        settings.store.url = Some(Secret::new("postgres://u:hunter2@h/d".to_owned()));
        let app = App::of(Path::new("."), settings);
        for page in [text(&app), json(&app)] {
            assert!(!page.contains("hunter2"), "{page}");
            assert_eq!(page.matches(REDACTED).count(), 2, "{page}");
        }
        let read: toml::Table = text(&app).parse().unwrap();
        assert_eq!(read["limits"]["headers_max"].as_integer(), Some(100));
        let read: serde_json::Value = serde_json::from_str(&json(&app)).unwrap();
        assert_eq!(read["server.listen"]["origin"], "default");
    }

    #[test]
    fn keys_are_unique_and_belong_to_known_sections() {
        let mut names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KEYS.len());
        assert!(KEYS.iter().all(|key| SECTIONS.iter().any(|(section, _)| *section == key.parts().0)));
    }
}
