//! Small apps: tables with references, rows, grants, policies, functions and views, as one migration.

use std::fmt::Write as _;

use super::condition::{Around, condition};
use crate::Dice;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The key.
    Id,
    /// A user.
    Owner,
    /// A small number.
    Number,
    /// A short text.
    Label,
    /// A truth value.
    Flag,
    /// A reference to the relation at this place.
    Ref(usize),
    /// A number that a view computes.
    Computed,
}

/// A column of a generated relation.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// How the key of a table comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Given by whoever inserts.
    Given,
    /// Drawn when not given.
    Drawn,
    /// Always drawn.
    AlwaysDrawn,
    /// Together with the label.
    WithLabel,
    /// None: a view.
    None,
}

/// A table or view.
#[derive(Clone, Debug)]
pub struct Relation {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its key.
    pub key: Key,
    /// The key of the table that a write lands on: its own, or that below a view.
    pub fill: Key,
    /// It is a table.
    pub table: bool,
}

impl Relation {
    /// The name of its column of this kind, if it has one.
    pub fn named(&self, kind: Kind) -> Option<&str> {
        self.columns.iter().find(|column| column.kind == kind).map(|column| &*column.name)
    }
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// 0: of an id, 1: a count, 2: a set of ids.
    pub form: usize,
    /// Which relation it reads.
    pub reads: usize,
    /// It reads with its owner's rights.
    pub free: bool,
}

/// Who sends requests.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The role.
    pub role: String,
    /// The claims as JSON.
    pub claims: String,
}

/// A generated app.
#[derive(Clone, Debug, Default)]
pub struct App {
    /// Where it comes from.
    pub seed: u64,
    /// Tables first, then views.
    pub relations: Vec<Relation>,
    /// Functions.
    pub functions: Vec<Function>,
    /// Roles of its own; they are the whole server's on PostgreSQL, so their names are unique to this run.
    pub roles: Vec<String>,
    /// The migration, statement by statement.
    pub statements: Vec<String>,
    /// Who sends requests.
    pub callers: Vec<Caller>,
}

/// The users of all worlds.
pub(super) const USERS: [&str; 3] = [
    "11111111-1111-4111-8111-111111111111",
    "22222222-2222-4222-8222-222222222222",
    "33333333-3333-4333-8333-333333333333",
];
pub(super) const LABELS: [&str; 6] = ["a", "b", "c", "ab", "abc", "d"];

impl App {
    /// The app of a seed; names of its roles begin with `prefix`.
    pub fn generate(seed: u64, prefix: &str) -> Self {
        let dice = Dice::new(seed);
        let mut app = Self { seed, ..Self::default() };
        app.make_roles(&dice, prefix);
        for place in 0..2 + dice.below(3) {
            app.make_table(&dice, place);
        }
        let tables = app.relations.len();
        for place in 0..tables {
            app.make_rows(&dice, place);
        }
        for number in 0..dice.below(4) {
            app.make_function(&dice, number);
        }
        for number in 0..dice.below(4) {
            app.make_view(&dice, number, tables);
        }
        for place in 0..tables {
            app.make_policies(&dice, place, tables);
        }
        for place in 0..app.relations.len() {
            app.make_grants(&dice, place);
        }
        app
    }

    /// The migration's text.
    pub fn migration(&self) -> String {
        self.statements.iter().fold(String::new(), |mut text, statement| {
            let _ = writeln!(text, "{statement};");
            text
        })
    }

    fn say(&mut self, statement: String) {
        self.statements.push(statement);
    }

