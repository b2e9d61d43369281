//! Our end of the MessagePort to one isolate. What is sent in a turn is collected and posted as one array.

use super::{decode, encode, turn};
use crate::core::{FromIsolate, Input, IsolateId, ToIsolate};
use js_sys::Array;
use std::collections::HashMap;
use wasm_bindgen::prelude::*;
use web_sys::{MessageChannel, MessageEvent, MessagePort};

/// See the module. Dropping it closes the port.
pub(super) struct Port {
    port: MessagePort,
    batch: Array,
    transfers: Array,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut()>,
}

impl Port {
    /// A new channel: our end, and the one for the isolate.
    pub(super) fn open(isolate: IsolateId) -> Option<(Self, MessagePort)> {
        let channel = MessageChannel::new().ok()?;
        let port = channel.port1();
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let data = event.data();
            turn(|shell, now| match data.dyn_into::<Array>() {
                Ok(batch) => {
                    for message in batch.iter() {
                        shell.input(now, Input::Isolate { isolate, message: decode::message(&message) });
                    }
                }
                Err(_) => {
                    let message = FromIsolate::Malformed("a batch that is no array");
                    shell.input(now, Input::Isolate { isolate, message });
                }
            });
        });
        let on_error = Closure::<dyn FnMut()>::new(move || {
            let message = FromIsolate::Malformed("a message that cannot be read");
            turn(|shell, now| shell.input(now, Input::Isolate { isolate, message }));
        });
        port.set_onmessageerror(Some(on_error.as_ref().unchecked_ref()));
        port.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        let ours = Self {
            port,
            batch: Array::new(),
            transfers: Array::new(),
            _on_message: on_message,
            _on_error: on_error,
        };
        Some((ours, channel.port2()))
    }

    /// Adds a message to the turn's batch; true if it is the first.
    pub(super) fn add(&mut self, message: &ToIsolate, bundles: &HashMap<String, JsValue>) -> bool {
        let message = encode::message(message, bundles, &self.transfers);
        self.batch.push(&message) == 1
    }

    /// Posts the turn's batch.
    pub(super) fn flush(&mut self) {
        let batch = std::mem::replace(&mut self.batch, Array::new());
        let posted = if self.transfers.length() == 0 {
            self.port.post_message(&batch)
        } else {
            let transfers = std::mem::replace(&mut self.transfers, Array::new());
            self.port.post_message_with_transferable(&batch, &transfers)
        };
        if posted.is_err() {
            super::report("a message to an isolate could not be posted");
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.port.set_onmessage(None);
        self.port.set_onmessageerror(None);
        self.port.close();
    }
}
