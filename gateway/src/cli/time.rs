//! Times as people say them. Pure: the time it is comes from the caller.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// A time of the API: RFC 3339, or milliseconds since 1970.
pub(super) fn parse(value: &Value) -> Option<SystemTime> {
    match value {
        Value::String(text) => humantime::parse_rfc3339(text).ok(),
        Value::Number(number) => UNIX_EPOCH.checked_add(Duration::from_millis(number.as_u64()?)),
        _ => None,
    }
}

/// `3 min ago`, `in 2 days`, `just now`; `-` where there is no time.
pub(super) fn ago(value: &Value, now: SystemTime) -> String {
    let Some(time) = parse(value) else { return "-".into() };
    match now.duration_since(time) {
        Ok(past) if past.as_secs() < 5 => "just now".into(),
        Ok(past) => format!("{} ago", long(past)),
        Err(future) => format!("in {}", long(future.duration())),
    }
}

/// The largest unit that fits: `3 min`, `2 days`.
pub(super) fn long(time: Duration) -> String {
    let seconds = time.as_secs();
    let (count, one, many) = match seconds {
        0..60 => (seconds, "s", "s"),
        60..3_600 => (seconds / 60, "min", "min"),
        3_600..86_400 => (seconds / 3_600, "h", "h"),
        86_400..5_184_000 => (seconds / 86_400, "day", "days"),
        5_184_000..63_072_000 => (seconds / 2_592_000, "month", "months"),
        _ => (seconds / 31_536_000, "year", "years"),
    };
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Time of day in UTC, with milliseconds: `12:03:04.123`.
pub(super) fn of_day(value: &Value) -> String {
    let Some(time) = parse(value) else { return "--:--:--.---".into() };
    let text = humantime::format_rfc3339_millis(time).to_string();
    text.get(11..23).unwrap_or("--:--:--.---").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_as_people_say_them() {
        let now = humantime::parse_rfc3339("2026-03-01T12:00:00Z").unwrap();
        let said = |text: &str| ago(&json!(text), now);
        assert_eq!(said("2026-03-01T11:59:58Z"), "just now");
        assert_eq!(said("2026-03-01T11:57:00Z"), "3 min ago");
        assert_eq!(said("2026-02-28T11:00:00Z"), "1 day ago");
        assert_eq!(said("2025-03-01T11:00:00Z"), "12 months ago");
        assert_eq!(said("2026-03-03T12:00:01Z"), "in 2 days");
        assert_eq!(ago(&json!(0), now), "56 years ago");
        assert_eq!([ago(&Value::Null, now), said("soon")], ["-", "-"]);
        assert_eq!(of_day(&json!(1_700_000_000_123_u64)), "22:13:20.123");
        assert_eq!(of_day(&Value::Null), "--:--:--.---");
    }
}
