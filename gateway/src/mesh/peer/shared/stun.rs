//! As much of STUN (RFC 8489) as it takes to know whose a datagram is. Trusts nothing: what does not parse is nobody's.

/// Length of a STUN header, in bytes.
const HEADER: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const USERNAME: [u8; 2] = [0x00, 0x06];

/// Whether a datagram of a peer connection is STUN and not DTLS (RFC 7983).
pub(super) fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| *first <= 3)
}

/// A STUN message's transaction, which its answer names too.
pub(super) type Transaction = [u8; 12];

/// The transaction of a check.
pub(super) fn asks(datagram: &[u8]) -> Option<Transaction> {
    if datagram.starts_with(&BINDING_REQUEST) { transaction(datagram) } else { None }
}

/// The transaction of the check that this answers.
pub(super) fn answers(datagram: &[u8]) -> Option<Transaction> {
    if is_success(datagram) { transaction(datagram) } else { None }
}

fn transaction(datagram: &[u8]) -> Option<Transaction> {
    datagram.get(8..HEADER)?.try_into().ok()
}

/// Whether this answers a check whose credentials were right.
pub(super) fn is_success(datagram: &[u8]) -> bool {
    datagram.starts_with(&BINDING_SUCCESS)
}

/// Whom a binding request means: the part before the colon of its user name is the receiver's.
pub(super) fn meant(datagram: &[u8]) -> Option<&[u8]> {
    if datagram.get(4..8)? != COOKIE || !datagram.starts_with(&BINDING_REQUEST) {
        return None;
    }
    let mut attributes = datagram.get(HEADER..)?;
    loop {
        let length = usize::from(u16::from_be_bytes([*attributes.get(2)?, *attributes.get(3)?]));
        let value = attributes.get(4..4 + length)?;
        if attributes.starts_with(&USERNAME) {
            let colon = value.iter().position(|byte| *byte == b':')?;
            return value.get(..colon);
        }
        attributes = attributes.get(4 + length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The answer to `request`.
    pub(in super::super) fn answer() -> Vec<u8> {
        [&BINDING_SUCCESS[..], &[0, 0], &COOKIE, &[7; 12]].concat()
    }

    /// A binding request with these attributes.
    pub(in super::super) fn request(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut datagram = [&BINDING_REQUEST[..], &[0, 0], &COOKIE, &[7; 12]].concat();
        for (kind, value) in attributes {
            datagram.extend(kind.to_be_bytes());
            datagram.extend(u16::try_from(value.len()).expect("short").to_be_bytes());
            datagram.extend(*value);
            datagram.resize(datagram.len().next_multiple_of(4), 0);
        }
        datagram
    }

    #[test]
    fn a_request_names_whom_it_means() {
        assert_eq!(meant(&request(&[(6, b"mine:yours")])), Some(&b"mine"[..]));
        // Behind another attribute whose length is no multiple of four.
        assert_eq!(meant(&request(&[(0x8022, b"agent"), (6, b"a:b")])), Some(&b"a"[..]));
        assert_eq!(meant(&request(&[(6, b":b")])), Some(&b""[..]));
    }

    #[test]
    fn what_is_cut_or_strange_means_nobody() {
        let whole = request(&[(0x8022, b"agent"), (6, b"mine:yours")]);
        for end in 0..whole.len() - 2 {
            assert_eq!(meant(&whole[..end]), None, "cut at {end}");
        }
        for nobody in [request(&[]), request(&[(6, b"no colon")]), request(&[(7, b"a:b")]), vec![0xff; 64]] {
            assert_eq!(meant(&nobody), None);
        }
        let mut longer = request(&[(6, b"a:b")]);
        longer[HEADER + 2] = 0xff;
        assert_eq!(meant(&longer), None);
        let mut answer = whole;
        answer[..2].copy_from_slice(&BINDING_SUCCESS);
        assert!(is_stun(&answer) && is_success(&answer) && meant(&answer).is_none());
        assert_eq!((answers(&answer), asks(&answer), answers(&answer[..19])), (Some([7; 12]), None, None));
        assert!(!is_stun(&[]) && !is_stun(&[20]) && !is_success(&[1]));
    }
}
