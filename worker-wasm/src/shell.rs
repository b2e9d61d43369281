//! The browser side: turns events into [`Input`]s and [`Output`]s into calls. It decides nothing; anything impossible
//! goes to the browser's console and is otherwise ignored.
//!
//! One event is one turn ([`turn`]): its inputs, then what the core wants sent, then its outputs; all that goes to one
//! isolate in a turn is one `postMessage`. Nothing here runs JavaScript of ours inside a turn, so turns never nest.

mod channel;
mod decode;
mod encode;
mod fetch;
mod page;
mod port;
mod rewriter;
mod socket;

use crate::core::limits::TIMER_SLACK;
use crate::core::{Core, Input, IsolateId, LinkId, Output};
use channel::Channel;
use fetch::Fetch;
use js_sys::Array;
use port::Port;
use rewriter::Rewriter;
use socket::Socket;
use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;
use tabmesh_protocol::Now;
use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent, Performance};

/// Longest time that a timer is set for, in milliseconds; then it is set again.
const MAX_TIMER: f64 = 60_000.0;

thread_local! {
    static SHELL: RefCell<Option<Shell>> = const { RefCell::new(None) };
}

struct Timer {
    handle: i32,
    at: Now,
}

/// All that the runtime holds of the browser.
struct Shell {
    scope: DedicatedWorkerGlobalScope,
    performance: Performance,
    /// From the page's first message on.
    core: Option<Core>,
    /// Of the gateway, for code.
    origin: String,
    socket: Option<Socket>,
    channels: HashMap<LinkId, Channel>,
    ports: HashMap<IsolateId, Port>,
    /// Isolates with messages that wait for the end of the turn.
    dirty: Vec<IsolateId>,
    bundles: HashMap<String, JsValue>,
    fetches: HashMap<String, Fetch>,
    rewriter: Rewriter,
    timer: Option<Timer>,
    on_timer: Closure<dyn FnMut()>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
}

/// Starts the runtime in this Worker: it serves the page's messages from now on. `early` may hold messages (the events'
/// data) that came while the wasm was loading.
#[wasm_bindgen]
#[allow(clippy::needless_pass_by_value)] // wasm-bindgen takes no optional references
pub fn start(early: Option<Array>) {
    std::panic::set_hook(Box::new(|panic| report(&panic.to_string())));
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let Some(performance) = scope.performance() else {
        report("this Worker has no clock");
        return;
    };
    let on_message =
        Closure::<dyn FnMut(MessageEvent)>::new(|event: MessageEvent| on_page_message(&event.data()));
    scope.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    let on_timer = Closure::<dyn FnMut()>::new(|| turn(Shell::timer_fired));
    let shell = Shell {
        scope,
        performance,
        core: None,
        origin: String::new(),
        socket: None,
        channels: HashMap::new(),
        ports: HashMap::new(),
        dirty: Vec::new(),
        bundles: HashMap::new(),
        fetches: HashMap::new(),
        rewriter: Rewriter::default(),
        timer: None,
        on_timer,
        _on_message: on_message,
    };
    SHELL.with_borrow_mut(|slot| *slot = Some(shell));
    for message in early.iter().flat_map(Array::iter) {
        on_page_message(&message);
    }
}

fn on_page_message(message: &JsValue) {
    turn(|shell, now| page::receive(shell, now, message));
}

fn report(text: &str) {
    web_sys::console::error_2(&"tabmesh runtime:".into(), &text.into());
}

/// Runs one turn.
fn turn(what: impl FnOnce(&mut Shell, Now)) {
    SHELL.with(|slot| match slot.try_borrow_mut() {
        Ok(mut slot) => {
            if let Some(shell) = slot.as_mut() {
                let now = shell.now();
                what(shell, now);
                shell.finish(now);
            }
        }
        Err(_) => report("a turn inside a turn"),
    });
}

impl Shell {
    fn now(&self) -> Now {
        // Never negative; fractions of a microsecond are dropped.
        Duration::from_micros((self.performance.now() * 1000.0) as u64)
    }

