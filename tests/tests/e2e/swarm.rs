//! Many tabs at once, simulated by native peers.

use tabmesh_tests::gateway::client;
use tabmesh_tests::swarm::{ANSWER, HELD, Swarm};
use tabmesh_tests::{Setup, within};

/// More than join at once, few enough for two busy cores.
const TABS: usize = 40;

#[tokio::test]
async fn many_tabs_join_at_once_serve_and_are_gone_at_once() {
    let gateway = Setup::new().start().await;
    gateway.deploy("hello", "export default { fetch: () => new Response('') };").await;
    let mut swarm = Swarm::join(gateway.address(), TABS).await;
    assert_eq!((swarm.alive(), swarm.failed.as_slice()), (TABS, [].as_slice()));
    gateway.wait_for_tabs(TABS as u64).await;
    assert_eq!(gateway.text("/hello/").await, ANSWER);

    // More than one tab takes.
    let mut held = Vec::new();
    for _ in 0..300 {
        let mut response = client().get(gateway.url("/hello/hold")).send().await.unwrap();
        let piece = within("the first piece of a held answer", response.chunk()).await.unwrap().unwrap();
        assert_eq!(piece, HELD);
        held.push(response);
    }
    assert_eq!(gateway.text("/hello/").await, ANSWER);

    drop(swarm);
    gateway.wait_for_tabs(0).await;
    for response in &mut held {
        let end = within("the end of a held answer", response.chunk()).await;
        assert!(end.is_err(), "an answer whose tab is gone looked complete: {end:?}");
    }
}
