//! The world around a core: a signalling server, gateways that are real [`Session`]s, isolates that follow a script.

use crate::core::*;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;
use tabmesh_protocol::head::Target;
use tabmesh_protocol::signal::{ClientMessage, Peer, Role as Who, ServerMessage};
use tabmesh_protocol::{
    CallHead, Config, Cost, Event, RequestHead, ResetCode, ResponseHead, Role, Session, StreamId,
};

/// A request that an isolate got, and what it still has to echo.
#[derive(Debug, Default)]
pub(super) struct Job {
    pub(super) url: String,
    pub(super) credit: usize,
    echo: Vec<u8>,
    ended: bool,
    /// Bytes sent, by which a test sees that credit was respected.
    pub(super) sent: usize,
    pub(super) aborted: bool,
}

#[derive(Debug, Default)]
pub(super) struct Fake {
    pub(super) tenant: String,
    pub(super) target: Option<Target>,
    pub(super) jobs: BTreeMap<u32, Job>,
    pub(super) pings: Vec<u32>,
    /// What it heard about the calls that it made.
    pub(super) calls: Vec<(u32, ToCall)>,
}

/// A call as the gateway got it.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) stream: StreamId,
    pub(super) head: Box<CallHead>,
}

/// What the gateway got on a stream.
#[derive(Debug, Default)]
pub(super) struct Got {
    pub(super) head: Option<Box<ResponseHead>>,
    pub(super) body: Vec<u8>,
    pub(super) fin: bool,
    pub(super) reset: Option<(ResetCode, String)>,
    pub(super) stopped: bool,
}

pub(super) struct Sim {
    pub(super) now: Now,
    pub(super) core: Core,
    pub(super) socket: Option<SocketId>,
    pub(super) sockets_opened: usize,
    /// Gateways that the signalling server names.
    pub(super) gateways: Vec<String>,
    pub(super) signalling_up: bool,
    pub(super) sessions: BTreeMap<LinkId, Session>,
    pub(super) isolates: BTreeMap<IsolateId, Fake>,
    pub(super) got: BTreeMap<(LinkId, StreamId), Got>,
    pub(super) called: Vec<Called>,
    pub(super) logs: Vec<(Option<StreamId>, u8, String)>,
    /// What the gateway was told that requests used.
    pub(super) costs: Vec<(StreamId, Cost)>,
    pub(super) states: Vec<Status>,
    /// Everything the core put out, but messages to isolates, as text.
    pub(super) log: Vec<String>,
    pub(super) boot: bool,
    pub(super) fetch: Option<Result<usize, CodeError>>,
    pub(super) load: Result<(), String>,
    pub(super) connect: bool,
    /// Links over which nothing passes.
    pub(super) cut: Vec<LinkId>,
    /// Isolates that spin: they answer no pings.
    pub(super) frozen: Vec<IsolateId>,
    /// What the channel says that it holds.
    pub(super) buffered: usize,
    /// Response bodies are taken in and credited.
    pub(super) reading: bool,
}

pub(super) const V1: &str = "1111111111111111111111111111111111111111111111111111111111111111";
pub(super) const V2: &str = "2222222222222222222222222222222222222222222222222222222222222222";

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) fn init(settings: Settings) -> Init {
    Init { signal: "ws://gateway/_mesh/signal".into(), pool: "main".into(), token: None, settings, seed: 7 }
}

pub(super) fn target(handler: &str, version: &str) -> Target {
    Target { tenant: "default".into(), handler: handler.into(), version: version.into() }
}

pub(super) fn head(target: Target, path: &str) -> RequestHead {
    RequestHead {
        target: target.into(),
        request_id: "r".into(),
        limits: tabmesh_protocol::Limits::default(),
        method: Method::GET,
        url: format!("http://hello.localhost{path}"),
        headers: HeaderMap::new(),
    }
}

impl Sim {
    /// A tab that starts to join.
    pub(super) fn idle() -> Self {
        Self::with(Settings { concurrency: 256, ..Settings::default() })
    }

    /// The same with other settings.
    pub(super) fn with(settings: Settings) -> Self {
        let now = Duration::from_secs(100);
        Self {
            now,
            core: Core::new(init(settings), now),
            socket: None,
            sockets_opened: 0,
            gateways: vec!["g1".into()],
            signalling_up: true,
            sessions: BTreeMap::new(),
            isolates: BTreeMap::new(),
            got: BTreeMap::new(),
            called: Vec::new(),
            logs: Vec::new(),
            costs: Vec::new(),
            states: Vec::new(),
            log: Vec::new(),
            boot: true,
            fetch: Some(Ok(1000)),
            load: Ok(()),
            connect: true,
            cut: Vec::new(),
            frozen: Vec::new(),
            buffered: 0,
            reading: true,
        }
    }