    fn make_roles(&mut self, dice: &Dice, prefix: &str) {
        let (editor, boss) = (format!("{prefix}_editor"), format!("{prefix}_boss"));
        self.say(format!("create role {editor}{}", if dice.chance(10) { " bypassrls" } else { "" }));
        self.say(format!("create role {boss}"));
        if dice.chance(70) {
            self.say(format!("grant {editor} to {boss}"));
        }
        for role in [&editor, &boss] {
            self.say(format!("grant usage on schema auth to {role}"));
        }
        let mut caller = |role: &str, user: Option<usize>, more: &str| {
            let subject = user.map_or_else(String::new, |user| format!(",\"sub\":\"{}\"", USERS[user]));
            self.callers
                .push(Caller { role: role.to_owned(), claims: format!("{{\"role\":\"{role}\"{subject}{more}}}") });
        };
        caller("anon", None, "");
        caller("authenticated", Some(0), ",\"team\":\"a\",\"level\":3");
        caller("authenticated", Some(1), ",\"team\":\"b\"");
        caller("authenticated", None, ",\"level\":\"6\"");
        caller("service_role", None, "");
        caller(&editor, Some(0), "");
        caller(&boss, Some(1), ",\"team\":\"abc\",\"level\":1");
        self.roles = vec![editor, boss];
    }

    fn make_table(&mut self, dice: &Dice, place: usize) {
        let name = format!("t{place}");
        let key = match dice.below(10) {
            0..6 => Key::Given,
            6 | 7 => Key::Drawn,
            8 => Key::AlwaysDrawn,
            _ => Key::WithLabel,
        };
        let mut columns = vec![
            Column { name: "id".to_owned(), kind: Kind::Id },
            Column { name: "owner".to_owned(), kind: Kind::Owner },
            Column { name: "n".to_owned(), kind: Kind::Number },
            Column { name: "label".to_owned(), kind: Kind::Label },
            Column { name: "flag".to_owned(), kind: Kind::Flag },
        ];
        let id = match key {
            Key::Given => "id int primary key",
            Key::Drawn => "id int generated by default as identity primary key",
            Key::AlwaysDrawn => "id int generated always as identity primary key",
            Key::WithLabel | Key::None => "id int",
        };
        let maybe = |percent: usize, text: &str| if dice.chance(percent) { text.to_owned() } else { String::new() };
        let mut parts = vec![
            id.to_owned(),
            format!("owner uuid{}{}", maybe(50, " default auth.uid()"), maybe(15, " not null")),
            format!("n int{}{}", maybe(40, " default 1"), maybe(20, " check (n >= 0)")),
            format!("label text{}{}", maybe(20, " default auth.role()"), maybe(15, " unique")),
            format!("flag boolean{}", maybe(60, " not null default true")),
        ];
        for target in 0..place {
            if self.relations[target].key == Key::WithLabel || !dice.chance(60) {
                continue;
            }
            let action = dice.pick(&["", " on delete cascade", " on delete set null", " on update cascade"]);
            parts.push(format!("t{target}_id int references t{target} (id){action}"));
            columns.push(Column { name: format!("t{target}_id"), kind: Kind::Ref(target) });
        }
        if key == Key::WithLabel {
            parts.push("primary key (id, label)".to_owned());
        }
        self.say(format!("create table {name} ({})", parts.join(", ")));
        self.relations.push(Relation { name, columns, key, fill: key, table: true });
    }

    fn make_rows(&mut self, dice: &Dice, place: usize) {
        let relation = self.relations[place].clone();
        let count = 3 + dice.below(5);
        let mut rows = Vec::with_capacity(count);
        for id in 1..=count {
            let mut cells = Vec::with_capacity(relation.columns.len());
            for column in &relation.columns {
                cells.push(match column.kind {
                    Kind::Id => id.to_string(),
                    Kind::Owner => format!("'{}'", dice.pick(&USERS)),
                    Kind::Number => dice.below(8).to_string(),
                    // Unlike each other, for tables where they must be.
                    Kind::Label => format!(
                        "'{}{}'",
                        dice.pick(&["a", "b", "c"]),
                        if id == 1 { String::new() } else { id.to_string() }
                    ),
                    Kind::Flag => dice.chance(60).to_string(),
                    Kind::Ref(_) if dice.chance(20) => "null".to_owned(),
                    Kind::Ref(_) | Kind::Computed => (1 + dice.below(3)).to_string(),
                });
            }
            rows.push(format!("({})", cells.join(", ")));
        }
        let names: Vec<&str> = relation.columns.iter().map(|column| &*column.name).collect();
        let overriding = if relation.key == Key::AlwaysDrawn { " overriding system value" } else { "" };
        self.say(format!(
            "insert into {} ({}){overriding} values {}",
            relation.name,
            names.join(", "),
            rows.join(", ")
        ));
        if matches!(relation.key, Key::Drawn | Key::AlwaysDrawn) {
            self.say(format!("alter table {} alter column id restart with 20", relation.name));
        }
    }

