//! Versions: which one a request gets, by deployment, by field and by host.

use crate::support::expect_problem;
use reqwest::RequestBuilder;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tabmesh_tests::Setup;
use tabmesh_tests::gateway::{Gateway, client};

fn form(answer: &str) -> Form {
    let code = format!("export default {{ fetch: () => new Response('{answer}') }};");
    Form::new().part("main.js", Part::text(code).file_name("main.js"))
}

async fn json_of(request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    assert!(response.status().is_success(), "{}: {}", response.status(), response.text().await.unwrap());
    response.json().await.unwrap()
}

async fn text(request: RequestBuilder) -> String {
    request.send().await.unwrap().text().await.unwrap()
}

/// One answer after another, each of another user.
async fn answers(gateway: &Gateway) -> Vec<String> {
    let mut answers = vec![];
    for user in 0..60 {
        let request =
            client().get(gateway.url("/app/")).header("cloudflare-workers-version-key", user.to_string());
        answers.push(text(request).await);
    }
    answers
}

#[tokio::test]
async fn a_rollout_grows_sticks_and_is_rolled_back() {
    let mut gateway = Setup::new().tabs(1).start().await;
    let handler = gateway.handler_url("app");
    let one = json_of(client().put(&handler).multipart(form("one"))).await;
    let two = json_of(client().post(format!("{handler}/versions")).multipart(form("two"))).await;
    assert_eq!(
        answers(&gateway).await.iter().collect::<BTreeSet<_>>(),
        ["one"].map(String::from).iter().collect()
    );

    // What is not deployed answers at a host of its own.
    let host =
        |url: &Value| url.as_str().unwrap().strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
    let preview = host(&two["preview_url"]);
    assert_eq!(text(client().get(gateway.url("/x")).header("host", &preview)).await, "two");
    let nobody = preview.replace(&preview[..8], "00000000");
    expect_problem(
        client().get(gateway.url("/")).header("host", nobody).send().await.unwrap(),
        404,
        "handler-not-found",
    )
    .await;

    let share = async |percentage: u32| {
        let versions = json!([
            { "version": one["version"], "percentage": 100 - percentage },
            { "version": two["version"], "percentage": percentage },
        ]);
        json_of(client().post(format!("{handler}/deployments")).json(&json!({ "versions": versions }))).await;
    };
    share(20).await;
    let few = answers(&gateway).await;
    let count = |answers: &[String]| answers.iter().filter(|answer| *answer == "two").count();
    assert!((1..30).contains(&count(&few)), "{few:?}");
    assert_eq!(answers(&gateway).await, few, "each user stays where they are");
    gateway.kill().await;
    let gateway = gateway.restart().await;
    gateway.wait_for_tabs(1).await;
    assert_eq!(answers(&gateway).await, few, "also over a restart");
    share(60).await;
    let more = answers(&gateway).await;
    assert!(count(&more) > count(&few));
    assert!(
        few.iter().zip(&more).all(|(before, after)| before == "one" || after == "two"),
        "who had it keeps it"
    );
    // Without a key, the caller's address is one.
    let alone = text(client().get(gateway.url("/app/"))).await;
    for _ in 0..5 {
        assert_eq!(text(client().get(gateway.url("/app/"))).await, alone);
    }
    for (version, answer) in [(&one, "one"), (&two, "two")] {
        let wanted = format!("app=\"{}\"", version["version"].as_str().unwrap());
        let request =
            client().get(gateway.url("/app/")).header("cloudflare-workers-version-overrides", wanted);
        assert_eq!(text(request).await, answer);
    }

    let back = json!({ "version": one["version"] });
    json_of(client().post(format!("{handler}/rollback")).json(&back)).await;
    assert!(answers(&gateway).await.iter().all(|answer| answer == "one"), "from the next request on");
    assert_eq!(text(client().get(gateway.url("/x")).header("host", &preview)).await, "two");
}

#[tokio::test]
async fn what_was_cached_of_another_version_is_not_seen() {
    let gateway = tabmesh_tests::mesh().await;
    let handler = gateway.handler_url("versions-cached");
    let cached = |answer: &str| {
        let code = format!(
            "export default {{ fetch: () => new Response('{answer}', {{ headers: {{ 'cache-control': 'max-age=600' }} }}) }};"
        );
        Form::new().part("main.js", Part::text(code).file_name("main.js"))
    };
    let ask = async || text(client().get(gateway.url("/versions-cached/"))).await;
    json_of(client().put(&handler).multipart(cached("one"))).await;
    for _ in 0..3 {
        assert_eq!(ask().await, "one");
    }
    json_of(client().put(&handler).multipart(cached("two"))).await;
    for _ in 0..3 {
        assert_eq!(ask().await, "two");
    }
    json_of(client().post(format!("{handler}/rollback"))).await;
    assert_eq!(ask().await, "one");
}
