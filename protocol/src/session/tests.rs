//! Two sessions over a simulated link with a virtual clock.

use super::*;
use crate::head::Target;
use http::{HeaderMap, Method, StatusCode};
use proptest::prelude::*;

/// A link that carries messages after a delay, in order, and a clock.
struct Sim {
    now: Now,
    delay: Duration,
    gateway: Session,
    tab: Session,
    to_tab: VecDeque<(Now, Vec<u8>)>,
    to_gateway: VecDeque<(Now, Vec<u8>)>,
    gateway_events: Vec<Event>,
    tab_events: Vec<Event>,
    /// Nothing passes any more.
    cut: bool,
}

impl Sim {
    fn new(config: &Config) -> Self {
        let now = Duration::from_secs(1000);
        let mut sim = Self {
            now,
            delay: Duration::from_millis(1),
            gateway: Session::new(Role::Gateway, config.clone(), now),
            tab: Session::new(Role::Tab, config.clone(), now),
            to_tab: VecDeque::new(),
            to_gateway: VecDeque::new(),
            gateway_events: Vec::new(),
            tab_events: Vec::new(),
            cut: false,
        };
        sim.settle();
        sim.gateway_events.clear();
        sim.tab_events.clear();
        sim
    }

    /// Moves what waits onto the link and what is due off it; false when nothing moved.
    fn turn(&mut self) -> Result<bool, Violation> {
        let mut moved = false;
        for (from, link) in [(&mut self.gateway, &mut self.to_tab), (&mut self.tab, &mut self.to_gateway)] {
            while let Some(message) = from.poll_transmit() {
                assert!(message.len() <= MAX_MESSAGE, "{} bytes", message.len());
                moved = true;
                if !self.cut {
                    link.push_back((self.now + self.delay, message));
                }
            }
        }
        for (link, to, events) in [
            (&mut self.to_tab, &mut self.tab, &mut self.tab_events),
            (&mut self.to_gateway, &mut self.gateway, &mut self.gateway_events),
        ] {
            while let Some((_, message)) = link.pop_front_if(|(due, _)| *due <= self.now) {
                moved = true;
                to.handle_message(self.now, message.into())?;
                events.extend(std::iter::from_fn(|| to.poll_event()));
            }
        }
        Ok(moved)
    }

    fn settle(&mut self) {
        loop {
            if !self.turn().unwrap() {
                if self.to_tab.is_empty() && self.to_gateway.is_empty() {
                    return;
                }
                self.now += self.delay;
            }
        }
    }

    /// A tab that answers each request at once with its own body, echoed with credit.
    fn echo(&mut self) -> usize {
        let mut received = 0;
        loop {
            self.settle();
            let tab_events = std::mem::take(&mut self.tab_events);
            let gateway_events = std::mem::take(&mut self.gateway_events);
            if tab_events.is_empty() && gateway_events.is_empty() {
                return received;
            }
            for event in tab_events {
                match event {
                    Event::Request { id, fin, .. } => {
                        self.tab.respond(id, &response(), fin).unwrap();
                    }
                    Event::Data { id, data, fin } => {
                        self.tab.consumed(self.now, id, data.len());
                        self.tab.send(id, data, fin).unwrap();
                    }
                    _ => {}
                }
            }
            for event in gateway_events {
                if let Event::Data { id, data, .. } = event {
                    received += data.len();
                    self.gateway.consumed(self.now, id, data.len());
                }
            }
        }
    }
}

fn request() -> RequestHead {
    RequestHead {
        target: Target { tenant: "default".into(), handler: "hello".into(), version: "0".repeat(64) }.into(),
        request_id: "r".into(),
        limits: crate::Limits::default(),
        method: Method::GET,
        url: "http://hello.localhost/".into(),
        headers: HeaderMap::new(),
    }
}

fn response() -> ResponseHead {
    ResponseHead { status: StatusCode::OK, headers: HeaderMap::new() }
}

