//! The keys of an app: what verifies tokens, and the two tokens the house issues itself.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use crypto::{CachedVerifier, ClaimPath, KeySet, Verifier, random_secret, secret_bytes, sign_hs256};
use kernel::{Secret, SystemRandom};
use serde_json::{Map, json};

use crate::config::App;

/// The name of the file in the data folder that keeps a generated secret.
pub const SECRET_FILE: &str = "secret";

/// When the house's own tokens end: the first second of the year 2100. Fixed, so that the same secret always gives the same keys.
const EXP: i64 = 4_102_444_800;

/// The role that may do everything.
pub const SERVICE_ROLE: &str = "service_role";

/// The tokens that an app hands to its clients. All absent when only public keys are configured: then somebody else signs.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// For clients that have not signed in; public by nature.
    pub anon: Option<String>,
    /// May do everything; for servers only.
    pub service: Option<Secret<String>>,
    /// What signs both, as `auth.jwt_secret` would have it.
    pub secret: Option<Secret<String>>,
}

/// Why the keys cannot be had.
#[derive(Debug)]
pub enum KeysError {
    /// The data folder or the secret in it cannot be read or written.
    Folder(String),
    /// What was found or configured is no key.
    Key(String),
}

impl std::fmt::Display for KeysError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(text) | Self::Key(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for KeysError {}

impl Keys {
    /// The keys of an app: from its configuration, else from the secret in its data folder, which is made at the first start.
    pub fn of(app: &App) -> Result<Self, KeysError> {
        let auth = &app.settings.auth;
        if auth.jwks.is_some() {
            return Ok(Self::default());
        }
        match &auth.jwt_secret {
            Some(secret) if secret.expose().trim_start().starts_with('{') => Ok(Self::default()),
            Some(secret) => Self::signed_with(secret.clone(), auth.jwt_secret_is_base64, &auth.anon_role),
            None => Self::signed_with(generated(&app.data_dir(), SECRET_FILE)?, false, &auth.anon_role),
        }
    }

    fn signed_with(secret: Secret<String>, is_base64: bool, anon_role: &str) -> Result<Self, KeysError> {
        let bytes = secret_bytes(secret.expose(), is_base64).map_err(|error| KeysError::Key(error.to_string()))?;
        let token = |role: &str| {
            let claims = Map::from_iter([
                ("iss".to_owned(), json!("mainstay")),
                ("role".to_owned(), json!(role)),
                ("exp".to_owned(), json!(EXP)),
            ]);
            sign_hs256(&claims, &bytes)
        };
        Ok(Self {
            anon: (!anon_role.is_empty()).then(|| token(anon_role)),
            service: Some(Secret::new(token(SERVICE_ROLE))),
            secret: Some(secret),
        })
    }

    /// What judges tokens.
    pub fn verifier<T>(&self, app: &App) -> Result<CachedVerifier<T>, KeysError> {
        let auth = &app.settings.auth;
        let wrong = |error: crypto::KeyError| KeysError::Key(error.to_string());
        let configured = auth.jwks.as_ref().or(auth.jwt_secret.as_ref());
        let set = match (configured, &self.secret) {
            (Some(keys), _) => KeySet::parse(keys.expose(), auth.jwt_secret_is_base64),
            (None, Some(secret)) => KeySet::parse(secret.expose(), false),
            (None, None) => return Err(KeysError::Key("there is no key to verify tokens with".to_owned())),
        };
        let role: ClaimPath = auth.jwt_role_claim_key.parse().map_err(wrong)?;
        let verifier = Verifier::new(set.map_err(wrong)?, auth.jwt_aud.clone(), role);
        Ok(CachedVerifier::new(verifier, usize::try_from(auth.jwt_cache_max).unwrap_or(usize::MAX)))
    }
}

/// Makes the data folder, readable by its owner only.
pub fn make_data_dir(folder: &Path) -> Result<(), KeysError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        KeysError::Folder(format!(
            "the data folder {} cannot be made: {error}. Choose another with --data-dir or store.data_dir.",
            folder.display()
        ))
    })
}

/// A secret of the data folder, made when it is not there. Two processes that start at once agree on one.
pub(crate) fn generated(folder: &Path, name: &str) -> Result<Secret<String>, KeysError> {
    let path = folder.join(name);
    let failed = |error: io::Error| KeysError::Folder(format!("the secret {} cannot be kept: {error}", path.display()));
    match read(&path) {
        Ok(secret) => return Ok(secret),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    make_data_dir(folder)?;
    // Written beside and linked into place whole: whoever comes second finds the first one's secret, never half of it.
    let beside = folder.join(format!("{name}.{}", std::process::id()));
    let linked = write(&beside, random_secret(&SystemRandom).expose()).and_then(|()| fs::hard_link(&beside, &path));
    fs::remove_file(&beside).ok();
    match linked {
        Ok(()) => File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    read(&path).map_err(failed)
}

fn write(path: &Path, secret: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    writeln!(file, "{secret}")?;
    file.sync_all()
}

fn read(path: &Path) -> io::Result<Secret<String>> {
    fs::read_to_string(path).map(|text| Secret::new(text.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use kernel::Micros;
    use std::os::unix::fs::PermissionsExt as _;

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("mainstay-keys-{name}-{}", std::process::id()));
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_secret_is_made_once_and_is_nobody_elses_to_read() {
        let folder = folder("made");
        let app = App::of(&folder, Settings::default());
        let (first, second) = (Keys::of(&app).unwrap(), Keys::of(&app).unwrap());
        assert_eq!(first.anon, second.anon);
        assert_ne!(first.anon.as_deref(), first.service.as_ref().map(|key| key.expose().as_str()));
        let path = app.data_dir().join(SECRET_FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(app.data_dir()).unwrap().count(), 1);
        let claims =
            first.verifier(&app).unwrap().verify(&first.anon.unwrap(), Micros::from_secs(1_800_000_000)).unwrap();
        assert_eq!(claims.role.as_deref(), Some("anon"));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn configured_keys_leave_no_trace_in_the_data_folder() {
        let folder = folder("configured");
        for (secret, jwks, issues) in [
            (Some("a secret that is long enough for all"), None, true),
            (
                Some(
                    r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#,
                ),
                None,
                false,
            ),
            (
                None,
                Some(r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#),
                false,
            ),
        ] {
            let mut settings = Settings::default();
            settings.auth.jwt_secret = secret.map(|text| Secret::new(text.to_owned()));
            settings.auth.jwks = jwks.map(|text: &str| Secret::new(text.to_owned()));
            let app = App::of(&folder, settings);
            let keys = Keys::of(&app).unwrap();
            assert_eq!(keys.service.is_some(), issues);
            assert!(keys.verifier::<crypto::Claims>(&app).is_ok());
            assert!(!app.data_dir().exists());
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
