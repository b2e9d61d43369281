//! What a token looks like: a prefix that says what it is for, 43 characters that nobody can guess, and a checksum. So
//! secret scanners find tokens by a pattern (`tabmesh_(pat|admin|join)_[0-9A-Za-z]{49}`) and rule out chance, and a
//! mistyped token is known without asking anything.
//!
//! Pure but for the random bytes. A token is known here by its SHA-256 alone.

use sha2::{Digest as _, Sha256};
use std::fmt;
use subtle::ConstantTimeEq as _;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Characters drawn at random: 62^43 is just above 2^256.
const RANDOM: usize = 43;

/// Characters of the checksum: 62^6 is just above 2^35.
const CHECKSUM: usize = 6;

/// Characters of a token's beginning that are kept, so that people can tell tokens apart: 4 of 43.
const SHOWN: usize = 4;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The API.
    Access,
    /// The API, everything; made by the gateway itself.
    Admin,
    /// Tabs that join a pool, and nothing else.
    Join,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Access, Kind::Admin, Kind::Join];

    /// What its tokens begin with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Kind::Access => "tabmesh_pat_",
            Kind::Admin => "tabmesh_admin_",
            Kind::Join => "tabmesh_join_",
        }
    }

    /// As the store has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Access => "access",
            Kind::Admin => "admin",
            Kind::Join => "join",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A token's text, in memory only as long as somebody is told it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate(kind: Kind) -> Result<Self, getrandom::Error> {
        let mut text = kind.prefix().to_owned();
        let whole = text.len() + RANDOM;
        while text.len() < whole {
            let mut bytes = [0; 64];
            getrandom::fill(&mut bytes)?;
            // Bytes from 248 = 4 * 62 on would make the first eight characters likelier than the rest.
            let drawn = bytes.iter().filter(|byte| **byte < 248);
            let left = whole - text.len();
            text.extend(drawn.take(left).map(|byte| char::from(ALPHABET[usize::from(byte % 62)])));
        }
        text.push_str(&checksum(&text));
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash(&self.0)
    }

    /// Its beginning, for people.
    #[must_use]
    pub fn shown(&self) -> &str {
        let random = self.0.rfind('_').map_or(0, |at| at + 1);
        self.0.get(..random + SHOWN).unwrap_or_default()
    }
}

/// Without the text: such values get into logs by accident.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// SHA-256 of a token's text.
pub type Hash = [u8; 32];

/// Tokens have 256 bits of chance: a plain hash is enough, where a password would need a slow one.
#[must_use]
pub fn hash(text: &str) -> Hash {
    Sha256::digest(text).into()
}

/// What kind of token a text is; `None` if it is none, mistyped or cut.
#[must_use]
pub fn kind(text: &str) -> Option<Kind> {
    let kind = Kind::ALL.into_iter().find(|kind| text.starts_with(kind.prefix()))?;
    let rest = &text[kind.prefix().len()..];
    if rest.len() != RANDOM + CHECKSUM || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let (body, sum) = text.split_at(text.len() - CHECKSUM);
    bool::from(checksum(body).as_bytes().ct_eq(sum.as_bytes())).then_some(kind)
}

/// Six digits to the base of 62, the highest first, of the first eight bytes of the text's SHA-256.
fn checksum(text: &str) -> String {
    let hash = hash(text);
    let mut number = hash[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let mut digits = [0; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(number % 62) as usize];
        number /= 62;
    }
    digits.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_known_by_prefix_and_checksum() {
        for made in Kind::ALL {
            let secret = Secret::generate(made).unwrap();
            let text = secret.reveal();
            assert_eq!(text.len(), made.prefix().len() + 49);
            assert_eq!(kind(text), Some(made));
            assert_eq!(secret.shown(), &text[..made.prefix().len() + 4]);
            assert_eq!(Kind::named(made.name()), Some(made));
            // Any one character changed, one lost, one more.
            for at in made.prefix().len()..text.len() {
                let mut wrong = text.as_bytes().to_vec();
                wrong[at] = if wrong[at] == b'a' { b'b' } else { b'a' };
                assert_eq!(kind(&String::from_utf8(wrong).unwrap()), None, "{at}");
            }
            assert_eq!(kind(&text[..text.len() - 1]), None);
            assert_eq!(kind(&format!("{text}0")), None);
        }
        let other = Secret::generate(Kind::Join).unwrap();
        assert_eq!(kind(&other.reveal().replace("join", "pat")), None, "the checksum is of the prefix, too");
        for text in ["", "tabmesh_pat_", "tabmesh_pat_ä", "Bearer", &"x".repeat(100)] {
            assert_eq!(kind(text), None);
        }
    }

    #[test]
    fn tokens_differ_and_use_the_whole_alphabet() {
        let texts: Vec<_> = (0..200).map(|_| Secret::generate(Kind::Access).unwrap()).collect();
        let hashes: std::collections::HashSet<Hash> = texts.iter().map(Secret::hash).collect();
        assert_eq!(hashes.len(), texts.len());
        let random: String = texts.iter().map(|text| &text.reveal()[12..12 + RANDOM]).collect();
        assert!(ALPHABET.iter().all(|letter| random.contains(char::from(*letter))));
    }

    #[test]
    fn debug_keeps_it() {
        let secret = Secret::generate(Kind::Access).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret");
    }
}
