//! The commands that speak to a gateway, as people and programs run them.

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tabmesh_tests::child::Child;
use tabmesh_tests::gateway::{Gateway, binary, client, environment};
use tabmesh_tests::{Setup, mesh};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// What came of a command.
pub(crate) struct Ran {
    pub(crate) code: i32,
    out: Vec<u8>,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into()
    }

    /// The text of a success.
    pub(crate) fn ok(&self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.text(), self.err);
        self.text()
    }

    /// The one JSON document of a success.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// The one JSON document on stderr of a failure.
    pub(crate) fn error(&self) -> Value {
        assert_ne!(self.code, 0, "{}", self.text());
        let document: Value = serde_json::from_str(&self.err).unwrap_or_else(|_| panic!("{}", self.err));
        assert_eq!(document["error"]["exit_code"], self.code);
        document["error"].clone()
    }
}

/// A command whose settings are the test's alone.
pub(crate) fn command(home: &Path) -> Command {
    let mut command = Command::new(binary("tabmesh"));
    command.env("HOME", home).env_remove("XDG_CONFIG_HOME").current_dir(home).stdin(Stdio::null());
    for name in ["GATEWAY", "TENANT", "TOKEN", "TOKEN_FILE", "PROFILE", "CA"] {
        command.env_remove(format!("TABMESH_{name}"));
    }
    command
}

pub(crate) fn ran(output: Output) -> Ran {
    let err = String::from_utf8_lossy(&output.stderr).into();
    Ran { code: output.status.code().unwrap_or(-1), out: output.stdout, err }
}

async fn run(gateway: &Gateway, args: &[&str]) -> Ran {
    let home = tempfile::tempdir().unwrap();
    ran(command(home.path()).args(args).args(["--gateway", &gateway.url("")]).output().await.unwrap())
}

async fn fed(gateway: &Gateway, args: &[&str], input: &[u8]) -> Ran {
    let home = tempfile::tempdir().unwrap();
    let mut command = command(home.path());
    command.args(args).args(["--gateway", &gateway.url("")]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).await.unwrap();
    ran(child.wait_with_output().await.unwrap())
}

fn answering(text: &str) -> String {
    format!("export default {{ fetch: () => new Response('{text}') }};\n")
}

#[tokio::test]
async fn what_is_there_is_shown_to_people_and_programs() {
    let gateway = mesh().await;
    gateway.deploy("cmd-shown", answering("x")).await;
    for (args, key) in [
        (&["list"][..], "handlers"),
        (&["routes"], "routes"),
        (&["versions", "list", "cmd-shown"], "versions"),
        (&["versions", "view", "cmd-shown", "1"], "modules"),
        (&["deployments", "cmd-shown"], "deployments"),
        (&["secret", "list", "cmd-shown"], "secrets"),
        (&["kv", "namespaces"], "namespaces"),
        (&["sql"], "databases"),
        (&["tenant", "list"], "tenants"),
        (&["token", "list"], "tokens"),
        (&["audit"], "entries"),
        (&["status"], "tabs"),
    ] {
        let text = run(&gateway, args).await.ok();
        assert!(!text.trim().is_empty() && !text.contains('\u{1b}'), "{args:?}: {text}");
        let document = run(&gateway, &[args, &["--json"]].concat()).await.json();
        assert!(document[key].is_array(), "{args:?}: {document}");
    }
    let text = run(&gateway, &["list"]).await.ok();
    assert!(text.starts_with("NAME") && text.contains(&gateway.host_url("cmd-shown", "/")), "{text}");
}

