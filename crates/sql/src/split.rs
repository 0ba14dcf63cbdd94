//! A file into its statements, without understanding them.
//!
//! The cut is where `psql` would cut: at semicolons outside parentheses, strings, comments and the bodies of
//! `begin atomic … end`. Each piece is the exact text, so it can be sent to PostgreSQL as it stands.

use crate::ast::Located;
use crate::error::SyntaxError;
use crate::lex::{Lexer, Token, TokenKind};
use crate::parse::Lines;

/// The statements of a text in their order, each from its first token to its last, without comments around it and
/// without the semicolon. Pieces that are empty are left out.
pub fn split(text: &str) -> Result<Vec<Located<&str>>, SyntaxError> {
    let mut lexer = Lexer::new(text);
    let mut lines = Lines::new(text);
    let mut pieces = Vec::new();
    let mut piece = Piece::default();
    loop {
        let token = lexer.token()?;
        let ends = token.kind == TokenKind::End
            || (token.kind == TokenKind::Punct && text[token.start..token.end] == *";" && piece.is_complete());
        if !ends {
            piece.take(text, token);
            continue;
        }
        if let Some(start) = piece.start {
            let range = start..piece.end;
            if piece.copies_from_input {
                return Err(SyntaxError::at(
                    text,
                    start,
                    "copy from stdin is not supported in a file: write insert statements",
                ));
            }
            let line = lines.of(start);
            pieces.push(Located { node: &text[range.clone()], offset: start, line, range });
        }
        if token.kind == TokenKind::End {
            return Ok(pieces);
        }
        piece = Piece::default();
    }
}

/// What is known about the statement being read.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is something seen of its own")]
struct Piece {
    start: Option<usize>,
    end: usize,
    parens: usize,
    /// How many words have been read, up to those that tell what the statement is.
    words: usize,
    /// Whether it began `create [or replace] function|procedure`, whose body may hold semicolons.
    routine: bool,
    /// `begin atomic` and the `case`s inside it that still need their `end`.
    blocks: usize,
    after_begin: bool,
    copy: bool,
    after_from: bool,
    copies_from_input: bool,
    creates: bool,
    /// The next word is a name, after `as` or a dot.
    label: bool,
}

impl Piece {
    fn is_complete(&self) -> bool {
        self.parens == 0 && self.blocks == 0
    }

    fn take(&mut self, text: &str, token: Token) {
        self.start.get_or_insert(token.start);
        self.end = token.end;
        let shown = &text[token.start..token.end];
        match token.kind {
            TokenKind::Punct if shown == "(" => self.parens += 1,
            TokenKind::Punct if shown == ")" => self.parens = self.parens.saturating_sub(1),
            TokenKind::Word => self.word(shown),
            _ => self.after_begin = false,
        }
        if token.kind != TokenKind::Word {
            // Only unbroken words at the start say what the statement is.
            self.words = usize::MAX;
            self.label = shown == ".";
        }
    }

    fn word(&mut self, word: &str) {
        let is = |what: &str| word.eq_ignore_ascii_case(what);
        let position = self.words;
        self.words = self.words.saturating_add(1);
        match position {
            0 => {
                self.creates = is("create");
                self.copy = is("copy");
            }
            1..=3 if self.creates && (is("function") || is("procedure")) => self.routine = true,
            _ => {}
        }
        if self.copy && self.parens == 0 {
            self.copies_from_input |= self.after_from && is("stdin");
            self.after_from = is("from");
        }
        if self.routine {
            if self.blocks == 0 {
                if self.after_begin && is("atomic") {
                    self.blocks = 1;
                }
                self.after_begin = is("begin");
            } else if self.label {
                // A name, whatever the word.
            } else if is("case") {
                self.blocks += 1;
            } else if is("end") {
                self.blocks -= 1;
            }
        }
        self.label = is("as");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<(u32, &str)> {
        split(text).expect("the text can be split").into_iter().map(|piece| (piece.line, piece.node)).collect()
    }

    #[test]
    fn statements_are_cut_at_semicolons_outside_of_everything() {
        for (text, expected) in [
            ("", &[][..]),
            (" ; ;; -- nothing\n /* ; */ ", &[]),
            ("select 1", &[(1, "select 1")]),
            ("-- a; b\nselect 1;\n\n/* c; */ select 2 -- d\n;", &[(2, "select 1"), (4, "select 2")]),
            (
                "select ';', \"a;b\", $x$;$x$, E'\\';'; select 2",
                &[(1, "select ';', \"a;b\", $x$;$x$, E'\\';'"), (1, "select 2")],
            ),
            ("\u{feff}select 1;", &[(1, "select 1")]),
            (
                "create function f() returns int language sql as $$ select 1; select 2; $$; select 3",
                &[(1, "create function f() returns int language sql as $$ select 1; select 2; $$"), (1, "select 3")],
            ),
            (
                "create or replace function f(a int) returns int begin atomic select 1; \
                 select case when a > 0 then 1 else 2 end; end; begin; commit",
                &[
                    (
                        1,
                        "create or replace function f(a int) returns int begin atomic select 1; \
                         select case when a > 0 then 1 else 2 end; end",
                    ),
                    (1, "begin"),
                    (1, "commit"),
                ],
            ),
            (
                "create rule r as on insert to t do also (select 1; select 2); select 3",
                &[(1, "create rule r as on insert to t do also (select 1; select 2)"), (1, "select 3")],
            ),
            ("select \"begin\" atomic; select 1", &[(1, "select \"begin\" atomic"), (1, "select 1")]),
            ("create table begin (atomic int); select 1", &[(1, "create table begin (atomic int)"), (1, "select 1")]),
        ] {
            assert_eq!(pieces(text), expected, "{text}");
        }
    }

    #[test]
    fn pieces_know_where_they_stood() {
        let text = "-- é\n\n  select 1 ;\nselect\n2;";
        let pieces = split(text).expect("the text can be split");
        assert_eq!(pieces.iter().map(|piece| piece.line).collect::<Vec<_>>(), [3, 4]);
        for piece in pieces {
            assert_eq!(&text[piece.range.clone()], piece.node);
            assert_eq!(piece.offset, piece.range.start);
        }
    }

    #[test]
    fn what_cannot_be_cut_is_refused_with_its_place() {
        let error = split("select 1;\n select 'a;").expect_err("the string is open");
        assert_eq!((error.line, error.column), (2, 9));
        let error = split("select 1;\ncopy t (a) from stdin;\n1\n\\.\n").expect_err("there is data in the file");
        assert_eq!(error.line, 2);
    }
}
