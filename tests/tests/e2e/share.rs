//! The share of the processor that a contributor gives is all that handlers get, and a tab that has used it up says so by
//! making requests wait, not by failing them.

use std::time::{Duration, Instant};
use tabmesh_tests::Setup;

/// Keeps its thread busy for 60 ms.
const BUSY: &str = "export default { fetch() {
    const until = performance.now() + 60;
    while (performance.now() < until);
    return new Response('done');
} };";

#[tokio::test]
async fn a_tab_keeps_to_the_share_that_its_contributor_gives() {
    let gateway = Setup::new().tabs(1).args(&["--tab-cpu", "10", "--tab-cores", "1"]).start().await;
    gateway.deploy("busy", BUSY).await;
    assert_eq!(gateway.text("/busy/").await, "done");
    // Four times 60 ms at a tenth of a core are 2.4 s, less what little is saved up.
    let started = Instant::now();
    for _ in 0..4 {
        assert_eq!(gateway.text("/busy/").await, "done");
    }
    assert!(started.elapsed() > Duration::from_millis(1500), "took {:?}", started.elapsed());
}