#[test]
fn a_bodyless_exchange_takes_one_message_each_way_and_leaves_nothing() {
    let mut sim = Sim::new(&Config::default());
    let id = sim.gateway.open(&request(), true).unwrap();
    sim.settle();
    assert!(matches!(sim.tab_events[..], [Event::Request { id: got, fin: true, .. }] if got == id));
    sim.tab.respond(id, &response(), false).unwrap();
    sim.tab.send(id, Bytes::from_static(b"hello"), true).unwrap();
    let message = sim.tab.poll_transmit().unwrap();
    assert!(sim.tab.poll_transmit().is_none(), "head and body share a message");
    sim.gateway.handle_message(sim.now, message.into()).unwrap();
    assert!(matches!(sim.gateway.poll_event(), Some(Event::Response { fin: false, .. })));
    assert!(matches!(sim.gateway.poll_event(), Some(Event::Data { fin: true, data, .. }) if data == "hello"));
    assert_eq!((sim.gateway.open_streams(), sim.tab.open_streams()), (0, 0));
}

#[test]
fn many_large_bodies_pass_through_small_windows_and_all_credit_comes_back() {
    let config = Config {
        stream_window: 4096,
        max_stream_window: 8192,
        connection_window: 16 * 1024,
        ..Config::default()
    };
    let mut sim = Sim::new(&config);
    for _ in 0..10 {
        let id = sim.gateway.open(&request(), false).unwrap();
        sim.gateway.send(id, vec![7; 300_000].into(), true).unwrap();
    }
    assert_eq!(sim.echo(), 3_000_000);
    assert_eq!((sim.gateway.open_streams(), sim.tab.open_streams()), (0, 0));
    assert_eq!(sim.gateway.growth, config.growth_budget());
    // The connection's window is whole again, up to the half that is granted lazily.
    assert!(sim.gateway.send_credit >= u64::from(config.connection_window) / 2);
}

#[test]
fn code_comes_before_the_request_that_needs_it_and_in_its_message() {
    let mut sim = Sim::new(&Config::default());
    let largest = vec![b' '; MAX_PUSHED_CODE];
    assert!(sim.gateway.push_code(&request().target.version, &largest));
    sim.gateway.open(&request(), true).unwrap();
    let message = sim.gateway.poll_transmit().unwrap();
    assert!(message.len() <= MAX_MESSAGE && !sim.gateway.wants_transmit());
    sim.tab.handle_message(sim.now, message.into()).unwrap();
    let Some(Event::Code { hash, bundle }) = sim.tab.poll_event() else { panic!("no code") };
    assert_eq!((hash, bundle), (request().target.version.clone(), largest.into()));
    assert!(matches!(sim.tab.poll_event(), Some(Event::Request { .. })));
}

#[test]
fn code_is_only_sent_where_it_makes_nobody_wait_for_long() {
    let mut sim = Sim::new(&Config::default());
    let hash = "a".repeat(64);
    assert!(!sim.gateway.push_code(&hash, &vec![0; MAX_PUSHED_CODE + 1]));
    assert!(!sim.gateway.push_code("main.js", b"{}"));
    assert!(!sim.tab.push_code(&hash, b"{}"));
    assert!(!sim.gateway.wants_transmit() && !sim.tab.wants_transmit());
    let half = vec![0; MAX_PUSHED_CODE / 2];
    assert!(sim.gateway.push_code(&hash, &half) && sim.gateway.push_code(&hash, &half));
    assert!(!sim.gateway.push_code(&hash, &half), "a message is full");
    sim.settle();
    assert!(sim.gateway.push_code(&hash, &half));
}

#[test]
fn the_tab_speaks_second() {
    let config = Config::default();
    let mut gateway = Session::new(Role::Gateway, config.clone(), Duration::ZERO);
    let mut tab = Session::new(Role::Tab, config, Duration::ZERO);
    tab.set_draining(true);
    assert!(!tab.wants_transmit() && tab.poll_transmit().is_none());
    tab.handle_message(Duration::ZERO, gateway.poll_transmit().unwrap().into()).unwrap();
    gateway.handle_message(Duration::ZERO, tab.poll_transmit().unwrap().into()).unwrap();
    assert!(matches!(gateway.poll_event(), Some(Event::Ready(_))));
    assert!(matches!(gateway.poll_event(), Some(Event::Draining(true))));
}