#[tokio::test]
async fn triggers_are_shown_and_changed() {
    let gateway = mesh().await;
    gateway.deploy("cmd-triggers", answering("x")).await;
    let show = run(&gateway, &["triggers", "cmd-triggers"]).await.ok();
    assert_eq!(show, "no cron triggers\nno routes\npreview URLs on\n");
    let args = ["triggers", "cmd-triggers", "--cron", "0 4 * * *", "--route", "cmd.example/a/*", "--json"];
    let set = run(&gateway, &args).await.json();
    assert_eq!(set, json!({ "crons": ["0 4 * * *"], "routes": ["cmd.example/a/*"], "preview_urls": true }));
    let args = ["triggers", "cmd-triggers", "--domain", "cmd.example", "--preview-urls", "off"];
    let text = run(&gateway, &args).await.ok();
    assert_eq!(
        text, "cron     0 4 * * *\nroute    cmd.example/*\npreview URLs off\n",
        "what was not named stays"
    );
    let url = gateway.url("/anything");
    let routed = client().get(url).header("host", "cmd.example").send().await.unwrap();
    assert_eq!(routed.text().await.unwrap(), "x");
    let text = run(&gateway, &["triggers", "cmd-triggers", "--no-crons", "--no-routes"]).await.ok();
    assert_eq!(text, "no cron triggers\nno routes\npreview URLs off\n");
    let wrong = run(&gateway, &["triggers", "cmd-triggers", "--cron", "every day", "--json"]).await.error();
    assert!(wrong["message"].as_str().unwrap().contains("every day"), "{wrong}");
    let unknown = run(&gateway, &["triggers", "cmd-triger"]).await;
    assert!(unknown.err.contains("did you mean `cmd-triggers`?"), "{}", unknown.err);
}

#[tokio::test]
async fn versions_come_and_go() {
    let gateway = mesh().await;
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("cmd-versions.js");
    let path = file.to_str().unwrap();
    std::fs::write(&file, answering("one")).unwrap();
    let deployed = run(&gateway, &["deploy", path, "-m", "first", "--tag", "t1", "--json"]).await.json();
    assert_eq!((&deployed["deployed"], &deployed["build"]["files"]), (&json!(true), &json!(1)));
    std::fs::write(&file, answering("two")).unwrap();
    let text = run(&gateway, &["deploy", path]).await.ok();
    assert!(text.contains("preview http://") && text.contains("(number 2)"), "{text}");
    assert_eq!(gateway.text("/cmd-versions/").await, "two");
    let again = run(&gateway, &["versions", "upload", path]).await.ok();
    assert!(again.contains("is there already, and serves 100 % of the callers"), "{again}");
    assert!(!again.contains("not deployed") && !again.contains("deploy it with"), "{again}");

    let list = run(&gateway, &["versions", "list", "cmd-versions", "--json"]).await.json();
    let (newest, first) = (&list["versions"][0], &list["versions"][1]);
    assert_eq!(
        (&newest["number"], &first["message"], &first["tag"]),
        (&json!(2), &json!("first"), &json!("t1"))
    );
    let diff = run(&gateway, &["versions", "diff", "cmd-versions", "1", "2"]).await.ok();
    assert!(
        diff.contains("changed module cmd-versions.js")
            && diff.contains("\n-export")
            && diff.contains("\n+export"),
        "{diff}"
    );

    let back = run(&gateway, &["rollback", "cmd-versions", "-m", "two was wrong"]).await.ok();
    let hash = first["version"].as_str().unwrap();
    assert!(back.contains("rolled back") && back.contains(&hash[..12]), "{back}");
    assert_eq!(gateway.text("/cmd-versions/").await, "one");
    let why = run(&gateway, &["deployments", "cmd-versions"]).await.ok();
    assert!(why.contains("two was wrong"), "{why}");

    std::fs::write(&file, answering("three")).unwrap();
    let uploaded = run(&gateway, &["versions", "upload", path, "--json"]).await.json();
    assert_eq!(gateway.text("/cmd-versions/").await, "one");
    let preview = uploaded["preview_url"].as_str().unwrap();
    assert_eq!(client().get(preview).send().await.unwrap().text().await.unwrap(), "three");
    run(&gateway, &["versions", "deploy", "cmd-versions", "3"]).await.ok();
    assert_eq!(gateway.text("/cmd-versions/").await, "three");
    let shares = run(&gateway, &["versions", "deploy", "cmd-versions", "3@25", "2", "--json"]).await.json();
    assert_eq!(shares["versions"][1]["percentage"], 75.0);
    let wrong = run(&gateway, &["versions", "deploy", "cmd-versions", "3@25", "2@25", "--json"]).await;
    assert_eq!((wrong.code, wrong.error()["exit_code"].as_i64()), (2, Some(2)));

    let asked = run(&gateway, &["delete", "cmd-versions"]).await;
    assert_eq!(asked.code, 2, "{}", asked.err);
    assert!(asked.err.contains("--yes"), "{}", asked.err);
    run(&gateway, &["delete", "cmd-versions", "--yes"]).await.ok();
    assert_eq!(gateway.get("/cmd-versions/").await.status(), 404);
}

