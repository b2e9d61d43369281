//! Places of mistakes, with the lines around them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::sourcemap::SourceMaps;

/// Lines shown before the one with the mistake.
const BEFORE: u32 = 2;

/// Longest line shown, in characters: minified code has no others.
const WIDTH: usize = 160;

/// The place that a problem document names, with the lines around it: of the uploaded file, or of the file that it was made of.
/// Gives `file:line:column: reason` and the lines; nothing where no place is named.
pub(crate) fn place(
    problem: &Value,
    files: &BTreeMap<String, Vec<u8>>,
    root: &Path,
) -> Option<(String, Option<String>)> {
    let text = |key: &str| problem[key].as_str();
    let number = |key: &str| problem[key].as_u64().and_then(|number| u32::try_from(number).ok());
    let (file, line, column) = (text("file")?, number("line")?, number("column")?);
    let reason = text("message").or_else(|| text("detail")).or_else(|| text("title"))?;
    if let Some((source, line, column)) = origin(file, line, column, files)
        && let Ok(content) = std::fs::read_to_string(root.join(&source))
    {
        return Some((format!("{source}:{line}:{column}: {reason}"), frame(&content, line, column)));
    }
    let content = files.get(file).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let lines = content.and_then(|content| frame(&content, line, column));
    Some((format!("{file}:{line}:{column}: {reason}"), lines))
}

fn origin(
    file: &str,
    line: u32,
    column: u32,
    files: &BTreeMap<String, Vec<u8>>,
) -> Option<(String, u32, u32)> {
    let map = std::str::from_utf8(files.get(&format!("{file}.map"))?).ok()?;
    let mut maps = SourceMaps::default();
    maps.insert(file, map).ok()?;
    maps.decode().origin(file, line, column).map(|(source, line, column)| (source.to_owned(), line, column))
}

/// The lines up to the one with the mistake, and a mark under the place.
fn frame(content: &str, line: u32, column: u32) -> Option<String> {
    let first = line.saturating_sub(BEFORE).max(1);
    let digits = line.to_string().len();
    let mut shown = String::new();
    for number in first..=line {
        let text = content.lines().nth(number as usize - 1)?;
        // Of a long line the part around the place.
        let start = if number == line { (column as usize).saturating_sub(WIDTH / 2) } else { 0 };
        let part: String =
            text.chars().skip(start).take(WIDTH).map(|c| if c.is_control() { ' ' } else { c }).collect();
        shown.push_str(&format!("  {number:>digits$} | {part}\n"));
        if number == line {
            let indent = (column as usize).saturating_sub(1 + start);
            shown.push_str(&format!("  {:>digits$} | {}^\n", "", " ".repeat(indent)));
        }
    }
    Some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_point_at_the_place() {
        let content = "a\nb\nexport default {\n\tfetch( {\n";
        assert_eq!(
            frame(content, 4, 9).unwrap(),
            "  2 | b\n  3 | export default {\n  4 |  fetch( {\n    |         ^\n"
        );
        assert_eq!(frame(content, 9, 1), None);
        let long = frame(&"x".repeat(10_000), 1, 5_000).unwrap();
        assert!(long.len() < 500 && long.contains('^'), "{long}");
    }

    #[test]
    fn places_in_a_bundle_are_shown_where_they_come_from() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("src")).unwrap();
        std::fs::write(root.path().join("src/a.ts"), "1\n2\nthree\n").unwrap();
        let map = r#"{"version":3,"sources":["../src/a.ts"],"names":[],"mappings":"AAEC"}"#;
        let files =
            BTreeMap::from([("main.js".into(), b"three".to_vec()), ("main.js.map".into(), map.into())]);
        let problem = serde_json::json!({ "file": "main.js", "line": 1, "column": 1, "message": "no", "detail": "main.js:1:1: no" });
        let (message, lines) = place(&problem, &files, root.path()).unwrap();
        assert_eq!(message, "src/a.ts:3:2: no");
        assert!(lines.unwrap().contains("3 | three"));
        assert_eq!(place(&serde_json::json!({ "detail": "full" }), &files, root.path()), None);
    }
}
