//! One RTCDataChannel that the page transferred.

use super::{report, turn};
use crate::core::{Core, Input, LinkId};
use bytes::Bytes;
use js_sys::{ArrayBuffer, Uint8Array};
use tabmesh_protocol::Now;
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, RtcDataChannel, RtcDataChannelState, RtcDataChannelType};

/// See the module. Dropping it closes the channel.
pub(super) struct Channel {
    channel: RtcDataChannel,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_open: Closure<dyn FnMut()>,
    _on_end: Closure<dyn FnMut()>,
    _on_low: Closure<dyn FnMut()>,
}

impl Channel {
    pub(super) fn new(link: LinkId, channel: RtcDataChannel) -> Self {
        channel.set_binary_type(RtcDataChannelType::Arraybuffer);
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let data = event.data();
            turn(|shell, now| match data.dyn_ref::<ArrayBuffer>() {
                Some(buffer) => {
                    let message = Bytes::from(Uint8Array::new(buffer).to_vec());
                    shell.input(now, Input::ChannelMessage { link, message });
                }
                None => {
                    report("the gateway sent text on a data channel");
                    shell.input(now, Input::ChannelClosed { link });
                }
            });
        });
        let on_open = Closure::<dyn FnMut()>::new(move || {
            turn(|shell, now| shell.input(now, Input::ChannelOpen { link }));
        });
        let on_end = Closure::<dyn FnMut()>::new(move || {
            turn(|shell, now| shell.input(now, Input::ChannelClosed { link }));
        });
        // The end of the turn sends what there is room for now.
        let on_low = Closure::<dyn FnMut()>::new(|| turn(|_, _| {}));
        channel.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        channel.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        channel.set_onclose(Some(on_end.as_ref().unchecked_ref()));
        channel.set_onerror(Some(on_end.as_ref().unchecked_ref()));
        channel.set_onbufferedamountlow(Some(on_low.as_ref().unchecked_ref()));
        Self { channel, _on_message: on_message, _on_open: on_open, _on_end: on_end, _on_low: on_low }
    }

    /// What there is to say about a channel that was just transferred: it may have opened or ended already.
    pub(super) fn first_input(&self, link: LinkId) -> Option<Input> {
        match self.channel.ready_state() {
            RtcDataChannelState::Open => Some(Input::ChannelOpen { link }),
            RtcDataChannelState::Closing | RtcDataChannelState::Closed => Some(Input::ChannelClosed { link }),
            _ => None,
        }
    }

    /// Sends what the core has while there is room; false when the channel is dead.
    pub(super) fn send_all(&self, core: &mut Core, now: Now, link: LinkId) -> bool {
        while core.wants_transmit(link) {
            let buffered = self.channel.buffered_amount() as usize;
            let Some(message) = core.poll_transmit(now, link, buffered) else { break };
            if self.channel.send_with_u8_array(&message).is_err() {
                return false;
            }
        }
        if core.wants_transmit(link) {
            self.channel.set_buffered_amount_low_threshold(core.low_mark(now, link));
        }
        true
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.channel.set_onmessage(None);
        self.channel.set_onopen(None);
        self.channel.set_onclose(None);
        self.channel.set_onerror(None);
        self.channel.set_onbufferedamountlow(None);
        self.channel.close();
    }
}
