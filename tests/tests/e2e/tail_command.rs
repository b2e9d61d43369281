//! `tabmesh tail`, as people and programs run it.

use rustix::process::Signal;
use serde_json::{Value, json};
use tabmesh_tests::access::Caller;
use tabmesh_tests::child::Child;
use tabmesh_tests::gateway::{Gateway, binary, environment};
use tabmesh_tests::{Setup, eventually, mesh};

/// Says a word that its query names, and throws where it is `boom`.
const TALKER: &str = r"
    export default {
      fetch(request) {
        const word = new URL(request.url).searchParams.get('w');
        console.log('heard', word, { n: 1 });
        if (word === 'boom') throw new TypeError('went off\n\u001b[2J');
        return new Response(word);
      },
    };
";

fn start(gateway: &Gateway, args: &[&str]) -> Child {
    let mut all = vec!["tail".to_owned(), "--gateway".to_owned(), gateway.url("")];
    all.extend(args.iter().map(|arg| (*arg).to_owned()));
    Child::start(&binary("tabmesh"), &all, &environment(gateway.home()))
}

#[tokio::test]
async fn what_happens_is_read_as_it_happens() {
    let gateway = mesh().await;
    gateway.deploy("cmd-tail", TALKER).await;
    let mut people = start(&gateway, &["cmd-tail"]);
    let programs = start(&gateway, &["cmd-tail", "--outcome", "error", "--json"]);
    people.err.wait(0, &["listening"]).await;
    programs.err.wait(0, &["listening"]).await;
    assert_eq!(gateway.text("/cmd-tail/?w=fine").await, "fine");
    assert_eq!(gateway.get("/cmd-tail/?w=boom").await.status(), 500);
    people.out.wait(0, &["ok", "cmd-tail", "GET http://", "w=fine -> 200"]).await;
    people.out.wait(0, &["(log) heard fine"]).await;
    people.out.wait(0, &["w=boom -> 500"]).await;
    people.out.wait(0, &["TypeError: went off"]).await;
    assert!(people.out.matching(0, &["\u{1b}"]).is_empty(), "{:?}", people.out.since(0));
    let event: Value = serde_json::from_str(&programs.out.wait(0, &["boom"]).await).unwrap();
    assert_eq!(event["exceptions"][0]["name"], "TypeError");
    assert!(programs.out.matching(0, &["w=fine"]).is_empty(), "it was filtered");
    people.signal(Signal::INT);
    assert_eq!(people.exited().await, 0);
}

#[tokio::test]
async fn a_gateway_that_comes_back_is_heard_again() {
    let mut gateway = Setup::new().start().await;
    gateway.deploy("back", TALKER).await;
    let mut tail = start(&gateway, &["--json"]);
    tail.err.wait(0, &["listening"]).await;
    gateway.kill().await;
    tail.err.wait(0, &["trying again"]).await;
    let gateway = gateway.restart().await;
    // Without a tab it is a request, too.
    eventually("the tail tells of a request", || async {
        let _ = gateway.get("/back/?w=again").await;
        (!tail.out.matching(0, &["w=again"]).is_empty()).then_some(())
    })
    .await;
    assert_eq!(tail.exit_code(), None);
    // Whoever does not come back is an error at once.
    let mut nowhere = start(&gateway, &["no-such-handler"]);
    assert_eq!(nowhere.exited().await, 1);
    nowhere.err.wait(0, &["no handler `no-such-handler`"]).await;
}

#[tokio::test]
async fn a_tail_whose_token_is_revoked_says_so_and_does_not_try_again() {
    let gateway = Setup::new().args(&["--auth", "on"]).start().await;
    let operator = Caller::operator(&gateway);
    let (id, token) = operator.make(json!({ "name": "t", "actions": ["tail"] })).await;
    let file = gateway.home().join("tail-token");
    std::fs::write(&file, token.token()).unwrap();
    let mut tail = start(&gateway, &["--json", "--token-file", file.to_str().unwrap()]);
    tail.err.wait(0, &["listening"]).await;
    assert_eq!(operator.send("DELETE", &format!("/_mesh/v1/tokens/{id}"), "").await.status(), 204);
    assert_eq!(tail.exited().await, 1);
    tail.err.wait(0, &["the gateway ended the tail", "was revoked", "token-revoked"]).await;
}
