//! What this module asks of JavaScript: to take output, to call handlers, to wait for their promises.
//!
//! Imports must not throw: an exception would leave the parser's frames without an end.

#![allow(unsafe_code)] // Imports of a wasm module are foreign functions.

use crate::codes::outcome;
use crate::token::Token;
use lol_html::HandlerResult;
use lol_html::html_content::StreamingHandlerSink;

#[cfg(target_arch = "wasm32")]
mod imports {
    #[link(wasm_import_module = "host")]
    unsafe extern "C" {
        pub(super) safe fn output(rewriter: u32, start: *const u8, len: usize);
        pub(super) safe fn call(rewriter: u32, handler: u32, kind: u32, token: usize) -> u32;
        pub(super) safe fn content(rewriter: u32, content: u32, sink: usize) -> u32;
        pub(super) safe fn suspend(rewriter: u32);
        pub(super) safe fn resumed(rewriter: u32) -> u32;
    }
}

/// Where there is no JavaScript, tests stand in for it.
#[cfg(not(target_arch = "wasm32"))]
#[path = "tests/imports.rs"]
mod imports;

#[cfg(all(test, not(target_arch = "wasm32")))]
pub(crate) use imports::{Host, install};

/// Gives away a piece of the output.
pub(crate) fn output(rewriter: u32, chunk: &[u8]) {
    imports::output(rewriter, chunk.as_ptr(), chunk.len());
}

/// Calls a handler with a token, and waits for it.
pub(crate) fn call(rewriter: u32, handler: u32, token: &mut Token<'_, '_, '_>) -> HandlerResult {
    let kind = token.kind();
    let address = std::ptr::from_mut(token).expose_provenance();
    settle(rewriter, imports::call(rewriter, handler, kind, address))
}

/// Has content written to its place in the output, and waits for it.
pub(crate) fn content(rewriter: u32, content: u32, sink: &mut StreamingHandlerSink<'_>) -> HandlerResult {
    let address = std::ptr::from_mut(sink).expose_provenance();
    settle(rewriter, imports::content(rewriter, content, address))
}

fn settle(rewriter: u32, how: u32) -> HandlerResult {
    let how = if how == outcome::PENDING { wait(rewriter) } else { how };
    // What went wrong is known to JavaScript.
    if how == outcome::DONE { Ok(()) } else { Err("stopped".into()) }
}

/// Suspends this stack until the promise of the handler last called is settled. Nothing may stand between the two
/// calls: the stack pointer is another rewriter's until the second has set it back.
#[inline(never)]
fn wait(rewriter: u32) -> u32 {
    imports::suspend(rewriter);
    imports::resumed(rewriter)
}
