//! Code that travels ahead of requests.

use super::*;
use bytes::Bytes;
use mesh::{Arrival, handler};
use tabmesh_protocol::Target;
use tabmesh_protocol::config::MAX_PUSHED_CODE;

impl Mesh {
    async fn get(&self, handler: &Handler) {
        assert_eq!(self.call_handler(handler, Method::GET, "").await.status(), StatusCode::OK);
    }

    fn arrivals(&self) -> Vec<(TabId, Arrival)> {
        std::mem::take(&mut self.arrivals.lock().unwrap())
    }
}

fn code(digit: &str) -> Arrival {
    Arrival::Code(digit.repeat(64))
}

fn request(digit: &str) -> Arrival {
    Arrival::Request(digit.repeat(64))
}

#[tokio::test]
async fn a_tab_gets_the_code_of_a_version_once_before_its_first_request() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Echo]).await;
    for digit in ["a", "a", "b", "a"] {
        mesh.get(&handler(digit)).await;
    }
    let expected = [code("a"), request("a"), request("a"), code("b"), request("b"), request("a")];
    assert_eq!(mesh.arrivals(), expected.map(|arrival| (1, arrival)));
    assert_eq!(mesh.metrics.code_pushes.get(), 2);
}

#[tokio::test]
async fn a_retry_on_another_tab_brings_the_code_along() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Dies]).await;
    mesh.join(&[Does::Echo]).await;
    mesh.get(&handler("a")).await;
    let expected = [(1, code("a")), (1, request("a")), (2, code("a")), (2, request("a"))];
    assert_eq!(mesh.arrivals(), expected);
}

#[tokio::test]
async fn who_waited_in_the_line_gets_the_code_along() {
    let mesh = Arc::new(Mesh::new());
    let waiting = Arc::clone(&mesh);
    let call = tokio::spawn(async move { waiting.get(&handler("a")).await });
    while mesh.metrics.queued.get() == 0 {
        tokio::task::yield_now().await;
    }
    mesh.join(&[Does::Echo]).await;
    call.await.unwrap();
    assert_eq!(mesh.arrivals(), [(1, code("a")), (1, request("a"))]);
}

#[tokio::test]
async fn large_code_is_left_to_the_tab() {
    let mesh = Mesh::with_bundle(Bytes::from(vec![b' '; MAX_PUSHED_CODE + 1]));
    mesh.join(&[Does::Echo]).await;
    mesh.get(&Handler { size: MAX_PUSHED_CODE as u64 + 1, ..handler("a") }).await;
    // Nor if its size was not known.
    mesh.get(&handler("b")).await;
    assert_eq!(mesh.arrivals(), [(1, request("a")), (1, request("b"))]);
    assert_eq!(mesh.metrics.code_pushes.get(), 0);
}

#[tokio::test]
async fn what_a_tab_is_remembered_to_have_is_bounded() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Echo]).await;
    let many = |number: usize| {
        let target = Target { version: format!("{number:064x}"), ..Target::clone(&handler("0").target) };
        Handler { target: target.into(), ..handler("0") }
    };
    for number in (0..=64).chain([0]) {
        mesh.get(&many(number)).await;
    }
    let again = Arrival::Code(many(0).target.version.clone());
    assert_eq!(mesh.arrivals().iter().filter(|(_, arrival)| *arrival == again).count(), 2);
}
