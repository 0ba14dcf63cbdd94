//! Signed notes: a text, a blank line, and signatures that each name their key.

use std::fmt;

use ring::signature::{Ed25519KeyPair, KeyPair};

use super::key::{KeyKind, VerifierKey, is_name};
use super::{FormError, base64_decode, base64_encode};
use kernel::Secret;

/// The longest note that is read, in bytes.
pub const NOTE_BYTES_MAX: usize = 256 * 1024;
/// The most signatures a note may carry.
pub const SIGNATURES_MAX: usize = 64;
/// What a signature line begins with: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// A text with signatures that nobody has verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One line below the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The name of the key.
    pub name: String,
    /// The key's id.
    pub id: [u8; 4],
    /// The signature in the form of its key's type.
    pub signature: Vec<u8>,
}

/// A signature that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The key that made it.
    pub key: VerifierKey,
    /// When, in Unix seconds; cosignatures say so.
    pub time_s: Option<u64>,
}

/// A note that is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoteError {
    /// A signature that says it is by the known key of this name is not.
    Forged(String),
    /// None of its signatures is by a known key.
    Unsigned,
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forged(name) => write!(f, "the signature in the name of {name} is not by its key"),
            Self::Unsigned => f.write_str("no signature is by a known key"),
        }
    }
}
impl std::error::Error for NoteError {}

impl Note {
    /// A note without signatures yet. The text must end with a newline and hold no other control character.
    pub fn new(text: String) -> Result<Self, FormError> {
        if !text.ends_with('\n') {
            return Err(FormError("a note's text ends with a newline"));
        }
        if text.len() > NOTE_BYTES_MAX {
            return Err(FormError("the note is too long"));
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(FormError("a note holds no control characters but newlines"));
        }
        Ok(Self { text, signatures: Vec::new() })
    }

    /// Reads a note; its signatures begin after the last blank line.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(FormError("the note is too long"));
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| FormError("a note is UTF-8"))?;
        let Some((text, below)) = whole.rfind("\n\n").map(|at| (&whole[..=at], &whole[at + 2..])) else {
            return Err(FormError("a note has a blank line between text and signatures"));
        };
        let Some(lines) = below.strip_suffix('\n') else {
            return Err(FormError("a note ends with a signature and a newline"));
        };
        let mut note = Self::new(text.to_owned())?;
        for line in lines.split('\n') {
            note.add(line.parse()?)?;
        }
        Ok(note)
    }

    /// Adds a signature.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), FormError> {
        if self.signatures.len() == SIGNATURES_MAX {
            return Err(FormError("the note has too many signatures"));
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// What is signed, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures as they stand, verified or not.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Verifies every signature that claims one of the keys; one that is wrong spoils the note, and so does it if there is none at
    /// all. Signatures by others are passed over. A key is listed once.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Vec<Verified>, NoteError> {
        let mut verified: Vec<Verified> = Vec::new();
        for line in &self.signatures {
            for key in keys.iter().filter(|key| key.name() == line.name && key.id() == line.id) {
                let Ok(time_s) = key.verify(&self.text, &line.signature) else {
                    return Err(NoteError::Forged(line.name.clone()));
                };
                if verified.iter().all(|other| other.key != *key) {
                    verified.push(Verified { key: key.clone(), time_s });
                }
            }
        }
        if verified.is_empty() { Err(NoteError::Unsigned) } else { Ok(verified) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

/// The line without its newline.
impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{DASH}{} {}", self.name, base64_encode(&[&self.id[..], &self.signature].concat()))
    }
}

impl std::str::FromStr for NoteSignature {
    type Err = FormError;

    fn from_str(line: &str) -> Result<Self, FormError> {
        let Some((name, bytes)) = line.strip_prefix(DASH).and_then(|rest| rest.split_once(' ')) else {
            return Err(FormError("a signature line is an em dash, a name and base64, with single spaces between"));
        };
        if !is_name(name) {
            return Err(FormError("a key's name must not be empty, nor have spaces, controls or a plus"));
        }
        let bytes = base64_decode(bytes).ok_or(FormError("a signature is base64"))?;
        match bytes.split_first_chunk::<4>() {
            Some((id, signature)) if !signature.is_empty() => {
                Ok(Self { name: name.to_owned(), id: *id, signature: signature.to_vec() })
            }
            _ => Err(FormError("a signature has a key's id and at least one byte more")),
        }
    }
}

/// A key pair of a name. Prints as its public half.
pub struct NoteSigner {
    key: VerifierKey,
    pair: Ed25519KeyPair,
}

impl NoteSigner {
    /// The signer that a seed of 32 random bytes gives, under a name.
    pub fn from_seed(name: &str, seed: &Secret<[u8; 32]>) -> Result<Self, FormError> {
        Self::of_kind(name, KeyKind::Ed25519, seed)
    }