    /// A tab that has joined and holds its spare isolate.
    pub(super) fn joined() -> Self {
        let mut sim = Self::idle();
        sim.settle();
        assert_eq!(sim.sessions.len(), 1);
        assert_eq!(sim.isolates.len(), 1, "the spare");
        sim.log.clear();
        sim
    }

    pub(super) fn input(&mut self, input: Input) {
        self.core.handle(self.now, input);
    }

    /// An isolate speaks.
    pub(super) fn say(&mut self, isolate: IsolateId, message: FromIsolate) {
        self.input(Input::Isolate { isolate, message });
    }

    pub(super) fn server_says(&mut self, message: &ServerMessage) {
        let socket = self.socket.unwrap();
        self.input(Input::SocketMessage { socket, text: serde_json::to_string(message).unwrap() });
    }

    /// Runs turns until nothing moves.
    pub(super) fn settle(&mut self) {
        for _ in 0..100_000 {
            if !self.turn() {
                return;
            }
        }
        panic!("it never settles");
    }

    pub(super) fn turn(&mut self) -> bool {
        let mut moved = false;
        self.core.finish_turn(self.now);
        let links: Vec<_> = self.sessions.keys().copied().collect();
        for link in links {
            let cut = self.cut.contains(&link);
            while let Some(message) = self.core.poll_transmit(self.now, link, self.buffered) {
                moved = true;
                if let (false, Some(session)) = (cut, self.sessions.get_mut(&link)) {
                    session.handle_message(self.now, message.into()).unwrap();
                }
            }
            self.gateway_events(link);
            while let Some(message) = self.sessions.get_mut(&link).and_then(Session::poll_transmit) {
                moved = true;
                if !cut {
                    self.input(Input::ChannelMessage { link, message: message.into() });
                }
            }
        }
        while let Some(output) = self.core.poll_output() {
            moved = true;
            self.perform(output);
        }
        moved
    }

    fn gateway_events(&mut self, link: LinkId) {
        let reading = self.reading;
        let now = self.now;
        let Some(session) = self.sessions.get_mut(&link) else { return };
        while let Some(event) = session.poll_event() {
            match event {
                Event::Response { id, head, fin } => {
                    let got = self.got.entry((link, id)).or_default();
                    got.head = Some(head);
                    got.fin = fin;
                }
                Event::Data { id, data, fin } => {
                    if reading {
                        session.consumed(now, id, data.len());
                    }
                    let got = self.got.entry((link, id)).or_default();
                    got.body.extend_from_slice(&data);
                    got.fin |= fin;
                }
                Event::Reset { id, code, reason } => {
                    self.got.entry((link, id)).or_default().reset = Some((code, reason));
                }
                Event::Stopped { id } => self.got.entry((link, id)).or_default().stopped = true,
                Event::Call { id, head, .. } => self.called.push(Called { stream: id, head }),
                Event::Log { stream, level, text } => self.logs.push((stream, level, text)),
                Event::Cost { stream, cost } => self.costs.push((stream, cost)),
                _ => {}
            }
        }
    }

    fn perform(&mut self, output: Output) {
        if !matches!(output, Output::Isolate { .. } | Output::State(_)) {
            self.log.push(format!("{output:?}"));
        }
        match output {
            Output::OpenSocket { socket, .. } => {
                self.sockets_opened += 1;
                if self.signalling_up {
                    self.socket = Some(socket);
                    self.input(Input::SocketOpen { socket });
                } else {
                    self.input(Input::SocketClosed { socket, code: 1006 });
                }
            }
            Output::SendSocket { socket, text } => {
                assert_eq!(Some(socket), self.socket);
                if let ClientMessage::Join { .. } = serde_json::from_str(&text).unwrap() {
                    let peer = |id: &String| Peer { id: id.clone(), role: Who::Gateway };
                    let peers = self.gateways.iter().map(peer).collect();
                    self.server_says(&ServerMessage::Joined { id: "t".into(), ice_servers: vec![], peers });
                }
            }
            Output::CloseSocket { .. } => self.socket = None,
            Output::Connect { link, .. } if self.connect => {
                let config = Config { max_incoming_streams: 4, ..Config::default() };
                self.sessions.insert(link, Session::new(Role::Gateway, config, self.now));
                self.input(Input::ChannelOpen { link });
            }
            Output::Disconnect { link, .. } => {
                self.sessions.remove(&link);
            }
            Output::Spawn { isolate, tenant } => {
                self.isolates.insert(isolate, Fake { tenant, ..Fake::default() });
                if self.boot {
                    self.say(isolate, FromIsolate::Booted);
                }
            }
            Output::Kill { isolate } => {
                self.isolates.remove(&isolate).expect("only living isolates are killed");
            }
            Output::FetchCode { hash } => {
                if let Some(result) = self.fetch.clone() {
                    self.input(Input::Code { hash, result });
                }
            }
            Output::KeepCode { hash, bundle } => {
                let result = match bundle.first() {
                    Some(b'{') => Ok(bundle.len()),
                    _ => Err(CodeError::Unusable("not a bundle".into())),
                };
                self.input(Input::Code { hash, result });
            }
            Output::Isolate { isolate, message } => self.hear(isolate, message),
            Output::State(status) => self.states.push(status),
            _ => {}
        }
    }

