//! Bundles, fetched or pushed. They stay JavaScript values: the core only hears their sizes, isolates get them by structured
//! clone.

use super::{Shell, turn};
use crate::core::{CodeError, Input};
use js_sys::{Array, JSON, JsString, Promise};
use std::rc::Rc;
use tabmesh_protocol::Now;
use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, Response};

/// See the module. Holds the callbacks until one of them was called.
pub(super) struct Fetch {
    _on_response: Closure<dyn FnMut(JsValue)>,
    _on_text: Closure<dyn FnMut(JsValue)>,
    _on_failure: Rc<Closure<dyn FnMut(JsValue)>>,
}

impl Fetch {
    pub(super) fn start(scope: &DedicatedWorkerGlobalScope, origin: &str, hash: &str) -> Self {
        let failed = |hash: String| {
            Closure::<dyn FnMut(JsValue)>::new(move |error: JsValue| {
                let reason = format!("the code could not be fetched: {}", text_of(&error));
                turn(|shell, now| shell.code_failed(now, &hash, CodeError::Network(reason)));
            })
        };
        let on_failure = Rc::new(failed(hash.to_owned()));
        let name = hash.to_owned();
        let on_text = Closure::<dyn FnMut(JsValue)>::new(move |text: JsValue| {
            turn(|shell, now| shell.code_came(now, &name, &text));
        });
        let (name, on_text_ref, on_failure_ref) =
            (hash.to_owned(), on_text.as_ref().clone(), Rc::clone(&on_failure));
        let on_response = Closure::<dyn FnMut(JsValue)>::new(move |response: JsValue| {
            let response: Response = response.unchecked_into();
            if response.ok()
                && let Ok(text) = response.text()
            {
                chain(&text, &on_text_ref, (*on_failure_ref).as_ref());
                return;
            }
            let status = response.status();
            let reason = format!("the gateway answered {status} for the handler's code");
            let gone = (400..500).contains(&status) && status != 429;
            let error = if gone { CodeError::Unusable(reason) } else { CodeError::Network(reason) };
            turn(|shell, now| shell.code_failed(now, &name, error));
        });
        let request = scope.fetch_with_str(&format!("{origin}/_mesh/code/{hash}"));
        chain(&request, on_response.as_ref(), (*on_failure).as_ref());
        Self { _on_response: on_response, _on_text: on_text, _on_failure: on_failure }
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
    fn code_came(&mut self, now: Now, hash: &str, text: &JsValue) {
        self.fetches.remove(hash);
        let input = self.keep_code(hash.to_owned(), text);
        self.input(now, input);
    }

    /// Makes a bundle of its text.
    pub(super) fn keep_code(&mut self, hash: String, text: &JsValue) -> Input {
        let chars = text.dyn_ref::<JsString>().map_or(0, JsString::length) as usize;
        let result = match parse(text) {
            Ok(bundle) => {
                self.bundles.insert(hash.clone(), bundle);
                Ok(chars)
            }
            Err(_) => Err(CodeError::Unusable("the handler's code is not a bundle".to_owned())),
        };
        Input::Code { hash, result }
    }

    fn code_failed(&mut self, now: Now, hash: &str, error: CodeError) {
        self.fetches.remove(hash);
        self.input(now, Input::Code { hash: hash.to_owned(), result: Err(error) });
    }
}

/// A value made from JSON that is our own.
pub(super) fn from_json(json: &str) -> JsValue {
    JSON::parse(json).unwrap_or(JsValue::NULL)
}