#[test]
fn a_small_request_overtakes_a_large_body() {
    let mut sim = Sim::new(&Config { stream_window: 1 << 20, ..Config::default() });
    let large = sim.gateway.open(&request(), false).unwrap();
    sim.gateway.send(large, vec![0; 1 << 20].into(), true).unwrap();
    let first = sim.gateway.poll_transmit().unwrap();
    let small = sim.gateway.open(&request(), true).unwrap();
    let second = sim.gateway.poll_transmit().unwrap();
    sim.tab.handle_message(sim.now, first.into()).unwrap();
    sim.tab.handle_message(sim.now, second.into()).unwrap();
    let events: Vec<_> = std::iter::from_fn(|| sim.tab.poll_event()).collect();
    assert!(events.iter().any(|event| matches!(event, Event::Request { id, .. } if *id == small)));
}

#[test]
fn bodies_take_turns() {
    let mut sim = Sim::new(&Config::default());
    let ids: Vec<_> = (0..3)
        .map(|_| {
            let id = sim.gateway.open(&request(), false).unwrap();
            sim.gateway.send(id, vec![0; 40_000].into(), true).unwrap();
            id
        })
        .collect();
    sim.tab.handle_message(sim.now, sim.gateway.poll_transmit().unwrap().into()).unwrap();
    let order: Vec<_> = std::iter::from_fn(|| sim.tab.poll_event())
        .filter_map(|event| if let Event::Data { id, .. } = event { Some(id) } else { None })
        .collect();
    assert_eq!(order[..3], ids[..]);
}

#[test]
fn a_stalled_reader_does_not_block_another() {
    let config = Config::default();
    let mut sim = Sim::new(&config);
    // As many stalled streams as a connection may hold but one, each with more than its window to send.
    for _ in 0..config.max_outgoing_streams - 1 {
        sim.gateway.open(&request(), true).unwrap();
    }
    sim.settle();
    let stalled: Vec<_> = sim.tab_events.drain(..).collect();
    for event in stalled {
        if let Event::Request { id, .. } = event {
            sim.tab.respond(id, &response(), false).unwrap();
            sim.tab.send(id, vec![1; 200_000].into(), false).unwrap();
        }
    }
    sim.settle();
    sim.gateway_events.clear();
    let id = sim.gateway.open(&request(), false).unwrap();
    sim.gateway.send(id, vec![2; 500_000].into(), true).unwrap();
    assert_eq!(sim.echo(), 500_000);
    assert!(sim.gateway.open(&request(), true).is_ok(), "the finished stream made room");
}

#[test]
fn stop_drops_what_was_queued_and_the_response_goes_on() {
    let mut sim = Sim::new(&Config::default());
    let id = sim.gateway.open(&request(), false).unwrap();
    sim.gateway.send(id, vec![0; 500_000].into(), false).unwrap();
    sim.settle();
    sim.tab.stop(sim.now, id);
    sim.tab.respond(id, &response(), false).unwrap();
    sim.settle();
    assert!(sim.gateway_events.iter().any(|event| matches!(event, Event::Stopped { .. })));
    assert_eq!(sim.gateway.send(id, Bytes::from_static(b"more"), true), Err(SendError::Closed));
    sim.tab.send(id, Bytes::from_static(b"done"), true).unwrap();
    sim.settle();
    assert!(sim.gateway_events.iter().any(|event| matches!(event, Event::Data { fin: true, .. })));
    assert_eq!((sim.gateway.open_streams(), sim.tab.open_streams()), (0, 0));
}

