//! Variable-length integers as in QUIC (RFC 9000, section 16): 1, 2, 4 or 8 bytes for up to 62 bits.

use bytes::{Buf, BufMut};

/// Largest value a varint carries: 2^62 - 1.
pub const MAX: u64 = (1 << 62) - 1;

/// Bytes that [`put`] writes for `value`.
#[must_use]
pub const fn size(value: u64) -> usize {
    match value {
        0..=0x3f => 1,
        0x40..=0x3fff => 2,
        0x4000..=0x3fff_ffff => 4,
        _ => 8,
    }
}

/// Appends `value`. Values above [`MAX`] are written as [`MAX`].
#[expect(clippy::cast_possible_truncation, reason = "each arm's range fits its width")]
pub fn put(out: &mut impl BufMut, value: u64) {
    match value {
        0..=0x3f => out.put_u8(value as u8),
        0x40..=0x3fff => out.put_u16(value as u16 | 0x4000),
        0x4000..=0x3fff_ffff => out.put_u32(value as u32 | 0x8000_0000),
        _ => out.put_u64(value.min(MAX) | 0xc000_0000_0000_0000),
    }
}

/// Takes one varint off the front; `None` when the input ends inside it.
pub fn get(input: &mut impl Buf) -> Option<u64> {
    let first = *input.chunk().first()?;
    let len = 1usize << (first >> 6);
    if input.remaining() < len {
        return None;
    }
    Some(match len {
        1 => u64::from(input.get_u8()),
        2 => u64::from(input.get_u16() & 0x3fff),
        4 => u64::from(input.get_u32() & 0x3fff_ffff),
        _ => input.get_u64() & MAX,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_rfc_9000_appendix_a1() {
        for (bytes, value) in [
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c][..], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
        ] {
            assert_eq!(get(&mut &bytes[..]), Some(value));
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!(out, bytes);
        }
    }

    proptest! {
        #[test]
        fn round_trip(value in 0..=MAX) {
            let mut out = Vec::new();
            put(&mut out, value);
            prop_assert_eq!(out.len(), size(value));
            prop_assert_eq!(get(&mut &out[..]), Some(value));
            prop_assert_eq!(get(&mut &out[..out.len() - 1]), None);
        }
    }
}
