//! The API described: Swagger at the dialect's root, OpenAPI for whoever serves it.

use std::sync::Arc;

use bytes::Bytes;
use policy::RoleGuard;

use super::{Answer, Caller, Data, Derived};
use crate::failure::Failure;
use crate::openapi::{About, OpenApiMode, Shelved, document, swagger};
use crate::request::{ApiError, ApiRequest, MediaType, Method, negotiate};

/// Stands where the server's address will be. No name of a relation reads like this, for names are written escaped.
const ADDRESS: &str = "\u{1}address\u{1}";
/// The same as it is written in JSON.
const ADDRESS_IN_JSON: &str = "\"\\u0001address\\u0001\"";

impl Data {
    /// The root: the chosen schema in Swagger 2.0.
    pub(super) fn root(&self, request: &ApiRequest, derived: &Derived, caller: &Caller) -> Result<Answer, Failure> {
        if request.method == Method::Options {
            let mut answer =
                Answer::new(200).header("allow", "OPTIONS,GET,HEAD").header("access-control-allow-origin", "*");
            answer.body = Some(Bytes::new());
            return Ok(answer.varies());
        }
        if self.config.openapi_mode == OpenApiMode::Disabled {
            return Err(ApiError::openapi_off().into());
        }
        negotiate(&request.accept, |accepted| {
            matches!(accepted, MediaType::Any | MediaType::Json | MediaType::OpenApi).then_some(())
        })?;
        let guard = self.sees(derived, &caller.role)?;
        let schema = &request.schema.name;
        let key = Shelved::Swagger(schema.clone());
        let documents = &derived.described;
        let text = documents.get(&caller.role, &key).unwrap_or_else(|| {
            documents.keep(
                &caller.role,
                key,
                swagger(&derived.catalog, guard.as_deref(), schema, &self.config.base_path),
            )
        });
        let mut answer = Answer::new(200)
            .maybe("content-profile", request.schema.announce.then(|| schema.clone()))
            .varies()
            .header("content-type", MediaType::OpenApi.content_type());
        answer.body = Some(text);
        Ok(answer)
    }

    /// The OpenAPI 3.1 document of what a role may do, as JSON. It is made once for each role and version of the catalog, so `title`
    /// and `version` must not change while the room lives; the address may be another one each time.
    ///
    /// # Errors
    /// PGRST126 when descriptions are switched off; 22023 when there is no such role.
    pub fn description(&self, caller: &Caller, about: &About<'_>) -> Result<Bytes, ApiError> {
        if self.config.openapi_mode == OpenApiMode::Disabled {
            return Err(ApiError::openapi_off());
        }
        let derived = self.derived();
        let guard = self.sees(&derived, &caller.role).map_err(|failure| failure.answer(caller.anonymous))?;
        let documents = &derived.described;
        let kept = documents.get(&caller.role, &Shelved::Head).zip(documents.get(&caller.role, &Shelved::Tail));
        let (head, tail) = kept.unwrap_or_else(|| {
            let nowhere = About { url: ADDRESS, ..about.clone() };
            let text = document(&derived.catalog, guard.as_deref(), &self.config, &nowhere);
            let (head, tail) = text.split_once(ADDRESS_IN_JSON).unwrap_or((&text, ""));
            let keep = |key, text: &str| documents.keep(&caller.role, key, text.to_owned());
            (keep(Shelved::Head, head), keep(Shelved::Tail, tail))
        });
        let address = serde_json::Value::from(about.url).to_string();
        Ok(Bytes::from([&head[..], address.as_bytes(), &tail[..]].concat()))
    }

    /// Whose privileges count; none when all is shown to everyone.
    fn sees(&self, derived: &Derived, role: &Arc<str>) -> Result<Option<Arc<RoleGuard>>, Failure> {
        let guard = derived.guard(role).ok_or_else(|| no_role(role))?;
        Ok((self.config.openapi_mode == OpenApiMode::FollowPrivileges).then_some(guard))
    }
}

/// There is no role of this name.
pub(super) fn no_role(role: &str) -> Failure {
    store::Error::sql("22023", format!("role \"{role}\" does not exist")).into()
}
