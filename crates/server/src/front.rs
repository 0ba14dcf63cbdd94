//! What answers under `/rest/v1`, as the settings want it. It can be exchanged while requests are answered: a request keeps what it began with.

use std::sync::Arc;

use arc_swap::ArcSwap;
use data::Data;
use data::request::Verbosity;
use kernel::Clock;
use store::Store;

use crate::caller::Gate;
use crate::config::App;
use crate::config::keys::KEYS;
use crate::failure::Failure;
use crate::house::data_config;
use crate::keys::Keys;

/// The data room and who may enter it.
pub struct Desk {
    /// The dialect.
    pub data: Arc<Data>,
    /// Who asks.
    pub gate: Gate,
    /// How much errors tell.
    pub verbosity: Verbosity,
}

impl Desk {
    /// As the app's settings want it, over a store. Fails when these settings cannot be followed.
    pub async fn open(app: &App, store: Arc<Store>, keys: &Keys, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let config = data_config(&app.settings);
        let verbosity = if config.terse_errors { Verbosity::Minimal } else { Verbosity::Verbose };
        let data = Arc::new(Data::new(store, config));
        data.check().await.map_err(|error| Failure::Database(format!("data.pre_request: {}", error.message)))?;
        Ok(Self { data, gate: Gate::new(keys.verifier(app)?, &app.settings.auth.anon_role, clock), verbosity })
    }
}

/// The desk that is open now.
pub struct Front(ArcSwap<Desk>);

impl Front {
    /// Opens with this desk.
    pub fn new(desk: Desk) -> Self {
        Self(ArcSwap::from_pointee(desk))
    }

    /// The desk for a request that begins.
    pub fn desk(&self) -> Arc<Desk> {
        self.0.load_full()
    }

    /// Requests that begin from now on go to another desk.
    pub fn exchange(&self, desk: Desk) {
        self.0.store(Arc::new(desk));
    }
}

/// The settings that differ and are read at start only.
pub fn at_start_only(old: &App, new: &App) -> Vec<&'static str> {
    let (mut old, mut new) = (old.settings.clone(), new.settings.clone());
    let reloaded = |name: &str| name.starts_with("data.") || name.starts_with("auth.");
    KEYS.iter()
        .filter(|key| !reloaded(key.name) && (key.field)(&mut old).get() != (key.field)(&mut new).get())
        .map(|key| key.name)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Settings;

    #[test]
    fn what_a_reload_cannot_change_is_named() {
        let old = App::of(Path::new("."), Settings::default());
        let mut settings = Settings::default();
        settings.data.aggregates = true;
        settings.auth.anon_role = "guest".to_owned();
        settings.server.listen = "127.0.0.1:1".to_owned();
        settings.log.level = "debug".to_owned();
        let new = App::of(Path::new("."), settings);
        assert_eq!(at_start_only(&old, &new), ["server.listen", "log.level"]);
    }
}