#[test]
fn a_tab_calls_and_is_answered_like_any_stream() {
    let mut sim = Sim::new(&Config::default());
    let target = Target { tenant: "default".into(), handler: "h".into(), version: "v".into() };
    let head = CallHead {
        target: target.into(),
        parent: 1,
        binding: "KV".into(),
        method: Method::PUT,
        url: "http://kv/key".into(),
        headers: HeaderMap::new(),
    };
    let id = sim.tab.call(&head, false).unwrap();
    assert_eq!(id % 2, 0);
    sim.tab.send(id, Bytes::from_static(b"value"), true).unwrap();
    sim.settle();
    let [Event::Call { id: called, head: got, fin: false }, Event::Data { data, fin: true, .. }] =
        &sim.gateway_events[..]
    else {
        panic!("{:?}", sim.gateway_events)
    };
    assert_eq!((*called, &*got.binding, &**data), (id, "KV", &b"value"[..]));
    let answer = ResponseHead { status: StatusCode::NO_CONTENT, headers: HeaderMap::new() };
    sim.gateway.respond(id, &answer, true).unwrap();
    sim.settle();
    assert!(
        matches!(&sim.tab_events[..], [Event::Response { id: answered, fin: true, .. }] if *answered == id)
    );
    assert_eq!((sim.gateway.open_streams(), sim.tab.open_streams()), (0, 0));
}

#[test]
fn a_draining_gateway_takes_calls_up_to_its_limit() {
    let config = Config { max_incoming_streams: 2, ..Config::default() };
    let mut sim = Sim::new(&config);
    sim.gateway.set_draining(true);
    sim.settle();
    let target = Target { tenant: "default".into(), handler: "h".into(), version: "v".into() };
    let head = CallHead {
        target: target.into(),
        parent: 1,
        binding: String::new(),
        method: Method::GET,
        url: "http://a/".into(),
        headers: HeaderMap::new(),
    };
    assert!(sim.tab.call(&head, true).is_ok() && sim.tab.call(&head, true).is_ok());
    assert_eq!(sim.tab.call(&head, true), Err(SendError::NotAccepting));
}

#[test]
fn reset_reaches_the_other_side_with_its_reason_and_frees_the_stream() {
    let mut sim = Sim::new(&Config::default());
    let id = sim.gateway.open(&request(), false).unwrap();
    sim.settle();
    sim.tab.reset(sim.now, id, ResetCode::Exception, "boom\n  at main.js");
    // Crossing frames for the gone stream are no error.
    sim.gateway.send(id, Bytes::from_static(b"late"), true).unwrap();
    sim.settle();
    assert!(sim.gateway_events.iter().any(
        |event| matches!(event, Event::Reset { code: ResetCode::Exception, reason, .. } if reason.starts_with("boom"))
    ));
    assert_eq!((sim.gateway.open_streams(), sim.tab.open_streams()), (0, 0));
}

#[test]
fn a_full_send_buffer_says_when_there_is_room_again() {
    let mut sim = Sim::new(&Config::default());
    let id = sim.gateway.open(&request(), false).unwrap();
    assert_eq!(sim.gateway.room(id), 256 * 1024);
    sim.gateway.send(id, vec![0; 300_000].into(), false).unwrap();
    assert_eq!(sim.gateway.room(id), 0);
    sim.settle();
    let events: Vec<_> = sim.tab_events.drain(..).collect();
    for event in events {
        if let Event::Data { id, data, .. } = event {
            sim.tab.consumed(sim.now, id, data.len());
        }
    }
    for _ in 0..20 {
        sim.settle();
        for event in std::mem::take(&mut sim.tab_events) {
            if let Event::Data { id, data, .. } = event {
                sim.tab.consumed(sim.now, id, data.len());
            }
        }
    }
    sim.gateway_events.extend(std::iter::from_fn(|| sim.gateway.poll_event()));
    assert!(sim.gateway_events.iter().any(|event| matches!(event, Event::Writable { .. })));
    assert!(sim.gateway.room(id) > 0);
}

