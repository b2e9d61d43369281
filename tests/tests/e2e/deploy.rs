//! The main job: deploy, call by host and by path, deploy again, look, delete.

use crate::support::expect_problem;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tabmesh_tests::examples::source;
use tabmesh_tests::gateway::client;
use tabmesh_tests::mesh;

#[tokio::test]
async fn hello_answers_by_host_and_by_path() {
    let gateway = mesh().await;
    let view = gateway.deploy("hello", source("hello")).await;
    assert_eq!(view["name"], "hello");

    let by_path = gateway.text("/hello/any/path?x=1").await;
    assert!(by_path.contains(&format!("GET {}", gateway.url("/any/path?x=1"))), "{by_path}");
    let by_host = client().get(gateway.host_url("hello", "/any/path?x=1")).send().await.unwrap();
    assert_eq!(by_host.status(), 200);
    let by_host = by_host.text().await.unwrap();
    assert!(by_host.contains(&format!("GET {}", gateway.host_url("hello", "/any/path?x=1"))), "{by_host}");
    // Without a slash after the name it is the root.
    assert!(gateway.text("/hello").await.contains(&gateway.url("/\n")));
}

#[tokio::test]
async fn the_next_request_after_a_deploy_sees_the_new_version() {
    let gateway = mesh().await;
    for version in 0..50 {
        let source = format!("export default {{ fetch: () => new Response('version {version}') }};");
        gateway.deploy("redeployed", source).await;
        // Several at once reach both tabs.
        let answers = join_all((0..6).map(|_| gateway.text("/redeployed/"))).await;
        for answer in answers {
            assert_eq!(answer, format!("version {version}"));
        }
    }
}

#[tokio::test]
async fn requests_under_way_while_a_new_version_comes_all_get_one_or_the_other() {
    let gateway = mesh().await;
    let source = |version: u32| {
        format!(
            "export default {{ async fetch() {{ await scheduler.wait(20); return new Response('{version}') }} }};"
        )
    };
    gateway.deploy("rolling", source(0)).await;
    for version in 1..10 {
        let calls = join_all((0..20).map(|_| gateway.text("/rolling/")));
        let (answers, _) = tokio::join!(calls, gateway.deploy("rolling", source(version)));
        for answer in answers {
            let seen: u32 = answer.parse().unwrap();
            assert!(seen == version || seen == version - 1, "saw {seen} around the deploy of {version}");
        }
    }
}

#[tokio::test]
async fn handlers_can_be_listed_read_and_deleted() {
    let gateway = mesh().await;
    gateway.deploy("short-lived", source("hello")).await;
    let client = client();
    let list: Value =
        client.get(gateway.url("/_mesh/v1/handlers")).send().await.unwrap().json().await.unwrap();
    let names: Vec<_> =
        list["handlers"].as_array().unwrap().iter().map(|view| view["name"].clone()).collect();
    assert!(names.contains(&json!("short-lived")), "{list}");

    let view: Value =
        client.get(gateway.handler_url("short-lived")).send().await.unwrap().json().await.unwrap();
    assert_eq!(view["name"], "short-lived");
    assert_eq!(gateway.get(view["urls"]["path"].as_str().unwrap()).await.status(), 200);
    assert_eq!(client.get(view["urls"]["host"].as_str().unwrap()).send().await.unwrap().status(), 200);

    let deleted = client.delete(gateway.handler_url("short-lived")).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    expect_problem(gateway.get("/short-lived/").await, 404, "handler-not-found").await;
    let again = client.delete(gateway.handler_url("short-lived")).send().await.unwrap();
    expect_problem(again, 404, "handler-not-found").await;
}

#[tokio::test]
async fn several_modules_of_all_kinds_make_a_handler() {
    let gateway = mesh().await;
    let files = [
        (
            "app/entry.js",
            "import { greet } from './lib/greet.js';
             import data from '../data.json' with { type: 'json' };
             import text from './note.txt';
             export default { async fetch() {
               const lazy = await import('./lazy.mjs');
               return Response.json({ greeting: greet(data.name), text, lazy: lazy.value });
             } };",
        ),
        ("app/lib/greet.js", "export const greet = (name) => `Hello, ${name}`;"),
        ("app/lazy.mjs", "export const value = 42;"),
        ("app/note.txt", "a \"note\"\n"),
        ("data.json", r#"{ "name": "Wörld" }"#),
    ];
    gateway.deploy_files("several", &files, json!({ "main": "app/entry.js" })).await;
    let answer: Value = gateway.get("/several/").await.json().await.unwrap();
    assert_eq!(answer, json!({ "greeting": "Hello, Wörld", "text": "a \"note\"\n", "lazy": 42 }));
}

#[tokio::test]
async fn wasm_modules_run() {
    // (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
    const ADD: &[u8] =
        b"\0asm\x01\0\0\0\x01\x07\x01\x60\x02\x7f\x7f\x01\x7f\x03\x02\x01\0\x07\x07\x01\x03add\0\0\
                         \x0a\x09\x01\x07\0\x20\0\x20\x01\x6a\x0b";
    const MAIN: &str = "import module from './add.wasm';
        const { exports } = await WebAssembly.instantiate(module);
        export default { fetch: () => new Response(String(exports.add(40, 2))) };";
    let gateway = mesh().await;
    let form = reqwest::multipart::Form::new()
        .part("main.js", reqwest::multipart::Part::text(MAIN).file_name("main.js"))
        .part("add.wasm", reqwest::multipart::Part::bytes(ADD).file_name("add.wasm"));
    let response = client().put(gateway.handler_url("wasm")).multipart(form).send().await.unwrap();
    assert!(response.status().is_success(), "{:?}", response.text().await);
    assert_eq!(gateway.text("/wasm/").await, "42");
}

#[tokio::test]
async fn what_cannot_be_deployed_is_refused_with_the_place() {
    let gateway = mesh().await;
    let client = client();
    let broken = client
        .put(gateway.handler_url("broken"))
        .body("export default {\n  fetch( {\n}")
        .send()
        .await
        .unwrap();
    assert_eq!(broken.status(), 422);
    let document: Value = broken.json().await.unwrap();
    assert_eq!(document["type"], "urn:tabmesh:problem:syntax-error");
    assert!(document["line"].is_u64() && document["column"].is_u64(), "{document}");
    expect_problem(gateway.get("/broken/").await, 404, "handler-not-found").await;

    for name in ["UPPER", "sandbox-x", "-a", "a.b"] {
        let refused = client.put(gateway.handler_url(name)).body("export default {}").send().await.unwrap();
        expect_problem(refused, 400, "invalid-handler-name").await;
    }

    // A failed deploy leaves the version before alone.
    gateway.deploy("kept", "export default { fetch: () => new Response('kept') };").await;
    let broken = client.put(gateway.handler_url("kept")).body("export default {{").send().await.unwrap();
    assert_eq!(broken.status(), 422);
    assert_eq!(gateway.text("/kept/").await, "kept");
}
