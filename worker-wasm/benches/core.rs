//! What the tab's runtime costs on the host: one warm request in, its answer out. The isolate's part is played: it answers at
//! once and always the same. The gateway's end is a session, whose share `protocol`'s bench `session` tells.

use bytes::Bytes;
use divan::Bencher;
use http::{HeaderMap, HeaderValue, Method, header};
use std::time::Duration;
use tabmesh_protocol::signal::{Peer, Role as Who, ServerMessage};
use tabmesh_protocol::{Config, Event, Limits, Now, RequestHead, Role, Session, Target};
use tabmesh_worker::core::{
    Core, FromIsolate, Init, Input, IsolateId, LinkId, Output, Settings, SocketId, ToIsolate,
};

/// Time stands still: nothing here is ever due.
const NOW: Now = Duration::from_secs(100);

fn main() {
    divan::main();
}

/// A tab, and everything around it.
struct World {
    core: Core,
    gateway: Option<(LinkId, Session)>,
    request: RequestHead,
    headers: HeaderMap,
    body: Bytes,
}

impl World {
    /// A tab that has joined, with an isolate that has answered once.
    fn warm() -> Self {
        let init = Init {
            signal: "ws://gateway/_mesh/signal".into(),
            pool: "default".into(),
            token: None,
            settings: Settings::default(),
            seed: 7,
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        let mut world = Self {
            core: Core::new(init, NOW),
            gateway: None,
            request: RequestHead {
                target: Target { tenant: "default".into(), handler: "hello".into(), version: "0".repeat(64) }
                    .into(),
                request_id: "0f37253635a8e38517868d090ad655b5".into(),
                limits: Limits::default(),
                method: Method::GET,
                url: "http://hello.localhost:8787/any/path?x=1".into(),
                headers: headers.clone(),
            },
            headers,
            body: Bytes::from_static(&[7; 200]),
        };
        while world.turn().0 {}
        world.request();
        world
    }

    /// One request, to the last byte of its answer.
    fn request(&mut self) {
        let (_, session) = self.gateway.as_mut().expect("the tab has joined");
        session.open(&self.request, true).expect("the tab has room");
        loop {
            let (moved, answered) = self.turn();
            if answered {
                return;
            }
            assert!(moved, "the request is stuck");
        }
    }

    /// One turn of everything: whether anything moved, and whether an answer ended.
    fn turn(&mut self) -> (bool, bool) {
        let (mut moved, mut answered) = (false, false);
        if let Some((link, session)) = &mut self.gateway {
            while let Some(message) = session.poll_transmit() {
                moved = true;
                self.core.handle(NOW, Input::ChannelMessage { link: *link, message: message.into() });
            }
        }
        self.core.finish_turn(NOW);
        while let Some(output) = self.core.poll_output() {
            moved = true;
            self.perform(output);
        }
        self.core.finish_turn(NOW);
        if let Some((link, session)) = &mut self.gateway {
            while let Some(message) = self.core.poll_transmit(NOW, *link, 0) {
                moved = true;
                session.handle_message(NOW, message.into()).expect("the tab keeps the protocol");
            }
            while let Some(event) = session.poll_event() {
                if let Event::Data { id, data, fin } = event {
                    session.consumed(NOW, id, data.len());
                    answered |= fin;
                }
            }
        }
        (moved, answered)
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::OpenSocket { socket, .. } => self.core.handle(NOW, Input::SocketOpen { socket }),
            // All that is ever said there before there is a link is that it wants to join.
            Output::SendSocket { socket, .. } if self.gateway.is_none() => self.introduce(socket),
            Output::Connect { link, .. } => {
                let config = Config { max_incoming_streams: 0, ..Config::default() };
                self.gateway = Some((link, Session::new(Role::Gateway, config, NOW)));
                self.core.handle(NOW, Input::ChannelOpen { link });
            }
            Output::Spawn { isolate, .. } => self.say(isolate, FromIsolate::Booted),
            Output::FetchCode { hash } => self.core.handle(NOW, Input::Code { hash, result: Ok(1000) }),
            Output::Isolate { isolate, message: ToIsolate::Start { .. } } => {
                self.say(isolate, FromIsolate::Started);
            }
            Output::Isolate { isolate, message: ToIsolate::Request { id, .. } } => {
                let headers = Ok(self.headers.clone());
                let data = self.body.clone();
                self.say(isolate, FromIsolate::Response { id, status: 200, headers, has_body: true });
                self.say(isolate, FromIsolate::Chunk { id, data });
                self.say(isolate, FromIsolate::End { id });
                self.say(isolate, FromIsolate::Done { id });
            }
            _ => {}
        }
    }

    fn introduce(&mut self, socket: SocketId) {
        let gateway = Peer { id: "g".into(), role: Who::Gateway };
        let joined = ServerMessage::Joined { id: "t".into(), ice_servers: vec![], peers: vec![gateway] };
        let text = serde_json::to_string(&joined).expect("plain data becomes JSON");
        self.core.handle(NOW, Input::SocketMessage { socket, text });
    }

    fn say(&mut self, isolate: IsolateId, message: FromIsolate) {
        self.core.handle(NOW, Input::Isolate { isolate, message });
    }
}

#[divan::bench]
fn warm_request(bencher: Bencher<'_, '_>) {
    let mut world = World::warm();
    bencher.bench_local(|| world.request());
}
