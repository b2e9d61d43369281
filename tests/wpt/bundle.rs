//! A test as a handler: the harness, the test's scripts, and the files that it asks a server for, as modules.
//!
//! Both platforms get the same files.

use crate::catalogue::{HARNESS, Test, resolve, text};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// What stands around a test.
const SHELL: &str = include_str!("shell.js");
/// Endings of files that tests read.
const DATA: [&str; 3] = [".json", ".txt", ".idl"];

/// The handler's files, entry first.
pub fn files(root: &Path, test: &Test) -> Vec<(String, Vec<u8>)> {
    let scripts: Vec<String> = test.scripts.iter().map(|script| text(root, script)).collect();
    let data = data(root, &test.scripts, &scripts);
    // Names of this module hide globals from the test: none that a test uses.
    let mut main = String::from(
        "import { answer as $answer } from './shell.js';\nimport { harness as $harness } from './harness.js';\n",
    );
    // Writing into a String cannot fail.
    for at in 0..data.len() {
        let _ = writeln!(main, "import $data{at} from './data{at}.txt';");
    }
    main.push_str("const $data = {\n");
    for (at, file) in data.keys().enumerate() {
        let _ = writeln!(main, "  {}: $data{at},", quoted(&format!("/{file}")));
    }
    let title = test.title.as_deref().map_or("undefined".to_owned(), quoted);
    let _ = writeln!(
        main,
        "}};\nconst $about = {{ path: {}, title: {title}, data: $data }};",
        quoted(&format!("/{}", test.name))
    );
    main.push_str("export default { fetch: () => $answer($about, $harness, $test) };\nfunction $test() {\n");
    for script in &scripts {
        // What a Worker's script loads by itself is here already.
        let _ = writeln!(main, "{};", script.replace("importScripts(", "void ("));
    }
    main.push_str("}\n");
    let harness = format!("export function harness() {{\n{}\n}}\n", text(root, HARNESS));
    let mut files = vec![
        ("main.js".to_owned(), main.into_bytes()),
        ("shell.js".to_owned(), SHELL.as_bytes().to_vec()),
        ("harness.js".to_owned(), harness.into_bytes()),
    ];
    for (at, content) in data.into_values().enumerate() {
        files.push((format!("data{at}.txt"), content.into_bytes()));
    }
    files
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The files that scripts name in quotes, and the interfaces that they test, by path.
fn data(root: &Path, paths: &[String], texts: &[String]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    // Paths are the page's, whichever script names them.
    let page = paths.last().unwrap();
    for script in texts {
        let named =
            script.split(['"', '\'', '`']).filter(|piece| DATA.iter().any(|end| piece.ends_with(end)));
        let named =
            named.filter(|piece| !piece.contains(char::is_whitespace)).map(|piece| resolve(page, piece));
        let calls = script.split("idl_test(").skip(1).filter_map(|rest| rest.split_once("=>"));
        let words = calls.flat_map(|(list, _)| list.split(['"', '\'']).skip(1).step_by(2));
        let interfaces = words.map(|word| format!("interfaces/{word}.idl"));
        for file in named.chain(interfaces) {
            if root.join(&file).is_file() {
                let content = text(root, &file);
                found.insert(file, content);
            }
        }
    }
    found
}