#[test]
fn an_owner_who_finds_little_room_is_told_when_there_is_more() {
    let mut sim = Sim::new(&Config::default());
    let id = sim.gateway.open(&request(), false).unwrap();
    sim.gateway.send(id, vec![0; 200_000].into(), false).unwrap();
    assert!(sim.gateway.room(id) > 0, "some, but less than half");
    for _ in 0..5 {
        sim.settle();
        for event in std::mem::take(&mut sim.tab_events) {
            if let Event::Data { id, data, .. } = event {
                sim.tab.consumed(sim.now, id, data.len());
            }
        }
    }
    sim.gateway_events.extend(std::iter::from_fn(|| sim.gateway.poll_event()));
    let told = sim.gateway_events.iter().filter(|event| matches!(event, Event::Writable { .. })).count();
    assert_eq!(told, 1);
}

#[test]
fn a_draining_peer_gets_no_new_streams_and_finishes_old_ones() {
    let mut sim = Sim::new(&Config::default());
    let id = sim.gateway.open(&request(), true).unwrap();
    sim.tab.set_draining(true);
    sim.settle();
    assert_eq!(sim.gateway.open(&request(), true), Err(SendError::NotAccepting));
    sim.tab.respond(id, &response(), true).unwrap();
    sim.tab.set_draining(false);
    sim.settle();
    assert!(sim.gateway.open(&request(), true).is_ok());
    assert_eq!(sim.gateway.open_streams(), 1);
}

#[test]
fn a_silent_peer_is_noticed_within_two_seconds_when_busy() {
    let mut sim = Sim::new(&Config::default());
    sim.gateway.open(&request(), true).unwrap();
    sim.settle();
    sim.cut = true;
    let cut_at = sim.now;
    let noticed = loop {
        sim.now = sim.gateway.poll_timeout();
        if let Err(violation) = sim.gateway.handle_timeout(sim.now) {
            assert_eq!(violation, Violation::Silent);
            break sim.now;
        }
        sim.turn().unwrap();
    };
    assert!(noticed - cut_at < Duration::from_secs(2), "{:?}", noticed - cut_at);
}

#[test]
fn a_probed_peer_has_less_time_and_survives_by_answering() {
    let mut sim = Sim::new(&Config::default());
    sim.gateway.probe(sim.now);
    sim.settle();
    let after = sim.gateway.poll_timeout();
    assert!(after > sim.now + Duration::from_secs(1), "back to the idle rhythm");
    sim.cut = true;
    sim.gateway.probe(sim.now);
    sim.turn().unwrap();
    assert!(sim.gateway.poll_timeout() <= sim.now + Duration::from_millis(700));
    assert_eq!(sim.gateway.handle_timeout(sim.gateway.poll_timeout()), Err(Violation::Silent));
}

#[test]
fn a_probe_never_gives_a_peer_more_time() {
    let mut sim = Sim::new(&Config::default());
    sim.gateway.open(&request(), true).unwrap();
    sim.settle();
    sim.cut = true;
    sim.now = sim.gateway.poll_timeout();
    sim.gateway.handle_timeout(sim.now).unwrap();
    let deadline = sim.gateway.poll_timeout();
    sim.now += Duration::from_millis(1200);
    sim.gateway.probe(sim.now);
    assert!(sim.gateway.poll_timeout() <= deadline);
}

#[test]
fn an_idle_pair_pings_rarely_and_lives() {
    let mut sim = Sim::new(&Config::default());
    let end = sim.now + Duration::from_secs(60);
    let mut pings = 0;
    while sim.now < end {
        sim.now = sim.gateway.poll_timeout();
        sim.gateway.handle_timeout(sim.now).unwrap();
        pings += 1;
        sim.settle();
    }
    assert!(pings <= 13, "{pings}");
    assert!(sim.gateway_events.iter().any(|event| matches!(event, Event::Pong { .. })));
}

#[test]
fn a_suspended_machine_pings_before_it_gives_up() {
    let mut sim = Sim::new(&Config::default());
    sim.now += Duration::from_secs(3600);
    sim.gateway.handle_timeout(sim.now).unwrap();
    sim.settle();
    sim.now = sim.gateway.poll_timeout();
    sim.gateway.handle_timeout(sim.now).unwrap();
}

