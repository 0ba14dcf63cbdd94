//! stub
pub(crate) fn parse_vector(t: &str) -> crate::Result<String> {
    Ok(t.into())
}
pub(crate) fn parse_query(t: &str) -> crate::Result<String> {
    Ok(t.into())
}
