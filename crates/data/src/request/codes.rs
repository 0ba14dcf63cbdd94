//! One constructor per code of the dialect (section 16).
//!
//! Message texts are part of the wire: the upstream clients' suites compare some of them.

use super::error::ApiError;

impl ApiError {
    // ------------------------------------------------------------------------------------------ 0xx: connection

    /// PGRST000: no connection to the database.
    pub fn no_connection(details: impl Into<String>) -> Self {
        Self::new("PGRST000", 503, "Database connection error. Retrying the connection.").with_details(details)
    }

    /// PGRST001: the driver failed on our side.
    pub fn driver(details: impl Into<String>) -> Self {
        Self::new("PGRST001", 503, "Database client error. Retrying the connection.").with_details(details)
    }

    /// PGRST002: the catalog could not be read.
    pub fn no_catalog() -> Self {
        Self::new("PGRST002", 503, "Could not query the database for the schema cache. Retrying.")
    }

    /// PGRST003: no free connection in time.
    pub fn pool_timeout() -> Self {
        Self::new("PGRST003", 504, "Timed out acquiring connection from connection pool.")
    }

    /// PGRST003 as 503: so many wait for a connection already that this request was not let in. Nothing was tried, so it may come again.
    pub fn queue_full() -> Self {
        Self::new("PGRST003", 503, "Too many requests are waiting for the database.")
    }

    /// 42712: two embeds of one level have the same name.
    pub fn twice_embedded(parent: &str, name: &str) -> Self {
        Self::new("42712", 400, format!("table name \"{parent}_{name}_1\" specified more than once"))
    }

    /// 42803: an aggregate where none can be, or beside what is not grouped.
    pub fn grouping(message: impl Into<String>) -> Self {
        Self::new("42803", 400, message)
    }

    // --------------------------------------------------------------------------------------------- 1xx: request

    /// PGRST100: the query string cannot be parsed.
    pub fn query(message: impl Into<String>, details: impl Into<String>) -> Self {
        Self::new("PGRST100", 400, message).with_details(details)
    }

    /// PGRST101: this verb does not call functions.
    pub fn rpc_method(method: &str) -> Self {
        Self::new("PGRST101", 405, format!("Cannot use the {method} method on RPC"))
    }

    /// PGRST102: the body is not usable.
    pub fn body(message: impl Into<String>) -> Self {
        Self::new("PGRST102", 400, message)
    }

    /// PGRST103: a negative limit, or a `Range` that does not meet `limit`/`offset`.
    pub fn negative_limit() -> Self {
        Self::range("Limit should be greater than or equal to zero.")
    }

    /// PGRST103: a `Range` that ends before it begins.
    pub fn inverted_range() -> Self {
        Self::range("The lower boundary must be lower than or equal to the upper boundary in the Range header.")
    }

    /// PGRST103: the offset lies behind the counted total.
    pub fn offset_past_total(offset: u64, total: u64) -> Self {
        Self::range(format!("An offset of {offset} was requested, but there are only {total} rows."))
    }

    /// 22003: a limit, an offset or a range beyond the numbers that rows can have.
    pub fn row_number(digits: &str) -> Self {
        Self::new("22003", 400, format!("value \"{digits}\" is out of range for type bigint"))
    }

    fn range(details: impl Into<String>) -> Self {
        Self::new("PGRST103", 416, "Requested range not satisfiable").with_details(details)
    }

    /// PGRST105: PUT needs exactly the key columns with `eq`.
    pub fn put_filters() -> Self {
        Self::new("PGRST105", 405, "Filters must include all and only primary key columns with 'eq' operators")
    }

    /// PGRST106: the schema is not exposed.
    pub fn schema(name: &str, exposed: &[String]) -> Self {
        Self::new("PGRST106", 406, format!("Invalid schema: {name}"))
            .with_hint(format!("Only the following schemas are exposed: {}", exposed.join(", ")))
    }

    /// PGRST107: none of the accepted media types can be served.
    pub fn media_type(asked: &[String]) -> Self {
        Self::new("PGRST107", 406, format!("None of these media types are available: {}", asked.join(", ")))
    }

    /// PGRST108: a path names something that `select` does not embed.
    pub fn not_embedded(name: &str) -> Self {
        Self::new("PGRST108", 400, format!("'{name}' is not an embedded resource in this request"))
            .with_hint(format!("Verify that '{name}' is included in the 'select' query parameter."))
    }

    /// PGRST111: SQL set `response.headers` to something unusable.
    pub fn response_headers() -> Self {
        let message =
            "response.headers guc must be a JSON array composed of objects with a single key and a string value";
        Self::new("PGRST111", 500, message)
    }

    /// PGRST112: SQL set `response.status` to something unusable.
    pub fn response_status() -> Self {
        Self::new("PGRST112", 500, "response.status guc must be a valid status code")
    }

    /// PGRST114: PUT with `limit` or `offset`.
    pub fn put_limit() -> Self {
        Self::new("PGRST114", 400, "limit/offset querystring parameters are not allowed for PUT")
    }