#[tokio::test]
async fn values_are_kept_as_they_are() {
    let gateway = mesh().await;
    run(&gateway, &["kv", "create", "cmd-kv"]).await.ok();
    let bytes: Vec<u8> = (0..=255).collect();
    fed(&gateway, &["kv", "put", "cmd-kv", "a/b c", "--metadata", "{\"n\":\"ü\"}"], &bytes).await.ok();
    assert_eq!(run(&gateway, &["kv", "get", "cmd-kv", "a/b c"]).await.out, bytes);
    let document = run(&gateway, &["kv", "get", "cmd-kv", "a/b c", "--json"]).await.json();
    assert_eq!(document["base64"], true);
    let pairs: Vec<Value> =
        (0..1_500).map(|n| json!({ "key": format!("n{n:04}"), "value": n.to_string() })).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), Value::from(pairs).to_string()).unwrap();
    let set = run(&gateway, &["kv", "bulk", "cmd-kv", file.path().to_str().unwrap(), "--json"]).await.json();
    assert_eq!(set["set"], 1_500);
    let keys = run(&gateway, &["kv", "list", "cmd-kv", "--limit", "1400", "--json"]).await.json();
    assert_eq!((keys["keys"].as_array().unwrap().len(), &keys["complete"]), (1_400, &json!(false)));
    assert_eq!(keys["keys"][0]["metadata"]["n"], "ü");
    let some = run(&gateway, &["kv", "list", "cmd-kv", "--prefix", "n14", "--json"]).await.json();
    assert_eq!((some["keys"].as_array().unwrap().len(), &some["complete"]), (100, &json!(true)));
    run(&gateway, &["kv", "put", "cmd-kv", "soon", "x", "--ttl", "1h"]).await.ok();
    assert!(run(&gateway, &["kv", "list", "cmd-kv", "--prefix", "soon"]).await.ok().contains("in "));
    run(&gateway, &["kv", "delete", "cmd-kv", "soon"]).await.ok();
    let gone = run(&gateway, &["kv", "get", "cmd-kv", "soon"]).await;
    assert_eq!(gone.code, 1);
    assert!(gone.err.contains("no key `soon`"), "{}", gone.err);
    // Whatever it is encoded as, this would be another resource's path.
    assert_eq!(run(&gateway, &["kv", "delete", "cmd-kv", ".."]).await.code, 2);
    run(&gateway, &["kv", "drop", "cmd-kv", "--yes"]).await.ok();
}

#[tokio::test]
async fn statements_answer_with_tables() {
    let gateway = mesh().await;
    let script = b"CREATE TABLE t (a INTEGER, b TEXT);\nINSERT INTO t VALUES (1, 'one'), (22, NULL);\n";
    fed(&gateway, &["sql", "cmd-sql", "--file", "-"], script).await.ok();
    let table = run(&gateway, &["sql", "cmd-sql", "SELECT * FROM t WHERE a >= ? ORDER BY a", "--param", "1"])
        .await
        .ok();
    assert!(table.starts_with(" A  B\n 1  one\n22  NULL\n2 rows"), "{table}");
    let document =
        run(&gateway, &["sql", "cmd-sql", "SELECT b FROM t WHERE b = ?", "--param", "one", "--json"])
            .await
            .json();
    assert_eq!(document["results"][0]["rows"], json!([["one"]]));
    let wrong = run(&gateway, &["sql", "cmd-sql", "SELEC 1"]).await;
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.starts_with("error: ") && wrong.err.contains("SELEC"), "{}", wrong.err);
    assert_eq!(run(&gateway, &["sql", "cmd-sql"]).await.code, 2);
}

#[tokio::test]
async fn secrets_come_from_stdin_and_are_never_shown() {
    let gateway = mesh().await;
    gateway.deploy("cmd-secret", answering("x")).await;
    let set = fed(&gateway, &["secret", "put", "cmd-secret", "API_KEY"], b"hush\n").await;
    assert!(!set.ok().contains("hush") && !set.err.contains("hush"));
    assert_eq!(run(&gateway, &["secret", "list", "cmd-secret"]).await.ok(), "NAME\nAPI_KEY\n");
    assert_eq!(run(&gateway, &["secret", "put", "cmd-secret", "EMPTY"]).await.code, 2);
    run(&gateway, &["secret", "delete", "cmd-secret", "API_KEY"]).await.ok();
    let none = run(&gateway, &["secret", "list", "cmd-secret", "--json"]).await.json();
    assert_eq!(none["secrets"], json!([]));
}

