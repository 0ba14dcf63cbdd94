//! Random trees: what a tree prints is read back as the same tree.

use sql::ast::*;

/// A small generator of numbers, the same for the same seed everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xd1b5_4a32_d192_ed03)
    }

    fn next(&mut self) -> u64 {
        // Splitmix, whose every seed is a good one.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// A number below a bound above zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("the remainder of a usize fits")
    }

    fn chance(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.chance(3) { Some(make(self)) } else { None }
    }

    fn some<T>(&mut self, least: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..least + self.below(3)).map(|_| make(self)).collect()
    }

    fn name(&mut self) -> Name {
        self.pick(&[
            "a",
            "b",
            "id",
            "user_id",
            "Weird Name",
            "select",
            "left",
            "time",
            "values",
            "it\"s",
            "é",
            "1st",
            "a$b",
            "order",
            "rows",
            "double",
            "interval",
            "set",
            "value",
            "char",
            "exclude",
            "coalesce",
            "lateral",
            "none",
            "partition",
            "nulls",
        ])
        .into()
    }

    fn names(&mut self, least: usize) -> Vec<Name> {
        self.some(least, Self::name)
    }

    fn object(&mut self) -> ObjectName {
        ObjectName { schema: self.maybe(Self::name), name: self.name() }
    }

    fn ty(&mut self) -> TypeName {
        let mut ty = match self.below(8) {
            0 => TypeName { modifiers: vec!["10".to_owned(), "2".to_owned()], ..TypeName::plain("numeric") },
            1 => TypeName { modifiers: vec!["1".to_owned()], ..TypeName::plain("bpchar") },
            2 => TypeName { modifiers: vec!["3".to_owned()], ..TypeName::plain("timestamptz") },
            3 => TypeName { fields: Some("day to second(3)".into()), ..TypeName::plain("interval") },
            4 => TypeName { name: self.object(), ..TypeName::plain("") },
            5 => TypeName { modifiers: vec!["Point".to_owned(), "4326".to_owned()], ..TypeName::plain("geometry") },
            _ => TypeName::plain(
                self.pick(&["int4", "text", "jsonb", "char", "bit", "varbit", "bpchar", "time", "varchar"]),
            ),
        };
        if self.chance(4) {
            ty.array_dims = 1 + u8::from(self.chance(2));
        }
        ty
    }

    fn text(&mut self) -> String {
        self.pick(&["", "x", "it's", "a\\b", "é\n", "$$", "--", "/*", "\"", "{1,2}", "?1"]).to_owned()
    }

    fn literal(&mut self) -> Literal {
        match self.below(8) {
            0 => Literal::Null,
            1 => Literal::Bool(self.chance(2)),
            2 => Literal::Numeric(self.pick(&["1.5", ".5", "1.", "1e10", "1.5e-3"]).to_owned()),
            3 => Literal::Bits("01".to_owned()),
            4 => Literal::HexBits("1F".to_owned()),
            5 => Literal::String(self.text()),
            _ => Literal::Integer(self.below(1_000).to_string()),
        }
    }

    fn binary_op(&mut self) -> BinaryOp {
        use BinaryOp as Op;
        match self.below(20) {
            0 => Op::Qualified(ObjectName::qualified("pg_catalog", self.pick(&["+", "=", "||"]))),
            1..=4 => Op::Other(
                self.pick(&["->", "->>", "@>", "<@", "&&", "?", "?|", "~*", "#>", "|", "<<", "~~", "@-"]).into(),
            ),
            5 => Op::Concat,
            6 => Op::And,
            7 => Op::Or,
            8 => Op::Ne,
            9 => Op::Lt,
            10 => Op::Ge,
            11 => Op::Add,
            12 => Op::Sub,
            13 => Op::Mul,
            14 => Op::Div,
            15 => Op::Mod,
            16 => Op::Pow,
            _ => Op::Eq,
        }
    }

    fn exprs(&mut self, depth: usize, least: usize) -> Vec<Expr> {
        self.some(least, |random| random.expr(depth))
    }

    fn boxed(&mut self, depth: usize) -> Box<Expr> {
        Box::new(self.expr(depth))
    }

    /// An expression that is no bare subquery, where that would mean something else.
    fn not_subquery(&mut self, depth: usize) -> Expr {
        match self.expr(depth) {
            Expr::Subquery(_) => Expr::Param(1),
            expr => expr,
        }
    }

    pub(crate) fn expr(&mut self, depth: usize) -> Expr {
        if depth == 0 || self.chance(6) {
            return match self.below(4) {
                0 => Expr::Param(1 + u32::try_from(self.below(20)).expect("a small number")),
                1 => Expr::Literal(self.literal()),
                _ => Expr::Column { parts: self.names(1) },
            };
        }
        let depth = depth - 1;
        let negated = self.chance(2);
        match self.below(27) {
            0 => Expr::Unary { op: UnaryOp::Not, expr: self.boxed(depth) },
            1 => Expr::Unary { op: if negated { UnaryOp::Neg } else { UnaryOp::Plus }, expr: self.boxed(depth) },
            2 => Expr::Unary { op: UnaryOp::Other(self.pick(&["~", "@", "|/", "!!"]).into()), expr: self.boxed(depth) },
            3..=9 => Expr::Binary { op: self.binary_op(), left: self.boxed(depth), right: self.boxed(depth) },
            10 => Expr::IsNull { expr: self.boxed(depth), negated },
            11 => {
                Expr::IsTruth { expr: self.boxed(depth), truth: self.pick(&[None, Some(true), Some(false)]), negated }
            }
            12 => Expr::IsDistinctFrom { left: self.boxed(depth), right: self.boxed(depth), negated },
            13 => {
                let symmetric = self.chance(2);
                Expr::Between {
                    expr: self.boxed(depth),
                    low: self.boxed(depth),
                    high: self.boxed(depth),
                    symmetric,
                    negated,
                }
            }
            14 => {
                let list = if self.chance(2) { vec![self.not_subquery(depth)] } else { self.exprs(depth, 2) };
                Expr::InList { expr: self.boxed(depth), list, negated }
            }
            15 => Expr::InQuery { expr: self.boxed(depth), query: self.boxed_query(depth), negated },
            16 => {
                let op = match self.binary_op() {
                    BinaryOp::And | BinaryOp::Or => BinaryOp::Eq,
                    op => op,
                };
                let right = if self.chance(2) {
                    Quantity::Array(Box::new(self.not_subquery(depth)))
                } else {
                    Quantity::Query(self.boxed_query(depth))
                };
                Expr::Quantified { left: self.boxed(depth), op, all: negated, right }
            }
            17 => Expr::Like {
                expr: self.boxed(depth),
                pattern: self.boxed(depth),
                escape: self.maybe(|random| random.boxed(depth)),
                kind: self.pick(&[LikeKind::Like, LikeKind::Ilike, LikeKind::SimilarTo]),
                negated,
            },
            18 => Expr::Case {
                operand: self.maybe(|random| random.boxed(depth)),
                branches: self.some(1, |random| (random.expr(depth), random.expr(depth))),
                otherwise: self.maybe(|random| random.boxed(depth)),
            },
            19 => Expr::Cast { expr: self.boxed(depth), ty: self.ty() },
            20 => Expr::Function(Box::new(self.call(depth, true))),
            21 => match self.below(3) {
                0 => Expr::Exists(self.boxed_query(depth)),
                1 => Expr::ArrayQuery(self.boxed_query(depth)),
                _ => Expr::Subquery(self.boxed_query(depth)),
            },
            22 => Expr::Array(self.exprs(depth, 0)),
            23 => {
                let explicit = self.chance(2);
                Expr::Row { items: self.exprs(depth, if explicit { 0 } else { 2 }), explicit }
            }
            24 => match self.below(2) {
                0 => Expr::Subscript { expr: self.boxed(depth), index: self.boxed(depth) },
                _ => Expr::Slice {
                    expr: self.boxed(depth),
                    low: self.maybe(|random| random.boxed(depth)),
                    high: self.maybe(|random| random.boxed(depth)),
                },
            },
            25 => Expr::Field { expr: self.boxed(depth), name: self.name() },
            _ => Expr::Collate { expr: self.boxed(depth), collation: self.object() },
        }
    }

    fn call(&mut self, depth: usize, windows: bool) -> FunctionCall {
        if self.chance(6) {
            let name =
                self.pick(&["coalesce", "greatest", "least", "current_date", "current_user", "current_timestamp"]);
            let args = if name.starts_with("current") { Vec::new() } else { self.exprs(depth, 1) };
            return FunctionCall { keyword: true, ..FunctionCall::plain(ObjectName::bare(name), args) };
        }
        let name = match self.below(8) {
            0 => ObjectName::bare(self.pick(&[
                "extract",
                "substring",
                "position",
                "overlay",
                "trim",
                "coalesce",
                "normalize",
            ])),
            _ => self.object(),
        };
        let args = self.exprs(depth, 0);
        let mut call = FunctionCall::plain(name, args);
        match self.below(4) {
            0 if call.args.is_empty() => call.star = true,
            1 if !call.args.is_empty() => {
                call.distinct = true;
                call.order_by = self.some(0, |random| random.order(depth));
            }
            2 => {
                call.within_group = true;
                call.order_by = self.some(1, |random| random.order(depth));
            }
            3 => {
                if let Some(last) = call.args.last_mut() {
                    last.variadic = self.chance(2);
                    last.name = self.maybe(|random| random.pick(&["a", "b", "Weird Name"]).into());
                }
            }
            _ => {}
        }
        call.filter = self.maybe(|random| random.expr(depth));
        if windows {
            call.over = self.maybe(|random| {
                if random.chance(2) { Over::Named(random.name()) } else { Over::Window(random.window(depth)) }
            });
        }
        call
    }

    fn window(&mut self, depth: usize) -> Window {
        Window {
            base: self.maybe(Self::name),
            partition_by: self.exprs(depth, 0),
            order_by: self.some(0, |random| random.order(depth)),
            frame: self.maybe(|random| Frame {
                unit: random.pick(&[FrameUnit::Rows, FrameUnit::Range, FrameUnit::Groups]),
                start: random.bound(depth),
                end: random.maybe(|random| random.bound(depth)),
                exclude: random.pick(&[
                    None,
                    Some(FrameExclude::CurrentRow),
                    Some(FrameExclude::Group),
                    Some(FrameExclude::Ties),
                ]),
            }),
        }
    }

    fn bound(&mut self, depth: usize) -> FrameBound {
        match self.below(5) {
            0 => FrameBound::UnboundedPreceding,
            1 => FrameBound::Preceding(self.boxed(depth)),
            2 => FrameBound::CurrentRow,
            3 => FrameBound::Following(self.boxed(depth)),
            _ => FrameBound::UnboundedFollowing,
        }
    }

    fn order(&mut self, depth: usize) -> OrderBy {
        let using = if self.chance(6) { Some(self.pick(&["<", ">", "~<~"]).into()) } else { None };
        OrderBy {
            expr: self.expr(depth),
            descending: if using.is_some() { None } else { self.pick(&[None, Some(true), Some(false)]) },
            nulls_first: self.pick(&[None, Some(true), Some(false)]),
            using,
        }
    }

    fn boxed_query(&mut self, depth: usize) -> Box<Query> {
        Box::new(self.query(depth, true))
    }

    /// A query; without `bare` it has something beside its body.
    pub(crate) fn query(&mut self, depth: usize, bare: bool) -> Query {
        let depth = depth.saturating_sub(1);
        let mut query = Query::from_body(self.body(depth, 2));
        let extras = if bare { self.below(4) } else { 1 + self.below(3) };
        if extras > 0 || matches!(query.body, QueryBody::Nested(_)) {
            query.limit = Some(self.expr(depth));
            query.with_ties = self.chance(3);
        }
        if extras > 1 {
            query.order_by = self.some(1, |random| random.order(depth));
            query.offset = self.maybe(|random| random.expr(depth));
        }
        if extras > 2 {
            query.with = Some(With { recursive: self.chance(2), ctes: self.some(1, |random| random.cte(depth)) });
            query.locks = self.some(0, |random| Lock {
                strength: random.pick(&[
                    LockStrength::Update,
                    LockStrength::NoKeyUpdate,
                    LockStrength::Share,
                    LockStrength::KeyShare,
                ]),
                of: random.some(0, Self::object),
                wait: random.pick(&[LockWait::Wait, LockWait::Nowait, LockWait::SkipLocked]),
            });
        }
        query
    }

    fn cte(&mut self, depth: usize) -> Cte {
        let body = match self.statement(depth) {
            Statement::Insert(insert) => CteBody::Insert(insert),
            Statement::Update(update) => CteBody::Update(update),
            Statement::Delete(delete) => CteBody::Delete(delete),
            _ => CteBody::Query(self.boxed_query(depth)),
        };
        Cte {
            name: self.name(),
            columns: self.names(0),
            materialized: self.pick(&[None, Some(true), Some(false)]),
            body,
        }
    }

    fn body(&mut self, depth: usize, operators: usize) -> QueryBody {
        match self.below(6) {
            0 => QueryBody::Values(self.some(1, |random| random.exprs(depth, 1))),
            1 | 2 if operators > 0 => QueryBody::SetOp {
                op: self.pick(&[SetOp::Union, SetOp::Intersect, SetOp::Except]),
                all: self.chance(2),
                left: Box::new(self.body(depth, operators - 1)),
                right: Box::new(self.body(depth, operators - 1)),
            },
            3 if depth > 0 => QueryBody::Nested(Box::new(self.query(depth, false))),
            _ => QueryBody::Select(Box::new(self.select(depth))),
        }
    }

    fn items(&mut self, depth: usize) -> Vec<SelectItem> {
        self.some(0, |random| match random.below(6) {
            0 => SelectItem::Wildcard,
            1 => SelectItem::TableWildcard(random.object()),
            2 => SelectItem::FieldWildcard(random.expr(depth)),
            _ => SelectItem::Expr { expr: random.expr(depth), alias: random.maybe(Self::name) },
        })
    }

    fn select(&mut self, depth: usize) -> Select {
        let distinct = match self.below(6) {
            0 => Distinct::Yes,
            1 => Distinct::On(self.exprs(depth, 1)),
            _ => Distinct::No,
        };
        let mut items = self.items(depth);
        if distinct != Distinct::No {
            items.push(SelectItem::Wildcard);
        }
        Select {
            distinct,
            items,
            from: self.some(0, |random| random.source(depth, 2)),
            filter: self.maybe(|random| random.expr(depth)),
            group_by: self.some(0, |random| random.group(depth)),
            having: self.maybe(|random| random.expr(depth)),
            windows: self.some(0, |random| (random.name(), random.window(depth))),
        }
    }

    fn group(&mut self, depth: usize) -> GroupItem {
        match self.below(8) {
            0 => GroupItem::Rollup(self.exprs(depth, 1)),
            1 => GroupItem::Cube(self.exprs(depth, 1)),
            2 => GroupItem::Sets(vec![GroupItem::Empty, GroupItem::Expr(self.expr(depth))]),
            3 => GroupItem::Empty,
            _ => GroupItem::Expr(self.expr(depth)),
        }
    }

    fn alias(&mut self) -> TableAlias {
        TableAlias { name: self.name(), columns: self.names(0) }
    }

    fn source(&mut self, depth: usize, joins: usize) -> FromItem {
        match self.below(6) {
            0 => FromItem::Query { lateral: self.chance(2), query: self.boxed_query(depth), alias: Some(self.alias()) },
            1 => self.function(depth),
            2 | 3 if joins > 0 => {
                let (left, right) = (Box::new(self.source(depth, joins - 1)), Box::new(self.source(depth, joins - 1)));
                let condition = match self.below(4) {
                    0 => JoinCondition::None,
                    1 => JoinCondition::Natural,
                    2 => JoinCondition::Using { columns: self.names(1), alias: self.maybe(Self::name) },
                    _ => JoinCondition::On(self.boxed(depth)),
                };
                let kind = if condition == JoinCondition::None {
                    JoinKind::Cross
                } else {
                    self.pick(&[JoinKind::Inner, JoinKind::Left, JoinKind::Right, JoinKind::Full])
                };
                FromItem::Join { kind, left, right, condition, alias: self.maybe(Self::alias) }
            }
            _ => FromItem::Table { name: self.object(), only: self.chance(4), alias: self.maybe(Self::alias) },
        }
    }

    fn function(&mut self, depth: usize) -> FromItem {
        let rows_from = self.chance(2);
        let typed = |random: &mut Self| random.some(1, |random| (random.name(), random.ty()));
        let calls = (0..if rows_from { 1 + self.below(2) } else { 1 })
            .map(|_| {
                let mut call = self.call(depth, false);
                call.keyword = false;
                call.filter = None;
                if call.within_group {
                    call.within_group = false;
                    call.order_by.clear();
                }
                let columns = if rows_from && self.chance(2) { typed(self) } else { Vec::new() };
                TableFunction { call, columns }
            })
            .collect();
        let columns = if self.chance(3) { typed(self) } else { Vec::new() };
        let alias = if columns.is_empty() {
            self.maybe(Self::alias)
        } else {
            Some(TableAlias { name: if self.chance(2) { "".into() } else { self.name() }, columns: Vec::new() })
        };
        FromItem::Function { lateral: self.chance(3), calls, rows_from, ordinality: self.chance(3), alias, columns }
    }

    fn assignment(&mut self, depth: usize) -> Assignment {
        if self.chance(3) {
            return Assignment::Columns {
                columns: self.names(2),
                value: Expr::Row { items: self.exprs(depth, 2), explicit: false },
            };
        }
        Assignment::Column { column: self.name(), value: if self.chance(4) { Expr::Default } else { self.expr(depth) } }
    }

    pub(crate) fn statement(&mut self, depth: usize) -> Statement {
        let inner = depth.saturating_sub(1);
        match self.below(5) {
            0 => Statement::Insert(Box::new(self.insert(inner))),
            1 => Statement::Update(Box::new(Update {
                with: None,
                table: self.object(),
                only: self.chance(3),
                alias: self.maybe(Self::name),
                set: self.some(1, |random| random.assignment(inner)),
                from: self.some(0, |random| random.source(inner, 1)),
                filter: self.maybe(|random| random.expr(inner)),
                returning: self.items(inner),
            })),
            2 => Statement::Delete(Box::new(Delete {
                with: None,
                table: self.object(),
                only: self.chance(3),
                alias: self.maybe(Self::name),
                using: self.some(0, |random| random.source(inner, 1)),
                filter: self.maybe(|random| random.expr(inner)),
                returning: self.items(inner),
            })),
            _ => Statement::Query(self.boxed_query(depth)),
        }
    }

    fn insert(&mut self, depth: usize) -> Insert {
        let columns = self.names(0);
        let source = if columns.is_empty() && self.chance(4) {
            InsertSource::DefaultValues
        } else {
            InsertSource::Query(self.boxed_query(depth))
        };
        let overriding_system =
            if source == InsertSource::DefaultValues { None } else { self.pick(&[None, Some(true), Some(false)]) };
        let element = |random: &mut Self| IndexElement {
            expr: random.expr(depth),
            collation: random.maybe(Self::object),
            opclass: random.maybe(Self::object),
            opclass_options: Vec::new(),
            descending: random.pick(&[None, Some(true), Some(false)]),
            nulls_first: random.pick(&[None, Some(true), Some(false)]),
        };
        let on_conflict = self.maybe(|random| {
            let target = if random.chance(3) {
                ConflictTarget::Constraint(random.name())
            } else {
                ConflictTarget::Index {
                    elements: random.some(1, element),
                    filter: random.maybe(|random| random.expr(depth)),
                }
            };
            let action = if random.chance(2) {
                ConflictAction::Nothing
            } else {
                ConflictAction::Update {
                    set: random.some(1, |random| random.assignment(depth)),
                    filter: random.maybe(|random| random.expr(depth)),
                }
            };
            OnConflict { target: Some(target), action }
        });
        Insert {
            with: None,
            table: self.object(),
            alias: self.maybe(Self::name),
            columns,
            overriding_system,
            source,
            on_conflict,
            returning: self.items(depth),
        }
    }
}

#[test]
fn random_expressions_are_read_back() {
    for seed in 0..2_000 {
        let expr = Random::new(seed).expr(4);
        let text = expr.to_sql();
        assert_eq!(sql::parse_expr(&text).as_ref(), Ok(&expr), "seed {seed}: {text}");
    }
}

#[test]
fn random_statements_are_read_back() {
    for seed in 0..800 {
        let statement = Random::new(seed).statement(3);
        let text = statement.to_sql();
        assert_eq!(sql::parse_statement(&text).as_ref(), Ok(&statement), "seed {seed}: {text}");
    }
}
