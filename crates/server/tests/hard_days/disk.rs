//! No room on the disk, and files that cannot be written. Room is taken away by the system's limit on the size of a process's files, which
//! needs no privilege and no device of a certain size: beyond it every write fails as it does on a full disk.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use http::Method;

use crate::place::{Answer, Place, SCHEMA};

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |found| found.len())
}

/// Sends writes at once, and says which were acknowledged.
fn rush(place: &Place, served: &crate::place::Served, ids: std::ops::Range<usize>) -> Vec<(usize, Answer)> {
    let tasks: Vec<_> = ids
        .map(|id| {
            let (address, key) = (served.address.clone(), served.service.clone());
            let body = format!("{{\"id\":{id},\"title\":\"T\"}}");
            let asked = async move {
                (id, crate::place::ask(&address, &key, Method::POST, "/rest/v1/song", body.into()).await)
            };
            place.runtime.spawn(asked)
        })
        .collect();
    tasks.into_iter().map(|task| place.runtime.block_on(task).unwrap()).collect()
}

#[test]
fn a_full_disk_refuses_writes_for_now_while_reads_go_on_and_room_is_noticed() {
    let place = Place::new(&[("0001_schema.sql", SCHEMA)], &[]);
    let served = place.start();
    assert_eq!(place.add(&served, 2).status, 201);
    served.cramp(Some(0));
    for id in 10..13 {
        place.add(&served, id).is_for_later("disk");
    }
    for (_, answer) in rush(&place, &served, 20..40) {
        answer.is_for_later("");
    }
    let refused = place.ask(&served, Method::PATCH, "/rest/v1/song?id=eq.1", r#"{"title":"Changed"}"#);
    refused.is_for_later("disk");
    place.ask(&served, Method::DELETE, "/rest/v1/song?id=eq.1", "").is_for_later("disk");
    // A write that is refused for its own sake is told so, room or not.
    assert_eq!(place.ask(&served, Method::POST, "/rest/v1/song", r#"{"nope":1}"#).status, 400);
    assert_eq!(place.songs(&served), [1, 2]);
    assert_eq!(place.get(&served, "/livez").status, 200);

    served.cramp(None);
    assert_eq!(place.add(&served, 3).status, 201);
    assert_eq!(place.songs(&served), [1, 2, 3]);
    assert!(served.stop());
    assert_eq!(place.songs(&place.start()), [1, 2, 3]);
}

#[test]
fn a_disk_that_fills_up_keeps_all_that_was_acknowledged_and_nothing_else() {
    let place = Place::new(&[("0001_schema.sql", SCHEMA)], &[]);
    let served = place.start();
    // Room for some writes, and then for none: in the midst of a group, wherever that may be.
    served.cramp(Some(size(&place.data("main.db-wal")) + 200_000));
    let mut kept = vec![1];
    let mut full = false;
    for round in 0..200 {
        for (id, answer) in rush(&place, &served, 100 * (round + 1)..100 * (round + 1) + 8) {
            if answer.status == 201 {
                kept.push(id);
            } else {
                answer.is_for_later("");
                full = true;
            }
        }
        if full {
            break;
        }
    }
    assert!(full, "the disk never became full");
    kept.sort_unstable();
    assert_eq!(place.songs(&served), kept);
    drop(served);
    let served = place.start();
    assert_eq!(place.songs(&served), kept);
    assert_eq!(place.add(&served, 2).status, 201);
}

#[test]
fn without_room_for_its_first_write_it_says_so_and_starts_when_there_is_some() {
    let place = Place::new(&[("0001_schema.sql", SCHEMA)], &[]);
    let (code, out, error) = place.run_cramped(2_000, &["serve", place.path(), "--listen", "127.0.0.1:0", "--json"]);
    assert_eq!(code, 1, "{out}{error}");
    assert!(error.contains("error: ") && error.contains("disk"), "{error}");
    let (code, out, error) = place.run_cramped(2_000, &["db", "migrate", place.path()]);
    assert_eq!(code, 1, "{out}{error}");
    assert!(error.contains("disk"), "{error}");
    assert_eq!(place.songs(&place.start()), [1]);
}

#[test]
fn a_file_that_cannot_be_written_is_read_and_written_again_once_it_can() {
    let mut place = Place::new(&[("0001_schema.sql", SCHEMA)], &[]);
    assert!(place.start().stop());
    place.bound_by_permissions();
    let allow = |mode| std::fs::set_permissions(place.data("main.db"), std::fs::Permissions::from_mode(mode)).unwrap();
    allow(0o444);
    let served = place.start();
    assert_eq!(place.songs(&served), [1]);
    for id in 2..5 {
        place.add(&served, id).is_for_later("cannot be written");
    }
    allow(0o644);
    assert_eq!(place.add(&served, 5).status, 201);
    assert_eq!(place.songs(&served), [1, 5]);
    assert!(served.stop());
}

#[test]
fn a_data_folder_that_cannot_be_written_stops_the_start_with_its_name() {
    let mut place = Place::new(&[("0001_schema.sql", SCHEMA)], &[]);
    assert!(place.start().stop());
    place.bound_by_permissions();
    for name in ["main.db.lock", "main.db-wal", "main.db-shm"] {
        // Whether it was left behind does not matter.
        std::fs::remove_file(place.data(name)).ok();
    }
    let allow = |mode| std::fs::set_permissions(place.data(""), std::fs::Permissions::from_mode(mode)).unwrap();
    allow(0o555);
    let (code, out, error) = place.run(&["serve", place.path(), "--listen", "127.0.0.1:0", "--json"]);
    allow(0o755);
    assert_eq!(code, 1, "{out}{error}");
    assert!(error.contains(".mainstay") && error.contains("Permission denied"), "{error}");
    assert_eq!(place.songs(&place.start()), [1]);
}