    /// What a scripted isolate does.
    fn hear(&mut self, isolate: IsolateId, message: ToIsolate) {
        let fake = self.isolates.get_mut(&isolate).expect("nothing is sent to a dead isolate");
        let mut say = Vec::new();
        if self.load.is_err() && fake.target.is_some() && !matches!(message, ToIsolate::Ping { .. }) {
            // Its code never comes to listen.
            return;
        }
        match message {
            ToIsolate::Start { target, .. } => {
                assert!(fake.target.is_none());
                fake.target = Some(target);
                match &self.load {
                    Ok(()) => say.push(FromIsolate::Started),
                    Err(text) if text.is_empty() => {}
                    Err(text) => {
                        say.push(FromIsolate::Failed {
                            message: text.clone(),
                            stack: "at main.js:1:2".into(),
                        });
                    }
                }
            }
            ToIsolate::Request { id, head, .. } => {
                let url = head.url.trim_start_matches("http://hello.localhost").to_owned();
                assert_eq!(fake.target.as_ref(), Some(&*head.target), "the right code");
                if url == "/hello" {
                    let text = format!("hello from {isolate}");
                    say.extend([
                        response(id, 200, true),
                        FromIsolate::Chunk { id, data: text.into() },
                        FromIsolate::End { id },
                        FromIsolate::Done { id },
                    ]);
                } else if url == "/echo" {
                    say.push(response(id, 200, true));
                }
                if url != "/hello" {
                    fake.jobs.insert(id, Job { url, ..Job::default() });
                }
            }
            ToIsolate::Body { id, data } => {
                if let Some(job) = fake.jobs.get_mut(&id)
                    && job.url == "/echo"
                {
                    job.echo.extend_from_slice(&data);
                    say.push(FromIsolate::Consumed { id, bytes: data.len() });
                }
            }
            ToIsolate::BodyEnd { id } => {
                if let Some(job) = fake.jobs.get_mut(&id) {
                    job.ended = true;
                }
            }
            ToIsolate::Credit { id, bytes } => {
                if let Some(job) = fake.jobs.get_mut(&id) {
                    job.credit += bytes;
                }
            }
            ToIsolate::Abort { id, .. } => {
                if let Some(job) = fake.jobs.get_mut(&id) {
                    job.aborted = true;
                }
            }
            ToIsolate::Ping { n } if self.frozen.contains(&isolate) => fake.pings.push(n),
            ToIsolate::Call { id, message } => fake.calls.push((id, message)),
            ToIsolate::Ping { n } => say.push(FromIsolate::Pong { n }),
        }
        let mut done = Vec::new();
        for (id, job) in fake.jobs.iter_mut().filter(|(_, job)| job.url == "/echo" && !job.aborted) {
            let send = job.echo.len().min(job.credit);
            if send > 0 {
                job.credit -= send;
                job.sent += send;
                let data: Vec<u8> = job.echo.drain(..send).collect();
                say.push(FromIsolate::Chunk { id: *id, data: data.into() });
            }
            if job.ended && job.echo.is_empty() {
                say.extend([FromIsolate::End { id: *id }, FromIsolate::Done { id: *id }]);
                done.push(*id);
            }
        }
        done.iter().for_each(|id| drop(fake.jobs.remove(id)));
        say.into_iter().for_each(|message| self.say(isolate, message));
    }

