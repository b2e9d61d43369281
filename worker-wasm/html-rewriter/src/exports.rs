//! The functions of the wasm module.
//!
//! Addresses are those that this module gave out, and JavaScript gives each back only while it holds: a token's during
//! its handler's call, a sink's while its content is written, a rewriter's until it is freed. No handler sees one.

#![allow(unsafe_code)] // Addresses cross as numbers, and come back.

use crate::codes::{DONE, FAILED, NONE};
use crate::rewriter::{Plan, Rewriter, Wanted, parse_selector};
use crate::text::{self, give};
use crate::token::{Outcome, Token, content_type};
use lol_html::html_content::StreamingHandlerSink;
use std::cell::RefCell;
use std::ptr::with_exposed_provenance_mut;

thread_local! {
    /// Of the rewriter that is about to be made.
    static PLAN: RefCell<Plan> = RefCell::default();
}

/// What was given out as a number.
///
/// # Safety
/// `address` must be one of a `T` that is still lent out, and no other reference to it may be in use.
unsafe fn lent<'a, T>(address: usize) -> &'a mut T {
    // SAFETY: the caller's promise.
    unsafe { &mut *with_exposed_provenance_mut(address) }
}

fn done(result: Result<(), String>) -> i32 {
    match result {
        Ok(()) => DONE,
        Err(error) => failed(&error),
    }
}

fn result(is_done: bool) -> i32 {
    if is_done { DONE } else { FAILED }
}

fn failed(error: &str) -> i32 {
    give(error);
    FAILED
}

fn with_token<T>(address: usize, work: impl FnOnce(&mut Token<'_, '_, '_>) -> Outcome<T>) -> Outcome<T> {
    // SAFETY: a handler has this token; the parser that lent it waits, and calls from JavaScript come one at a time.
    work(unsafe { lent(address) })
}

/// Makes room for `len` bytes of text and gives its address.
#[unsafe(no_mangle)]
pub extern "C" fn rewriter_input(len: usize) -> *mut u8 {
    text::prepare(len)
}

/// Where the text is that the last call gave.
#[unsafe(no_mangle)]
pub extern "C" fn rewriter_output() -> *const u8 {
    text::given().0
}

/// Its length in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn rewriter_output_length() -> usize {
    text::given().1
}

/// Whether the text is a selector.
#[unsafe(no_mangle)]
pub extern "C" fn rewriter_check_selector() -> i32 {
    done(parse_selector(&text::read()).map(drop))
}

/// Adds handlers for the selector in the text to the rewriter that is about to be made.
#[unsafe(no_mangle)]
pub extern "C" fn rewriter_on(first: u32, mask: u32) -> i32 {
    let selector = text::read();
    done(PLAN.with_borrow_mut(|plan| plan.on(&selector, Wanted { first, mask })))
}

/// Adds handlers for the document.
#[unsafe(no_mangle)]
pub extern "C" fn rewriter_on_document(first: u32, mask: u32) {
    PLAN.with_borrow_mut(|plan| plan.on_document(Wanted { first, mask }));
}

/// Makes a rewriter; the text is the document's content type. Gives its address, or zero where it failed.
#[unsafe(no_mangle)]
pub extern "C" fn rewriter_new(id: u32) -> usize {
    match Rewriter::new(id, PLAN.take(), &text::read()) {
        Ok(rewriter) => Box::into_raw(Box::new(rewriter)).expose_provenance(),
        Err(error) => {
            failed(&error);
            0
        }
    }
}

/// The address that its stack grows down from.
#[unsafe(no_mangle)]
pub extern "C" fn rewriter_stack(rewriter: usize) -> usize {
    // SAFETY: it was not freed, and does not run.
    unsafe { lent::<Rewriter>(rewriter) }.stack_top()
}

/// Makes room for a piece of `len` bytes of the document and gives its address.
#[unsafe(no_mangle)]
pub extern "C" fn rewriter_piece(rewriter: usize, len: usize) -> *mut u8 {
    // SAFETY: as above.
    let rewriter = unsafe { lent::<Rewriter>(rewriter) };
    rewriter.piece.clear();
    rewriter.piece.resize(len, 0);
    rewriter.piece.as_mut_ptr()
}

/// Parses the piece, calling handlers. May be suspended in between.
#[unsafe(no_mangle)]
pub extern "C" fn rewriter_write(rewriter: usize) -> i32 {
    // SAFETY: as above; until this returns nobody asks for it again.
    result(unsafe { lent::<Rewriter>(rewriter) }.write())
}

