//! `tabmesh deploy`, as people run it.

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tabmesh_tests::examples::bundled;
use tabmesh_tests::gateway::{Gateway, binary, client, workspace};
use tabmesh_tests::mesh;
use tokio::process::Command;

async fn push(gateway: &Gateway, path: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(binary("tabmesh"));
    command.arg("deploy").arg(path).args(["--gateway", &gateway.url("")]).args(args);
    command.output().await.unwrap()
}

fn write(root: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn texts(output: &Output) -> (String, String) {
    (String::from_utf8_lossy(&output.stdout).into(), String::from_utf8_lossy(&output.stderr).into())
}

#[tokio::test]
async fn a_folder_without_packages_needs_nothing_else() {
    let gateway = mesh().await;
    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        &[
            (
                "wrangler.jsonc",
                "{\n  // A comment.\n  \"name\": \"pushed\", \"main\": \"src/index.ts\", \"account_id\": \"x\", \"limits\": { \"cpu_ms\": 500 },\n}",
            ),
            (
                "src/index.ts",
                "import { text } from './text'; import page from './page.html';\nexport default { fetch: (): Response => new Response(text + page) };",
            ),
            ("src/text.ts", "export const text: string = 'typed ';"),
            ("src/page.html", "<p>"),
            ("src/index.test.ts", "import 'vitest'; not TypeScript at all"),
        ],
    );
    let output = push(&gateway, root.path(), &[]).await;
    let (out, err) = texts(&output);
    assert!(output.status.success(), "{err}");
    assert!(out.starts_with("pushed: deployed\n") && out.contains(&gateway.url("/pushed/")), "{out}");
    assert!(err.contains("wrangler.jsonc:3: account_id makes no difference"), "{err}");
    assert_eq!(gateway.text("/pushed/").await, "typed <p>");
    let view: Value = client().get(gateway.handler_url("pushed")).send().await.unwrap().json().await.unwrap();
    assert_eq!(view["limits"]["cpu_ms"], 500);
    assert_eq!(view["modules"].as_array().unwrap().len(), 3);
    let again = push(&gateway, root.path(), &["--name", "pushed-other"]).await;
    assert!(again.status.success());
    assert_eq!(gateway.text("/pushed-other/").await, "typed <p>");
}

#[tokio::test]
async fn npm_projects_are_bundled_and_their_stacks_name_their_files() {
    let gateway = mesh().await;
    // Installs its packages.
    let _ = bundled("hono-app");
    let folder = workspace().join("examples/hono-app");
    let output = push(&gateway, &folder, &["--name", "pushed-hono"]).await;
    let (out, err) = texts(&output);
    assert!(output.status.success() && out.contains("bundled"), "{out}{err}");
    let answer: Value = gateway.get("/pushed-hono/api/notes").await.json().await.unwrap();
    assert_eq!(answer[0]["text"], "Buy milk");
    let left: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".tabmesh-")), "{left:?}");

    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        &[
            ("package.json", r#"{ "name": "pushed-bundle", "dependencies": {} }"#),
            (
                "node_modules/kind/index.js",
                "const { EventEmitter } = require('events'); exports.make = () => new EventEmitter();",
            ),
            ("node_modules/kind/package.json", r#"{ "name": "kind", "main": "index.js" }"#),
            ("wrangler.toml", "main = \"src/index.ts\"\ncompatibility_flags = [\"nodejs_compat\"]\n"),
            ("src/note.txt", "a note"),
            (
                "src/index.ts",
                "import { make } from 'kind';\nimport note from './note.txt';\n\nexport default {\n  fetch(): Response {\n    const emitter = make();\n    emitter.on('x', () => {\n      throw new Error(`bundled ${note}`);\n    });\n    emitter.emit('x');\n    return new Response('no');\n  },\n};\n",
            ),
        ],
    );
    let output = push(&gateway, root.path(), &[]).await;
    assert!(output.status.success(), "{:?}", texts(&output));
    assert_eq!(gateway.get("/pushed-bundle/").await.status(), 500);
    let failed = gateway.log().wait(gateway.mark(), &["handler=\"pushed-bundle\"", "bundled a note"]).await;
    assert!(failed.contains("(src/index.ts:8:") && failed.contains("src/index.ts:10:"), "{failed}");
}

#[tokio::test]
async fn mistakes_are_shown_where_they_are() {
    let gateway = mesh().await;
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &[("broken.ts", "const a: number = 1;\nexport default {\n  fetch( {\n};\n")]);
    let output = push(&gateway, &root.path().join("broken.ts"), &[]).await;
    let (_, err) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(
        err.starts_with("error: broken.ts:") && err.contains("| export default {") && err.contains('^'),
        "{err}"
    );

    write(
        root.path(),
        &[("wrangler.toml", "name = \"x\"\nmain = \"broken.ts\"\n\n[[queues.producers]]\nqueue = \"q\"\n")],
    );
    let output = push(&gateway, root.path(), &[]).await;
    let (_, err) = texts(&output);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("wrangler.toml:4: `queues` is not supported") && err.contains("hint: "), "{err}");

    write(root.path(), &[("fine.js", "export default { fetch: () => new Response('fine') }")]);
    let file = root.path().join("fine.js");
    let mut nobody = Command::new(binary("tabmesh"));
    let output =
        nobody.arg("deploy").arg(&file).args(["--gateway", "http://127.0.0.1:9"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(3), "{:?}", texts(&output));

    let out = root.path().join("out");
    let output = push(&gateway, &file, &["--dry-run", "--outdir", out.to_str().unwrap()]).await;
    assert!(output.status.success(), "{:?}", texts(&output));
    let metadata: Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("metadata.json")).unwrap()).unwrap();
    assert_eq!(metadata["main_module"], "fine.js");
    assert!(out.join("fine.js").is_file());
    assert_eq!(gateway.get("/fine/").await.status(), 404);
}