#[tokio::test]
async fn mistakes_have_a_hint_and_a_code_of_their_own() {
    let gateway = mesh().await;
    gateway.deploy("cmd-near", answering("x")).await;
    let near = run(&gateway, &["versions", "list", "cmd-naer"]).await;
    assert_eq!(near.code, 1);
    assert_eq!(near.err, "error: there is no handler `cmd-naer`\nhint: did you mean `cmd-near`?\n");
    let error = run(&gateway, &["versions", "list", "cmd-naer", "--json"]).await.error();
    assert_eq!((&error["status"], &error["type"]), (&json!(404), &json!("handler-not-found")));

    let home = tempfile::tempdir().unwrap();
    let with = |args: &'static [&'static str]| {
        let mut command = command(home.path());
        async move { ran(command.args(args).output().await.unwrap()) }
    };
    let nobody = with(&["list", "--gateway", "http://127.0.0.1:9", "--json"]).await;
    assert_eq!((nobody.code, nobody.error()["exit_code"].as_i64()), (3, Some(3)));
    let usage = with(&["list", "--json", "--nonsense"]).await;
    assert_eq!(usage.code, 2);
    assert!(usage.error()["message"].as_str().unwrap().contains("--nonsense"));
    assert_eq!(with(&["list", "--gateway", "not a url"]).await.code, 2);
    assert_eq!(with(&["deploy", "nothing-here"]).await.code, 4);
    assert_eq!(with(&[]).await.code, 2);
    assert_eq!(with(&["--help"]).await.code, 0);
}

#[tokio::test]
async fn settings_say_where_they_come_from_and_tokens_stay_with_their_gateway() {
    let home = tempfile::tempdir().unwrap();
    let own = home.path().join(".config/tabmesh/config.toml");
    std::fs::create_dir_all(own.parent().unwrap()).unwrap();
    std::fs::write(&own, "gateway = \"http://127.0.0.1:9\"\ntoken = \"tm_0123456789abcdefghijklmnop\"\n")
        .unwrap();
    let config = |args: &[&str], env: &[(&str, &str)]| {
        let mut command = command(home.path());
        command.arg("config").args(args).envs(env.iter().copied());
        async move { ran(command.output().await.unwrap()) }
    };
    let plain = config(&["--json"], &[]).await;
    assert!(plain.err.contains("chmod 600"), "{}", plain.err);
    let settings = plain.json();
    assert_eq!(settings["gateway"]["value"], "http://127.0.0.1:9");
    assert_eq!(settings["token"]["value"], "tm_01234…");
    assert!(settings["token"]["from"].as_str().unwrap().ends_with("config.toml"));

    // A project that names another gateway does not get the user's token.
    std::fs::write(home.path().join("tabmesh.toml"), "gateway = \"http://127.0.0.1:1\"\n").unwrap();
    let other = config(&[], &[]).await.ok();
    assert!(other.contains("is not sent to this one") && !other.contains("tm_01234"), "{other}");
    let settings = config(&["--json"], &[("TABMESH_GATEWAY", "http://127.0.0.1:9")]).await.json();
    assert_eq!(settings["gateway"]["from"], "environment");
    assert_eq!(settings["token"]["value"], "tm_01234…");
    let settings =
        config(&["--json", "--gateway", "http://127.0.0.1:2"], &[("TABMESH_TENANT", "acme")]).await.json();
    assert_eq!(
        (&settings["gateway"]["from"], &settings["tenant"]["value"]),
        (&json!("flag"), &json!("acme"))
    );

    std::fs::write(home.path().join("tabmesh.toml"), "gatway = 1\n").unwrap();
    let wrong = config(&[], &[]).await;
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("tabmesh.toml") && wrong.err.contains("line 1"), "{}", wrong.err);
}

#[tokio::test]
async fn a_shell_takes_the_completions() {
    let home = tempfile::tempdir().unwrap();
    let script = ran(command(home.path()).args(["completions", "bash"]).output().await.unwrap()).ok();
    std::fs::write(home.path().join("completions"), script).unwrap();
    let ask = "source ./completions; COMP_WORDS=(tabmesh vers); COMP_CWORD=1; _tabmesh tabmesh vers tabmesh; echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash").args(["-c", ask]).current_dir(home.path()).output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "versions", "{output:?}");
}

