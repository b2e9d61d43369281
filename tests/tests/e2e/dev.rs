//! `tabmesh dev`: save, and it is live.

use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;
use tabmesh_tests::child::Child;
use tabmesh_tests::eventually;
use tabmesh_tests::gateway::{binary, client, environment};

fn answering(text: &str) -> String {
    format!(
        "export default {{ fetch() {{ console.log('said {text}'); return new Response('{text}'); }} }};\n"
    )
}

fn start(home: &Path, args: &[&str]) -> Child {
    std::fs::create_dir_all(home.join("tmp")).unwrap();
    let mut variables = environment(home);
    variables.retain(|(name, _)| name != "RUST_LOG");
    let args: Vec<String> = std::iter::once(&"dev").chain(args).map(|arg| (*arg).to_owned()).collect();
    Child::start(&binary("tabmesh"), &args, &variables)
}

/// Where the handler is, by path.
async fn url(dev: &Child) -> String {
    dev.out.wait(0, &["Ctrl-C ends"]).await;
    dev.out.matching(0, &["  http://127.0.0.1:"]).remove(0).trim().to_owned()
}

async fn answers(url: &str, text: &str) {
    eventually(&format!("{url} answers {text}"), || async {
        let answer = client().get(url).send().await.ok()?.text().await.ok()?;
        (answer == text).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_saved_is_live_and_what_is_wrong_is_shown() {
    let home = tempfile::tempdir().unwrap();
    let project = home.path().join("project");
    std::fs::create_dir(&project).unwrap();
    let file = project.join("page.ts");
    std::fs::write(&file, answering("one")).unwrap();
    let mut dev = start(home.path(), &[file.to_str().unwrap()]);
    let url = url(&dev).await;
    assert!(url.ends_with("/page/"), "{url}");
    answers(&url, "one").await;

    std::fs::write(&file, answering("two")).unwrap();
    answers(&url, "two").await;
    dev.out.wait(0, &["ok", "GET http://", "-> 200"]).await;
    dev.out.wait(0, &["(log) said two"]).await;
    // As editors save: another file takes its place.
    std::fs::write(project.join("page.ts~"), answering("three")).unwrap();
    std::fs::rename(project.join("page.ts~"), &file).unwrap();
    answers(&url, "three").await;

    let mark = dev.err.count();
    std::fs::write(&file, "export default {\n  fetch( {\n};\n").unwrap();
    dev.err.wait(mark, &["error: page.ts:"]).await;
    dev.err.wait(mark, &["| "]).await;
    dev.err.wait(mark, &["the version before goes on serving"]).await;
    assert_eq!(client().get(&url).send().await.unwrap().text().await.unwrap(), "three");

    // A module that was not there before.
    std::fs::create_dir(project.join("lib")).unwrap();
    std::fs::write(project.join("lib/word.ts"), "export const word: string = 'four';\n").unwrap();
    std::fs::write(
        &file,
        "import { word } from './lib/word';\nexport default { fetch: () => new Response(word) };\n",
    )
    .unwrap();
    answers(&url, "four").await;
    std::fs::write(project.join("lib/word.ts"), "export const word: string = 'five';\n").unwrap();
    answers(&url, "five").await;

    dev.signal(Signal::INT);
    assert_eq!(dev.exited().await, 0);
    let home = home.path().display().to_string();
    eventually("no process of it is left", || async {
        tabmesh_tests::processes::that_mention(&home).is_empty().then_some(())
    })
    .await;
    let left: Vec<_> =
        std::fs::read_dir(format!("{home}/tmp")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn programs_get_one_event_a_line() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("page.js");
    std::fs::write(&file, "export default {{").unwrap();
    let dev = start(
        home.path(),
        &[file.to_str().unwrap(), "--json", &format!("--persist={}", home.path().join("kept").display())],
    );
    let event = |line: String| serde_json::from_str::<Value>(&line).unwrap();
    let wrong = event(dev.out.wait(0, &["\"event\":\"error\""]).await);
    assert!(wrong["error"]["message"].as_str().unwrap().starts_with("page.js:1:"), "{wrong}");
    let ready = event(dev.out.wait(0, &["\"event\":\"ready\""]).await);
    std::fs::write(&file, answering("mended")).unwrap();
    let deployed = event(dev.out.wait(0, &["\"event\":\"deployed\""]).await);
    assert_eq!(deployed["name"], "page");
    answers(&format!("{}/page/", ready["gateway"].as_str().unwrap()), "mended").await;
}
