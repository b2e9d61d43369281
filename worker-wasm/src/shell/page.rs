//! Messages from and to the page: objects with an `op`. The page is ours, so a message that does not fit is a bug, told
//! on the console.

use super::channel::Channel;
use super::encode::object;
use super::fetch::from_json;
use super::{Shell, report};
use crate::core::{Cause, Core, Init, Input, IsolateId, LinkId, Output, PeerState, Settings, Surroundings};
use js_sys::{Array, JSON, Object, Reflect};
use serde::Serialize;
use tabmesh_protocol::Now;
use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, MessagePort};

fn field(message: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(message, &name.into()).ok().filter(|value| !value.is_null() && !value.is_undefined())
}

fn text(message: &JsValue, name: &str) -> Option<String> {
    field(message, name)?.as_string()
}

fn number(message: &JsValue, name: &str) -> Option<u32> {
    let value = field(message, name)?.as_f64()?;
    (value >= 0.0 && value <= f64::from(u32::MAX)).then_some(value as u32)
}

/// Takes one message.
pub(super) fn receive(shell: &mut Shell, now: Now, message: &JsValue) {
    let op = text(message, "op").unwrap_or_default();
    if take(shell, now, &op, message).is_none() {
        report(&format!("a page message {op:?} that does not fit"));
    }
}

fn take(shell: &mut Shell, now: Now, op: &str, message: &JsValue) -> Option<()> {
    if op == "init" {
        return init(shell, now, message);
    }
    let link = || number(message, "session");
    let input = match op {
        "offer" => Input::Offer { link: link()?, sdp: text(message, "sdp")? },
        "candidate" => {
            let json = String::from(JSON::stringify(&field(message, "candidate")?).ok()?);
            Input::Candidate { link: link()?, candidate: serde_json::from_str(&json).ok()? }
        }
        "channel" => {
            let link = link()?;
            if !shell.core.as_ref()?.has_link(link) {
                // Given up meanwhile; dropped here, it is closed by the connection's end.
                return Some(());
            }
            let channel = Channel::new(link, field(message, "channel")?.unchecked_into());
            let input = channel.first_input(link);
            shell.channels.insert(link, channel);
            input.into_iter().for_each(|input| shell.input(now, input));
            return Some(());
        }
        "peer-state" => Input::PeerState { link: link()?, state: peer_state(&text(message, "state")?)? },
        "isolate-lost" => Input::IsolateLost {
            isolate: number(message, "isolate")?,
            reason: text(message, "reason").unwrap_or_else(|| "the isolate ended".to_owned()),
            cause: match text(message, "cause").as_deref() {
                Some("memory") => Cause::Memory,
                Some("crash") => Cause::Crash,
                _ => Cause::Error,
            },
        },
        "settings" => Input::Settings(settings(message)),
        "surroundings" => {
            let known = |name| field(message, name).and_then(|value| value.as_bool());
            Input::Surroundings(Surroundings { charging: known("charging"), metered: known("metered") })
        }
        "pause" => Input::Pause,
        "resume" => Input::Resume,
        "leaving" => Input::Leaving,
        _ => return None,
    };
    shell.input(now, input);
    Some(())
}

fn init(shell: &mut Shell, now: Now, message: &JsValue) -> Option<()> {
    if shell.core.is_some() {
        return None;
    }
    shell.origin = text(message, "origin")?;
    let init = Init {
        signal: text(message, "signal")?,
        pool: text(message, "pool").unwrap_or_else(|| "main".to_owned()),
        token: text(message, "token").filter(|token| !token.is_empty()),
        settings: settings(message),
        seed: js_sys::Math::random().to_bits(),
    };
    shell.core = Some(Core::new(init, now));
    Some(())
}

/// Cores of the machine, as far as the browser tells; 1 where it does not, so that a share is then always kept to.
fn hardware() -> u32 {
    let navigator = field(&js_sys::global(), "navigator");
    navigator.and_then(|navigator| number(&navigator, "hardwareConcurrency")).unwrap_or(1)
}