/// A session that has said and heard hello, as the victim of the tests below.
fn victim(config: &Config) -> Session {
    let mut sim = Sim::new(config);
    sim.gateway.open(&request(), false).unwrap();
    sim.settle();
    sim.gateway
}

fn feed(session: &mut Session, frames: &[Frame]) -> Result<(), Violation> {
    let mut message = Vec::new();
    frames.iter().for_each(|frame| frame.encode(&mut message));
    session.handle_message(Duration::from_secs(2000), message.into())
}

#[test]
fn each_violation_is_found() {
    let small = Config { stream_window: 10, connection_window: 40, ..Config::default() };
    let data = |stream, len: usize| Frame::Data { stream, fin: false, payload: vec![0; len].into() };
    let head = |stream| Frame::Head { stream, fin: false, payload: response().encode().unwrap().into() };
    let hello = Frame::Hello { version: PROTOCOL_VERSION, payload: Bytes::from_static(b"{}") };
    let cases: &[(&[Frame], Violation)] = &[
        (&[hello], Violation::HelloOrder),
        (&[head(99)], Violation::Stream(99, "never opened")),
        (&[data(98, 1)], Violation::Stream(98, "never opened")),
        (&[data(1, 1)], Violation::Stream(1, "body before head or after its end")),
        (&[head(1), head(1)], Violation::Stream(1, "second head")),
        (&[head(1), data(1, 11)], Violation::FlowControl(1)),
        (&[head(1), data(1, 41)], Violation::FlowControl(0)),
        (&[Frame::Credit { stream: 0, bytes: crate::varint::MAX }], Violation::FlowControl(0)),
        (&[Frame::Credit { stream: 1, bytes: crate::varint::MAX }], Violation::FlowControl(1)),
        (&[Frame::Code { hash: "a".repeat(64), bundle: Bytes::new() }], Violation::CodeFromTab),
        (&[Frame::Cost { stream: 99, cost: Cost::default() }], Violation::Stream(99, "never opened")),
        (
            &[Frame::Head { stream: 1, fin: false, payload: Bytes::from_static(b"\x00\x00\x00") }],
            Violation::Malformed("status"),
        ),
    ];
    for (frames, violation) in cases {
        assert_eq!(feed(&mut victim(&small), frames), Err(violation.clone()), "{frames:?}");
    }
    let none = Config { max_incoming_streams: 0, ..Config::default() };
    let mut session = Session::new(Role::Gateway, none, Duration::ZERO);
    let hello = Frame::Hello {
        version: PROTOCOL_VERSION,
        payload: serde_json::to_vec(&Hello::default()).unwrap().into(),
    };
    let open = Frame::Head { stream: 2, fin: true, payload: request().encode().unwrap().into() };
    assert_eq!(feed(&mut session, &[hello, open]), Err(Violation::TooManyStreams));
    let mut session = Session::new(Role::Gateway, Config::default(), Duration::ZERO);
    assert_eq!(
        feed(&mut session, &[Frame::Hello { version: 9, payload: Bytes::new() }]),
        Err(Violation::Version(9))
    );
    let mut session = Session::new(Role::Gateway, Config::default(), Duration::ZERO);
    assert_eq!(feed(&mut session, &[Frame::Ping { nonce: 1 }]), Err(Violation::HelloOrder));
    assert!(matches!(
        victim(&small).handle_message(Duration::ZERO, vec![0; MAX_MESSAGE + 1].into()),
        Err(Violation::MessageTooLarge(_))
    ));
}

#[test]
fn a_ping_flood_that_nobody_reads_ends_the_connection() {
    let mut session = victim(&Config::default());
    let pings = vec![Frame::Ping { nonce: 1 }; 4096];
    let result = (0..10).try_for_each(|_| feed(&mut session, &pings));
    assert_eq!(result, Err(Violation::ControlFlood));
}

