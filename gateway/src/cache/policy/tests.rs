//! Which responses are stored, and for how long.

use super::*;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn judged(asked: &[(&'static str, &str)], status: u16, response: &[(&'static str, &str)]) -> Verdict {
    judge(&headers(asked), StatusCode::from_u16(status).unwrap(), &headers(response), NOW)
}

fn stored(response: &[(&'static str, &str)]) -> Option<Freshness> {
    match judged(&[], 200, response) {
        Verdict::Store { freshness, .. } => Some(freshness),
        _ => None,
    }
}

fn at(seconds: u64) -> SystemTime {
    NOW + Duration::from_secs(seconds)
}

#[test]
fn only_what_says_so_is_stored() {
    assert_eq!(judged(&[], 200, &[]), Verdict::Silent);
    assert_eq!(judged(&[], 200, &[("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT")]), Verdict::Silent);
    for (control, expected) in [
        ("max-age=60", true),
        ("Public, Max-Age=60", true),
        ("s-maxage=60, max-age=0", true),
        ("max-age=0, stale-while-revalidate=5", true),
        ("max-age=0, stale-if-error=5", true),
        ("max-age=60, proxy-revalidate", true),
        ("public", false),
        ("max-age=0", false),
        ("s-maxage=0, max-age=60", false),
        ("max-age=60, private", false),
        ("max-age=60, no-store", false),
        ("max-age=60, no-cache", false),
        ("max-age=0, no-cache, stale-while-revalidate=60", false),
        ("max-age=0, must-revalidate, stale-while-revalidate=60", false),
        ("max-age=abc", false),
        ("max-age=60, max-age=70", true),
    ] {
        assert_eq!(stored(&[("cache-control", control)]).is_some(), expected, "{control}");
    }
    let expires = |value| stored(&[("expires", value), ("date", "Thu, 01 Jan 1970 00:00:00 GMT")]);
    assert!(expires("Thu, 01 Jan 1970 00:01:00 GMT").is_some_and(|it| it.state(at(59)) == State::Fresh));
    assert!(expires("0").is_none());
}

#[test]
fn statuses_and_fields_that_keep_a_response_out() {
    let fresh = ("cache-control", "max-age=60");
    for (status, expected) in [
        (200, true),
        (301, true),
        (302, true),
        (404, true),
        (206, false),
        (304, false),
        (500, false),
        (503, false),
    ] {
        assert_eq!(matches!(judged(&[], status, &[fresh]), Verdict::Store { .. }), expected, "{status}");
    }
    for (name, value) in [
        ("set-cookie", "a=1"),
        ("vary", "*"),
        ("vary", "Accept, X-Forwarded-For"),
        ("vary", "CF-Connecting-IP"),
    ] {
        assert_eq!(judged(&[], 200, &[fresh, (name, value)]), Verdict::Forbidden, "{name}: {value}");
    }
    let withheld = [
        ("cache-control", "max-age=60, private=\"Set-Cookie\""),
        ("set-cookie", "a=1"),
        ("vary", "B, host, a"),
        ("vary", "a"),
    ];
    let Verdict::Store { withheld, vary, .. } = judged(&[], 200, &withheld) else {
        panic!("stored without the cookie")
    };
    assert_eq!(withheld, [header::SET_COOKIE]);
    assert_eq!(vary, ["a", "b"]);
}

#[test]
fn answers_to_requests_with_credentials_need_leave() {
    let asked = [("authorization", "Bearer x")];
    for (control, expected) in [
        ("max-age=60", false),
        ("max-age=60, public", true),
        ("s-maxage=60", true),
        ("max-age=60, must-revalidate", true),
    ] {
        let verdict = judged(&asked, 200, &[("cache-control", control)]);
        assert_eq!(matches!(verdict, Verdict::Store { .. }), expected, "{control}");
        assert_eq!(stored(&[("cache-control", control)]).unwrap().for_authorized, expected, "{control}");
    }
}

#[test]
fn times_pass() {
    let it = stored(&[
        ("cache-control", "max-age=60, stale-while-revalidate=30, stale-if-error=100"),
        ("age", "10"),
    ])
    .unwrap();
    for (second, state) in
        [(0, State::Fresh), (49, State::Fresh), (50, State::Stale), (79, State::Stale), (80, State::Expired)]
    {
        assert_eq!(it.state(at(second)), state, "{second}");
    }
    assert_eq!((it.age(at(5)), it.kept()), (15, Duration::from_secs(150)));
    assert!(it.serves_errors(at(149)) && !it.serves_errors(at(150)));
}

#[test]
fn absurd_numbers_overflow_nothing() {
    let most = u64::MAX.to_string();
    let control = format!("max-age={most}, stale-while-revalidate={most}, stale-if-error={most}");
    let it = stored(&[("cache-control", &control), ("etag", "x")]).unwrap();
    assert_eq!(it.state(at(MAX)), State::Stale);
    assert!(it.kept() > Duration::ZERO && it.age(at(MAX)) == MAX);
    assert!(stored(&[("cache-control", "max-age=60"), ("age", &most)]).is_none());
}
