//! Cuts text into tokens the way PostgreSQL's default parser does: words, hyphenated words with their parts, numbers, hosts,
//! addresses of mail, URLs and file paths. Each token takes one position.

/// A token; only a `word` is stemmed and may be a stop word.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) word: bool,
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric()
}

/// The length of the leading characters that hold.
fn run(s: &str, holds: impl Fn(char) -> bool) -> usize {
    s.find(|c| !holds(c)).unwrap_or(s.len())
}

fn all_digits(s: &str) -> bool {
    !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit())
}

/// `example.com`: labels joined by dots, the last of letters.
fn host(s: &str) -> Option<usize> {
    let end = run(s, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    let whole = s[..end].trim_end_matches(['.', '-']);
    let labels: Vec<&str> = whole.split('.').collect();
    let last = labels.last()?;
    let good = labels.len() > 1
        && labels.iter().all(|l| !l.is_empty() && !l.starts_with('-') && !l.ends_with('-'))
        && last.starts_with(|c: char| c.is_ascii_alphabetic())
        && !all_digits(labels[0]);
    good.then_some(whole.len())
}

/// `someone@example.com`
fn mail(s: &str) -> Option<usize> {
    let local = run(s, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+'));
    let rest = s[local..].strip_prefix('@')?;
    Some(local + 1 + host(rest)?)
}

/// `12`, `1.5`, `1.2.3`, `1e5`, with a sign where one may stand.
fn number(s: &str, signed: bool) -> Option<usize> {
    let sign = usize::from(signed && s.starts_with(['-', '+']));
    let digits = |at: usize| run(&s[at..], |c| c.is_ascii_digit());
    let mut end = sign + digits(sign);
    if end == sign {
        return None;
    }
    while s[end..].starts_with('.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if s[end..].starts_with(['e', 'E']) {
        let at = end + 1 + usize::from(s[end + 1..].starts_with(['-', '+']));
        if digits(at) > 0 {
            end = at + digits(at);
        }
    }
    (!s[end..].starts_with(|c: char| is_word(c) || c == '_')).then_some(end)
}

/// All tokens of a text in order.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut at = 0;
    let mut before = ' ';
    while let Some(c) = text[at..].chars().next() {
        let s = &text[at..];
        let sign = matches!(c, '-' | '+') && !before.is_alphabetic();
        if !is_word(c) && !sign && c != '/' {
            at += c.len_utf8();
            before = c;
            continue;
        }
        let token = |len: usize, word: bool| Token { text: &text[at..at + len], word };
        let step = if let Some(len) = mail(s) {
            out.push(token(len, false));
            len
        } else if let Some(len) = host(s) {
            // A path after a host makes a URL: the whole, the host and the path.
            let path = run(&s[len..], |c| !c.is_whitespace() && !matches!(c, '<' | '>' | '"' | '\''));
            if s[len..].starts_with('/') && path > 1 {
                out.push(token(len + path, false));
                out.push(token(len, false));
                out.push(Token { text: &text[at + len..at + len + path], word: false });
                len + path
            } else {
                out.push(token(len, false));
                len
            }
        } else if let Some(len) = number(s, sign) {
            out.push(token(len, false));
            len
        } else if is_word(c) {
            words(text, at, &mut out)
        } else if c == '/' && s[1..].starts_with(is_word) && !is_word(before) {
            let len = 1 + run(&s[1..], |c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-'));
            out.push(token(len, false));
            len
        } else {
            c.len_utf8()
        };
        before = text[at..at + step].chars().next_back().unwrap_or(' ');
        at += step;
    }
    out
}

/// A word, or words joined by hyphens or slashes; gives the length taken.
fn words<'a>(text: &'a str, at: usize, out: &mut Vec<Token<'a>>) -> usize {
    let s = &text[at..];
    let first = run(s, is_word);
    let part_end = |from: usize, joint: char| -> Option<usize> {
        let rest = s[from..].strip_prefix(joint)?;
        let len = run(rest, is_word);
        (len > 0).then_some(from + joint.len_utf8() + len)
    };
    let letters = |t: &str| t.chars().all(char::is_alphabetic);
    if part_end(first, '/').is_some() && s[..first].is_ascii() {
        let len = run(s, |c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-'));
        let len = s[..len].trim_end_matches(['/', '.', '-']).len();
        out.push(Token { text: &s[..len], word: false });
        return len;
    }
    let mut end = first;
    while let Some(next) = part_end(end, '-') {
        end = next;
    }
    let whole = &s[..end];
    let plain = whole.split('-').all(letters);
    out.push(Token { text: whole, word: plain });
    if end > first {
        out.extend(whole.split('-').map(|part| Token { text: part, word: letters(part) }));
    }
    end
}

#[cfg(test)]
mod tests {
    #[test]
    fn texts_are_cut_as_the_default_parser_cuts() {
        let cases: &[(&str, &[&str])] = &[
            ("The quick, brown", &["The", "quick", "brown"]),
            ("don't", &["don", "t"]),
            ("foo-bar baz", &["foo-bar", "foo", "bar", "baz"]),
            ("foo_bar", &["foo", "bar"]),
            ("3.14 -5 1e5 v2", &["3.14", "-5", "1e5", "v2"]),
            ("a@b.com", &["a@b.com"]),
            ("www.example.com", &["www.example.com"]),
            ("example.com/a/b?c", &["example.com/a/b?c", "example.com", "/a/b?c"]),
            ("and/or", &["and/or"]),
            ("l'été", &["l", "été"]),
            ("end. Next", &["end", "Next"]),
            ("", &[]),
            ("2021-01-05", &["2021", "-01", "-05"]),
        ];
        for (text, want) in cases {
            assert_eq!(super::tokens(text).iter().map(|t| t.text).collect::<Vec<_>>(), *want, "{text}");
        }
    }
}
