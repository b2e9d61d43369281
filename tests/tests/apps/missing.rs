//! What is not there is named, at deploy or where it is used.

use crate::app::push;
use tabmesh_tests::mesh;

#[tokio::test]
async fn an_app_with_a_durable_object_is_told_so_at_deploy() {
    let gateway = mesh().await;
    let output = push(&gateway, "objects", &[]).await;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    for part in ["wrangler.toml:5", "durable_objects", "`Chat`", "Durable Object"] {
        assert!(told.contains(part), "{part} in {told}");
    }
}
