//! Where printed text goes: bytes of an answer or a string, by the same code.

/// Something that text is appended to.
pub(crate) trait Sink {
    /// Appends a text.
    fn put(&mut self, s: &str);

    /// Appends ASCII bytes.
    fn put_ascii(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, s: &str) {
        self.extend_from_slice(s.as_bytes());
    }

    fn put_ascii(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Sink for String {
    fn put(&mut self, s: &str) {
        self.push_str(s);
    }

    fn put_ascii(&mut self, bytes: &[u8]) {
        self.extend(bytes.iter().map(|b| char::from(*b)));
    }
}

const PAIRS: &[u8; 200] =
    b"0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849\
    5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

/// Appends an integer, two digits at a time.
pub(crate) fn put_int(i: i64, out: &mut impl Sink) {
    let mut buffer = [0u8; 20];
    let mut at = buffer.len();
    let mut n = i.unsigned_abs();
    while n >= 100 {
        let pair = usize::try_from(n % 100).unwrap_or(0) * 2;
        n /= 100;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    let pair = usize::try_from(n).unwrap_or(0) * 2;
    if n >= 10 {
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        buffer[at] = PAIRS[pair + 1];
    }
    if i < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    out.put_ascii(&buffer[at..]);
}

/// Appends bytes as hexadecimal digits.
pub(crate) fn put_hex(bytes: &[u8], out: &mut impl Sink) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for b in bytes {
        out.put_ascii(&[DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_written_in_full() {
        let mut seed = 7;
        let fixed = [0, 9, 10, 99, 100, 101, -1, i64::MAX, i64::MIN];
        for i in fixed.into_iter().chain((0..5000).map(|_| crate::seeded::int(&mut seed))) {
            let (mut a, mut b) = (Vec::new(), String::new());
            put_int(i, &mut a);
            put_int(i, &mut b);
            assert_eq!(b, i.to_string());
            assert_eq!(a, b.as_bytes());
        }
    }
}
