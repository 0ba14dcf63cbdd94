//! What SQL does around a request, and what it says about the answer (wire contract, section 14).
//!
//! `pre_request` names a function that runs first in the request's transaction. Whatever SQL ran may have set `response.headers` and
//! `response.status`; they are read inside the transaction, so that a setting nobody can make sense of changes nothing.

use std::borrow::Cow;
use std::sync::Arc;

use sql::ast::{FunctionCall, Name, ObjectName};
use store::catalog::Catalog;
use store::translate::{Guard, Owner, Translator};
use store::{Connection, Engine, Lane, Scope};
use values::Type;

use super::{Answer, Asked, Data, catalog_of};
use crate::failure::Failure;
use crate::request::ApiError;
use crate::tree;

/// What a request's transaction does beside the request's own work.
#[derive(Clone, Debug, Default)]
pub(super) struct Around {
    /// Calls the function that runs first.
    before: Option<Arc<str>>,
    /// Something in the database may set what the answer is.
    listens: bool,
}

/// What SQL said about the answer.
#[derive(Debug, Default)]
pub(super) struct Said {
    headers: Vec<(String, String)>,
    status: Option<u16>,
}

const ASK: &str = "select current_setting('response.headers', true), current_setting('response.status', true)";

impl Data {
    /// What belongs around a request.
    pub(super) fn around(&self, asked: &Asked<'_>) -> Result<Around, Failure> {
        let before = match &self.config.pre_request {
            None => None,
            Some(name) => Some(self.call_of(name, catalog_of(asked), &**asked.guard, asked.path)?),
        };
        Ok(Around { before, listens: asked.derived.speaks })
    }

    /// Can requests be answered as the configuration wants it: is the function there that runs first.
    ///
    /// # Errors
    /// What is wrong with the function, or with the database.
    pub async fn check(&self) -> Result<(), ApiError> {
        let Some(name) = &self.config.pre_request else { return Ok(()) };
        let schema = self.config.schemas.first().map_or("public", String::as_str);
        self.check_call(name, &self.path(schema)).await.map_err(|failure| failure.answer(false))
    }

    async fn check_call(&self, name: &str, path: &Arc<[Name]>) -> Result<(), Failure> {
        let text = self.call_of(name, &self.derived().catalog, &Owner, path)?;
        if self.store.engine() == Engine::Sqlite {
            return Ok(());
        }
        let scope = Scope { search_path: path.clone(), ..self.common.clone() };
        let named = function_name(name);
        // Planned, not run.
        let planned = self
            .store
            .read(scope, Lane::Long, move |conn| conn.query(&format!("explain {text}"), &[], &mut |_| Ok(())));
        planned.await.map(|_| ()).map_err(|error| match error {
            store::Error::Sql(found) if found.code == "42883" => {
                store::Error::sql("42883", format!("function {named}() does not exist")).into()
            }
            error => error.into(),
        })
    }

    /// The call of the function that runs first.
    fn call_of(&self, name: &str, catalog: &Catalog, guard: &dyn Guard, path: &[Name]) -> Result<Arc<str>, Failure> {
        let call = FunctionCall::plain(function_name(name), []);
        Ok(match self.store.engine() {
            Engine::Postgres => {
                let call = sql::ast::Expr::Function(Box::new(call));
                Arc::from(tree::query(tree::select(vec![tree::item(call)], Vec::new(), None)).to_string())
            }
            Engine::Sqlite => {
                let mut translator = Translator::new(catalog, guard, path, &[]);
                Arc::from(translator.invoke(&call)?.sql)
            }
        })
    }
}

/// A function's name, perhaps with its schema before a point.
fn function_name(text: &str) -> ObjectName {
    match text.split_once('.') {
        Some((schema, name)) => ObjectName::qualified(schema, name),
        None => ObjectName { schema: None, name: Name::from(text) },
    }
}

impl Around {
    /// There is nothing to do but the request's own work.
    pub(super) fn is_nothing(&self) -> bool {
        self.before.is_none() && !self.listens
    }

    /// Runs what comes first.
    pub(super) fn before(&self, conn: &mut dyn Connection) -> Result<(), Failure> {
        if let Some(call) = &self.before {
            conn.query(call, &[], &mut |_| Ok(()))?;
        }
        Ok(())
    }

    /// Hears what was said.
    pub(super) fn after(&self, conn: &mut dyn Connection) -> Result<Said, Failure> {
        if !self.listens {
            return Ok(Said::default());
        }
        let (mut headers, mut status) = (String::new(), String::new());
        conn.query(ASK, &[], &mut |row| {
            for (column, text) in [&mut headers, &mut status].into_iter().enumerate() {
                if !row.is_null(column) {
                    row.write_text(column, &Type::Text, text)?;
                }
            }
            Ok(())
        })?;
        Ok(Said { headers: headers_of(&headers)?, status: status_of(&status)? })
    }
}

/// A setting that was made in an earlier transaction of the connection is empty afterwards, not absent.
fn headers_of(text: &str) -> Result<Vec<(String, String)>, ApiError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let list: Vec<serde_json::Map<String, serde_json::Value>> =
        serde_json::from_str(text).map_err(|_| ApiError::response_headers())?;
    let header = |object: serde_json::Map<String, serde_json::Value>| {
        let mut members = object.into_iter();
        match (members.next(), members.next()) {
            (Some((name, serde_json::Value::String(value))), None) if is_header(&name, &value) => {
                Ok((name.to_ascii_lowercase(), value))
            }
            _ => Err(ApiError::response_headers()),
        }
    };
    list.into_iter().map(header).collect()
}

/// Can they stand in a header (RFC 9110, section 5).
fn is_header(name: &str, value: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty()
        && name.bytes().all(token)
        && value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

fn status_of(text: &str) -> Result<Option<u16>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    // A status below 200 is not an answer yet.
    let status = text.parse().ok().filter(|status| (200..=999).contains(status));
    status.map(Some).ok_or_else(ApiError::response_status)
}

impl Said {
    /// The answer as SQL wants it: its headers stand in place of ours of the same names.
    pub(super) fn shape(self, mut answer: Answer) -> Answer {
        if let Some(status) = self.status {
            answer.status = status;
            if matches!(status, 204 | 205 | 304) {
                answer.body = None;
            }
        }
        answer.headers.retain(|(name, _)| self.headers.iter().all(|(said, _)| said != name));
        answer.headers.extend(self.headers.into_iter().map(|(name, value)| (Cow::Owned(name), value)));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_a_list_of_objects_with_one_text_each() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for (text, want) in [
            ("", Some(vec![])),
            ("[]", Some(vec![])),
            (r#"[{"X-A":"1"},{"Set-Cookie":"a=b"}]"#, Some(vec![pair("x-a", "1"), pair("set-cookie", "a=b")])),
            (r#"[{"X-A":1}]"#, None),
            (r#"[{"X-A":"1","X-B":"2"}]"#, None),
            (r"[{}]", None),
            (r#"{"X-A":"1"}"#, None),
            ("nonsense", None),
            (r#"[{"X A":"1"}]"#, None),
            (r#"[{"X-A":"1\r\nX-B: 2"}]"#, None),
        ] {
            assert_eq!(headers_of(text).ok(), want, "{text}");
        }
    }

    #[test]
    fn a_status_is_one_that_ends_a_request() {
        for (text, want) in [
            ("", Some(None)),
            ("200", Some(Some(200))),
            ("418", Some(Some(418))),
            ("100", None),
            ("99999", None),
            ("ok", None),
        ] {
            assert_eq!(status_of(text).ok(), want, "{text}");
        }
    }
}