    pub(super) fn of_kind(name: &str, kind: KeyKind, seed: &Secret<[u8; 32]>) -> Result<Self, FormError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose())
            .map_err(|_| FormError("the seed cannot be made a key pair"))?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| FormError("an Ed25519 key has 32 bytes"))?;
        Ok(Self { key: VerifierKey::new(name, kind, public)?, pair })
    }

    /// The key by which its signatures are verified.
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Signs a note's text, with its last newline.
    pub fn sign(&self, text: &str) -> NoteSignature {
        self.line(self.pair_sign(text.as_bytes()))
    }

    pub(super) fn pair_sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    pub(super) fn line(&self, signature: Vec<u8>) -> NoteSignature {
        NoteSignature { name: self.key.name().to_owned(), id: self.key.id(), signature }
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner({})", self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    const NOTE: &str = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONnc\
                        AlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    const STRANGER: &str = "\u{2014} example.com/bar AAAAAAA=\n";

    fn key() -> VerifierKey {
        KEY.parse().unwrap()
    }

    #[test]
    fn the_published_note_verifies_and_prints_as_it_was() {
        let note = Note::parse(NOTE.as_bytes()).unwrap();
        assert_eq!(note.text(), "This is an example message.\n");
        assert_eq!(note.verify(&[key()]), Ok(vec![Verified { key: key(), time_s: None }]));
        assert_eq!(note.to_string(), NOTE);
        // A stranger's signature is neither a reason to believe nor one to doubt.
        let with = Note::parse(format!("{NOTE}{STRANGER}").as_bytes()).unwrap();
        assert_eq!(with.verify(&[key()]).map(|all| all.len()), Ok(1));
        assert_eq!(with.verify(&[]), Err(NoteError::Unsigned));
        // The same name with another key is another key.
        let other = VerifierKey::new("example.com/foo", KeyKind::Ed25519, [1; 32]).unwrap();
        assert_eq!(note.verify(std::slice::from_ref(&other)), Err(NoteError::Unsigned));
        assert_eq!(note.verify(&[other, key()]).map(|all| all.len()), Ok(1));
    }

    #[test]
    fn a_known_keys_bad_signature_spoils_the_note() {
        let forged = NOTE.replace("message.", "massage.");
        let forged = Note::parse(forged.as_bytes()).unwrap();
        assert_eq!(forged.verify(&[key()]), Err(NoteError::Forged("example.com/foo".to_owned())));
        // Even beside a good one.
        let bad = "\u{2014} example.com/foo Uw2QOkn8srU=\n";
        let both = Note::parse(format!("{NOTE}{bad}").as_bytes()).unwrap();
        assert_eq!(both.verify(&[key()]), Err(NoteError::Forged("example.com/foo".to_owned())));
    }

    #[test]
    fn the_last_blank_line_parts_text_and_signatures() {
        let signer = NoteSigner::from_seed("a.example", &Secret::new([7; 32])).unwrap();
        let text = "one\n\n\u{2014} a.example AAAAAAA=\n\nthree\n";
        let mut note = Note::new(text.to_owned()).unwrap();
        note.add(signer.sign(text)).unwrap();
        let read = Note::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!((read.text(), read.signatures().len()), (text, 1));
        assert!(read.verify(&[signer.key().clone()]).is_ok());
        assert_eq!(format!("{signer:?}"), format!("NoteSigner({})", signer.key()));
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let many = format!("a\n\n{}", STRANGER.repeat(SIGNATURES_MAX + 1));
        let long = format!("{}\n\n{STRANGER}", "a".repeat(NOTE_BYTES_MAX));
        for text in [
            "",
            "\n",
            "a\n",
            "a\n\n",
            "a\n\n\n",
            "a\n\n- example.com/bar AAAAAAA=\n",
            "a\n\n\u{2014}  example.com/bar AAAAAAA=\n",
            "a\n\n\u{2014} example.com/bar  AAAAAAA=\n",
            "a\n\n\u{2014} example.com/bar AAAAAAA= \n",
            "a\n\n\u{2014} example.com/bar AAAAAAA=",
            "a\n\n\u{2014} example.com/bar AAAAAAA=\r\n",
            "a\r\n\r\n\u{2014} example.com/bar AAAAAAA=\n",
            "a\tb\n\n\u{2014} example.com/bar AAAAAAA=\n",
            "a\n\n\u{2014} example.com/bar AAAAAAB=\n",
            "a\n\n\u{2014} example.com/bar AAAAAAA\n",
            "a\n\n\u{2014} example.com/bar AAAAAA==\n",
            "a\n\n\u{2014} example+com AAAAAAA=\n",
            "a\n\n\u{2014} AAAAAAA=\n",
            &many,
            &long,
        ] {
            assert!(Note::parse(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(Note::parse(b"\xff\n\n\xe2\x80\x94 a AAAAAAA=\n").is_err());
        assert!(Note::parse(format!("a\n\n{}", STRANGER.repeat(SIGNATURES_MAX)).as_bytes()).is_ok());
        assert!(Note::new("a".to_owned()).is_err());
        assert!(Note::new("a\u{0}\n".to_owned()).is_err());
    }
}
