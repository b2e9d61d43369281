//! What Tabmesh does not have: wrangler fails, and says why in words of ours.

use crate::tool::Wrangler;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_here_is_said() {
    let shop = Wrangler::new("lacking").await;
    shop.run(&["d1", "create", "orders"]).await.ok();
    for (args, part) in [
        (&["queues", "list"][..], "Tabmesh has no queues. [code: 7000]"),
        (&["r2", "bucket", "list"], "Tabmesh has no R2"),
        (&["vectorize", "list"], "Tabmesh has no Vectorize"),
        (&["hyperdrive", "list"], "Tabmesh has no Hyperdrive"),
        (&["workflows", "list"], "Tabmesh has no workflows"),
        (&["d1", "time-travel", "info", "orders"], "Tabmesh has no time travel"),
        (&["deploy"], "Durable Objects"),
        (&["deploy", "--env", "queue"], "Tabmesh has no queues"),
        (&["deploy", "--env", "mail"], "`MAIL` has the type `send_email`"),
        (&["deploy", "--env", "entrypoint"], "`OTHER` names an entrypoint"),
    ] {
        let told = shop.run(args).await.refused();
        assert!(told.contains(part), "wrangler {args:?}: {told}");
    }
}
