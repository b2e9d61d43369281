//! Bundles, fetched or pushed. They stay JavaScript values: the core only hears their sizes, isolates get them by structured
//! clone.

use super::{Shell, rewriter, turn};
use crate::core::{CodeError, Input};
use js_sys::{Array, JSON, JsString, Promise};
use std::rc::Rc;
use tabmesh_protocol::Now;
use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, Response};

/// What is fetched, or why it did not come.
pub(super) type Fetched<'a> = Result<&'a JsValue, CodeError>;

/// See the module. Holds the callbacks until one of them was called.
pub(super) struct Fetch {
    _on_response: Closure<dyn FnMut(JsValue)>,
    _on_body: Closure<dyn FnMut(JsValue)>,
    _on_failure: Rc<Closure<dyn FnMut(JsValue)>>,
}

impl Fetch {
    /// Fetches `what`, reads its body with `read` and calls `done` in a turn of its own.
    pub(super) fn start(
        scope: &DedicatedWorkerGlobalScope,
        url: &str,
        what: &'static str,
        read: fn(&Response) -> Result<Promise, JsValue>,
        done: impl Fn(&mut Shell, Now, Fetched<'_>) + 'static,
    ) -> Self {
        let done = Rc::new(done);
        let then = Rc::clone(&done);
        let on_failure = Rc::new(Closure::<dyn FnMut(JsValue)>::new(move |error: JsValue| {
            let reason = format!("{what} could not be fetched: {}", text_of(&error));
            turn(|shell, now| then(shell, now, Err(CodeError::Network(reason))));
        }));
        let then = Rc::clone(&done);
        let on_body = Closure::<dyn FnMut(JsValue)>::new(move |body: JsValue| {
            turn(|shell, now| then(shell, now, Ok(&body)));
        });
        let (on_body_ref, on_failure_ref) = (on_body.as_ref().clone(), Rc::clone(&on_failure));
        let on_response = Closure::<dyn FnMut(JsValue)>::new(move |response: JsValue| {
            let response: Response = response.unchecked_into();
            if response.ok()
                && let Ok(body) = read(&response)
            {
                chain(&body, &on_body_ref, (*on_failure_ref).as_ref());
                return;
            }
            let status = response.status();
            let reason = format!("the gateway answered {status} for {what}");
            let gone = (400..500).contains(&status) && status != 429;
            let error = if gone { CodeError::Unusable(reason) } else { CodeError::Network(reason) };
            turn(|shell, now| done(shell, now, Err(error)));
        });
        let request = scope.fetch_with_str(url);
        chain(&request, on_response.as_ref(), (*on_failure).as_ref());
        Self { _on_response: on_response, _on_body: on_body, _on_failure: on_failure }
    }
}

/// `promise.then(done, failed)` for callbacks that someone else keeps alive.
fn chain(promise: &Promise, done: &JsValue, failed: &JsValue) {
    let arguments = Array::of2(done, failed);
    let then = js_sys::Reflect::get(promise, &"then".into());
    if let Some(then) = then.ok().and_then(|then| then.dyn_into::<js_sys::Function>().ok()) {
        let _ = then.apply(promise, &arguments);
    }
}

fn text_of(error: &JsValue) -> String {
    error
        .dyn_ref::<js_sys::Error>()
        .map_or_else(|| "unknown error".to_owned(), |error| error.message().into())
}

/// Parses without the text ever being copied into wasm memory.
fn parse(text: &JsValue) -> Result<JsValue, JsValue> {
    let json = js_sys::Reflect::get(&js_sys::global(), &"JSON".into())?;
    let parse: js_sys::Function = js_sys::Reflect::get(&json, &"parse".into())?.dyn_into()?;
    parse.call1(&JsValue::UNDEFINED, text)
}

impl Shell {
    pub(super) fn fetch_code(&mut self, hash: String) {
        let name = hash.clone();
        let url = format!("{}/_mesh/code/{hash}", self.origin);
        let fetch =
            Fetch::start(&self.scope, &url, "the handler's code", Response::text, move |shell, now, text| {
                shell.fetches.remove(&name);
                let news = match text {
                    Ok(text) => shell.keep_code(name.clone(), text),
                    Err(error) => Some(Input::Code { hash: name.clone(), result: Err(error) }),
                };
                news.into_iter().for_each(|input| shell.input(now, input));
            });
        self.fetches.insert(hash, fetch);
    }

    /// Makes a bundle of its text. No news while it waits for the module that it names; see [`super::rewriter`].
    pub(super) fn keep_code(&mut self, hash: String, text: &JsValue) -> Option<Input> {
        let text = text.dyn_ref::<JsString>()?;
        let Ok(bundle) = parse(text) else {
            let error = CodeError::Unusable("the handler's code is not a bundle".to_owned());
            return Some(Input::Code { hash, result: Err(error) });
        };
        let chars = text.length() as usize;
        if rewriter::is_named(text) {
            return self.complete(rewriter::Waiting { hash, bundle, chars });
        }
        self.bundles.insert(hash.clone(), bundle);
        Some(Input::Code { hash, result: Ok(chars) })
    }
}

/// A value made from JSON that is our own.
pub(super) fn from_json(json: &str) -> JsValue {
    JSON::parse(json).unwrap_or(JsValue::NULL)
}
