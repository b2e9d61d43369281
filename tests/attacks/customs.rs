//! Plays that are more than calls and answers: callers that leave, marks that travel, logs and connections to look into.

use crate::catalogue::Attack;
use crate::neighbour;
use crate::plays::{Played, brief, call, sum};
use crate::runner::born;
use crate::stage::{ALICE, MALLORY, Stage, files};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tabmesh_tests::raw;

type Play<'a> = BoxFuture<'a, Played>;

/// Time for an isolate that nobody waits for any more to be ended: its CPU limit and some more.
const ENDED: Duration = Duration::from_millis(700);

/// Answers at once; what it does afterwards must end it.
pub fn afterwards<'a>(stage: &'a Stage, attack: &'a Attack) -> Play<'a> {
    async move {
        let answer = call(stage, attack.name, "/").await;
        tokio::time::sleep(ENDED).await;
        let mut played = Played::held(answer.clone());
        played.check(answer == "200", || format!("got {answer}, not 200"));
        played
    }
    .boxed()
}

/// Burns in the background; what it burnt must stay within its limit, or it must have been ended.
pub fn burns_after_response<'a>(stage: &'a Stage, attack: &'a Attack) -> Play<'a> {
    async move {
        let before = born(stage, attack.name).await;
        let answer = call(stage, attack.name, "/").await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let burnt: Value = stage.get(attack.name, "/burnt").await.json().await.unwrap_or_default();
        let was_ended = before.is_ok_and(|before| burnt["born"] != before);
        let burnt = burnt["burnt"].as_u64().unwrap_or(u64::MAX);
        let limit = attack.limit_of("cpu_ms").unwrap_or_default() + 250;
        let mut played = Played::held(if was_ended {
            format!("{answer}, ended")
        } else {
            format!("{answer}, {burnt} ms")
        });
        played.check(was_ended || burnt <= limit, || format!("burnt {burnt} ms after its answer"));
        played
    }
    .boxed()
}

/// The caller leaves; what the handler then does must end it.
pub fn caller_leaves<'a>(stage: &'a Stage, attack: &'a Attack) -> Play<'a> {
    async move {
        let call = call(stage, attack.name, "/");
        let answer = tokio::time::timeout(Duration::from_millis(60), call).await;
        tokio::time::sleep(ENDED).await;
        let mut played = Played::held("left");
        played.check(answer.is_err(), || format!("got {answer:?} before it left"));
        played
    }
    .boxed()
}

/// Callers come and go at odd moments; afterwards nothing of theirs is under way.
pub fn abort_race<'a>(stage: &'a Stage, attack: &'a Attack) -> Play<'a> {
    leaving(stage, attack, 80, |caller| 2 + caller * 37 % 90)
}

/// Callers who read for a while and leave.
pub fn drip<'a>(stage: &'a Stage, attack: &'a Attack) -> Play<'a> {
    leaving(stage, attack, 40, |_| 400)
}

fn leaving<'a>(stage: &'a Stage, attack: &'a Attack, callers: u64, stay_ms: fn(u64) -> u64) -> Play<'a> {
    async move {
        let calls = (0..callers).map(|caller| async move {
            let stay = Duration::from_millis(stay_ms(caller));
            tokio::time::timeout(stay, call(stage, attack.name, "/"))
                .await
                .unwrap_or_else(|_| "left".to_owned())
        });
        let answers = join_all(calls).await;
        let mut played = Played::held(sum(answers.iter().map(String::as_str)));
        // The neighbour's own calls are under way, too, but never many.
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if stage.gateway.metric("tabmesh_active_requests").await <= 3.0 {
                return played;
            }
        }
        played.failures.push("requests of callers who left are still under way".to_owned());
        played
    }
    .boxed()
}

/// What is logged stays within the deployment's `log_bytes` for each request, in lines that are the gateway's own.
pub fn logs<'a>(stage: &'a Stage, attack: &'a Attack) -> Play<'a> {
    async move {
        let mark = stage.gateway.log().count();
        let answer = call(stage, attack.name, "/").await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let lines = stage.gateway.log().since(mark);
        let text: usize = lines.iter().filter(|line| line.contains(attack.name)).map(String::len).sum();
        // Each line has a head of its own: time, level, handler, request id.
        let heads: usize = lines.len() * 200;
        let limit = usize::try_from(attack.limit_of("log_bytes").unwrap_or(256 << 10)).unwrap();
        let mut played = Played::held(format!("{answer}, {} KiB logged", text >> 10));
        played.check(answer == "200", || format!("got {answer}, not 200"));
        played.check(text <= limit + heads, || format!("{text} bytes in {} lines were logged", lines.len()));
        let forged = |line: &String| {
            !line.starts_with("20")
                || line.contains('\u{1b}')
                || line.contains('\u{2028}')
                || line.contains('\u{85}')
        };
        for line in lines.iter().filter(|line| forged(line)).take(3) {
            played.failures.push(format!("a line of the log is not the gateway's own: {line:?}"));
        }
        played
    }
    .boxed()
}

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

/// A slow leak: some requests succeed, then one meets the limit, and the next starts anew.
pub fn leak<'a>(stage: &'a Stage, attack: &'a Attack) -> Play<'a> {
    async move {
        let mut answers = Vec::new();
        for _ in 0..60 {
            let answer = stage.post(attack.name, "/").send().await.unwrap();
            answers.push(brief(answer).await);
            if answers.last().is_some_and(|answer| answer != "200") {
                break;
            }
        }
        let mut played = Played::held(sum(answers.iter().map(String::as_str)));
        let last = answers.pop().unwrap_or_default();
        played.check(last == "503 memory-limit", || format!("after {} requests: {last}", answers.len() + 1));
        played.check(answers.len() > 4, || "it could not even begin".to_owned());
        played
    }
    .boxed()
}

/// Deployed under so many more names.
const COPIES: usize = 24;

/// Many copies of a handler, called at once: each takes an isolate. Meanwhile the neighbour starts another handler, which
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

/// Callers send bodies that nobody reads; they are answered all the same.
pub fn unread_bodies<'a>(stage: &'a Stage, attack: &'a Attack) -> Play<'a> {
    async move {
        let body = bytes::Bytes::from(vec![b'x'; 8 << 20]);
        let calls = (0..30).map(|_| {
            let body = body.clone();
            async move {
                let sent = stage.post(attack.name, "/").body(body).send().await;
                match sent {
                    Ok(response) => brief(response).await,
                    Err(_) => "no response".to_owned(),
                }
            }
        });
        let answers = join_all(calls).await;
        let mut played = Played::held(sum(answers.iter().map(String::as_str)));
        for answer in answers.iter().filter(|answer| *answer != "200" && *answer != "no response") {
            played.failures.push(format!("got {answer}"));
        }
        played
    }
    .boxed()
}

/// Lines of an isolate that serves nobody any more are bounded, too.
pub fn background_logs<'a>(stage: &'a Stage, attack: &'a Attack) -> Play<'a> {
    async move {
        let mark = stage.gateway.log().count();
        let answer = call(stage, attack.name, "/").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let lines = stage.gateway.log().matching(mark, &["background "]);
        let text: usize = lines.iter().map(String::len).sum();
        let mut played = Played::held(format!("{answer}, {} KiB logged", text >> 10));
        played.check(text <= 256 << 10, || format!("{} KiB were logged after the answer", text >> 10));
        played
    }
    .boxed()
}
