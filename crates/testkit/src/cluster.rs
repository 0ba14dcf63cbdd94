//! A PostgreSQL of a test's own, to be stopped and started under somebody's feet. It flushes what it commits, unlike the shared one.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::folder::Folder;
use crate::postgres::{INSTALL, find_programs, free_port, server_user};

/// A server in a folder of its own, stopped and removed with this value.
#[derive(Debug)]
pub struct Cluster {
    folder: Folder,
    programs: PathBuf,
    port: u16,
    /// Who it runs as, when we are root: it refuses to run as root.
    user: Option<(u32, u32)>,
}

impl Cluster {
    /// Makes one and starts it.
    ///
    /// # Panics
    /// When the server's programs are missing or refuse; the message says what to install.
    pub fn start() -> Self {
        let folder = Folder::new();
        let user = server_user();
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group)).expect("root may give a folder away");
        }
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).expect("our own folder");
        let programs = find_programs().unwrap_or_else(|| panic!("{INSTALL}"));
        let port = free_port().expect("the loopback has a free port");
        let cluster = Self { folder, programs, port, user };
        let data = cluster.data();
        cluster.program("initdb", &["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "-D", &data]);
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nfsync = on\nsynchronous_commit = on\n"
        );
        std::fs::write(cluster.folder.join("data/postgresql.auto.conf"), settings).expect("the cluster's own folder");
        cluster.up();
        cluster
    }

    /// The superuser's URL; it stays the same over stops and starts.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it again and waits until it answers.
    pub fn up(&self) {
        let log = self.folder.join("server.log");
        self.control(&["-l", &log.to_string_lossy(), "-w", "-t", "60", "start"]);
    }

    /// Stops it as an operator does: connections are ended, nothing is lost.
    pub fn stop(&self) {
        self.control(&["-m", "fast", "-w", "stop"]);
    }

    /// Stops it as a crash does: it recovers at its next start.
    pub fn crash(&self) {
        self.control(&["-m", "immediate", "-w", "stop"]);
    }

    fn data(&self) -> String {
        self.folder.join("data").to_string_lossy().into_owned()
    }

    fn control(&self, words: &[&str]) {
        let data = self.data();
        let mut arguments = vec!["-D", data.as_str(), "-s"];
        arguments.extend(words);
        self.program("pg_ctl", &arguments);
    }

    fn program(&self, name: &str, arguments: &[&str]) {
        let status = self.command(name, arguments).status();
        assert!(status.is_ok_and(|status| status.success()), "{name} {arguments:?}");
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.folder.join("data/postmaster.pid").exists() {
            // A second panic would hide the first, so nothing is asserted here.
            let _ = self.command("pg_ctl", &["-D", &self.data(), "-s", "-m", "immediate", "-w", "stop"]).status();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::run;

    #[test]
    fn what_it_committed_is_there_after_a_crash() {
        let cluster = Cluster::start();
        run(&cluster.url(), "create table kept (id int); insert into kept values (1)");
        cluster.crash();
        cluster.up();
        run(&cluster.url(), "do $$ begin assert (select count(*) = 1 from kept); end $$");
        cluster.stop();
    }
}
