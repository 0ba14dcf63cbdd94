//! A server that speaks TLS, with a certificate made for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::Home;

/// A server of a test's own that speaks TLS. Its certificate is made out to `localhost` and signed by a signer of its own.
#[derive(Debug)]
pub struct Encrypted {
    home: Home,
    url: String,
}

impl Encrypted {
    /// Starts one; it ends with this value.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("mainstay-test-tls-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let home = Home::at(std::env::temp_dir().join(name), true);
        let url = home.start().unwrap_or_else(|error| panic!("cannot start PostgreSQL with TLS: {error}"));
        Self { home, url }
    }

    /// The superuser's URL, without a word about TLS; the host is `127.0.0.1`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file with the signer's certificate.
    pub fn signer(&self) -> PathBuf {
        self.home.folder.join("signer.crt")
    }

    /// The file with the server's own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.home.folder.join("server.crt")
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        self.home.stop();
        // What is left over lies in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.home.folder);
    }
}

impl Home {
    /// Makes a signer and a certificate, and tells the server to use it.
    pub(super) fn encrypt(&self, data: &Path) -> Result<(), String> {
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        let signer = ["-keyout", "signer.key", "-out", "signer.crt", "-days", "30", "-subj", "/CN=signer"];
        self.openssl(&[&["req", "-x509"][..], &key, &signer].concat())?;
        let request = ["-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server"];
        self.openssl(&[&["req"][..], &key, &request].concat())?;
        let written = fs::write(self.folder.join("names"), "subjectAltName=DNS:localhost\n");
        written.map_err(|error| error.to_string())?;
        let sign = ["-CA", "signer.crt", "-CAkey", "signer.key", "-CAcreateserial", "-days", "30", "-extfile", "names"];
        self.openssl(&[&["x509", "-req", "-in", "server.csr", "-out", "server.crt"][..], &sign].concat())?;
        for name in ["server.crt", "server.key"] {
            let text = fs::read_to_string(self.folder.join(name)).map_err(|error| error.to_string())?;
            let place = data.join(name);
            super::write_secret(&place, &text)?;
            if let Some((user, group)) = self.server_user {
                std::os::unix::fs::chown(&place, Some(user), Some(group)).map_err(|error| error.to_string())?;
            }
        }
        let settings = data.join("postgresql.conf");
        let text = fs::read_to_string(&settings).map_err(|error| error.to_string())?;
        fs::write(&settings, text + "ssl = on\n").map_err(|error| error.to_string())
    }

    fn openssl(&self, words: &[&str]) -> Result<(), String> {
        let mut command = Command::new("openssl");
        let done = command.args(words).current_dir(&self.folder).stdin(Stdio::null()).output();
        let done = done.map_err(|error| format!("cannot run openssl: {error}"))?;
        if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
    }
}
