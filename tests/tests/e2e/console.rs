//! What a handler says, and what it does after its answer.

use crate::support::{expect_problem, wait_for_json};
use tabmesh_tests::{mesh, solo};

fn request_id(line: &str) -> String {
    line.split("request_id=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn console_lines_come_into_the_log_with_level_and_request_id() {
    let gateway = mesh().await;
    let handler = r"
        export default {
          async fetch(request) {
            const { pathname } = new URL(request.url);
            console.debug('debug of', pathname);
            console.log('log of', pathname, { a: [1, 2] });
            await scheduler.wait(1);
            console.warn('warn of', pathname);
            console.error(new Error(`error of ${pathname}`));
            if (pathname === '/throw') throw new Error('thrown');
            return new Response('ok');
          },
        };
    ";
    gateway.deploy("talks", handler).await;
    let mut ids = Vec::new();
    for path in ["/1", "/2"] {
        gateway.text(&format!("/talks{path}")).await;
        let mut of_this = Vec::new();
        for (level, word) in [("DEBUG", "debug"), ("INFO", "log"), ("WARN", "warn"), ("ERROR", "error")] {
            let line =
                gateway.log().wait(gateway.mark(), &["tabmesh::handler", &format!("{word} of {path}")]).await;
            assert!(line.contains(level) && line.contains("handler=\"talks\""), "{line}");
            of_this.push(request_id(&line));
        }
        assert_eq!(of_this[0].len(), 32, "{of_this:?}");
        assert!(of_this.iter().all(|id| *id == of_this[0]), "{of_this:?}");
        ids.push(of_this.remove(0));
    }
    assert_ne!(ids[0], ids[1]);
    let id = expect_problem(gateway.get("/talks/throw").await, 500, "handler-exception").await;
    gateway.log().wait(gateway.mark(), &[&id, "log of /throw"]).await;
}

#[tokio::test]
async fn a_line_cannot_forge_another() {
    let gateway = mesh().await;
    let handler = r"
        export default {
          fetch() {
            console.log('first\nFORGED ERROR line \u001b[31mred');
            console.log('x'.repeat(100000) + 'END');
            return new Response('ok');
          },
        };
    ";
    gateway.deploy("forger", handler).await;
    gateway.text("/forger/").await;
    let line = gateway.log().wait(gateway.mark(), &["FORGED"]).await;
    assert!(line.contains("first") && !line.contains('\u{1b}'), "{line:?}");
    let long = gateway.log().wait(gateway.mark(), &["forger", "xxxxxxxx"]).await;
    assert!(long.len() < 20_000 && !long.contains("END"), "{}", long.len());
}

#[tokio::test]
async fn wait_until_goes_on_after_the_answer() {
    let gateway = solo().await;
    let handler = r"
        const state = { begun: 0, done: 0 };
        export default {
          fetch(request, env, ctx) {
            if (new URL(request.url).pathname === '/state') return Response.json(state);
            state.begun++;
            ctx.waitUntil(scheduler.wait(300).then(() => { state.done++; console.log('after the answer'); }));
            return new Response('answered');
          },
        };
    ";
    gateway.deploy("later", handler).await;
    assert_eq!(gateway.text("/later/").await, "answered");
    wait_for_json(&gateway.url("/later/state"), "/done", 1).await;
    let line = gateway.log().wait(gateway.mark(), &["later", "after the answer"]).await;
    assert!(line.contains("tabmesh::handler"), "{line}");
}

#[tokio::test]
async fn wait_until_keeps_a_replaced_version_alive() {
    let gateway = solo().await;
    let handler = |version: u32| {
        format!(
            "export default {{ fetch(request, env, ctx) {{
               ctx.waitUntil(scheduler.wait(400).then(() => console.log('late work of version {version}')));
               return new Response('{version}');
             }} }};"
        )
    };
    gateway.deploy("replaced", handler(1)).await;
    assert_eq!(gateway.text("/replaced/").await, "1");
    gateway.deploy("replaced", handler(2)).await;
    assert_eq!(gateway.text("/replaced/").await, "2");
    gateway.log().wait(gateway.mark(), &["late work of version 1"]).await;
}