/// The `settings` of a message; what is absent or odd is as by default.
fn settings(message: &JsValue) -> Settings {
    let mut settings = Settings::default();
    let Some(said) = field(message, "settings") else { return settings };
    let set = |target: &mut u32, name| {
        if let Some(value) = number(&said, name) {
            *target = value;
        }
    };
    set(&mut settings.concurrency, "concurrency");
    set(&mut settings.isolates, "isolates");
    set(&mut settings.cores, "cores");
    settings.all_cores = hardware();
    set(&mut settings.memory_mb, "memoryMb");
    set(&mut settings.cpu_ms, "cpuMs");
    if let Some(share) = field(&said, "cpuShare").and_then(|value| value.as_f64()) {
        settings.cpu_share = share;
    }
    let flag = |name| field(&said, name).and_then(|value| value.as_bool()).unwrap_or(false);
    settings.only_charging = flag("onlyCharging");
    settings.not_metered = flag("notMetered");
    if let Some(tenants) = field(&said, "tenants") {
        settings.tenants = Array::from(&tenants).iter().filter_map(|tenant| tenant.as_string()).collect();
    }
    settings
}

fn peer_state(name: &str) -> Option<PeerState> {
    Some(match name {
        "new" | "connecting" => PeerState::Connecting,
        "connected" => PeerState::Connected,
        "disconnected" => PeerState::Disconnected,
        "failed" => PeerState::Failed,
        "closed" => PeerState::Closed,
        _ => return None,
    })
}

// ---- to the page ----

fn post(scope: &DedicatedWorkerGlobalScope, message: &Object) {
    if scope.post_message(message).is_err() {
        report("a message to the page could not be posted");
    }
}

fn json(value: &impl Serialize) -> JsValue {
    serde_json::to_string(value).map_or(JsValue::NULL, |json| from_json(&json))
}

/// `{op, peer, session, ...}`.
fn about_link(op: &str, peer: &str, link: LinkId, more: Option<(&str, JsValue)>) -> Object {
    let mut fields = vec![("op", op.into()), ("peer", peer.into()), ("session", link.into())];
    fields.extend(more);
    object(&fields)
}

pub(super) fn spawn(
    scope: &DedicatedWorkerGlobalScope,
    isolate: IsolateId,
    tenant: &str,
    port: &MessagePort,
) {
    let message = object(&[("op", "spawn".into()), ("isolate", isolate.into()), ("tenant", tenant.into())]);
    if scope.post_message_with_transfer(&message, &Array::of1(port)).is_err() {
        report("a port could not be given to the page");
    }
}

pub(super) fn kill(scope: &DedicatedWorkerGlobalScope, isolate: IsolateId) {
    post(scope, &object(&[("op", "kill".into()), ("isolate", isolate.into())]));
}

pub(super) fn disconnect(scope: &DedicatedWorkerGlobalScope, peer: &str, link: LinkId) {
    post(scope, &about_link("disconnect", peer, link, None));
}

/// Sends an output that is nothing but a message to the page.
pub(super) fn send(scope: &DedicatedWorkerGlobalScope, output: &Output) {
    let message = match output {
        Output::Connect { peer, link, ice_servers } => {
            about_link("connect", peer, *link, Some(("iceServers", json(ice_servers))))
        }
        Output::Answer { peer, link, sdp } => about_link("answer", peer, *link, Some(("sdp", sdp.into()))),
        Output::RemoteCandidate { peer, link, candidate } => {
            about_link("candidate", peer, *link, Some(("candidate", json(candidate))))
        }
        Output::RestartIce { peer, link } => about_link("restart-ice", peer, *link, None),
        Output::Dispose { tenant } => object(&[("op", "dispose".into()), ("tenant", tenant.into())]),
        Output::State(status) => object(&[
            ("op", "state".into()),
            ("state", status.state.as_str().into()),
            ("detail", status.detail.as_str().into()),
            ("served", (status.served as f64).into()),
            ("active", (status.active as f64).into()),
            ("isolates", (status.isolates as f64).into()),
            ("cpuMs", (status.cpu.as_secs_f64() * 1000.0).into()),
            ("memory", (status.memory as f64).into()),
        ]),
        _ => return report("an output that nobody performs"),
    };
    post(scope, &message);
}
