//! The bench's report as a Markdown table, for `docs/performance.md`.

use serde_json::Value;

/// Machine and rows. What a report lacks stays empty.
pub fn render(report: &Value) -> String {
    let machine = &report["machine"];
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut text = format!(
        "{} cores of {}, {}, Linux {}, {}; commit {}{}; data channels over {}; {} rounds in {:.0} s{}.\n\n",
        word(&machine["cores"]),
        word(&machine["cpu"]),
        word(&machine["memory"]),
        word(&machine["kernel"]),
        word(&machine["browser"]),
        word(&machine["commit"]),
        if machine["changed_since"] == true { " and changes" } else { "" },
        word(&report["ice_transport"]),
        report["rounds"],
        report["seconds"].as_f64().unwrap_or_default(),
        if report["quick"] == true { " (a glance: these figures say little)" } else { "" },
    );
    text.push_str("| what | Tabmesh | held against | | relation | aim | |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
    for row in report["rows"].as_array().into_iter().flatten() {
        let cell = |value: &Value| value.as_str().unwrap_or_default().replace('|', "\\|").replace('\n', " ");
        let met = match row["met"].as_bool() {
            Some(true) => "reached",
            Some(false) => "missed",
            None => "",
        };
        let cells = [0, 1, 2, 3].map(|at| cell(&row["cells"][at])).join(" | ");
        text.push_str(&format!("| {} | {cells} | {} | {met} |\n", cell(&row["title"]), cell(&row["aim"])));
    }
    for failed in report["failed"].as_array().into_iter().flatten() {
        text.push_str(&format!("\nNot measured: {}\n", word(failed)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_becomes_a_line_and_what_is_missing_is_said() {
        let report = json!({
            "machine": { "cores": 2, "cpu": "A", "memory": "1 kB", "kernel": "6", "browser": "B 1", "commit": "c" },
            "rounds": 5,
            "ice_transport": "udp",
            "seconds": 1.4,
            "rows": [
                { "title": "hello", "cells": ["1 ms", "raw", "0.5 ms", "2.00x"], "aim": "<= 1.6x", "met": false },
                { "title": "cold", "cells": ["1 ms", "jsrun", "missing: no pip", ""], "aim": null, "met": null },
            ],
            "failed": ["down: broke"],
        });
        let text = render(&report);
        assert!(text.contains("| hello | 1 ms | raw | 0.5 ms | 2.00x | <= 1.6x | missed |\n"), "{text}");
        assert!(text.contains("| missing: no pip |  |  |  |\n"), "{text}");
        assert!(
            text.starts_with(
                "2 cores of A, 1 kB, Linux 6, B 1; commit c; data channels over udp; 5 rounds in 1 s.\n"
            ),
            "{text}"
        );
        assert!(text.ends_with("Not measured: down: broke\n"), "{text}");
    }
}
