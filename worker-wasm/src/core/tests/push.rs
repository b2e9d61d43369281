//! Code that a gateway sends ahead of a request.

use super::sim::*;
use crate::core::limits::MAX_BUNDLES;
use crate::core::*;
use tabmesh_protocol::ResetCode;

#[test]
fn a_request_with_its_code_needs_no_fetch() {
    let mut sim = Sim::joined();
    sim.fetch = None;
    let version = sim.push("{}");
    let key = sim.get("hello", &version, "/hello");
    assert!(sim.got[&key].fin);
    assert_eq!((sim.count("KeepCode"), sim.count("FetchCode")), (1, 0));
    // What is held is not taken again.
    sim.push("{}");
    sim.settle();
    assert_eq!((sim.count("KeepCode"), sim.count("DropCode")), (1, 0));
    sim.assert_empty();
}

#[test]
fn code_that_was_given_up_for_other_code_is_fetched() {
    let mut sim = Sim::joined();
    let first = sim.push("{}");
    sim.settle();
    for number in 0..MAX_BUNDLES {
        sim.push(&format!("{{{number}}}"));
        sim.settle();
    }
    assert_eq!(sim.count("DropCode"), 1);
    let key = sim.get("hello", &first, "/hello");
    assert!(sim.got[&key].fin);
    assert_eq!(sim.count("FetchCode"), 1);
    sim.assert_empty();
}

#[test]
fn code_under_a_wrong_name_is_ignored() {
    let mut sim = Sim::joined();
    let link = sim.link();
    assert!(sim.sessions.get_mut(&link).unwrap().push_code(V1, b"{}"));
    let key = sim.get("hello", V1, "/hello");
    assert!(sim.got[&key].fin);
    assert_eq!((sim.count("KeepCode"), sim.count("FetchCode")), (0, 1));
    sim.assert_empty();
}

#[test]
fn what_is_pushed_serves_while_a_fetch_is_under_way_whatever_comes_of_that() {
    for late in [Ok(2), Err(CodeError::Network("offline".into()))] {
        let mut sim = Sim::joined();
        sim.fetch = None;
        let version = sim.push("{}");
        // The request overtook the code: it came over another link, say.
        let link = sim.link();
        let code = sim.sessions.get_mut(&link).unwrap().poll_transmit().unwrap();
        let key = sim.get("hello", &version, "/hello");
        assert!(!sim.got[&key].fin);
        assert_eq!(sim.count("FetchCode"), 1);
        sim.input(Input::ChannelMessage { link, message: code.into() });
        sim.settle();
        assert!(sim.got[&key].fin);
        sim.input(Input::Code { hash: version.clone(), result: late });
        let key = sim.get("other", &version, "/hello");
        assert!(sim.got[&key].fin);
        assert_eq!((sim.count("FetchCode"), sim.count("DropCode")), (1, 0));
        sim.assert_empty();
    }
}

#[test]
fn code_that_is_no_bundle_fails_as_if_it_had_been_fetched() {
    let mut sim = Sim::joined();
    let version = sim.push("no bundle");
    let key = sim.get("hello", &version, "/hello");
    assert_eq!(sim.reset_code(key), Some(ResetCode::StartFailed));
    sim.assert_empty();
}
