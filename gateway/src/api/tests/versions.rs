//! Versions and deployments.

use super::*;

const VERSIONS: &str = "/_mesh/v1/handlers/hello/versions";
const DEPLOYMENTS: &str = "/_mesh/v1/handlers/hello/deployments";
const ROLLBACK: &str = "/_mesh/v1/handlers/hello/rollback";
const TRIGGERS: &str = "/_mesh/v1/handlers/hello/triggers";

/// A form with this text in the code, and a variable.
async fn upload(server: &Server, method: &str, path: &str, text: &str) -> Answer {
    let metadata = json!({
        "annotations": { "workers/message": text },
        "bindings": [
            { "type": "plain_text", "name": "TEXT", "text": text },
            { "type": "secret_text", "name": "KEY" },
        ],
        "crons": ["* * * * *"],
    });
    let parts = [
        ("name=\"metadata\"", metadata.to_string()),
        ("name=\"main.js\"; filename=\"main.js\"", format!("export default () => '{text}'")),
    ];
    let mut body = String::new();
    for (disposition, content) in parts {
        body += &format!("--XX\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n");
    }
    server
        .send(method, path, &[("content-type", "multipart/form-data; boundary=XX")], body + "--XX--\r\n")
        .await
}

fn numbers(answer: &Answer) -> Vec<(u64, Option<f64>)> {
    let versions = answer.body["versions"].as_array().unwrap();
    versions
        .iter()
        .map(|version| (version["number"].as_u64().unwrap(), version["percentage"].as_f64()))
        .collect()
}

