//! `HTMLRewriter`'s parser: lol_html as a wasm module of its own, with an interface of numbers.
//!
//! Isolates get it only when their handler names `HTMLRewriter`; `web/isolate/rewriter-engine.js` is its other half. It
//! must never decide what a handler may do: it parses, calls back and applies what handlers asked for.
//!
//! One call of a handler, from the outside in:
//!
//! 1. JavaScript gives a piece of the document to [`exports::rewriter_write`].
//! 2. lol_html finds a token that a handler wants; `rewriter` lends it out as a [`token::Token`] and calls
//!    `host::call` with its address.
//! 3. The handler changes the token through the other [`exports`].
//! 4. A handler that returned a promise is waited for in `host`: there the browser suspends this module's stack
//!    (JavaScript Promise Integration), and other rewriters run meanwhile.
//!
//! [`text`] is how strings cross; [`codes`] are the numbers that both sides know.

pub mod codes;
pub mod exports;
mod host;
pub mod rewriter;
pub mod text;
pub mod token;

#[cfg(test)]
mod tests;
