//! PostgreSQL's server programs on the machine: the tests start a cluster of their own from them (`testkit::postgres`).

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::say;

/// Installs the server programs when they are missing and no server is named in the environment.
pub(crate) fn provide() -> Result<(), String> {
    if std::env::var_os("MAINSTAY_TEST_POSTGRES").is_some() || installed() {
        return Ok(());
    }
    say("PostgreSQL's server programs are missing: installing Debian's package `postgresql` with apt-get\n");
    apt(&["update"])?;
    apt(&["install", "--yes", "--no-install-recommends", "postgresql"])?;
    if installed() {
        Ok(())
    } else {
        Err("PostgreSQL was installed, and `initdb` is not where it should be".to_owned())
    }
}

/// Whether `initdb` and `pg_ctl` are on the PATH, or where Debian puts them.
fn installed() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let mut folders = std::env::split_paths(&path).chain(debian);
    folders.any(|folder: PathBuf| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file())
}

fn apt(arguments: &[&str]) -> Result<(), String> {
    let root = std::fs::metadata("/proc/self").is_ok_and(|found| found.uid() == 0);
    let mut command = if root {
        Command::new("apt-get")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["--non-interactive", "--preserve-env=DEBIAN_FRONTEND", "apt-get"]);
        sudo
    };
    let done = command.arg("--quiet").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status();
    match done {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!(
            "apt-get {} did not work: install PostgreSQL by hand, or name a server's superuser in \
             MAINSTAY_TEST_POSTGRES=postgres://user:password@host/postgres",
            arguments.join(" ")
        )),
    }
}
