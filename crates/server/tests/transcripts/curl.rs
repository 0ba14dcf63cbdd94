//! `curl`, as far as pages use it, through the project's own client. What a flag sends is what curl sends for it.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};

/// A request as its flags describe it.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of curl's, independent of the others")]
pub(crate) struct Curl {
    method: Option<String>,
    url: String,
    headers: Vec<(String, String)>,
    data: Option<String>,
    urlencoded: Vec<String>,
    get: bool,
    head: bool,
    include: bool,
    discard: bool,
    write_out: Option<String>,
}

/// Headers that say nothing about the matter, or something else each time: left out of transcripts.
const NOISE: &[&str] = &["date", "content-length", "traceparent", "x-request-id", "vary"];

impl Curl {
    /// Reads the arguments after `curl`.
    pub(crate) fn read(words: &[String]) -> Result<Self, String> {
        let mut curl = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().cloned().ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                "-s" | "-sS" | "--silent" | "-g" => {}
                "-i" | "-si" => curl.include = true,
                "-I" | "-sI" | "--head" => (curl.head, curl.include) = (true, true),
                "-G" | "--get" => curl.get = true,
                "-X" | "--request" => curl.method = Some(value()?),
                "-H" | "--header" => {
                    let header = value()?;
                    let (name, text) = header.split_once(':').ok_or_else(|| format!("`{header}` is no header"))?;
                    curl.headers.push((name.trim().to_lowercase(), text.trim().to_owned()));
                }
                "-d" | "--data" | "--data-raw" => curl.data(&value()?),
                "--json" => {
                    curl.data(&value()?);
                    for name in ["content-type", "accept"] {
                        curl.default_header(name, "application/json");
                    }
                }
                "--data-urlencode" => curl.urlencoded.push(value()?),
                "-o" | "--output" => curl.discard = value()? == "/dev/null",
                "-w" | "--write-out" => curl.write_out = Some(value()?.replace("\\n", "\n")),
                flag if flag.starts_with('-') => return Err(format!("curl's {flag} is not known here")),
                url => url.clone_into(&mut curl.url),
            }
        }
        if curl.url.is_empty() { Err("curl wants a URL".to_owned()) } else { Ok(curl) }
    }

    fn data(&mut self, text: &str) {
        match &mut self.data {
            Some(data) => *data = format!("{data}&{text}"),
            None => self.data = Some(text.to_owned()),
        }
    }

    fn default_header(&mut self, name: &str, value: &str) {
        if !self.headers.iter().any(|(known, _)| known == name) {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The request, its target without the server's address.
    pub(crate) fn request(mut self, server: &str) -> Result<(Request<Bytes>, Shown), String> {
        let target = self.url.strip_prefix(server).ok_or_else(|| format!("{} is not on the server", self.url))?;
        let mut target = if target.is_empty() { "/".to_owned() } else { wire(target) };
        for pair in &self.urlencoded {
            let (name, value) = pair.split_once('=').unwrap_or(("", pair));
            let name = if name.is_empty() { String::new() } else { format!("{name}=") };
            let separator = if target.contains('?') { '&' } else { '?' };
            target = format!("{target}{separator}{name}{}", encoded(value));
        }
        if !self.urlencoded.is_empty() && !self.get {
            return Err("--data-urlencode goes with -G here".to_owned());
        }
        let fallback = if self.head {
            "HEAD"
        } else if self.data.is_some() {
            "POST"
        } else {
            "GET"
        };
        let method = self.method.clone().unwrap_or_else(|| fallback.to_owned());
        if self.data.is_some() {
            self.default_header("content-type", "application/x-www-form-urlencoded");
        }
        self.default_header("accept", "*/*");
        self.default_header("user-agent", "curl/8.0.0");
        let method = Method::from_bytes(method.as_bytes()).map_err(|error| error.to_string())?;
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in self.headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(name, value.as_bytes());
        }
        let shown = Shown { include: self.include, discard: self.discard, write_out: self.write_out };
        let body = Bytes::from(self.data.unwrap_or_default());
        Ok((request.body(body).map_err(|error| error.to_string())?, shown))
    }
}

