//! What handlers share with each other, with other tenants and with the gateway: places, marks, URLs, an origin, a connection.

use super::Play;
use crate::catalogue::Attack;
use crate::neighbour;
use crate::plays::{Played, call, sum};
use crate::stage::{ALICE, MALLORY, Stage, files};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tabmesh_tests::raw;

/// Nothing of the response's head or body may pass for the connection's own.
pub fn smuggling<'a>(stage: &'a Stage, attack: &'a Attack) -> Play<'a> {
    async move {
        let host = format!("{}.{MALLORY}.localhost:{}", attack.name, stage.gateway.address().port());
        // Twice on one connection: the second answer must be the second request's.
        let request = |path: &str, last: &str| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{last}\r\n");
        let both = request("/", "") + &request("/sane", "Connection: close\r\n");
        let answer = raw::exchange(stage.gateway.address(), both.as_bytes()).await;
        let mut played = Played::held(answer.status.to_string());
        for field in ["x-smuggled", "upgrade", "keep-alive", "trailer", "te", "x-evil"] {
            played.check(answer.fields(field).is_empty(), || format!("{field} came through"));
        }
        // The body is as long as the head says, and what follows it is the second answer.
        let length =
            answer.fields("content-length").pop().and_then(|text| String::from_utf8(text).ok()?.parse().ok());
        let rest = length.and_then(|length: usize| answer.body.get(length..)).map(String::from_utf8_lossy);
        let is_second =
            rest.as_ref().is_some_and(|rest| rest.starts_with("HTTP/1.1 200 ") && rest.contains("born"));
        played.check(is_second, || format!("after the first body came {rest:?}"));
        played
    }
    .boxed()
}

/// The same code as two handlers of one tenant and one of another: none finds a mark of the others.
pub fn shared_globals<'a>(stage: &'a Stage, attack: &'a Attack) -> Play<'a> {
    async move {
        let copies = [(MALLORY, "copy"), (ALICE, "copy")];
        for (tenant, name) in copies {
            stage.deploy(tenant, name, &files(attack.name), &json!({})).await;
        }
        let mut played = Played::held("");
        for (mark, (tenant, name)) in [(MALLORY, attack.name), copies[0], copies[1]].into_iter().enumerate() {
            let url = stage.url(tenant, name, &format!("/?mark={mark}"));
            let found = stage.client.get(url).send().await.unwrap().text().await.unwrap();
            played.answer.clone_from(&found);
            played.check(found == "[]", || format!("{name} of {tenant} found {found}"));
        }
        played
    }
    .boxed()
}

/// A blob: URL of one tenant is not loadable by another.
pub fn blob_across_tenants<'a>(stage: &'a Stage, attack: &'a Attack) -> Play<'a> {
    async move {
        stage.deploy(ALICE, "importer", &files(attack.name), &json!({})).await;
        let made: Value = stage.get(attack.name, "/").await.json().await.unwrap_or_default();
        let url = made["url"].as_str().unwrap_or_default().to_owned();
        let importer = stage.client.post(stage.url(ALICE, "importer", "/")).body(url.clone());
        let answer: Value = importer.send().await.unwrap().json().await.unwrap_or_default();
        let result = answer["import"].as_str().unwrap_or_default().to_owned();
        let mut played = Played::held("refused");
        played
            .check(url.starts_with("blob:") && result.starts_with("refused"), || format!("{url}: {result}"));
        played
    }
    .boxed()
}

/// Deployed under so many more names.
const COPIES: usize = 24;

/// needs one, too.
pub fn many_copies<'a>(stage: &'a Stage, attack: &'a Attack) -> Play<'a> {
    async move {
        let names: Vec<String> = (0..COPIES).map(|copy| format!("{}-{copy}", attack.name)).collect();
        for name in &names {
            stage.deploy(MALLORY, name, &files(attack.name), &attack.limits()).await;
        }
        let fresh = format!("fresh-{}", attack.name);
        stage.deploy(ALICE, &fresh, &[("main.js", neighbour::SOURCE.to_owned())], &json!({})).await;
        let calls = join_all(names.iter().map(|name| call(stage, name, "/")));
        let newcomer = async {
            tokio::time::sleep(Duration::from_millis(150)).await;
            let started = Instant::now();
            let answer = stage.client.get(stage.url(ALICE, &fresh, "/?1")).send().await.unwrap();
            (answer.text().await.unwrap_or_default(), started.elapsed())
        };
        let (answers, (answer, time)) = tokio::join!(calls, newcomer);
        let mut played = Played::held(sum(answers.iter().map(String::as_str)));
        let ended = |answer: &&String| !answer.starts_with("503") && !answer.starts_with("504");
        for answer in answers.iter().filter(ended) {
            played.failures.push(format!("got {answer}"));
        }
        played.check(answer == "alice 1", || format!("a new handler of the neighbour's answers {answer}"));
        played.check(time < NEWCOMER, || format!("a new handler of the neighbour's took {time:?}"));
        played
    }
    .boxed()
}

/// A cold start while others hold what they can get.
const NEWCOMER: Duration = Duration::from_secs(1);

/// A handler on the gateway's main host gets no power over that origin: no service worker, and no storage of the page's.
pub fn main_origin<'a>(stage: &'a Stage, attack: &'a Attack) -> Play<'a> {
    async move {
        let mut form = Form::new();
        for (name, text) in files(attack.name) {
            form = form.part(name, Part::text(text).file_name(name));
        }
        let deployed =
            stage.client.put(stage.gateway.handler_url(attack.name)).multipart(form).send().await.unwrap();
        let mut played = Played::held(deployed.status().as_u16().to_string());
        let page = stage.gateway.get(&format!("/{}/", attack.name)).await;
        let policy = page.headers().get("content-security-policy").and_then(|policy| policy.to_str().ok());
        let is_apart =
            policy.is_some_and(|policy| policy.contains("sandbox") && !policy.contains("allow-same-origin"));
        played.check(page.status() == 200 && is_apart, || {
            "its page lives on the worker page's origin".to_owned()
        });
        let script = stage.client.get(stage.gateway.url(&format!("/{}/worker.js", attack.name)));
        let script = script.header("service-worker", "script").header("sec-fetch-dest", "serviceworker");
        let script = script.send().await.unwrap();
        let is_refused =
            !script.status().is_success() || !script.headers().contains_key("service-worker-allowed");
        played.check(is_refused, || "it may register a service worker for the whole origin".to_owned());
        played
    }
    .boxed()
}
