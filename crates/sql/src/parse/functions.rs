//! Functions and procedures.

use super::{Parse, Parser};
use crate::ast::{
    AlterFunction, AlterObject, CreateFunction, FunctionBody, FunctionOption, FunctionParam, Name, ObjectKind,
    ParamMode, Returns, Statement, Volatility,
};
use crate::keyword::{self, Class};
use crate::lex::TokenKind;

impl Parser<'_> {
    /// `create [or replace] function|procedure …`, from that word on.
    pub(super) fn create_function(&mut self, or_replace: bool) -> Parse<CreateFunction> {
        let procedure = self.eat("procedure");
        if !procedure {
            self.expect("function")?;
        }
        let name = self.function_object_name()?;
        let params = self.function_params(true)?;
        let mut function = CreateFunction {
            name,
            procedure,
            or_replace,
            params,
            returns: None,
            language: None,
            body: None,
            options: Vec::new(),
        };
        if !procedure && self.is("returns") && !self.are(&["returns", "null", "on"]) {
            self.advance();
            function.returns = Some(if self.are(&["table", "("]) {
                self.advance();
                Returns::Table(self.typed_columns()?)
            } else {
                Returns::Type(self.type_name()?)
            });
        }
        loop {
            let place = self.token();
            if self.eat("language") {
                function.language = Some(self.language()?);
            } else if self.is("as") || self.is("return") || self.are(&["begin", "atomic"]) {
                if function.body.is_some() {
                    return self.error_at(place, "conflicting or redundant options: a function has one body");
                }
                function.body = Some(self.function_body()?);
            } else if let Some(option) = self.function_option()? {
                function.options.push(option);
            } else {
                break;
            }
        }
        if function.body.is_none() {
            return self.error("no function body specified");
        }
        Ok(function)
    }

    pub(super) fn language(&mut self) -> Parse<Name> {
        if self.at_string() { Ok(self.string()?.into()) } else { self.label() }
    }

    fn function_body(&mut self) -> Parse<FunctionBody> {
        if self.eat("as") {
            let body = self.string()?;
            return Ok(if self.eat(",") {
                FunctionBody::Linked(body, self.string()?)
            } else {
                FunctionBody::Text(body)
            });
        }
        if self.eat("return") {
            return Ok(FunctionBody::Return(Box::new(self.expr()?)));
        }
        self.expect_all(&["begin", "atomic"])?;
        let mut statements = Vec::new();
        while !self.eat("end") {
            if self.eat(";") {
                continue;
            }
            if self.is("return") {
                return self.error("return is not supported inside begin atomic: write a select");
            }
            statements.push(self.row_statement()?);
            if !self.is("end") {
                self.expect(";")?;
            }
        }
        Ok(FunctionBody::Atomic(statements))
    }

    /// The parameters in parentheses. Defaults may only stand where functions are created.
    pub(super) fn function_params(&mut self, defaults: bool) -> Parse<Vec<FunctionParam>> {
        self.expect("(")?;
        if self.eat(")") {
            return Ok(Vec::new());
        }
        let params = self.list(|parser| parser.function_param(defaults))?;
        self.expect(")")?;
        Ok(params)
    }

    fn function_param(&mut self, defaults: bool) -> Parse<FunctionParam> {
        let mut mode = self.param_mode();
        // A name stands before the type; one word alone is the type.
        let named = match self.token().kind {
            TokenKind::QuotedIdent => self.starts_type_after_name(),
            TokenKind::Word => {
                keyword::class(self.text_of(self.token())) != Class::Reserved
                    && !self.are(&["double", "precision"])
                    && !self.at_multi_word_type()
                    && self.starts_type_after_name()
            }
            _ => false,
        };
        let name = if named { Some(self.function_name()?) } else { None };
        if mode.is_none() && name.is_some() {
            mode = self.param_mode();
        }
        let ty = self.type_name()?;
        let default = if defaults && (self.eat("default") || self.eat("=")) { Some(self.expr()?) } else { None };
        Ok(FunctionParam { mode: mode.unwrap_or_default(), name, ty, default })
    }

    fn param_mode(&mut self) -> Option<ParamMode> {
        // A parameter may itself be called `out` or `in` only when quoted, so the word is always a mode.
        if self.eat_all(&["in", "out"]) || self.eat("inout") {
            Some(ParamMode::InOut)
        } else if self.eat("in") {
            Some(ParamMode::In)
        } else if self.eat("out") {
            Some(ParamMode::Out)
        } else {
            self.eat("variadic").then_some(ParamMode::Variadic)
        }
    }

    /// Whether the current word begins a type of several words.
    fn at_multi_word_type(&self) -> bool {
        (self.is_any(&["character", "char", "nchar", "bit"]) && self.is_at(1, "varying"))
            || (self.is("national") && (self.is_at(1, "character") || self.is_at(1, "char")))
            || (self.is_any(&["time", "timestamp"]) && (self.is_at(1, "with") || self.is_at(1, "without")))
            || (self.is("interval")
                && ["year", "month", "day", "hour", "minute", "second"].iter().any(|field| self.is_at(1, field)))
            || self.are(&["setof"])
    }

    /// Whether the token after the current one begins a type.
    fn starts_type_after_name(&self) -> bool {
        let next = self.ahead(1);
        match next.kind {
            TokenKind::QuotedIdent => true,
            TokenKind::Word => {
                let word = self.text_of(next);
                let is_mode =
                    ["in", "out", "inout", "variadic", "setof"].iter().any(|mode| word.eq_ignore_ascii_case(mode));
                is_mode || keyword::class(word) != Class::Reserved
            }
            _ => false,
        }
    }

    fn function_option(&mut self) -> Parse<Option<FunctionOption>> {
        let option = if self.eat("immutable") {
            FunctionOption::Volatility(Volatility::Immutable)
        } else if self.eat("stable") {
            FunctionOption::Volatility(Volatility::Stable)
        } else if self.eat("volatile") {
            FunctionOption::Volatility(Volatility::Volatile)
        } else if self.eat("strict") || self.eat_all(&["returns", "null", "on", "null", "input"]) {
            FunctionOption::Strict(true)
        } else if self.eat_all(&["called", "on", "null", "input"]) {
            FunctionOption::Strict(false)
        } else if self.are(&["security", "definer"]) || self.are(&["external", "security", "definer"]) {
            self.eat("external");
            self.expect_all(&["security", "definer"])?;
            FunctionOption::SecurityDefiner(true)
        } else if self.are(&["security", "invoker"]) || self.are(&["external", "security", "invoker"]) {
            self.eat("external");
            self.expect_all(&["security", "invoker"])?;
            FunctionOption::SecurityDefiner(false)
        } else if self.eat("leakproof") {
            FunctionOption::Leakproof(true)
        } else if self.eat_all(&["not", "leakproof"]) {
            FunctionOption::Leakproof(false)
        } else if self.eat("window") {
            FunctionOption::Window
        } else if self.eat("parallel") {
            FunctionOption::Parallel(self.label()?)
        } else if self.eat("cost") {
            FunctionOption::Cost(self.signed_number()?)
        } else if self.eat("rows") {
            FunctionOption::Rows(self.signed_number()?)
        } else if self.eat("support") {
            FunctionOption::Support(self.any_object_name()?)
        } else if self.is("set") && !self.is_at(1, "schema") {
            self.advance();
            FunctionOption::Set(self.setting(None)?)
        } else if self.eat("reset") {
            FunctionOption::Reset(if self.eat("all") { None } else { Some(self.setting_name()?) })
        } else if self.is("transform") {
            return self.error("transform is not supported");
        } else {
            return Ok(None);
        };
        Ok(Some(option))
    }

    /// `alter function|procedure|routine …`, after that word.
    pub(super) fn alter_function(&mut self, kind: ObjectKind) -> Parse<Statement> {
        let object = self.object_ref(kind)?;
        if let Some(action) = self.alter_object_action()? {
            return Ok(Statement::AlterObject(Box::new(AlterObject { kind, object, action })));
        }
        let mut options = Vec::new();
        while let Some(option) = self.function_option()? {
            options.push(option);
        }
        if options.is_empty() {
            return self.unexpected();
        }
        self.eat("restrict");
        Ok(Statement::AlterFunction(Box::new(AlterFunction { kind, object, options })))
    }
}
