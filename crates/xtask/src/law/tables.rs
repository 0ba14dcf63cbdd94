//! Whose tables SQL names. The house's tables are `_room_noun`.

use crate::house::{House, shown};
use crate::source::word;

/// Words that a table's name follows.
const BEFORE: &[&str] = &["from", "into", "update", "join", "table", "exists", "on"];

/// SQL in a room names tables of no other room.
pub(super) fn own(house: &House) -> Vec<String> {
    let mut broken = Vec::new();
    for (room, source) in house.sources() {
        for (at, text) in &source.strings {
            let words: Vec<&str> = text.split(|letter: char| !letter.is_ascii() || !word(letter as u8)).collect();
            for pair in words.windows(2) {
                let (before, name) = (pair[0].to_ascii_lowercase(), pair[1]);
                let Some((owner, _)) = name.strip_prefix('_').and_then(|name| name.split_once('_')) else { continue };
                if BEFORE.contains(&&*before) && owner != room.name && house.rooms.contains_key(owner) {
                    broken.push(format!("{}:{}: {name} belongs to {owner}", shown(&source.path), source.line(*at)));
                }
            }
        }
    }
    broken
}
