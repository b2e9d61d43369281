//! JavaScript's side on the host, where there is none: what a test puts in its place, else nothing.

use std::cell::RefCell;
use std::rc::Rc;

/// The functions that JavaScript gives; see `web/isolate/rewriter-engine.js`.
pub(crate) trait Host {
    fn output(&self, rewriter: u32, chunk: &[u8]);
    fn call(&self, rewriter: u32, handler: u32, kind: u32, token: usize) -> u32;
    fn content(&self, rewriter: u32, content: u32, sink: usize) -> u32;
    fn resumed(&self, rewriter: u32) -> u32;
}

thread_local! {
    static HOST: RefCell<Option<Rc<dyn Host>>> = const { RefCell::new(None) };
}

#[cfg(test)]
pub(crate) fn install(host: Rc<dyn Host>) {
    HOST.set(Some(host));
}

fn host() -> Option<Rc<dyn Host>> {
    HOST.with_borrow(Clone::clone)
}

pub(super) fn output(rewriter: u32, start: *const u8, len: usize) {
    // SAFETY: `host::output` took both from one slice, which it still holds.
    let chunk = unsafe { std::slice::from_raw_parts(start, len) };
    if let Some(host) = host() {
        host.output(rewriter, chunk);
    }
}

pub(super) fn call(rewriter: u32, handler: u32, kind: u32, token: usize) -> u32 {
    host().map_or(super::outcome::STOP, |host| host.call(rewriter, handler, kind, token))
}

pub(super) fn content(rewriter: u32, content: u32, sink: usize) -> u32 {
    host().map_or(super::outcome::STOP, |host| host.content(rewriter, content, sink))
}

pub(super) fn suspend(_rewriter: u32) {}

pub(super) fn resumed(rewriter: u32) -> u32 {
    host().map_or(super::outcome::STOP, |host| host.resumed(rewriter))
}
