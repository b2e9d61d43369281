//! What handlers get into the log.

use super::Play;
use crate::catalogue::Attack;
use crate::plays::{Played, call};
use crate::stage::Stage;
use futures_util::FutureExt as _;
use std::time::Duration;

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