    /// PGRST115: PUT whose body is another row than its URL.
    pub fn put_key_mismatch() -> Self {
        Self::new("PGRST115", 400, "Payload values do not match URL in primary key column(s)")
    }

    /// PGRST116: one object was asked for and there are `rows` of them.
    pub fn singular(rows: u64) -> Self {
        Self::new("PGRST116", 406, "Cannot coerce the result to a single JSON object")
            .with_details(format!("The result contains {rows} rows"))
    }

    /// PGRST117: a verb the dialect does not have.
    pub fn method(method: &str) -> Self {
        Self::new("PGRST117", 405, format!("Unsupported HTTP method: {method}"))
    }

    /// PGRST118: ordering by an embed that is not to-one.
    pub fn related_order(origin: &str, target: &str) -> Self {
        Self::new("PGRST118", 400, format!("A related order on '{target}' is not possible"))
            .with_details(format!("'{origin}' and '{target}' do not form a many-to-one or one-to-one relationship"))
    }

    /// PGRST120: an operator on an embed other than the null tests.
    pub fn embed_operator(target: &str) -> Self {
        Self::new("PGRST120", 400, format!("Bad operator on the '{target}' embedded resource"))
            .with_details("Only is null or not is null filters are allowed on embedded resources")
    }

    /// PGRST121: `RAISE` with SQLSTATE `PGRST` whose JSON is malformed.
    pub fn raise(details: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new("PGRST121", 500, "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error")
            .with_details(details)
            .with_hint(hint)
    }

    /// PGRST122: unknown preferences under `handling=strict`.
    pub fn preferences(unknown: &[String]) -> Self {
        Self::new("PGRST122", 400, "Invalid preferences given with handling=strict")
            .with_details(format!("Invalid preferences: {}", unknown.join(", ")))
    }

    /// PGRST123: aggregates are switched off.
    pub fn aggregates() -> Self {
        Self::new("PGRST123", 400, "Use of aggregate functions is not allowed")
    }

    /// PGRST124: more rows than `max-affected`.
    pub fn max_affected(rows: u64) -> Self {
        Self::new("PGRST124", 400, "Query result exceeds max-affected preference constraint")
            .with_details(format!("The query affects {rows} rows"))
    }

    /// PGRST125: no such path.
    pub fn path() -> Self {
        Self::new("PGRST125", 404, "Invalid path specified in request URL")
    }

    /// PGRST126: the description at `/` is switched off.
    pub fn openapi_off() -> Self {
        Self::new("PGRST126", 404, "Root endpoint metadata is disabled")
    }

    /// PGRST127: a feature this backend does not have; `details` names it.
    pub fn not_implemented(details: impl Into<String>) -> Self {
        Self::new("PGRST127", 400, "Feature not implemented").with_details(details)
    }

    /// PGRST128: `max-affected` on a function that returns no set.
    pub fn max_affected_rpc() -> Self {
        let message = "Function must return SETOF or TABLE when max-affected preference is used with handling=strict";
        Self::new("PGRST128", 400, message)
    }

    // --------------------------------------------------------------------------------------------- 2xx: catalog

    /// PGRST200: no relationship between the two. `near` is the fuzzy match offered.
    pub fn no_relationship(origin: &str, target: &str, hint: Option<&str>, schema: &str, near: Option<&str>) -> Self {
        let searched = hint.map_or_else(String::new, |hint| format!(" using the hint '{hint}'"));
        let error = Self::new(
            "PGRST200",
            400,
            format!("Could not find a relationship between '{origin}' and '{target}' in the schema cache"),
        )
        .with_details(format!(
            "Searched for a foreign key relationship between '{origin}' and '{target}'{searched} in the schema \
             '{schema}', but no matches were found."
        ));
        match near {
            Some(near) => error.with_hint(format!("Perhaps you meant '{near}' instead of '{target}'.")),
            None => error,
        }
    }

    /// PGRST201: several relationships. `candidates` is a JSON array of `{cardinality, embedding, relationship}`,
    /// `forms` the `rel!name` spellings that would choose.
    pub fn ambiguous_relationship(origin: &str, target: &str, candidates: String, forms: &[String]) -> Self {
        let quoted = forms.iter().map(|form| format!("'{form}'")).collect::<Vec<_>>().join(", ");
        Self::new(
            "PGRST201",
            300,
            format!("Could not embed because more than one relationship was found for '{origin}' and '{target}'"),
        )
        .with_json_details(candidates)
        .with_hint(format!(
            "Try changing '{target}' to one of the following: {quoted}. Find the desired relationship in the \
             'details' key."
        ))
    }

    /// PGRST202: no function takes these arguments.
    pub fn no_function(message: impl Into<String>, details: impl Into<String>, hint: Option<String>) -> Self {
        Self { hint, ..Self::new("PGRST202", 404, message).with_details(details) }
    }

