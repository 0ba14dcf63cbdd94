//! What a role sees: the grants that decide what is described.

use policy::RoleGuard;
use store::catalog::{Catalog, Privilege, QName, Relation};

use crate::relationships::view_key;

/// Who looks: a role by its grants, or somebody to whom all is shown.
#[derive(Clone, Copy)]
pub(super) struct Eyes<'a>(pub(super) Option<&'a RoleGuard>);

impl Eyes<'_> {
    pub(super) fn may(self, relation: &Relation, privilege: Privilege) -> bool {
        self.0.is_none_or(|guard| guard.may(relation, privilege))
    }

    pub(super) fn may_column(self, relation: &Relation, privilege: Privilege, column: &str) -> bool {
        self.0.is_none_or(|guard| guard.may_column(relation, privilege, column))
    }

    /// The columns that must be named in `select` because others may not be read; none when all may.
    pub(super) fn partial(self, relation: &Relation) -> Option<Vec<&str>> {
        let guard = self.0?;
        if !guard.may(relation, Privilege::Select) || guard.may_all(relation, Privilege::Select) {
            return None;
        }
        let readable = |name: &&str| guard.may_column(relation, Privilege::Select, name);
        let names = relation.columns.iter().map(|column| &*column.name);
        Some(names.filter(readable).collect()).filter(|names: &Vec<_>| names.len() < relation.columns.len())
    }

    /// Is there any privilege on the relation, of those that let PostgreSQL's tools list it.
    pub(super) fn any(self, relation: &Relation) -> bool {
        use Privilege::{Delete, Insert, References, Select, Trigger, Truncate, Update};
        [Select, Insert, Update, Delete, Truncate, References, Trigger]
            .into_iter()
            .any(|privilege| self.may(relation, privilege))
    }

    /// May the relation of this name be spoken of: it can be asked for in some way.
    pub(super) fn knows(self, catalog: &Catalog, name: &QName) -> bool {
        catalog.relations.get(name).is_some_and(|relation| Reach::of(catalog, relation, self).any())
    }
}

/// What a role can do with a relation over HTTP.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one for each verb")]
pub(super) struct Reach {
    pub(super) select: bool,
    pub(super) insert: bool,
    pub(super) update: bool,
    pub(super) delete: bool,
    /// PUT has a key to go by.
    pub(super) keyed: bool,
}

impl Reach {
    pub(super) fn of(catalog: &Catalog, relation: &Relation, eyes: Eyes<'_>) -> Self {
        Self {
            select: eyes.may(relation, Privilege::Select),
            insert: relation.insertable && eyes.may(relation, Privilege::Insert),
            update: relation.updatable && eyes.may(relation, Privilege::Update),
            delete: relation.deletable && eyes.may(relation, Privilege::Delete),
            keyed: relation.primary_key.is_some() || !view_key(catalog, relation).is_empty(),
        }
    }

    pub(super) fn any(self) -> bool {
        self.select || self.insert || self.update || self.delete
    }

    /// Does the role reach the relation by this verb.
    pub(super) fn by(self, verb: Verb) -> bool {
        match verb {
            Verb::Get => self.select,
            Verb::Post => self.insert,
            Verb::Put => self.insert && self.update && self.keyed,
            Verb::Patch => self.update,
            Verb::Delete => self.delete,
        }
    }
}

/// The verbs that are described; HEAD and OPTIONS follow from GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    pub(super) const ALL: [Self; 5] = [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// As a member of a path item.
    pub(super) fn member(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}
