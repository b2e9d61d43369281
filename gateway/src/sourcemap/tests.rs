//! Maps as tools write them, and as nobody should.

use super::*;

/// Line 1 column 1 -> `src/a.ts` 3:5; line 2 column 5 -> `src/a.ts` 4:1.
const MAP: &str = r#"{"version":3,"sources":["../src/./a.ts"],"sourcesContent":["secret"],"names":[],"mappings":"AAEI;IACJ"}"#;

fn maps() -> SourceMaps {
    let mut maps = SourceMaps::default();
    maps.insert("dist/my main.js", MAP).unwrap();
    maps
}

#[test]
fn places_in_a_text_become_their_origins() {
    let decoded = maps().decode();
    let stack =
        "Error: at 12:30:10, see main.js:9:9\n    at fetch (dist/my_main.js:2:7)\n    at dist/my_main.js:1:1";
    assert_eq!(
        decoded.rewrite(stack),
        "Error: at 12:30:10, see main.js:9:9\n    at fetch (src/a.ts:4:1)\n    at src/a.ts:3:5"
    );
    assert_eq!(decoded.rewrite("f@dist/my_main.js:2:5"), "f@src/a.ts:4:1");
    // Before the line's first token, on a line without any, and nonsense.
    for unknown in
        ["dist/my_main.js:2:1", "dist/my_main.js:9:1", "dist/my_main.js:0:0", "dist/my_main.js:1:", ":1:1"]
    {
        assert_eq!(decoded.rewrite(unknown), unknown);
    }
    assert!(names_a_place(stack) && !names_a_place("a: b :1: x:y:z 1:2"));
}

#[test]
fn what_stands_before_the_first_line_is_taken_off() {
    let mut maps = maps();
    maps.shift("dist/my main.js", 10);
    let decoded = maps.decode();
    assert_eq!(decoded.origin("dist/my_main.js", 1, 11), Some(("src/a.ts", 3, 5)));
    assert_eq!(decoded.origin("dist/my_main.js", 2, 5), Some(("src/a.ts", 4, 1)));
}

#[test]
fn quoted_sources_are_not_kept() {
    let json = serde_json::to_string(&maps()).unwrap();
    assert!(!json.contains("secret") && json.contains("src/a.ts"), "{json}");
    assert_eq!(serde_json::from_str::<SourceMaps>(&json).unwrap(), maps());
}

#[test]
fn what_is_no_map_is_refused() {
    let mut maps = SourceMaps::default();
    for (json, error) in [
        ("", MapError::Invalid),
        ("[]", MapError::Invalid),
        (r#"{"version":2,"sources":[],"names":[],"mappings":""}"#, MapError::Invalid),
        (r#"{"version":3,"sources":[],"names":[],"mappings":"!"}"#, MapError::Invalid),
        (r#"{"version":3,"sections":[]}"#, MapError::Sections),
    ] {
        assert_eq!(maps.insert("a.js", json), Err(error), "{json}");
    }
    let names = vec!["x".repeat(200); MAX_MAP_BYTES / 200];
    let large = serde_json::json!({ "version": 3, "sources": names, "names": [], "mappings": "" });
    assert_eq!(maps.insert("a.js", &large.to_string()), Err(MapError::TooLarge));
    assert!(maps.is_empty());
}
