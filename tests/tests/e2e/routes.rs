//! Routes of developers' own: hosts and paths that lead to a handler.

use crate::support::{expect_problem, problem};
use reqwest::Response;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tabmesh_tests::Setup;
use tabmesh_tests::gateway::{Gateway, client};

const URL: &str = "export default { fetch: (request) => new Response(request.url) };";

async fn ask(gateway: &Gateway, host: &str, path: &str) -> Response {
    client().get(gateway.url(path)).header("host", host).send().await.unwrap()
}

async fn put(gateway: &Gateway, name: &str, routes: Value) -> Response {
    let form = Form::new()
        .text("metadata", json!({ "routes": routes }).to_string())
        .part("main.js", Part::text(URL).file_name("main.js"));
    client().put(gateway.handler_url(name)).multipart(form).send().await.unwrap()
}

#[tokio::test]
async fn a_route_leads_to_its_handler_until_it_is_gone() {
    let mut gateway = Setup::new().tabs(1).start().await;
    let shop = json!(["shop.example/*", { "pattern": "www.shop.example", "custom_domain": true }]);
    let deployed: Value = put(&gateway, "shop", shop).await.json().await.unwrap();
    assert_eq!(deployed["routes"], json!(["shop.example/*", "www.shop.example/*"]));
    assert_eq!(put(&gateway, "shop-api", json!(["shop.example/api/*"])).await.status(), 201);

    let texts = |gateway: Gateway| async move {
        for (host, path) in [("shop.example", "/"), ("www.shop.example", "/a?b"), ("shop.example", "/api/x")]
        {
            let text = ask(&gateway, host, path).await.text().await.unwrap();
            assert_eq!(text, format!("http://{host}{path}"));
        }
        // Nothing of the gateway's own shares an origin with a handler.
        let own = ask(&gateway, "www.shop.example", "/_mesh/v1/handlers").await.text().await.unwrap();
        assert_eq!(own, "http://www.shop.example/_mesh/v1/handlers");
        gateway
    };
    gateway = texts(gateway).await;
    gateway.kill().await;
    let gateway = gateway.restart().await;
    gateway.wait_for_tabs(1).await;
    let gateway = texts(gateway).await;

    let taken = put(&gateway, "thief", json!(["SHOP.example/*"])).await;
    let (status, document) = problem(taken).await;
    assert_eq!(
        (status, &document["type"]),
        (409, &json!("urn:tabmesh:problem:route-conflict")),
        "{document}"
    );
    let detail = document["detail"].as_str().unwrap();
    assert!(detail.contains("shop.example/*") && detail.contains("`shop`"), "{detail}");
    assert_eq!(put(&gateway, "shop", json!([])).await.status(), 200);
    expect_problem(ask(&gateway, "shop.example", "/").await, 404, "handler-not-found").await;
    assert_eq!(put(&gateway, "thief", json!(["shop.example/*"])).await.status(), 201);
    assert_eq!(ask(&gateway, "shop.example", "/").await.text().await.unwrap(), "http://shop.example/");
    let gone = client().delete(gateway.handler_url("thief")).send().await.unwrap();
    assert_eq!(gone.status(), 204);
    expect_problem(ask(&gateway, "shop.example", "/x").await, 404, "handler-not-found").await;
}

#[tokio::test]
async fn the_gateways_own_hosts_are_nobodys_route() {
    let gateway = tabmesh_tests::mesh().await;
    for pattern in ["localhost/*", "hello.localhost/*", "127.0.0.1/*", "*/*", "a.example/*/b"] {
        let (status, refused) = problem(put(&gateway, "greedy", json!([pattern])).await).await;
        assert_eq!(status, 400, "{refused}");
        assert!(refused["detail"].as_str().unwrap().contains(pattern), "{refused}");
    }
}