/// The document is over. May be suspended in between.
#[unsafe(no_mangle)]
pub extern "C" fn rewriter_end(rewriter: usize) -> i32 {
    // SAFETY: as above.
    result(unsafe { lent::<Rewriter>(rewriter) }.end())
}

/// Why a rewriter failed, as text.
#[unsafe(no_mangle)]
pub extern "C" fn rewriter_failure(rewriter: usize) -> i32 {
    // SAFETY: as above.
    give(&unsafe { lent::<Rewriter>(rewriter) }.failure)
}

/// Frees a rewriter that does not run.
#[unsafe(no_mangle)]
pub extern "C" fn rewriter_free(rewriter: usize) {
    // SAFETY: it came from `rewriter_new`, and is given back once.
    drop(unsafe { Box::from_raw(with_exposed_provenance_mut::<Rewriter>(rewriter)) });
}

/// A text of a token: its length, `NONE` or `FAILED`.
#[unsafe(no_mangle)]
pub extern "C" fn token_text(token: usize, property: u32) -> i32 {
    match with_token(token, |token| token.text(property)) {
        Ok(Some(text)) => give(&text),
        Ok(None) => NONE,
        Err(error) => failed(&error),
    }
}

/// Sets a text of a token.
#[unsafe(no_mangle)]
pub extern "C" fn token_set_text(token: usize, property: u32) -> i32 {
    let value = text::read();
    done(with_token(token, |token| token.set_text(property, &value)))
}

/// Asks something of a token: 1 or 0, or `FAILED`.
#[unsafe(no_mangle)]
pub extern "C" fn token_flag(token: usize, flag: u32) -> i32 {
    match with_token(token, |token| token.flag(flag)) {
        Ok(is) => i32::from(is),
        Err(error) => failed(&error),
    }
}

/// Puts the text in a token's place.
#[unsafe(no_mangle)]
pub extern "C" fn token_insert(token: usize, place: u32, html: u32) -> i32 {
    let content = text::read();
    done(with_token(token, |token| token.insert(place, &content, html != 0)))
}

/// Puts content there that `host.content` will write.
#[unsafe(no_mangle)]
pub extern "C" fn token_insert_later(token: usize, place: u32, rewriter: u32, content: u32) -> i32 {
    done(with_token(token, |token| token.insert_later(place, rewriter, content)))
}

/// Removes a token.
#[unsafe(no_mangle)]
pub extern "C" fn token_remove(token: usize, keep_content: u32) -> i32 {
    done(with_token(token, |token| token.remove(keep_content != 0)))
}

/// Something with an element's attribute. The text is its name, `name_len` bytes, and the value behind it.
#[unsafe(no_mangle)]
pub extern "C" fn token_attribute(token: usize, what: u32, name_len: usize) -> i32 {
    let text = text::read();
    let (name, value) = text.split_at_checked(name_len).unwrap_or((&text, ""));
    match with_token(token, |token| token.attribute(what, name, value)) {
        Ok(Some(value)) => give(&value),
        Ok(None) => NONE,
        Err(error) => failed(&error),
    }
}

/// The attribute at a place: gives name and value as one text, and the name's length.
#[unsafe(no_mangle)]
pub extern "C" fn token_attribute_at(token: usize, index: usize) -> i32 {
    match with_token(token, |token| token.attribute_at(index)) {
        Ok(Some((name, value))) => {
            let length = give(&name);
            give(&(name + &value));
            length
        }
        Ok(None) => NONE,
        Err(error) => failed(&error),
    }
}

/// Has a handler called for an element's end tag.
#[unsafe(no_mangle)]
pub extern "C" fn token_on_end_tag(token: usize, rewriter: u32, handler: u32) -> i32 {
    done(with_token(token, |token| token.on_end_tag(rewriter, handler)))
}

/// Writes the text's bytes where `host.content` was asked to.
#[unsafe(no_mangle)]
pub extern "C" fn sink_write(sink: usize, html: u32) -> i32 {
    let bytes = text::read_bytes();
    // SAFETY: the content is being written; the parser waits for that.
    let sink = unsafe { lent::<StreamingHandlerSink<'_>>(sink) };
    done(sink.write_utf8_chunk(&bytes, content_type(html != 0)).map_err(|error| error.to_string()))
}
