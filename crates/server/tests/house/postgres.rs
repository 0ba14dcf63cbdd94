//! What happens to a house when its PostgreSQL changes or goes away.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::support::{Home, SCHEMA, text};
use kernel::Secret;
use testkit::Engine;

#[test]
fn a_notification_makes_the_house_read_the_schema_again() {
    let home = Home::new(Engine::Postgres, &[("0001_schema.sql", SCHEMA)]);
    let running = home.start().unwrap();
    assert_eq!(home.get(&running, "/rest/v1/later").0, 404);
    let database = home.database.as_ref().unwrap();
    database.run("create table later (id integer); grant select on later to anon");
    // The listener may still be on its way to the server.
    for _ in 0..100 {
        database.run("notify pgrst, 'reload schema'");
        std::thread::sleep(std::time::Duration::from_millis(50));
        if home.get(&running, "/rest/v1/later").0 == 200 {
            break;
        }
    }
    assert_eq!(home.get(&running, "/rest/v1/later"), (200, "[]".to_owned()));
    home.stop(running);
}

#[test]
fn a_lost_server_is_503_until_it_is_back() {
    let gateway = Arc::new(Mutex::new(None));
    let home = Home::with(Engine::Postgres, &[("0001_schema.sql", SCHEMA)], |settings| {
        let url = settings.store.url.as_ref().unwrap().expose().clone();
        let (through, proxy) = Proxy::before(&url);
        settings.store.url = Some(Secret::new(through));
        *gateway.lock().unwrap() = Some(proxy);
    });
    let running = home.start().unwrap();
    assert_eq!(home.get(&running, "/rest/v1/song").0, 200);
    assert_eq!(home.get(&running, "/readyz").0, 200);

    let proxy = gateway.lock().unwrap().take().unwrap();
    proxy.cut();
    let refused = home.until(&running, "/rest/v1/song", 503);
    assert!(refused.headers().contains_key("retry-after"), "{:?}", refused.headers());
    assert!(text(&refused).contains("PGRST000"), "{}", text(&refused));
    home.until(&running, "/readyz", 503);
    assert_eq!(home.get(&running, "/livez").0, 200);

    proxy.mend();
    home.until(&running, "/rest/v1/song", 200);
    home.until(&running, "/readyz", 200);
    home.stop(running);
}

/// Stands between a house and its server, and can be cut.
struct Proxy {
    whole: Arc<Mutex<bool>>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// A proxy before the server of this URL, and the URL that leads through it.
    fn before(url: &str) -> (String, Self) {
        let authority = url.split("://").nth(1).unwrap();
        let server = authority.split('/').next().unwrap().rsplit('@').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let through = url.replacen(&server, &listener.local_addr().unwrap().to_string(), 1);
        let proxy = Self { whole: Arc::new(Mutex::new(true)), open: Arc::default() };
        let (whole, open) = (proxy.whole.clone(), proxy.open.clone());
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let far = TcpStream::connect(&server).unwrap();
                // Registered and judged under one lock, so that a cut misses no connection.
                let whole = whole.lock().unwrap();
                if !*whole {
                    continue;
                }
                for (from, to) in [(&near, &far), (&far, &near)] {
                    open.lock().unwrap().push(from.try_clone().unwrap());
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    std::thread::spawn(move || pump(from, to));
                }
            }
        });
        (through, proxy)
    }

    fn cut(&self) {
        *self.whole.lock().unwrap() = false;
        for stream in self.open.lock().unwrap().drain(..) {
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    fn mend(&self) {
        *self.whole.lock().unwrap() = true;
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    to.shutdown(Shutdown::Both).ok();
}
