//! The server on a real loopback socket: limits, isolation, and the end.

mod house;

use std::time::Duration;

use bytes::Bytes;
use house::{House, fast, raw, start, start_with};
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use web::client::Client;
use web::{Cors, Limits, Listener};

#[tokio::test]
async fn an_answer_carries_the_request_id_and_connections_are_kept() {
    let served = start(fast()).await;
    let mut client = served.client().await;
    let mut request = Request::get("/hello").body(Bytes::new()).unwrap();
    request.headers_mut().insert("x-request-id", "mine-1".parse().unwrap());
    let answer = client.send(request).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"{\"hello\":\"world\"}"[..]));
    assert_eq!(answer.headers()["x-request-id"], "mine-1");
    assert_eq!(answer.headers()["content-length"], "17");
    let second = client.get("/hello").await.unwrap();
    assert!(second.headers()["x-request-id"].to_str().unwrap().starts_with("req_"));
}

#[tokio::test]
async fn clients_that_dawdle_are_closed() {
    // Every case ends when the server closes; none depends on how long that takes.
    let short = Duration::from_millis(60);
    for (name, sent, answered) in [
        ("says nothing", "", false),
        ("stops within the head", "GET /hello HTTP/1.1\r\nhost: x\r\nx-slow: ", false),
        ("begins like HTTP/2 and stops", "PRI * HT", false),
        ("lies idle after a request", "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n", true),
    ] {
        let limits =
            if answered { Limits { idle_time: short, ..fast() } } else { Limits { head_time: short, ..fast() } };
        let served = start(limits).await;
        let mut stream = TcpStream::connect(&served.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A reset is a close, too.
        stream.read_to_end(&mut answer).await.ok();
        assert_eq!(answer.starts_with(b"HTTP/1.1 200"), answered, "{name}");
    }
}

#[tokio::test]
async fn a_head_that_trickles_in_gets_no_more_time_than_any_other() {
    let served = start(Limits { head_time: Duration::from_millis(100), ..fast() }).await;
    let mut stream = TcpStream::connect(&served.address).await.unwrap();
    stream.write_all(b"GET /hello HTTP/1.1\r\n").await.unwrap();
    // Ends when the server has closed and a write fails.
    while stream.write_all(b"a: b\r\n").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_is_not_http_is_a_400_and_closed() {
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200));
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n", "b".repeat(40_000));
    let served = start(fast()).await;
    for (sent, status) in [
        ("nonsense\r\n\r\n", "400"),
        ("GET /\x01 HTTP/1.1\r\nhost: x\r\n\r\n", "400"),
        ("GET / HTTP/9.9\r\nhost: x\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "400"),
        (&*many, "431"),
        (&*long, "431"),
    ] {
        let answer = raw(&served.address, sent).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{}: {answer}", &sent[..sent.len().min(60)]);
    }
    assert_eq!(served.client().await.get("/hello").await.unwrap().status(), 200);
}

#[tokio::test]
async fn bodies_are_bound_whether_they_say_their_length_or_not() {
    let served = start(Limits { body_bytes_max: 10, body_idle_time: Duration::from_millis(60), ..fast() }).await;
    for (name, sent, status) in [
        ("fits", "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc", "200"),
        (
            "fits in pieces",
            "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n",
            "200",
        ),
        ("announced", "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 11\r\n\r\n", "413"),
        (
            "in pieces",
            "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n",
            "413",
        ),
        (
            "a larger bound of the route",
            "POST /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 11\r\n\r\nabcdefghijk",
            "200",
        ),
        ("stops midway", "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 9\r\n\r\nabc", "408"),
        (
            "bad framing",
            "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            "400",
        ),
    ] {
        let answer = raw(&served.address, sent).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{name}: {answer}");
    }
}

#[tokio::test]
async fn a_panic_is_a_500_of_its_own_request_on_a_connection_that_goes_on() {
    let served = start(fast()).await;
    let mut client = served.client().await;
    for path in ["/panic", "/panic-later", "/panic-in-route", "/panic-in-present"] {
        let answer = client.get(path).await.unwrap();
        assert_eq!(answer.status(), 500, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert!(answer.headers().contains_key("x-request-id"));
        assert!(
            !String::from_utf8_lossy(answer.body()).contains("on purpose"),
            "the panic's text is not for the caller"
        );
        assert_eq!(client.get("/hello").await.unwrap().status(), 200, "{path}");
    }
    let text = served.registry.render(telemetry::metrics::Exposition::Prometheus);
    assert!(text.contains("http_panics_total 3"), "{text}");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_a_504() {
    let served = start(Limits { request_time: Duration::from_millis(30), ..fast() }).await;
    let answer = served.client().await.get("/never").await.unwrap();
    assert_eq!(answer.status(), 504);
    assert!(String::from_utf8_lossy(answer.body()).contains("\"code\":\"timeout\""));
}

#[tokio::test]
async fn beyond_the_bound_requests_are_refused_at_once_and_probes_are_not() {
    let served = start(Limits { in_flight_max: 1, ..fast() }).await;
    let (mut first, mut second) = (served.client().await, served.client().await);
    let waiting = telemetry::spawn("test", async move { first.get("/gate").await.unwrap().status() });
    served.house.entered.notified().await;
    let refused = second.get("/hello").await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    assert_eq!(second.get("/livez").await.unwrap().status(), 200);
    served.house.gate.notify_one();
    assert_eq!(waiting.await.unwrap(), 200);
    assert_eq!(second.get("/hello").await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_drain_finishes_what_was_begun_and_takes_nothing_new() {
    let served = start(fast()).await;
    let (mut busy, mut idle) = (served.client().await, served.client().await);
    assert_eq!(idle.get("/hello").await.unwrap().status(), 200);
    let answer = telemetry::spawn("test", async move { busy.get("/gate").await.unwrap() });
    served.house.entered.notified().await;
    let house = served.house.clone();
    let (address, ended) = served.stop();
    // The idle connection is closed as soon as the drain begins; only then is the other let go on.
    while idle.get("/hello").await.is_ok() {}
    assert!(TcpStream::connect(&address).await.is_err(), "nobody listens any more");
    house.gate.notify_one();
    let answer = answer.await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"through"[..]));
    assert_eq!(ended.await.unwrap().cut, 0);
}

#[tokio::test]
async fn a_drain_that_takes_too_long_is_cut_and_says_so() {
    let served = start(Limits { drain_time: Duration::from_millis(30), ..fast() }).await;
    let mut busy = served.client().await;
    let answer = telemetry::spawn("test", async move { busy.get("/gate").await });
    served.house.entered.notified().await;
    let (_, ended) = served.stop();
    assert_eq!(ended.await.unwrap().cut, 1);
    assert!(answer.await.unwrap().is_err());
}

#[tokio::test]
async fn an_answer_in_pieces_is_whole_or_visibly_broken() {
    let served = start(fast()).await;
    let mut client = served.client().await;
    assert_eq!(client.get("/stream").await.unwrap().body(), "one two three ");
    assert!(client.get("/broken-stream").await.is_err());
    let text = served.registry.render(telemetry::metrics::Exposition::Prometheus);
    assert!(text.contains("http_requests_in_flight 0"), "{text}");
}

#[tokio::test]
async fn a_caller_that_stops_reading_does_not_hold_its_answer_for_ever() {
    let served = start(Limits { idle_time: Duration::from_millis(60), ..fast() }).await;
    let mut stream = TcpStream::connect(&served.address).await.unwrap();
    stream.write_all(b"GET /flood HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    // The producer learns that the answer was given up; nothing was read here.
    served.house.entered.notified().await;
}

#[tokio::test]
async fn a_caller_that_reads_slowly_gets_all_of_it() {
    let served = start(Limits { head_time: Duration::from_millis(100), ..fast() }).await;
    let mut stream = TcpStream::connect(&served.address).await.unwrap();
    // The next request, begun early, does not put the answer under the limit for heads.
    stream.write_all(b"GET /ticks HTTP/1.1\r\nhost: x\r\n\r\nGET /hello HT").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"0\r\n\r\n") {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "cut after {} bytes", answer.len());
    }
}

#[tokio::test]
async fn a_handler_can_be_asked_without_a_socket() {
    let app = house::app(House::default(), fast(), Cors::default(), std::sync::Arc::default());
    let request = Request::post("/echo").body(Bytes::from_static(b"abc")).unwrap();
    let answer = app.answer(request, web::Peer::Inside).await;
    assert_eq!((answer.status().as_u16(), answer.body().as_full().unwrap().as_ref()), (200, &b"abc"[..]));
}

#[tokio::test]
async fn http_2_without_tls_shares_the_port() {
    let served = start(fast()).await;
    let stream = TcpStream::connect(&served.address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(hyper_util::rt::TokioExecutor::new(), io).await.unwrap();
    telemetry::spawn("test", connection);
    for _ in 0..3 {
        let request =
            Request::get(format!("http://{}/hello", served.address)).body(http_body_util::Empty::<Bytes>::new());
        let answer = sender.send_request(request.unwrap()).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
    }
}

#[tokio::test]
async fn a_preface_that_comes_in_two_pieces_is_still_http_2() {
    let served = start(fast()).await;
    let mut stream = TcpStream::connect(&served.address).await.unwrap();
    stream.write_all(b"PRI * HTTP").await.unwrap();
    tokio::task::yield_now().await;
    stream.write_all(b"/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], 4, "the server begins with SETTINGS");
}

#[tokio::test]
async fn a_unix_socket_serves_and_a_dead_one_is_replaced() {
    let path = std::env::temp_dir().join(format!("mainstay-web-test-{}.sock", std::process::id()));
    let address = format!("unix:{}", path.display());
    // What a killed process leaves behind: a socket file that nobody answers on.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let served = start_with(House::default(), fast(), Cors::default(), &address).await;
    assert_eq!(served.address, address);
    assert_eq!(served.client().await.get("/hello").await.unwrap().status(), 200);
    assert!(Listener::bind(&address).await.is_err(), "a living socket is not taken over");
    let (_, ended) = served.stop();
    ended.await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn pages_of_other_origins_get_what_the_list_says() {
    for (list, origin, allowed) in [
        (None, None, None),
        (None, Some("https://a.example"), Some("*")),
        (Some("https://a.example"), Some("https://a.example"), Some("https://a.example")),
        (Some("https://a.example"), Some("https://b.example"), None),
    ] {
        let cors = Cors { origins: list.map(|l| vec![l.to_owned()]), ..Cors::default() };
        let served = start_with(House::default(), fast(), cors, "127.0.0.1:0").await;
        let mut client = served.client().await;
        for preflight in [false, true] {
            let method = if preflight { "OPTIONS" } else { "GET" };
            let mut request = Request::builder().method(method).uri("/hello");
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            if preflight {
                request = request
                    .header("access-control-request-method", "POST")
                    .header("access-control-request-headers", "Foo, Bar");
            }
            let answer = client.send(request.body(Bytes::new()).unwrap()).await.unwrap();
            let header = |name: &str| answer.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
            let case = format!("{list:?} {origin:?} {preflight}: {answer:?}");
            assert_eq!(answer.status(), 200, "{case}");
            assert_eq!(header("access-control-allow-origin").as_deref(), allowed, "{case}");
            assert_eq!(header("access-control-expose-headers").is_some(), allowed.is_some(), "{case}");
            assert_eq!(header("vary").as_deref(), (allowed.is_some() && list.is_some()).then_some("Origin"), "{case}");
            let asked = (preflight && allowed.is_some()).then_some("Authorization, Foo, Bar");
            assert_eq!(header("access-control-allow-headers").as_deref(), asked, "{case}");
            assert_eq!(header("access-control-max-age").as_deref(), asked.map(|_| "86400"), "{case}");
        }
    }
}

#[tokio::test]
async fn requests_are_counted_by_route_method_and_class() {
    let served = start(fast()).await;
    let mut client: Client = served.client().await;
    for path in ["/hello", "/hello?a=b", "/panic"] {
        client.get(path).await.unwrap();
    }
    let text = served.registry.render(telemetry::metrics::Exposition::Prometheus);
    for line in [
        r#"http_requests_total{route="/hello",method="GET",status="2xx"} 2"#,
        r#"http_requests_total{route="other",method="GET",status="5xx"} 1"#,
        r#"http_request_duration_seconds_count{route="/hello"} 2"#,
        "http_connections 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}
