//! What a group may be, what it wants, and where an event belongs: decisions without a database.

use kernel::FieldError;

use crate::error::ConsumersError;
use crate::model::Settings;

/// The most partitions of a group.
const PARTITIONS_MAX: u32 = 64;
/// The shortest and the longest time for an event, milliseconds: half a day.
const ACK_WAIT_MS: std::ops::RangeInclusive<i64> = 100..=43_200_000;
/// The most deliveries of an event.
const DELIVER_MAX: i64 = 1_000;
/// The most events that are out at once.
const PENDING_MAX: i64 = 10_000;
/// Patterns of a filter, and the bytes of one.
const PATTERNS_MAX: usize = 16;
const PATTERN_MAX: usize = 256;

/// Whether a group may be asked to be so.
pub(crate) fn judge(settings: &Settings) -> Result<(), ConsumersError> {
    let mut wrong = Vec::new();
    let mut refuse = |path: &str, detail: &str| {
        wrong.push(FieldError { path: path.to_owned(), detail: detail.to_owned() });
    };
    if !(1..=PARTITIONS_MAX).contains(&settings.partitions) {
        refuse("partitions", "1 to 64");
    }
    if !ACK_WAIT_MS.contains(&settings.ack_wait_ms) {
        refuse("ack_wait_ms", "100 to 43200000");
    }
    if !(1..=DELIVER_MAX).contains(&settings.max_deliver) {
        refuse("max_deliver", "1 to 1000");
    }
    if !(1..=PENDING_MAX).contains(&settings.max_ack_pending) {
        refuse("max_ack_pending", "1 to 10000");
    }
    for (path, patterns) in [("filter_subjects", &settings.filter_subjects), ("filter_types", &settings.filter_types)] {
        if patterns.len() > PATTERNS_MAX {
            refuse(path, "at most 16 patterns");
        }
        if !patterns.iter().all(|pattern| is_pattern(pattern)) {
            refuse(path, "words between dots, * for one word, > at the end for one or more; at most 256 bytes");
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(ConsumersError::Invalid(wrong)) }
}

fn is_pattern(pattern: &str) -> bool {
    let words: Vec<&str> = pattern.split('.').collect();
    pattern.len() <= PATTERN_MAX
        && words.iter().enumerate().all(|(at, word)| match *word {
            "" => false,
            ">" => at + 1 == words.len(),
            "*" => true,
            word => !word.contains(['*', '>']),
        })
}

/// Does a pattern say this name: word by word, `*` any one, `>` at the end all that is left, at least one.
fn says(pattern: &str, name: &str) -> bool {
    let mut words = name.split('.');
    for wanted in pattern.split('.') {
        match (wanted, words.next()) {
            (">", Some(_)) => return true,
            (wanted, Some(word)) if wanted == "*" || wanted == word => {}
            _ => return false,
        }
    }
    words.next().is_none()
}

/// Does a group want an event of this type and subject.
pub(crate) fn wants(settings: &Settings, kind: &str, subject: &str) -> bool {
    let any =
        |patterns: &[String], name: &str| patterns.is_empty() || patterns.iter().any(|pattern| says(pattern, name));
    any(&settings.filter_types, kind) && any(&settings.filter_subjects, subject)
}

/// The partition of a key: the same for ever, in every version and on both engines.
pub(crate) fn partition_of(key: &str, partitions: u32) -> u32 {
    let digest = crypto::sha256(key.as_bytes());
    let (first, _) = digest.split_first_chunk::<8>().expect("a digest has 32 bytes");
    let number = u64::from_be_bytes(*first) % u64::from(partitions.max(1));
    u32::try_from(number).expect("it is below a u32")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_say_names_word_by_word() {
        for (pattern, name, want) in [
            ("public.song", "public.song", true),
            ("public.song", "public.songs", false),
            ("public.*", "public.song", true),
            ("public.*", "public.song.x", false),
            ("public.*", "public", false),
            ("public.>", "public.song", true),
            ("public.>", "public.song.x", true),
            ("public.>", "public", false),
            (">", "public.song", true),
            ("*.song", "public.song", true),
            ("*.song", "other.verse", false),
            ("data.row.inserted", "data.row.inserted", true),
        ] {
            assert_eq!(says(pattern, name), want, "{pattern} {name}");
        }
    }

    #[test]
    fn settings_beyond_the_bounds_are_refused_by_name() {
        let good = Settings::default();
        assert!(judge(&good).is_ok());
        for (settings, named) in [
            (Settings { partitions: 0, ..good.clone() }, "partitions"),
            (Settings { partitions: 65, ..good.clone() }, "partitions"),
            (Settings { ack_wait_ms: 99, ..good.clone() }, "ack_wait_ms"),
            (Settings { max_deliver: 0, ..good.clone() }, "max_deliver"),
            (Settings { max_ack_pending: 10_001, ..good.clone() }, "max_ack_pending"),
            (Settings { filter_subjects: vec![String::new()], ..good.clone() }, "filter_subjects"),
            (Settings { filter_subjects: vec![">.a".to_owned()], ..good.clone() }, "filter_subjects"),
            (Settings { filter_types: vec!["a*".to_owned()], ..good.clone() }, "filter_types"),
            (Settings { filter_types: vec!["a".to_owned(); 17], ..good.clone() }, "filter_types"),
        ] {
            let Err(ConsumersError::Invalid(fields)) = judge(&settings) else { panic!("{settings:?} is taken") };
            assert_eq!(fields[0].path, named);
        }
    }

    #[test]
    fn a_group_wants_what_both_its_filters_say() {
        let some = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let both = Settings {
            filter_subjects: some(&["public.song", "other.>"]),
            filter_types: some(&["data.row.*"]),
            ..Settings::default()
        };
        for (settings, kind, subject, want) in [
            (&Settings::default(), "anything", "at.all", true),
            (&both, "data.row.inserted", "public.song", true),
            (&both, "data.row.deleted", "other.x.y", true),
            (&both, "data.row.deleted", "public.verse", false),
            (&both, "audit.key.made", "public.song", false),
        ] {
            assert_eq!(wants(settings, kind, subject), want, "{kind} {subject}");
        }
    }

    #[test]
    fn keys_keep_their_partition_and_spread() {
        assert_eq!(partition_of("public.song/1", 8), 1);
        assert_eq!(partition_of("public.song/1", 1), 0);
        let mut counts = [0; 8];
        for number in 0..8_000 {
            counts[partition_of(&format!("public.song/{number}"), 8) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }
}