    /// Lets time pass, with all timers on the way.
    pub(super) fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        loop {
            let due = self
                .core
                .poll_timeout()
                .into_iter()
                .chain(self.sessions.values().map(Session::poll_timeout))
                .min();
            let Some(due) = due.filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            if self.core.poll_timeout().is_some_and(|at| at <= self.now) {
                self.input(Input::Timeout);
            }
            let now = self.now;
            for session in self.sessions.values_mut() {
                // A gateway that gave up on a cut link is not what is looked at.
                let _ = session.handle_timeout(now);
            }
            self.sessions.retain(|link, session| !self.cut.contains(link) || session.poll_timeout() > now);
            self.settle();
        }
        self.now = end;
    }

    pub(super) fn link(&self) -> LinkId {
        *self.sessions.keys().next_back().expect("a link")
    }

    pub(super) fn open(&mut self, head: &RequestHead, fin: bool) -> (LinkId, StreamId) {
        let link = self.link();
        let id = self.sessions.get_mut(&link).unwrap().open(head, fin).unwrap();
        self.got.insert((link, id), Got::default());
        (link, id)
    }

    pub(super) fn get(&mut self, handler: &str, version: &str, path: &str) -> (LinkId, StreamId) {
        let key = self.open(&head(target(handler, version), path), true);
        self.settle();
        key
    }

    /// The gateway sends code; it is there when the next thing comes. Gives its hash.
    pub(super) fn push(&mut self, bundle: &str) -> String {
        let hash = hex::encode(Sha256::digest(bundle));
        let link = self.link();
        assert!(self.sessions.get_mut(&link).unwrap().push_code(&hash, bundle.as_bytes()));
        hash
    }

    /// How often the core put out this kind of thing.
    pub(super) fn count(&self, kind: &str) -> usize {
        self.log.iter().filter(|line| line.starts_with(kind)).count()
    }

    pub(super) fn send(&mut self, (link, id): (LinkId, StreamId), data: Vec<u8>, fin: bool) {
        self.sessions.get_mut(&link).unwrap().send(id, data.into(), fin).unwrap();
    }

    pub(super) fn body(&self, key: (LinkId, StreamId)) -> &str {
        std::str::from_utf8(&self.got[&key].body).unwrap()
    }

    pub(super) fn reset_code(&self, key: (LinkId, StreamId)) -> Option<ResetCode> {
        self.got[&key].reset.as_ref().map(|(code, _)| *code)
    }

    /// The isolate that holds a request for `path`, and its number there.
    pub(super) fn holder(&self, path: &str) -> (IsolateId, u32) {
        self.isolates
            .iter()
            .find_map(|(isolate, fake)| {
                fake.jobs
                    .iter()
                    .find(|(_, job)| job.url == path && !job.aborted)
                    .map(|(id, _)| (*isolate, *id))
            })
            .expect("an isolate holds it")
    }

    pub(super) fn state(&self) -> State {
        self.states.last().expect("a state").state
    }

    /// Once all requests are over and isolates idle: nothing is left behind.
    pub(super) fn assert_clean(&mut self) {
        self.settle();
        let core = &self.core;
        assert!(core.exchanges.is_empty(), "{:?}", core.exchanges);
        assert!(core.deadlines.is_empty());
        assert_eq!((core.active, core.pools.waiting()), (0, 0));
        assert!(core.low.is_empty() && core.hungry.is_empty() && core.answered.is_empty());
        assert!(core.pools.starving().is_empty());
        assert_eq!(core.code.fetching(), 0);
        for (id, isolate) in core.isolates.iter() {
            assert!(isolate.work.is_empty() && isolate.answering == 0, "{id}: {isolate:?}");
        }
        for session in self.sessions.values() {
            assert_eq!(session.open_streams(), 0);
        }
        for link in core.links.values() {
            assert_eq!(link.session.as_ref().map_or(0, Session::open_streams), 0);
        }
        let living: Vec<_> = core.isolates.iter().map(|(id, _)| id).collect();
        assert_eq!(living, self.isolates.keys().copied().collect::<Vec<_>>());
    }

    /// After all isolates' idle time too.
    pub(super) fn assert_empty(&mut self) {
        self.advance(limits::IDLE_TTL + ms(1000));
        self.assert_clean();
        assert_eq!(self.core.pools.len(), 0);
        assert_eq!(self.core.isolates.len(), 1, "the spare");
        assert!(self.core.lingering.is_empty());
    }
}

pub(super) fn response(id: u32, status: u32, has_body: bool) -> FromIsolate {
    let mut headers = HeaderMap::new();
    headers.append("set-cookie", HeaderValue::from_static("a=1"));
    headers.append("set-cookie", HeaderValue::from_static("b=2"));
    FromIsolate::Response { id, status, headers: Ok(headers), has_body }
}

pub(super) fn chunk(id: u32, len: usize) -> FromIsolate {
    FromIsolate::Chunk { id, data: Bytes::from(vec![7; len]) }
}
