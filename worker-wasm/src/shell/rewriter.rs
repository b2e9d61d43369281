//! The module behind `HTMLRewriter`. It is fetched when a bundle first names it, and isolates get it with every bundle that
//! does: they have no network to fetch it themselves.

use super::Shell;
use super::fetch::{Fetch, Fetched};
use crate::core::{CodeError, Input};
use js_sys::{JsString, Reflect};
use tabmesh_protocol::Now;
use wasm_bindgen::prelude::*;
use web_sys::Response;

/// What a handler's source must have in it.
const NAME: &str = "HTMLRewriter";
/// Where the module is, beside this Worker's own script.
const PATH: &str = "runtime/html_rewriter.wasm";
/// The bundle's field that holds its bytes.
const FIELD: &str = "rewriter";

/// A bundle that cannot be given out without the module.
pub(super) struct Waiting {
    pub(super) hash: String,
    pub(super) bundle: JsValue,
    pub(super) chars: usize,
}

/// See the module.
#[derive(Default)]
pub(super) struct Rewriter {
    /// Its bytes, once they are here.
    module: Option<JsValue>,
    fetch: Option<Fetch>,
    waiting: Vec<Waiting>,
}

/// Whether the text of a bundle names it. One that only looks so costs the bytes.
pub(super) fn is_named(text: &JsString) -> bool {
    text.includes(NAME, 0)
}

impl Shell {
    /// Keeps a bundle together with the module; fetches that first if need be, and then there is no news yet.
    pub(super) fn complete(&mut self, waiting: Waiting) -> Option<Input> {
        let Some(module) = &self.rewriter.module else {
            self.rewriter.waiting.push(waiting);
            if self.rewriter.fetch.is_none() {
                let what = "the HTML rewriter";
                let fetch =
                    Fetch::start(&self.scope, PATH, what, Response::array_buffer, Self::rewriter_came);
                self.rewriter.fetch = Some(fetch);
            }
            return None;
        };
        let Waiting { hash, bundle, chars } = waiting;
        // Fails for what is no object, and that the isolate says.
        let _ = Reflect::set(&bundle, &FIELD.into(), module);
        self.bundles.insert(hash.clone(), bundle);
        Some(Input::Code { hash, result: Ok(chars) })
    }

    fn rewriter_came(&mut self, now: Now, fetched: Fetched<'_>) {
        self.rewriter.fetch = None;
        let error = match fetched {
            Ok(buffer) => {
                self.rewriter.module = Some(js_sys::Uint8Array::new(buffer).into());
                None
            }
            // Another tab may well have it: this page is older than the gateway, if it is not there.
            Err(CodeError::Unusable(reason) | CodeError::Network(reason)) => Some(CodeError::Network(reason)),
        };
        for waiting in std::mem::take(&mut self.rewriter.waiting) {
            let news = match &error {
                None => self.complete(waiting),
                Some(error) => Some(Input::Code { hash: waiting.hash, result: Err(error.clone()) }),
            };
            news.into_iter().for_each(|input| self.input(now, input));
        }
    }
}