#[tokio::test]
async fn a_load_test_counts_what_the_handler_saw() {
    let gateway = Setup::new().tabs(1).start().await;
    gateway.deploy("bench", "let seen = 0; export default { fetch(request) { if (request.url.endsWith('seen')) return new Response(String(seen)); seen += 1; return new Response('x', { status: request.url.endsWith('no') ? 500 : 200 }); } };").await;
    let home = tempfile::tempdir().unwrap();
    let bench = |path: &str, args: &[&str]| {
        let mut command = command(home.path());
        command.args(["bench", &gateway.url(path), "--json", "-c", "2"]).args(args);
        async move { ran(command.output().await.unwrap()) }
    };
    let report = bench("/bench/yes", &["-d", "1s", "--rate", "40"]).await.json();
    assert_eq!((&report["answered"], &report["unsent"]), (&json!(40), &json!(0)), "{report}");
    assert_eq!((&report["statuses"]["200"], &report["latency_counts_from"]), (&json!(40), &json!("planned")));
    assert!(report["latency_ms"]["p50"].as_f64() <= report["latency_ms"]["max"].as_f64());
    // And the one that looks whether anybody is there.
    assert_eq!(gateway.text("/bench/seen").await, "41");
    let bad = bench("/bench/no", &["-d", "300ms"]).await;
    assert_eq!(bad.code, 1, "{}", bad.err);
    assert!(serde_json::from_slice::<Value>(&bad.out).unwrap()["statuses"]["500"].as_u64() > Some(0));
}

#[tokio::test]
async fn tokens_open_what_they_name_and_no_more() {
    let gateway = Setup::new().args(&["--auth", "on"]).start().await;
    let admin = gateway.home().join("data/admin-token");
    let home = tempfile::tempdir().unwrap();
    let url = gateway.url("");
    let with = |token: Option<&str>, args: &[&str]| {
        let mut command = command(home.path());
        command.args(args).args(["--gateway", &url]).envs(token.map(|token| ("TABMESH_TOKEN", token)));
        async move { ran(command.output().await.unwrap()) }
    };
    let none = with(None, &["list"]).await;
    assert_eq!(none.code, 1);
    assert!(none.err.contains("TABMESH_TOKEN"), "{}", none.err);
    let admin = admin.to_str().unwrap();
    let made = with(
        None,
        &["token", "create", "reader", "--actions", "read", "--expires", "1h", "--token-file", admin],
    )
    .await;
    let token = made.ok().trim().to_owned();
    assert!(!made.err.contains(&token) && !made.err.contains("warning"), "{}", made.err);
    with(Some(&token), &["list"]).await.ok();
    let file = home.path().join("x.js");
    std::fs::write(&file, answering("x")).unwrap();
    let refused = with(Some(&token), &["deploy", file.to_str().unwrap()]).await;
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("`deploy`") && refused.err.contains("hint: "), "{}", refused.err);
    let list = with(None, &["token", "list", "--json", "--token-file", admin]).await.json();
    let reader =
        list["tokens"].as_array().unwrap().iter().find(|token| token["name"] == "reader").unwrap().clone();
    assert!(!list.to_string().contains(&token));
    let text = with(None, &["token", "list", "--token-file", admin]).await.ok();
    assert!(text.contains("reader") && text.contains("in 59 min"), "{text}");
    with(None, &["token", "revoke", reader["id"].as_str().unwrap(), "--token-file", admin]).await.ok();
    let ended = with(Some(&token), &["list"]).await;
    assert!(ended.err.contains("expired or been revoked"), "{}", ended.err);
    let audit = with(None, &["audit", "--token-file", admin]).await.ok();
    assert!(audit.contains("tokens") && !audit.contains(&token), "{audit}");

    let join = with(None, &["token", "create", "tabs", "--pool", "default", "--json", "--token-file", admin])
        .await
        .json();
    let secret = home.path().join("join");
    std::fs::write(&secret, join["token"].as_str().unwrap()).unwrap();
    std::fs::create_dir(home.path().join("tmp")).unwrap();
    let args =
        ["worker", "--gateway", &url, "--join-token-file", secret.to_str().unwrap()].map(str::to_owned);
    let _worker = Child::start(&binary("tabmesh"), &args, &environment(home.path()));
    gateway.wait_for_tabs(1).await;
}
