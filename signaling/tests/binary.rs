//! The `tabmesh-signaling` binary: starts, says where it listens, serves, and goes away politely.
#![allow(missing_docs)]

mod common;

use std::process::Stdio;

use common::{hear, joined, within};
use tabmesh_protocol::signal::{Role, ServerMessage, SignalErrorCode};
use tabmesh_signaling::{Join, client};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tabmesh-signaling"));
    command.env_remove("TABMESH_GATEWAY_TOKEN").stderr(Stdio::null()).kill_on_drop(true);
    command
}

#[tokio::test]
async fn serves_and_stops_on_sigterm() {
    let mut server = binary()
        .args(["--listen", "127.0.0.1:0", "--pool-token", "p", "--stun", "stun:s:1", "--turn", "turn:t:1"])
        .args(["--turn-username", "u", "--turn-credential", "c"])
        .env("TABMESH_GATEWAY_TOKEN", "g")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let line = within(lines.next_line()).await.unwrap().unwrap();
    let url = line.strip_prefix("listening: ").unwrap();

    let join = |role, token: &str| Join { role, pool: "main".into(), token: Some(token.into()) };
    let mut gateway = client::connect(url, join(Role::Gateway, "g")).await.unwrap();
    let ServerMessage::Joined { ice_servers, .. } = hear(&mut gateway).await else { panic!() };
    assert_eq!(ice_servers.len(), 2);
    assert_eq!(ice_servers[1].credential.as_deref(), Some("c"));
    let mut tab = client::connect(url, join(Role::Tab, "p")).await.unwrap();
    let (_, peers) = joined(&mut tab).await;
    assert_eq!(peers.len(), 1);

    let pid = server.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let told = hear(&mut tab).await;
    assert!(matches!(told, ServerMessage::Error { code: SignalErrorCode::GoingAway, .. }), "{told:?}");
    assert!(within(server.wait()).await.unwrap().success());
}

#[tokio::test]
async fn refuses_to_start_without_a_gateway_token() {
    for args in [&["--listen", "127.0.0.1:0"][..], &["--listen", "127.0.0.1:0", "--gateway-token", ""]] {
        assert!(!within(binary().args(args).status()).await.unwrap().success());
    }
}