proptest! {
    #[test]
    fn arbitrary_messages_never_panic(messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..20)) {
        let mut session = victim(&Config::default());
        for message in messages {
            if session.handle_message(Duration::from_secs(2000), message.into()).is_err() {
                break;
            }
            while session.poll_event().is_some() {}
            while session.poll_transmit().is_some() {}
        }
    }

    /// Whatever both applications do, in whatever order: nobody violates the protocol, and once all streams are
    /// ended nothing is left and the connection still works.
    #[test]
    fn any_use_keeps_the_pair_in_step(steps in proptest::collection::vec((0u8..10, 0usize..6, 0usize..30_000), 0..120)) {
        let config = Config { stream_window: 8192, connection_window: 128 * 1024, max_outgoing_streams: 6, max_incoming_streams: 6, ..Config::default() };
        let mut sim = Sim::new(&config);
        let mut ids = Vec::new();
        for (action, pick, len) in steps {
            let id = ids.get(pick % ids.len().max(1)).copied().unwrap_or(1);
            match action {
                0 => ids.extend(sim.gateway.open(&request(), len % 2 == 0)),
                1 => drop(sim.gateway.send(id, vec![0; len].into(), len % 3 == 0)),
                2 => drop(sim.tab.respond(id, &response(), len % 5 == 0)),
                3 => drop(sim.tab.send(id, vec![0; len].into(), len % 3 == 0)),
                4 => sim.gateway.consumed(sim.now, id, len),
                5 => sim.tab.consumed(sim.now, id, len),
                6 => sim.gateway.reset(sim.now, id, ResetCode::Cancelled, ""),
                7 => sim.tab.stop(sim.now, id),
                8 => drop(sim.gateway.push_code(&"0".repeat(64), &vec![0; len])),
                _ => sim.settle(),
            }
            prop_assert!(sim.turn().is_ok());
        }
        for id in ids {
            sim.gateway.reset(sim.now, id, ResetCode::Cancelled, "");
        }
        sim.settle();
        prop_assert_eq!((sim.gateway.open_streams(), sim.tab.open_streams()), (0, 0));
        prop_assert_eq!(sim.gateway.growth, config.growth_budget());
        sim.gateway_events.clear();
        sim.tab_events.clear();
        let id = sim.gateway.open(&request(), false).unwrap();
        sim.gateway.send(id, vec![9; 200_000].into(), true).unwrap();
        prop_assert_eq!(sim.echo(), 200_000);
    }
}

#[test]
fn a_cost_comes_also_when_its_stream_is_over_and_only_where_it_is_wanted() {
    let cost = Cost { cpu: 1, queued: 2, ran: 3 };
    let mut sim = Sim::new(&Config::default());
    let id = sim.gateway.open(&request(), true).unwrap();
    sim.settle();
    sim.tab.respond(id, &response(), true).unwrap();
    sim.settle();
    assert_eq!((sim.gateway.open_streams(), sim.tab.open_streams()), (0, 0));
    sim.tab.cost(id, cost);
    sim.settle();
    let told =
        |event: &Event| matches!(event, Event::Cost { stream, cost: it } if *stream == id && *it == cost);
    assert!(sim.gateway_events.iter().any(told));
    // A gateway of before says nothing of costs in its hello.
    let mut tab = Session::new(Role::Tab, Config::default(), Duration::ZERO);
    let mut hello = serde_json::to_value(Hello { max_streams: 1, ..Hello::default() }).unwrap();
    hello.as_object_mut().unwrap().remove("costs").unwrap();
    let hello = Frame::Hello { version: PROTOCOL_VERSION, payload: hello.to_string().into() };
    feed(&mut tab, &[hello]).unwrap();
    while tab.poll_transmit().is_some() {}
    tab.cost(1, cost);
    assert!(!tab.wants_transmit());
    let from_gateway = feed(&mut tab, &[Frame::Cost { stream: 1, cost }]);
    assert_eq!(from_gateway, Err(Violation::Malformed("a cost from a gateway")));
}