    /// PGRST203: several functions take these arguments.
    pub fn ambiguous_function(candidates: &[String]) -> Self {
        Self::new(
            "PGRST203",
            300,
            format!("Could not choose the best candidate function between: {}", candidates.join(", ")),
        )
        .with_hint("Try renaming the parameters or the function itself in the database so function overloading can be resolved")
    }

    /// PGRST204: no such column.
    pub fn no_column(column: &str, relation: &str) -> Self {
        Self::new("PGRST204", 400, format!("Could not find the '{column}' column of '{relation}' in the schema cache"))
    }

    /// PGRST205: no such relation. `near` is the fuzzy match offered.
    pub fn no_relation(schema: &str, relation: &str, near: Option<&str>) -> Self {
        let error =
            Self::new("PGRST205", 404, format!("Could not find the table '{schema}.{relation}' in the schema cache"));
        match near {
            Some(near) => error.with_hint(format!("Perhaps you meant the table '{schema}.{near}'")),
            None => error,
        }
    }

    // ----------------------------------------------------------------------------------------------- 3xx: tokens

    /// PGRST300: a token came, and nothing to verify it with is configured.
    pub fn no_jwt_secret() -> Self {
        Self::new("PGRST300", 500, "Server lacks JWT secret")
    }

    /// PGRST301: the token is not valid.
    pub fn invalid_token(message: impl Into<String>) -> Self {
        Self::new("PGRST301", 401, message)
    }

    /// PGRST302: anonymous access is switched off.
    pub fn token_required() -> Self {
        Self::new("PGRST302", 401, "Anonymous access is disabled")
    }

    /// PGRST303: the token's claims forbid it.
    pub fn claims(message: impl Into<String>) -> Self {
        Self::new("PGRST303", 401, message)
    }

    /// PGRSTX00: our own failure; nothing of its cause is told.
    pub fn internal() -> Self {
        Self::new("PGRSTX00", 500, "Internal server error")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_status() {
        let none: &[String] = &[];
        let cases = [
            (ApiError::no_connection("x"), "PGRST000", 503),
            (ApiError::driver("x"), "PGRST001", 503),
            (ApiError::no_catalog(), "PGRST002", 503),
            (ApiError::pool_timeout(), "PGRST003", 504),
            (ApiError::queue_full(), "PGRST003", 503),
            (ApiError::query("x", "y"), "PGRST100", 400),
            (ApiError::rpc_method("PUT"), "PGRST101", 405),
            (ApiError::body("x"), "PGRST102", 400),
            (ApiError::negative_limit(), "PGRST103", 416),
            (ApiError::inverted_range(), "PGRST103", 416),
            (ApiError::offset_past_total(9, 3), "PGRST103", 416),
            (ApiError::put_filters(), "PGRST105", 405),
            (ApiError::schema("x", none), "PGRST106", 406),
            (ApiError::media_type(none), "PGRST107", 406),
            (ApiError::not_embedded("x"), "PGRST108", 400),
            (ApiError::response_headers(), "PGRST111", 500),
            (ApiError::response_status(), "PGRST112", 500),
            (ApiError::put_limit(), "PGRST114", 400),
            (ApiError::put_key_mismatch(), "PGRST115", 400),
            (ApiError::singular(0), "PGRST116", 406),
            (ApiError::method("FOO"), "PGRST117", 405),
            (ApiError::related_order("a", "b"), "PGRST118", 400),
            (ApiError::embed_operator("a"), "PGRST120", 400),
            (ApiError::raise("a", "b"), "PGRST121", 500),
            (ApiError::preferences(none), "PGRST122", 400),
            (ApiError::aggregates(), "PGRST123", 400),
            (ApiError::max_affected(2), "PGRST124", 400),
            (ApiError::path(), "PGRST125", 404),
            (ApiError::openapi_off(), "PGRST126", 404),
            (ApiError::not_implemented("x"), "PGRST127", 400),
            (ApiError::max_affected_rpc(), "PGRST128", 400),
            (ApiError::no_relationship("a", "b", Some("c"), "s", None), "PGRST200", 400),
            (ApiError::ambiguous_relationship("a", "b", String::new(), none), "PGRST201", 300),
            (ApiError::no_function("a", "b", None), "PGRST202", 404),
            (ApiError::ambiguous_function(none), "PGRST203", 300),
            (ApiError::no_column("a", "b"), "PGRST204", 400),
            (ApiError::no_relation("s", "b", Some("c")), "PGRST205", 404),
            (ApiError::no_jwt_secret(), "PGRST300", 500),
            (ApiError::invalid_token("x"), "PGRST301", 401),
            (ApiError::token_required(), "PGRST302", 401),
            (ApiError::claims("x"), "PGRST303", 401),
            (ApiError::internal(), "PGRSTX00", 500),
        ];
        for (error, code, status) in cases {
            assert_eq!((error.code.as_ref(), error.status), (code, status));
            assert_eq!(error.proxy_status(), format!("PostgREST; error={code}"));
            assert_eq!(error.retry_after_s().is_some(), status == 503, "{code}");
            assert_eq!(error.www_authenticate().is_some(), status == 401, "{code}");
        }
    }
}
