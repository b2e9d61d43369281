use super::*;
use crate::telemetry::{Outcome, Record};
use http::{HeaderMap, HeaderValue, Method};
use std::time::Duration;
use tabmesh_protocol::{Limits, RequestHead};

fn head(handler: &str, url: &str) -> RequestHead {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Bearer hidden"));
    headers.append("accept", HeaderValue::from_static("a"));
    headers.append("accept", HeaderValue::from_static("b"));
    headers.insert("x-tabmesh-cf", HeaderValue::from_static("internal"));
    headers.insert("cf-connecting-ip", HeaderValue::from_static("10.0.0.1"));
    RequestHead {
        target: Target { tenant: "t".into(), handler: handler.into(), version: "abcdef".into() }.into(),
        request_id: "40000000".into(),
        limits: Limits::default(),
        method: Method::GET,
        url: url.into(),
        headers,
    }
}

fn ends(tail: &Arc<Tail>, handler: &str, outcome: Outcome, status: u16, line: &str) {
    let record = Record::new(Arc::clone(tail), true, None, &head(handler, "http://h/a?token=hidden&x=1"));
    record.line(1, line);
    record.ended(outcome, status, Duration::from_millis(7));
}

fn filter(query: &str) -> Filter {
    Filter::of_query(query).unwrap()
}

#[tokio::test]
async fn an_event_comes_once_the_last_who_has_to_do_with_it_lets_go() {
    let tail = Tail::new();
    let mut reader = tail.subscribe("t", Some("h"), Filter::default()).unwrap();
    let record = Record::new(Arc::clone(&tail), true, None, &head("h", "http://h/a?token=hidden&x=1"));
    let other = Arc::clone(&record);
    record.ended(Outcome::Ok, 201, Duration::from_millis(7));
    drop(record);
    other.line(3, "late");
    other.exception("TypeError: no\n    at main.ts:1:2");
    drop(other);
    let event = reader.next().await.unwrap().json();
    assert_eq!(event["outcome"], "ok");
    assert_eq!(event["event"]["response"]["status"], 201);
    assert_eq!(event["event"]["request"]["url"], "http://h/a?token=REDACTED&x=1");
    let headers = &event["event"]["request"]["headers"];
    assert_eq!(headers["authorization"], "REDACTED");
    assert_eq!(headers["accept"], "a, b");
    assert!(headers.get("x-tabmesh-cf").is_none());
    assert_eq!(event["logs"][0]["message"][0], "late");
    assert_eq!(event["logs"][0]["level"], "error");
    assert_eq!(event["exceptions"][0]["name"], "TypeError");
    assert_eq!(event["exceptions"][0]["message"], "no");
    assert_eq!(event["exceptions"][0]["stack"], "    at main.ts:1:2");
    assert_eq!((&event["wallTime"], &event["truncated"]), (&7.into(), &false.into()));
    assert!(!event.to_string().contains("hidden"), "{event}");
}

#[tokio::test]
async fn who_does_not_read_loses_events_and_is_told_how_many() {
    let tail = Tail::new();
    let mut slow = tail.subscribe("t", None, Filter::default()).unwrap();
    for _ in 0..MAX_WAITING + 5 {
        ends(&tail, "h", Outcome::Ok, 200, "x");
    }
    assert_eq!(tail.dropped(), 5);
    for _ in 0..MAX_WAITING {
        assert_eq!(slow.next().await.unwrap().dropped, 0);
    }
    ends(&tail, "h", Outcome::Ok, 200, "x");
    assert_eq!(slow.next().await.unwrap().dropped, 5);
    // Large events are bounded by what they take.
    for _ in 0..MAX_WAITING {
        ends(&tail, "h", Outcome::Ok, 200, &"x".repeat(100 << 10));
    }
    assert!(tail.dropped() > 150, "{}", tail.dropped());
    assert!(slow.waiting.load(Ordering::Relaxed) <= MAX_WAITING_BYTES);
}