#[tokio::test]
async fn versions_are_made_deployed_and_rolled_back() {
    let server = Server::new(ApiLimits::default()).await;
    for path in [VERSIONS, DEPLOYMENTS, TRIGGERS] {
        assert_eq!(kind(&server.send("GET", path, &[], "").await), "handler-not-found", "{path}");
    }
    assert_eq!(kind(&upload(&server, "POST", VERSIONS, "x").await), "handler-not-found");
    assert_eq!(upload(&server, "PUT", HELLO, "one").await.status, 201);
    let two = upload(&server, "POST", VERSIONS, "two").await;
    let hash = two.body["version"].as_str().unwrap().to_owned();
    assert_eq!((two.status, &two.body["number"], &two.body["message"]), (201, &json!(2), &json!("two")));
    assert_eq!(two.headers["location"].to_str().unwrap(), format!("{VERSIONS}/{hash}"));
    assert_eq!(two.body["preview_url"], format!("http://{}-hello.localhost:8787/", &hash[..8]));

    let list = server.send("GET", VERSIONS, &[], "").await;
    assert_eq!(numbers(&list), [(2, None), (1, Some(100.0))]);
    let read = server.send("GET", &format!("{VERSIONS}/{}", &hash[..12]), &[], "").await;
    let bindings = json!([
        { "type": "plain_text", "name": "TEXT", "text": "two" },
        { "type": "secret_text", "name": "KEY" },
    ]);
    assert_eq!(
        (&read.body["bindings"], read.body["modules"][0]["name"].as_str()),
        (&bindings, Some("main.js"))
    );

    let diff = server.send("GET", &format!("{VERSIONS}/1/diff/2"), &[], "").await.body;
    let text = diff["modules"][0]["diff"].as_str().unwrap();
    assert!(
        text.contains("-export default () => 'one'\n") && text.contains("+export default () => 'two'\n"),
        "{text}"
    );
    assert_eq!(
        diff["bindings"],
        json!([{
            "name": "TEXT", "change": "changed",
            "before": { "type": "plain_text", "name": "TEXT", "text": "one" },
            "after": { "type": "plain_text", "name": "TEXT", "text": "two" },
        }])
    );

    let split =
        json!({ "versions": [{ "version": "1", "percentage": 90 }, { "version": hash, "percentage": 10 }] });
    let deployed = server.send("POST", DEPLOYMENTS, &[], split.to_string()).await;
    assert_eq!((deployed.status, &deployed.body["id"]), (201, &json!(2)));
    assert_eq!(numbers(&server.send("GET", VERSIONS, &[], "").await), [(2, Some(10.0)), (1, Some(90.0))]);
    let secret = server.put(&format!("{HELLO}/secrets/NEW"), "value").await;
    assert_eq!((secret.status, kind(&secret)), (409, "rollout-under-way"));
    let kept = server.send("GET", &format!("{HELLO}/secrets"), &[], "").await;
    assert_eq!(kept.body["secrets"], json!([]), "what is refused is not kept");
    assert_eq!(
        server.put(&format!("{HELLO}/secrets/KEY"), "value").await.status,
        204,
        "the versions know it"
    );

    let whole = json!({ "versions": [{ "version": "2", "percentage": 100 }], "message": "all" });
    assert_eq!(server.send("POST", DEPLOYMENTS, &[], whole.to_string()).await.status, 201);
    let back = server.send("POST", ROLLBACK, &[], r#"{"message":"oh"}"#).await;
    assert_eq!((back.status, &back.body["message"]), (201, &json!("oh")));
    assert_eq!(back.body["versions"].as_array().unwrap().len(), 2, "as it was before");
    let back = server.send("POST", ROLLBACK, &[], r#"{"version":"1"}"#).await;
    assert_eq!(back.body["versions"][0]["percentage"], json!(100.0));
    let list = server.send("GET", DEPLOYMENTS, &[], "").await.body;
    let ids: Vec<_> =
        list["deployments"].as_array().unwrap().iter().map(|it| it["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn a_first_deployment_cannot_be_rolled_back_and_nonsense_is_refused() {
    let server = Server::new(ApiLimits::default()).await;
    upload(&server, "PUT", HELLO, "one").await;
    assert_eq!(kind(&server.send("POST", ROLLBACK, &[], "").await), "version-not-found");
    for (body, wrong) in [
        ("", "invalid-request"),
        (r#"{"versions":[]}"#, "invalid-request"),
        (r#"{"versions":[{"version":"1","percentage":50}]}"#, "invalid-request"),
        (r#"{"versions":[{"version":"9","percentage":100}]}"#, "version-not-found"),
        (r#"{"versions":[{"version":"1","percentage":100}],"x":1}"#, "invalid-request"),
    ] {
        assert_eq!(kind(&server.send("POST", DEPLOYMENTS, &[], body).await), wrong, "{body}");
    }
    let page = server.send("POST", ROLLBACK, &[("origin", "http://x")], "{}").await;
    assert_eq!(kind(&page), "forbidden");
    for path in [format!("{VERSIONS}/9"), format!("{VERSIONS}/1/diff/9")] {
        assert_eq!(kind(&server.send("GET", &path, &[], "").await), "version-not-found", "{path}");
    }
}

#[tokio::test]
async fn triggers_are_the_handlers_and_stay_over_versions() {
    let server = Server::new(ApiLimits::default()).await;
    upload(&server, "PUT", HELLO, "one").await;
    let read = server.send("GET", TRIGGERS, &[], "").await.body;
    assert_eq!(read, json!({ "crons": ["* * * * *"], "routes": [], "preview_urls": true }));
    let put = server.put(TRIGGERS, r#"{"routes":["a.example/*"],"preview_urls":false}"#).await;
    let changed = json!({ "crons": ["* * * * *"], "routes": ["a.example/*"], "preview_urls": false });
    assert_eq!((put.status, put.body), (200, changed.clone()));
    let two = upload(&server, "POST", VERSIONS, "two").await;
    assert!(two.body.get("preview_url").is_none());
    let whole = r#"{"versions":[{"version":"2","percentage":100}]}"#;
    server.send("POST", DEPLOYMENTS, &[], whole).await;
    assert_eq!(server.send("GET", TRIGGERS, &[], "").await.body, changed);
    let routes = server.send("GET", "/_mesh/v1/routes", &[], "").await.body;
    assert_eq!(routes, json!({ "routes": [{ "pattern": "a.example/*", "handler": "hello" }] }));
    upload(&server, "PUT", "/_mesh/v1/handlers/other", "x").await;
    let taken = server.put("/_mesh/v1/handlers/other/triggers", r#"{"routes":["a.example/*"]}"#).await;
    assert_eq!((taken.status, kind(&taken)), (409, "route-conflict"));
    for body in [r#"{"crons":["x"]}"#, r#"{"routes":["localhost/*"]}"#, r#"{"other":1}"#] {
        assert_eq!(kind(&server.put(TRIGGERS, body).await), "invalid-request", "{body}");
    }
}