    fn make_function(&mut self, dice: &Dice, number: usize) {
        let name = format!("f{number}");
        let place = dice.below(self.relations.len());
        let table = self.relations[place].name.clone();
        let form = dice.below(3);
        let inner = {
            let around = Around { app: self, relation: place, alias: "s", readable: &[], functions: false };
            condition(dice, &around, 1)
        };
        let (head, body) = match form {
            0 => (
                format!("{name}(k int) returns boolean"),
                format!("select exists (select 1 from {table} s where s.id = k and {inner})"),
            ),
            1 => (format!("{name}() returns bigint"), format!("select count(*) from {table} s where {inner}")),
            _ => (format!("{name}() returns setof int"), format!("select s.id from {table} s where {inner}")),
        };
        let volatility = if dice.chance(80) { " stable" } else { "" };
        let free = dice.chance(50);
        let security = if free { " security definer" } else { "" };
        self.say(format!("create function {head} language sql{volatility}{security} as $$ {body} $$"));
        if dice.chance(12) {
            self.say(format!("revoke execute on function {name} from public"));
            if dice.chance(70) {
                self.say(format!("grant execute on function {name} to authenticated"));
            }
        }
        self.functions.push(Function { name, form, reads: place, free });
    }

    fn make_view(&mut self, dice: &Dice, number: usize, tables: usize) {
        let base = if self.relations.len() > tables && dice.chance(40) {
            tables + dice.below(self.relations.len() - tables)
        } else {
            dice.below(tables)
        };
        let relation = self.relations[base].clone();
        let (mut columns, mut items) = (Vec::new(), Vec::new());
        for column in &relation.columns {
            let shown = match column.kind {
                Kind::Id => 100,
                Kind::Ref(_) => 70,
                Kind::Owner | Kind::Number | Kind::Label | Kind::Flag | Kind::Computed => 88,
            };
            if !dice.chance(shown) {
                continue;
            }
            let mut name = column.name.clone();
            let mut item = format!("{}.{name}", relation.name);
            if column.kind == Kind::Label && name == "label" && dice.chance(20) {
                "title".clone_into(&mut name);
                item.push_str(" as title");
            }
            columns.push(Column { name, kind: column.kind });
            items.push(item);
        }
        if relation.named(Kind::Computed).is_none() && dice.chance(20) {
            columns.push(Column { name: "more".to_owned(), kind: Kind::Computed });
            items.push(format!("{}.id + 1 as more", relation.name));
        }
        let options = match dice.below(10) {
            0..5 => " with (security_invoker = true)",
            5 => " with (security_invoker = false)",
            _ => "",
        };
        let fixed = relation.fill == Key::None || dice.chance(4);
        let (distinct, check) = match dice.below(10) {
            _ if fixed && relation.fill != Key::None => ("distinct ", ""),
            _ if fixed => ("", ""),
            0 => ("", " with check option"),
            1 => ("", " with cascaded check option"),
            2 | 3 => ("", " with local check option"),
            _ => ("", ""),
        };
        let filter = if dice.chance(65) {
            let readable: Vec<usize> = (0..tables).collect();
            let around =
                Around { app: self, relation: base, alias: &relation.name, readable: &readable, functions: true };
            format!(" where {}", condition(dice, &around, 1))
        } else {
            String::new()
        };
        let name = format!("v{number}");
        let (items, from) = (items.join(", "), &relation.name);
        self.say(format!("create view {name}{options} as select {distinct}{items} from {from}{filter}{check}"));
        let fill = if fixed { Key::None } else { relation.fill };
        self.relations.push(Relation { name, columns, key: Key::None, fill, table: false });
    }