#[tokio::test]
async fn texts_are_bounded_and_what_is_left_out_is_marked() {
    let tail = Tail::new();
    let mut reader = tail.subscribe("t", None, Filter::default()).unwrap();
    let record = Record::new(Arc::clone(&tail), true, None, &head("h", "http://h/"));
    for _ in 0..100 {
        record.line(1, &"x".repeat(10 << 10));
    }
    drop(record);
    let told = reader.next().await.unwrap();
    assert!(told.event.truncated && told.event.size() < 150 << 10, "{}", told.event.size());
    assert_eq!(tail.untold.load(Ordering::Relaxed), 0);
    let most: Vec<_> = (0..2000)
        .map(|_| {
            let record = Record::new(Arc::clone(&tail), true, None, &head("h", "http://h/"));
            record.line(1, &"x".repeat(100 << 10));
            record
        })
        .collect();
    assert!(tail.untold.load(Ordering::Relaxed) <= MAX_UNTOLD);
    drop(most);
    assert_eq!(tail.untold.load(Ordering::Relaxed), 0);
}

#[test]
fn nobody_is_watched_without_a_reader_and_readers_are_bounded() {
    let tail = Tail::new();
    let target = &head("h", "").target;
    assert!(!tail.is_watched(bits(target)));
    let readers: Vec<_> =
        (0..MAX_READERS).map(|_| tail.subscribe("t", Some("h"), Filter::default()).unwrap()).collect();
    assert_eq!(tail.subscribe("t", None, Filter::default()).err(), Some(TooManyReaders));
    assert!(tail.subscribe("u", None, Filter::default()).is_ok());
    assert!(tail.is_watched(bits(target)) && tail.is_heard(target));
    assert!(!tail.is_heard(&head("other", "").target));
    drop(readers);
    assert!(!tail.is_watched(bits(target)) && tail.readers() == 0);
}

#[tokio::test]
async fn filters_choose() {
    let tail = Tail::new();
    for (query, outcome, status, wanted) in [
        ("outcome=ok", Outcome::Ok, 200, true),
        ("outcome=error", Outcome::Ok, 200, false),
        ("outcome=error", Outcome::ExceededCpu, 503, true),
        ("outcome=error,canceled", Outcome::Canceled, 0, true),
        ("method=post", Outcome::Ok, 200, false),
        ("method=get,post", Outcome::Ok, 200, true),
        ("status=4xx&status=200", Outcome::Ok, 200, true),
        ("status=5xx", Outcome::Ok, 200, false),
        ("search=needle", Outcome::Ok, 200, true),
        ("search=hay", Outcome::Ok, 200, false),
        ("version=abc", Outcome::Ok, 200, true),
        ("version=abd", Outcome::Ok, 200, false),
        ("sampling_rate=0.3", Outcome::Ok, 200, true),
        ("sampling_rate=0.2", Outcome::Ok, 200, false),
    ] {
        let mut reader = tail.subscribe("t", None, filter(query)).unwrap();
        ends(&tail, "h", outcome, status, "a needle");
        let got = tokio::time::timeout(Duration::from_millis(1), reader.next()).await.is_ok();
        assert_eq!(got, wanted, "{query}");
    }
    for wrong in ["outcome=fine", "status=6xx", "status=a", "sampling_rate=0", "sampling_rate=2"] {
        assert!(Filter::of_query(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_was_thrown_is_read_from_its_text() {
    let parse = |text| {
        let Exception { name, message, stack, .. } = Exception::parse(text, 0);
        (name, message, stack)
    };
    let own =
        |name: &str, message: &str, stack: &str| (name.to_owned(), message.to_owned(), stack.to_owned());
    assert_eq!(
        parse("RangeError: a: b\nRangeError: a: b\n at x"),
        own("RangeError", "a: b", "RangeError: a: b\n at x")
    );
    assert_eq!(parse("it said: no"), own("Error", "it said: no", "it said: no"));
    assert_eq!(parse(""), own("Error", "", ""));
}
