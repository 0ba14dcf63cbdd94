//! The law of the house: what can be judged by reading its files. Each law is a function to the places that break it, and a test.

mod codes;
mod differences;
mod floors;
mod licences;
mod modules;
mod tables;
mod text;
mod worlds;

use crate::house::House;

/// A law: its sentence, and who judges by it.
pub(crate) type Law = (&'static str, fn(&House) -> Vec<String>);

/// All laws.
pub(crate) const LAWS: &[Law] = &[
    ("A crate says its floor, and depends on lower floors only.", floors::lower_only),
    ("A crate takes the workspace's lints, edition and licence.", floors::inherited),
    ("Every Rust file opens with a document comment.", text::documented),
    ("Exceptions to lints are expectations with a reason.", text::no_allow),
    ("The world outside is rationed: each driver, protocol and system call has its owner.", worlds::crates),
    ("Files, environment, clock, randomness, tasks and sleeping have their places.", worlds::calls),
    ("Every Rust file is part of a crate.", modules::no_dead_files),
    ("Every error code is unique and carries its room's name.", codes::named),
    ("Every error code has a page that says what happened and what to do.", codes::documented),
    ("docs/postgrest.md tells of every case that is not as PostgREST has it.", differences::told),
    ("A room's SQL names its own tables only.", tables::own),
    ("Only licences that are on the list.", licences::allowed),
];

/// The places that break a law, each with the law's sentence.
pub(crate) fn judge(house: &House) -> Vec<String> {
    LAWS.iter()
        .flat_map(|(sentence, law)| law(house).into_iter().map(move |place| format!("{place}\n    {sentence}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(law: fn(&House) -> Vec<String>) {
        let broken = law(&House::open().expect("the workspace can be read"));
        assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
    }

    macro_rules! laws {
        ($($name:ident: $law:path,)+) => {
            $(#[test] fn $name() { holds($law); })+

            #[test]
            fn every_law_is_a_test() {
                assert_eq!([$(stringify!($name)),+].len(), LAWS.len());
            }
        };
    }

    laws! {
        crates_depend_on_lower_floors_only: floors::lower_only,
        crates_take_what_the_workspace_says: floors::inherited,
        files_open_with_a_document_comment: text::documented,
        exceptions_to_lints_are_expectations: text::no_allow,
        outside_crates_have_their_owners: worlds::crates,
        system_calls_have_their_places: worlds::calls,
        every_file_is_part_of_a_crate: modules::no_dead_files,
        error_codes_are_unique_and_carry_their_room: codes::named,
        error_codes_have_pages: codes::documented,
        differences_from_postgrest_are_told: differences::told,
        rooms_name_their_own_tables_only: tables::own,
        licences_are_on_the_list: licences::allowed,
    }
}
