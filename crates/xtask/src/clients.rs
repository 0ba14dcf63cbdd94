//! `cargo x clients`: real clients from their registries against the server on both engines.
//!
//! Not a part of `cargo x test`: that would make every run of the tests depend on Node, on Python and on two more package registries, to
//! learn what the cases in `clients.case` (what these clients send, recorded) tell without them. Whoever changes the dialect runs it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::house::root;
use crate::say;

/// Installs the pinned clients and runs their scripts. False when a check failed.
pub(crate) fn run() -> Result<bool, String> {
    let tools = root().join("tools/clients");
    let home = root().join("target/clients");
    let (node, python) = (home.join("node"), home.join("python"));
    for folder in [&node, &python] {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    for name in ["package.json", "supabase.mjs", "events.mjs"] {
        fs::copy(tools.join(name), node.join(name)).map_err(|error| format!("{name}: {error}"))?;
    }
    crate::postgres::provide()?;
    say("installing supabase-js and the CloudEvents SDK from npm\n");
    done("npm", "apt-get install nodejs npm", &["install", "--no-audit", "--no-fund", "--silent"], &node)?;
    let (wanted, target) = (text(&tools.join("requirements.txt")), text(&python));
    say("installing postgrest-py and the CloudEvents SDK from PyPI\n");
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--upgrade",
        "--target",
        &target,
        "-r",
        &wanted,
    ];
    done("python3", "apt-get install python3-pip", &pip, &home)?;
    let status = Command::new("cargo")
        .args([
            "test",
            "--package",
            "server",
            "--features",
            "clients",
            "--test",
            "clients",
            "--",
            "--nocapture",
            "--test-threads=1",
        ])
        .current_dir(root())
        .env("MAINSTAY_CLIENTS", &home)
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    Ok(status.success())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Runs a program that must end well.
fn done(program: &str, install: &str, arguments: &[&str], folder: &Path) -> Result<(), String> {
    let status = Command::new(program).args(arguments).current_dir(folder).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} {}: {status}", arguments.join(" "))),
        Err(error) => Err(format!("{program}: {error} ({install})")),
    }
}
