//! A house in a test: an app in a folder of its own, on the engine the test asks for.

use bytes::Bytes;
use http::{Request, Response};
use kernel::Secret;
use server::{App, Failure, House, Running, Settings, unwatched};
use testkit::Engine;
use testkit::folder::Folder;
use testkit::postgres::{Database, fresh_database};
use tokio::runtime::Runtime;
use web::client::Client;

/// Two tables: one that anybody reads, one that nobody is granted.
pub(crate) const SCHEMA: &str = "
create table song (id integer primary key, title text not null);
insert into song (id, title) values (1, 'One'), (2, 'Two');
create table diary (id integer primary key, line text);
grant usage on schema public to anon, authenticated, service_role;
grant select on song to anon;
grant all on song, diary to service_role;
";

/// An app, and what it takes to run it.
pub(crate) struct Home {
    pub(crate) runtime: Runtime,
    pub(crate) app: App,
    /// Held, so that it stays as long as the home.
    pub(crate) folder: Folder,
    pub(crate) database: Option<Database>,
}

impl Home {
    /// An app with these migrations, not yet started.
    pub(crate) fn new(engine: Engine, migrations: &[(&str, &str)]) -> Self {
        Self::with(engine, migrations, |_| {})
    }

    /// The same with other settings.
    pub(crate) fn with(engine: Engine, migrations: &[(&str, &str)], change: impl FnOnce(&mut Settings)) -> Self {
        let folder = Folder::new();
        std::fs::create_dir(folder.join("migrations")).unwrap();
        for (name, text) in migrations {
            std::fs::write(folder.join("migrations").join(name), text).unwrap();
        }
        let database = (engine == Engine::Postgres).then(|| fresh_database(None));
        let mut settings = Settings::default();
        "127.0.0.1:0".clone_into(&mut settings.server.listen);
        settings.store.url = database.as_ref().map(|database| Secret::new(database.url().to_owned()));
        change(&mut settings);
        let app = App::of(folder.path(), settings);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { runtime, app, folder, database }
    }

    /// Starts it.
    pub(crate) fn start(&self) -> Result<Running, Failure> {
        self.runtime.block_on(House::start(&self.app, unwatched()))
    }

    /// Asks a running house.
    pub(crate) fn ask(&self, running: &Running, request: http::request::Builder, body: &str) -> Response<Bytes> {
        let request: Request<Bytes> = request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
        self.runtime.block_on(async {
            let mut client = Client::connect(&running.address).await.unwrap();
            client.send(request).await.unwrap()
        })
    }

    /// Gets a path: status and body.
    pub(crate) fn get(&self, running: &Running, path: &str) -> (u16, String) {
        let answer = self.ask(running, Request::get(path), "");
        (answer.status().as_u16(), text(&answer))
    }

    /// Asks until the answer is as wanted.
    pub(crate) fn until(&self, running: &Running, path: &str, wanted: u16) -> Response<Bytes> {
        for _ in 0..400 {
            let answer = self.ask(running, Request::get(path), "");
            if answer.status().as_u16() == wanted {
                return answer;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{path} never answered {wanted}: {:?}", self.get(running, path));
    }

    /// Ends it and waits.
    pub(crate) fn stop(&self, running: Running) {
        self.runtime.block_on(running.shutdown());
    }
}

/// The service key.
pub(crate) fn service(running: &Running) -> String {
    let key = running.keys.service.as_ref().map(Secret::expose).unwrap();
    format!("Bearer {key}")
}

/// A body as text.
pub(crate) fn text(answer: &Response<Bytes>) -> String {
    String::from_utf8(answer.body().to_vec()).unwrap()
}
