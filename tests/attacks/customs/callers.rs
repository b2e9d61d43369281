//! Callers that come, go, send and wait, and what handlers do behind their backs.

use super::Play;
use crate::catalogue::Attack;
use crate::plays::{Played, brief, call, sum};
use crate::runner::born;
use crate::stage::Stage;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use serde_json::Value;
use std::time::Duration;

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

/// Callers send bodies that nobody reads; they are answered all the same.
pub fn unread_bodies<'a>(stage: &'a Stage, attack: &'a Attack) -> Play<'a> {
    async move {
        let body = bytes::Bytes::from(vec![b'x'; 4 << 20]);
        let calls = (0..30).map(|_| {
            let body = body.clone();
            async move {
                match stage.post(attack.name, "/").body(body).send().await {
                    Ok(response) => brief(response).await,
                    Err(_) => "no response".to_owned(),
                }
            }
        });
        let answers = join_all(calls).await;
        let mut played = Played::held(sum(answers.iter().map(String::as_str)));
        for answer in answers.iter().filter(|answer| *answer != "200") {
            played.failures.push(format!("got {answer}"));
        }
        played
    }
    .boxed()
}