    fn input(&mut self, now: Now, input: Input) {
        if let Some(core) = &mut self.core {
            core.handle(now, input);
        }
    }

    fn timer_fired(&mut self, now: Now) {
        self.timer = None;
        if self.core.as_ref().and_then(Core::poll_timeout).is_some_and(|at| at <= now) {
            self.input(now, Input::Timeout);
        }
    }

    /// Ends a turn. What is done in it may be news to the core (a channel is dead, a bundle is there): then once more.
    fn finish(&mut self, now: Now) {
        loop {
            let Some(core) = &mut self.core else { return };
            core.finish_turn(now);
            let mut news = Vec::new();
            for (link, channel) in &self.channels {
                if !channel.send_all(core, now, *link) {
                    news.push(Input::ChannelClosed { link: *link });
                }
            }
            while let Some(output) = self.core.as_mut().and_then(Core::poll_output) {
                news.extend(self.perform(output));
            }
            for isolate in std::mem::take(&mut self.dirty) {
                if let Some(port) = self.ports.get_mut(&isolate) {
                    port.flush();
                }
            }
            if news.is_empty() {
                break;
            }
            news.into_iter().for_each(|input| self.input(now, input));
        }
        self.arm(now);
    }

    /// Does one thing; gives what is news to the core.
    fn perform(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Isolate { isolate, message } => {
                if self.ports.get_mut(&isolate)?.add(&message, &self.bundles) {
                    self.dirty.push(isolate);
                }
            }
            Output::Spawn { isolate, tenant } => {
                if let Some((port, theirs)) = Port::open(isolate) {
                    self.ports.insert(isolate, port);
                    page::spawn(&self.scope, isolate, &tenant, &theirs);
                }
            }
            Output::Kill { isolate } => {
                self.ports.remove(&isolate);
                page::kill(&self.scope, isolate);
            }
            Output::Disconnect { peer, link } => {
                self.channels.remove(&link);
                page::disconnect(&self.scope, &peer, link);
            }
            Output::OpenSocket { socket, url } => self.socket = Some(Socket::open(socket, &url)),
            Output::SendSocket { socket, text } => {
                if let Some(open) = self.socket.as_ref().filter(|open| open.id == socket) {
                    open.send(&text);
                }
            }
            Output::CloseSocket { socket } => {
                self.socket.take_if(|open| open.id == socket);
            }
            Output::FetchCode { hash } => self.fetch_code(hash),
            Output::KeepCode { hash, bundle } => {
                // As `Response.text` reads what was fetched.
                let text = String::from_utf8_lossy(&bundle);
                return self.keep_code(hash, &JsValue::from_str(&text));
            }
            Output::DropCode { hash } => {
                self.bundles.remove(&hash);
            }
            Output::Warn(text) => web_sys::console::warn_2(&"tabmesh runtime:".into(), &text.into()),
            other => page::send(&self.scope, &other),
        }
        None
    }

    /// Makes sure that the timer fires by the next deadline. One that fires too early does no harm, so it is only set
    /// anew when the deadline came closer.
    fn arm(&mut self, now: Now) {
        let Some(at) = self.core.as_ref().and_then(Core::poll_timeout) else { return };
        let at = at.max(now + TIMER_SLACK);
        if let Some(timer) = &self.timer {
            if timer.at <= at {
                return;
            }
            self.scope.clear_timeout_with_handle(timer.handle);
        }
        let wait = (at.saturating_sub(now).as_secs_f64() * 1000.0).ceil().min(MAX_TIMER);
        let callback = self.on_timer.as_ref().unchecked_ref();
        let set = self.scope.set_timeout_with_callback_and_timeout_and_arguments_0(callback, wait as i32);
        self.timer = match set {
            Ok(handle) => Some(Timer { handle, at }),
            Err(_) => {
                report("no timer can be set");
                None
            }
        };
    }
}
