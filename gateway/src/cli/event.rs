//! An event of the tail, as people read it. Pure.

use serde_json::Value;

use super::handlers::text as text_value;
use super::out::{Out, Tone};
use super::table::{clean, clean_lines};
use super::time::of_day;

/// Lines of a stack that are shown.
const STACK: usize = 12;

/// The lines of one event: the request, then what it logged and threw.
pub(super) fn text_of(event: &Value, out: Out, with_handler: bool) -> String {
    let outcome = event["outcome"].as_str().unwrap_or("?");
    let tone = if outcome == "ok" { Tone::Good } else { Tone::Bad };
    let mut line = format!(
        "{} {} ",
        out.paint(Tone::Faint, &of_day(&event["eventTimestamp"])),
        out.paint(tone, &format!("{:<9}", clean(outcome)))
    );
    if with_handler {
        line.push_str(&format!("{}  ", clean(&text_value(&event["scriptName"]))));
    }
    line.push_str(&what(&event["event"]));
    let times: Vec<String> = [("cpu", "cpuTime"), ("wall", "wallTime")]
        .iter()
        .filter_map(|(name, key)| Some(format!("{name} {} ms", event[key].as_f64()?.round())))
        .collect();
    if !times.is_empty() {
        line.push_str(&out.paint(Tone::Faint, &format!("  {}", times.join(", "))));
    }
    line.push('\n');
    if let Some(lost) = event["dropped"].as_u64().filter(|lost| *lost > 0) {
        let said = format!("({lost} events before this one were lost: too many, or read too slowly)");
        line = format!("{}\n{line}", out.paint(Tone::Warn, &said));
    }
    for log in event["logs"].as_array().into_iter().flatten() {
        line.push_str(&message(log, out));
    }
    for exception in event["exceptions"].as_array().into_iter().flatten() {
        line.push_str(&thrown(exception, out));
    }
    if event["truncated"] == true {
        line.push_str("    (more was said than is kept)\n");
    }
    line
}

/// The same, with the handler's name.
pub(super) fn text(event: &Value, out: Out) -> String {
    text_of(event, out, true)
}

fn what(event: &Value) -> String {
    if let Some(cron) = event["cron"].as_str() {
        return format!("cron {}", clean(cron));
    }
    let request = &event["request"];
    let status =
        event["response"]["status"].as_u64().map(|status| format!(" -> {status}")).unwrap_or_default();
    format!("{} {}{status}", clean(&text_value(&request["method"])), clean(&text_value(&request["url"])))
}

fn message(log: &Value, out: Out) -> String {
    let parts = log["message"].as_array().map(Vec::as_slice).unwrap_or(std::slice::from_ref(&log["message"]));
    let parts: Vec<String> = parts.iter().map(text_value).collect();
    let level = log["level"].as_str().unwrap_or("log");
    let tone = match level {
        "error" => Tone::Bad,
        "warn" => Tone::Warn,
        _ => Tone::Faint,
    };
    let said = indent(&clean_lines(&parts.join(" ")));
    format!("    {} {said}\n", out.paint(tone, &format!("({})", clean(level))))
}

fn thrown(exception: &Value, out: Out) -> String {
    let head = format!("{}: {}", text_value(&exception["name"]), text_value(&exception["message"]));
    let stack = exception["stack"].as_str().unwrap_or_default();
    let places = stack.lines().filter(|line| line.trim_start().starts_with("at ")).take(STACK);
    let places: Vec<String> = places.map(|line| format!("      {}\n", clean(line.trim()))).collect();
    format!("    {}\n{}", out.paint(Tone::Bad, &indent(&clean_lines(&head))), places.concat())
}

fn indent(text: &str) -> String {
    text.trim_end().replace('\n', "\n      ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PLAIN: Out = Out { json: false, colour: false };

    #[test]
    fn events_as_people_read_them() {
        let event = json!({
            "outcome": "exception", "scriptName": "shop", "eventTimestamp": 1_700_000_000_123_u64,
            "event": { "request": { "method": "POST", "url": "http://shop.localhost/buy?x=1" }, "response": { "status": 500 } },
            "logs": [
                { "level": "log", "message": ["buying", 7, { "a": 1 }], "timestamp": 0 },
                { "level": "error", "message": ["two\nlines \u{1b}[2J\u{7}!"], "timestamp": 0 },
            ],
            "exceptions": [{ "name": "TypeError", "message": "no", "stack": "TypeError: no\n    at buy (shop.ts:3:5)" }],
            "cpuTime": 3, "wallTime": 12.4, "dropped": 2, "truncated": true,
        });
        insta::assert_snapshot!(text(&event, PLAIN), @r#"
        (2 events before this one were lost: too many, or read too slowly)
        22:13:20.123 exception shop  POST http://shop.localhost/buy?x=1 -> 500  cpu 3 ms, wall 12 ms
            (log) buying 7 {"a":1}
            (error) two
              lines  !
            TypeError: no
              at buy (shop.ts:3:5)
            (more was said than is kept)
        "#);
        let cron = json!({ "outcome": "ok", "scriptName": "shop", "event": { "cron": "* * * * *" } });
        assert_eq!(text_of(&cron, PLAIN, false), "--:--:--.--- ok        cron * * * * *\n");
    }
}
