//! Which SQL may say what the answer is, as far as its text tells.

/// May this text set `response.headers` or `response.status`: it mentions such a name, or sets something whose name it puts together when it
/// runs. Written names of other settings do not count, nor do names that another text puts together.
pub(super) fn speaks(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("response.") || text.split("set_config").skip(1).any(is_computed)
}

/// Behind the word `set_config`: a call whose first argument is anything but a literal.
fn is_computed(rest: &str) -> bool {
    let Some(argument) = rest.trim_start().strip_prefix('(') else { return false };
    let Some(literal) = argument.trim_start().strip_prefix('\'') else { return true };
    // A doubled quote is part of the literal.
    let literal = literal.replace("''", "  ");
    let Some((_, rest)) = literal.split_once('\'') else { return true };
    let rest = rest.trim_start();
    let cast =
        rest.strip_prefix("::").map(|ty| ty.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_' || c == ' '));
    !cast.unwrap_or(rest).trim_start().starts_with(',')
}

#[cfg(test)]
mod tests {
    use super::speaks;

    #[test]
    fn a_text_speaks_that_names_an_answer_or_a_name_nobody_knows_yet() {
        for (text, want) in [
            ("select set_config('response.headers', x, true)", true),
            ("perform SET_CONFIG ( 'Response.Status' , '202', true)", true),
            ("select set_config('request.id', '1', true)", false),
            ("select set_config('request.id'::text, '1'::text, true)", false),
            ("select set_config('it''s', '1', true)", false),
            ("select set_config('response' || '.headers', x, true)", true),
            ("select set_config(concat('response', '.', 'status'), x, true)", true),
            ("select set_config(name, value, true)", true),
            ("select set_config('a.b', c, true), set_config(d, e, true)", true),
            ("select set_configuration", false),
            ("select 1", false),
        ] {
            assert_eq!(speaks(text), want, "{text}");
        }
    }
}
