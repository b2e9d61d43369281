//! The signalling WebSocket.

use super::turn;
use crate::core::{Input, SocketId};
use wasm_bindgen::prelude::*;
use web_sys::{CloseEvent, MessageEvent, WebSocket};

/// Close code of a socket that never opened (RFC 6455, section 7.1.5).
const ABNORMAL: u16 = 1006;

/// See the module. Dropping it closes the socket.
pub(super) struct Socket {
    pub(super) id: SocketId,
    /// `None` where the URL was refused.
    socket: Option<WebSocket>,
    _on_open: Closure<dyn FnMut()>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(JsValue)>,
}

impl Socket {
    pub(super) fn open(id: SocketId, url: &str) -> Self {
        let on_open = Closure::<dyn FnMut()>::new(move || {
            turn(|shell, now| shell.input(now, Input::SocketOpen { socket: id }));
        });
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some(text) = event.data().as_string() {
                turn(|shell, now| shell.input(now, Input::SocketMessage { socket: id, text }));
            }
        });
        let on_close = Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
            let code = event.dyn_ref::<CloseEvent>().map_or(ABNORMAL, CloseEvent::code);
            turn(|shell, now| shell.input(now, Input::SocketClosed { socket: id, code }));
        });
        let socket = WebSocket::new(url).ok();
        match &socket {
            Some(socket) => {
                socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
                socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
                socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
            }
            // Told in a turn of its own; the core then backs off as after any other failure.
            None => {
                let failed = js_sys::Promise::resolve(&JsValue::NULL).then(&on_close);
                drop(failed);
            }
        }
        Self { id, socket, _on_open: on_open, _on_message: on_message, _on_close: on_close }
    }

    pub(super) fn send(&self, text: &str) {
        // Fails only before the socket is open, when the core sends nothing; a closing one drops it.
        if let Some(socket) = &self.socket {
            let _ = socket.send_with_str(text);
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(socket) = &self.socket {
            socket.set_onopen(None);
            socket.set_onmessage(None);
            socket.set_onclose(None);
            let _ = socket.close();
        }
    }
}
