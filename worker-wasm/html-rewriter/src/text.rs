//! Strings between JavaScript and this module: one text goes in, one comes out, each read before the next call.

use std::cell::RefCell;

/// A buffer that grew larger, in bytes, is given back after use.
const KEPT: usize = 64 * 1024;

thread_local! {
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static OUTPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn resized(buffer: &mut Vec<u8>, len: usize) {
    if buffer.capacity() > KEPT && len <= KEPT {
        *buffer = Vec::new();
    }
    buffer.clear();
    buffer.resize(len, 0);
}

/// Makes room for a text of `len` bytes and gives its address, to be written to at once.
pub fn prepare(len: usize) -> *mut u8 {
    INPUT.with_borrow_mut(|input| {
        resized(input, len);
        input.as_mut_ptr()
    })
}

/// What was written, as text; bytes that are none become U+FFFD.
#[must_use]
pub fn read() -> String {
    INPUT.with_borrow_mut(|input| {
        let text = String::from_utf8_lossy(input).into_owned();
        resized(input, 0);
        text
    })
}

/// What was written, as bytes.
pub(crate) fn read_bytes() -> Vec<u8> {
    INPUT.take()
}

/// Leaves a text to be read and gives its length as a result.
pub(crate) fn give(text: &str) -> i32 {
    OUTPUT.with_borrow_mut(|output| {
        resized(output, 0);
        output.extend_from_slice(text.as_bytes());
    });
    i32::try_from(text.len()).unwrap_or(i32::MAX)
}

/// Address and length of the text that is ready to be read.
#[must_use]
pub fn given() -> (*const u8, usize) {
    OUTPUT.with_borrow(|output| (output.as_ptr(), output.len()))
}