/// What of an answer is printed.
pub(crate) struct Shown {
    include: bool,
    discard: bool,
    write_out: Option<String>,
}

impl Shown {
    /// The answer as curl prints it, headers that are noise left out.
    pub(crate) fn print(&self, response: &Response<Bytes>) -> String {
        let mut out = String::new();
        let status = response.status();
        if self.include {
            out.push_str(&head(status, response.headers()));
        }
        if !self.discard {
            out += &rows(&String::from_utf8_lossy(response.body()));
        }
        if let Some(text) = &self.write_out {
            out += &text.replace("%{http_code}", status.as_str());
        }
        out
    }
}

fn head(status: StatusCode, headers: &HeaderMap) -> String {
    let mut lines = vec![format!("HTTP/1.1 {} {}", status.as_u16(), status.canonical_reason().unwrap_or_default())];
    let known = headers.iter().filter(|(name, _)| !NOISE.contains(&name.as_str()));
    lines.extend(known.map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))));
    lines.join("\n") + "\n\n"
}

/// A JSON array of objects with each on a line of its own; any other text as it is.
fn rows(text: &str) -> String {
    let is_json = serde_json::from_str::<Vec<&serde_json::value::RawValue>>(text);
    match is_json {
        Ok(elements) if elements.len() > 1 && elements.iter().all(|element| element.get().starts_with('{')) => {
            let lines: Vec<&str> = elements.iter().map(|element| element.get()).collect();
            format!("[{}]", lines.join(",\n "))
        }
        _ => text.to_owned(),
    }
}

/// A target as it travels: bytes that may not stand in a request line are percent-encoded.
fn wire(target: &str) -> String {
    encoded_but(target, |byte| (0x21..=0x7e).contains(&byte) && !br#""<>\^`{|}"#.contains(&byte))
}

fn encoded(text: &str) -> String {
    encoded_but(text, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

fn encoded_but(text: &str, plain: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Curl, rows};

    fn request(words: &[&str]) -> http::Request<bytes::Bytes> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Curl::read(&words).unwrap().request("http://h").unwrap().0
    }

    #[test]
    fn flags_send_what_curl_sends() {
        for (words, method, target, content_type, body) in [
            (&["-s", "http://h/a?b=é"][..], "GET", "/a?b=%C3%A9", None, ""),
            (&["-d", "x", "http://h/a"], "POST", "/a", Some("application/x-www-form-urlencoded"), "x"),
            (&["-X", "PATCH", "--json", "{}", "http://h/a"], "PATCH", "/a", Some("application/json"), "{}"),
            (&["-I", "http://h"], "HEAD", "/", None, ""),
            (&["-G", "http://h/a", "--data-urlencode", "n=eq.a b"], "GET", "/a?n=eq.a%20b", None, ""),
        ] {
            let request = request(words);
            let content_type_sent = request.headers().get("content-type").map(|value| value.to_str().unwrap());
            assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), (method, target), "{words:?}");
            assert_eq!((content_type_sent, &request.body()[..]), (content_type, body.as_bytes()), "{words:?}");
        }
        assert!(Curl::read(&["--proxy".to_owned()]).is_err());
        assert!(Curl::read(&[]).is_err());
    }

    #[test]
    fn rows_stand_on_lines_of_their_own() {
        for (text, want) in [
            (r#"[{"a":[1, 2]},{"a":3}]"#, "[{\"a\":[1, 2]},\n {\"a\":3}]"),
            ("[1,2]", "[1,2]"),
            (r#"[{"a":1}]"#, r#"[{"a":1}]"#),
            ("no", "no"),
        ] {
            assert_eq!(rows(text), want);
        }
    }
}
