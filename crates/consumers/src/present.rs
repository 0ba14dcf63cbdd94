//! The room's nouns on the wire: JSON.

use kernel::Micros;
use serde_json::{Value, json};
use values::write_json_string;

use crate::model::{DeadLetter, Pulled, Settled, Status};

fn time(at: i64) -> Value {
    Micros(at).to_text().map_or(Value::Null, |text| String::from_utf8_lossy(&text).into_owned().into())
}

/// A group with its state.
pub fn status(status: &Status) -> Value {
    let sum = |of: fn(&crate::Partition) -> i64| status.partitions.iter().map(of).sum::<i64>();
    let partitions: Vec<Value> = (0_u32..)
        .zip(&status.partitions)
        .map(|(number, partition)| {
            json!({
                "partition": number, "cursor": partition.cursor, "lag": partition.lag, "num_waiting": partition.waiting,
                "num_ack_pending": partition.pending, "num_missed": partition.missed,
            })
        })
        .collect();
    let lag = sum(|partition| partition.lag);
    json!({
        "durable": status.group.durable,
        "created": time(status.group.created_at),
        "config": status.group.settings,
        "lag": lag,
        "lag_exact": status.exact,
        "num_waiting": sum(|partition| partition.waiting),
        "num_ack_pending": sum(|partition| partition.pending),
        "num_missed": sum(|partition| partition.missed),
        "num_dead_letters": status.dead,
        "partitions": partitions,
    })
}

/// What was handed out.
pub fn pulled(pulled: &Pulled) -> Vec<u8> {
    let mut out = Vec::with_capacity(pulled.deliveries.iter().map(|delivery| delivery.event.len() + 128).sum());
    out.extend_from_slice(b"{\"deliveries\":[");
    for (number, delivery) in pulled.deliveries.iter().enumerate() {
        out.extend_from_slice(if number > 0 { b",\n {\"ack\":" } else { b"{\"ack\":" });
        write_json_string(&delivery.lease, &mut out);
        let numbers = format!(",\"num_delivered\":{},\"partition\":{},\"event\":", delivery.number, delivery.partition);
        out.extend_from_slice(numbers.as_bytes());
        out.extend_from_slice(delivery.event.as_bytes());
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}

/// What acknowledging came to.
pub fn settled(settled: &Settled) -> Value {
    json!({"settled": settled.done.len(), "stale": settled.stale, "dead_lettered": settled.died})
}

/// Dead letters.
pub fn dead(letters: &[DeadLetter]) -> Vec<u8> {
    let mut out = b"{\"dead_letters\":[".to_vec();
    for (number, letter) in letters.iter().enumerate() {
        out.extend_from_slice(if number > 0 { b",\n " } else { b"" });
        let about = json!({
            "position": letter.position, "partition": letter.partition, "partitionkey": letter.key,
            "num_delivered": letter.delivered, "reason": letter.reason, "dead_since": time(letter.at),
        })
        .to_string();
        out.extend_from_slice(about.trim_end_matches('}').as_bytes());
        out.extend_from_slice(b",\"event\":");
        out.extend_from_slice(letter.event.as_deref().unwrap_or("null").as_bytes());
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}