    fn make_policies(&mut self, dice: &Dice, place: usize, tables: usize) {
        let name = self.relations[place].name.clone();
        if !dice.chance(85) {
            return;
        }
        self.say(format!("alter table {name} enable row level security"));
        if dice.chance(15) {
            self.say(format!("alter table {name} force row level security"));
        }
        // Mostly without circles; now and then with one, which both engines must name.
        let readable: Vec<usize> = if dice.chance(5) {
            (0..self.relations.len()).collect()
        } else {
            (0..place).chain((tables..self.relations.len()).filter(|_| dice.chance(10))).collect()
        };
        let all: Vec<String> = ["anon", "authenticated", "public", "service_role"]
            .into_iter()
            .map(str::to_owned)
            .chain(self.roles.iter().cloned())
            .collect();
        for number in 0..=dice.below(5) {
            let command = if number == 0 && dice.chance(50) {
                "all"
            } else {
                *dice.pick(&["all", "all", "select", "select", "insert", "update", "update", "delete"])
            };
            let restrictive = number > 0 && dice.chance(25);
            let to = match dice.below(10) {
                0..5 => String::new(),
                5..8 => format!(" to {}", dice.pick(&all)),
                _ => format!(" to authenticated, {}", dice.pick(&all)),
            };
            // Constants stand alone: what PostgreSQL folds away inside a longer condition is not even asked for its privileges.
            let condition = |dice: &Dice, around: &Around<'_>, depth: usize| match dice.below(12) {
                0 => "true".to_owned(),
                1 if dice.chance(20) => "false".to_owned(),
                _ => condition(dice, around, depth),
            };
            let around = Around { app: self, relation: place, alias: &name, readable: &readable, functions: true };
            let using = if command != "insert" && (command != "update" || dice.chance(90)) {
                format!(" using ({})", condition(dice, &around, 2))
            } else {
                String::new()
            };
            let wants_check = match command {
                "insert" => true,
                "all" | "update" => using.is_empty() || dice.chance(50),
                _ => false,
            };
            let check =
                if wants_check { format!(" with check ({})", condition(dice, &around, 2)) } else { String::new() };
            let kind = if restrictive { " as restrictive" } else { "" };
            self.say(format!("create policy p{number} on {name}{kind} for {command}{to}{using}{check}"));
        }
    }

    fn make_grants(&mut self, dice: &Dice, place: usize) {
        let relation = self.relations[place].clone();
        let roles: Vec<String> =
            ["anon", "authenticated"].into_iter().map(str::to_owned).chain(self.roles.iter().cloned()).collect();
        // When the body of a function runs, and so is refused, is the planner's choice: what functions read, everybody may.
        let asked = self.functions.iter().any(|function| !function.free && function.reads == place);
        for role in &roles {
            let dealt = dice.below(20);
            match if asked { 0 } else { dealt } {
                0..12 => self.say(format!("grant select, insert, update, delete on {} to {role}", relation.name)),
                12..14 => self.say(format!("grant select on {} to {role}", relation.name)),
                14 => self.say(format!("grant insert, update on {} to {role}", relation.name)),
                15..19 => {
                    for privilege in ["select", "insert", "update"] {
                        let some = dice.some(&relation.columns, 75);
                        let names: Vec<&str> = some.iter().map(|column| &*column.name).collect();
                        if !names.is_empty() && dice.chance(85) {
                            self.say(format!(
                                "grant {privilege} ({}) on {} to {role}",
                                names.join(", "),
                                relation.name
                            ));
                        }
                    }
                    if dice.chance(50) {
                        self.say(format!("grant delete on {} to {role}", relation.name));
                    }
                }
                _ => {}
            }
        }
        if dice.chance(5) {
            self.say(format!("grant select on {} to public", relation.name));
        }
        if dice.chance(5) {
            self.say(format!(
                "revoke {} on {} from service_role",
                dice.pick(&["all", "insert", "select"]),
                relation.name
            ));
        }
    }
}
