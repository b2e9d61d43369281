//! The life of a shop, told in wrangler's commands.

use crate::tool::Wrangler;
use reqwest::Method;
use serde_json::{Value, json};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use tabmesh_tests::eventually;
use tabmesh_tests::gateway::client;
use tokio::io::AsyncReadExt as _;

/// The ids of a script's versions, the newest last.
async fn versions(shop: &Wrangler) -> Vec<String> {
    let list = shop.run(&["versions", "list", "--json"]).await.json();
    list.as_array().unwrap().iter().map(|version| version["id"].as_str().unwrap().to_owned()).collect()
}

async fn release(shop: &Wrangler) -> String {
    let hello: Value = serde_json::from_str(&shop.get("shop", "/api/hello").await).unwrap();
    assert_eq!((&hello["greeting"], &hello["items"]), (&json!("welcome"), &json!(3)));
    hello["release"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_from_its_first_deployment_to_its_end() {
    let shop = Wrangler::new("shop").await;
    let who = shop.run(&["whoami"]).await.ok();
    assert!(who.contains("associated with the email wrangler") && who.contains("│ acme"), "{who}");
    stores_are_made(&shop).await;
    it_is_deployed(&shop).await;
    it_is_changed_and_rolled_back(&shop).await;
    tables_go_as_files(&shop).await;
    secrets_come_and_go(&shop).await;
    secrets_wait_for_a_deployment(&shop).await;
    keys_come_and_go(&shop).await;
    it_is_watched(&shop).await;
    it_is_taken_away(&shop).await;
}

/// A namespace and a database, whose ids go into the configuration as wrangler says.
async fn stores_are_made(shop: &Wrangler) {
    let made = shop.run(&["kv", "namespace", "create", "carts"]).await.ok();
    assert!(made.contains("Success!"), "{made}");
    let list = shop.run(&["kv", "namespace", "list"]).await.json();
    let id = list[0]["id"].as_str().unwrap();
    assert!(list[0]["title"] == "carts" && made.contains(id), "{list} {made}");
    shop.edit("wrangler.jsonc", "<carts>", id);
    shop.run(&["kv", "namespace", "rename", "carts", "--new-name", "baskets"]).await.ok();
    let renamed = shop.run(&["kv", "namespace", "list"]).await.json();
    assert_eq!((&renamed[0]["title"], &renamed[0]["id"]), (&json!("baskets"), &json!(id)));
    shop.run(&["kv", "namespace", "rename", "--namespace-id", id, "--new-name", "carts"]).await.ok();
    let twice = shop.run(&["kv", "namespace", "create", "carts"]).await.refused();
    assert!(twice.contains("10014") || twice.contains("already exists"), "{twice}");

    shop.run(&["d1", "create", "orders"]).await.ok();
    let list = shop.run(&["d1", "list", "--json"]).await.json();
    assert_eq!(list[0]["name"], "orders");
    shop.edit("wrangler.jsonc", "<orders>", list[0]["uuid"].as_str().unwrap());
    shop.run(&["d1", "migrations", "apply", "orders", "--remote"]).await.ok();
    let left = shop.run(&["d1", "migrations", "list", "orders", "--remote"]).await.ok();
    assert!(left.contains("No migrations to apply"), "{left}");
}

/// Modules, a package, text, static files, variables, stores, a cron trigger.
async fn it_is_deployed(shop: &Wrangler) {
    let told = shop.run(&["deploy", "--message", "first"]).await.ok();
    for part in
        ["Uploaded 3 of 3 assets", "Deployed shop triggers", "schedule: */5 * * * *", "Current Version ID:"]
    {
        assert!(told.contains(part), "no `{part}`: {told}");
    }
    assert_eq!(release(shop).await, "release-1");
    assert_eq!(shop.get("shop", "/api/terms").await.trim(), "No refunds.");
    let page = shop.ask(Method::GET, "shop", "/style.css").send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/css; charset=utf-8");
    assert_eq!(page.headers()["x-shop"], "open");
    assert!(shop.get("shop", "/").await.contains("<h1>Shop</h1>"));
    let moved = shop.ask(Method::GET, "shop", "/help").send().await.unwrap();
    assert_eq!((moved.status().as_u16(), moved.headers()["location"].to_str().unwrap()), (302, "/docs/help"));
    assert!(shop.get("shop", "/api/style").await.contains("teal"));
    let kept = shop.ask(Method::PUT, "shop", "/api/carts/7").json(&["tea", "cup"]).send().await.unwrap();
    assert_eq!(kept.json::<Value>().await.unwrap(), json!({ "kept": 2 }));
    let ordered = shop.ask(Method::POST, "shop", "/api/orders/pot").send().await.unwrap();
    assert_eq!(ordered.json::<Value>().await.unwrap(), json!({ "id": 2 }));
    assert_eq!(shop.own("handlers/shop/triggers").await["crons"], json!(["*/5 * * * *"]));
    let orders = [
        "d1",
        "execute",
        "orders",
        "--remote",
        "--json",
        "--command",
        "SELECT item FROM orders; SELECT 7 AS n",
    ];
    let orders = shop.run(&orders).await.json();
    assert_eq!(orders[0]["results"], json!([{ "item": "first; with a semicolon" }, { "item": "pot" }]));
    assert_eq!(orders[1]["results"], json!([{ "n": 7 }]));
    let wrong = shop.run(&["d1", "execute", "orders", "--remote", "--command", "SELEKT"]).await.refused();
    assert!(wrong.contains("SELEKT") && wrong.contains("7500"), "{wrong}");
}

/// A second version, a third that nobody gets, half of the requests, and back.
async fn it_is_changed_and_rolled_back(shop: &Wrangler) {
    shop.edit("src/index.ts", "release-1", "release-2");
    shop.edit("public/style.css", "teal", "navy");
    shop.run(&["deploy", "--message", "second"]).await.ok();
    assert_eq!(release(shop).await, "release-2");
    assert!(shop.get("shop", "/style.css").await.contains("navy"));

    shop.edit("src/index.ts", "release-2", "release-3");
    let told = shop.run(&["versions", "upload", "--message", "third", "--tag", "v3"]).await.ok();
    assert!(told.contains("Worker Version ID:"), "{told}");
    assert_eq!(release(shop).await, "release-2", "an upload deploys nothing");
    let ids = versions(shop).await;
    let [first, second, third] = &ids[..] else { panic!("three versions: {ids:?}") };
    let preview = format!("{}-shop", &third[..8]);
    assert!(told.contains(&preview), "{told}");
    assert!(shop.get(&preview, "/api/hello").await.contains("release-3"));
    let list = shop.run(&["versions", "list"]).await.ok();
    assert!(list.contains("v3") && list.contains("second") && list.contains(first.as_str()), "{list}");
    let view = shop.run(&["versions", "view", third]).await.ok();
    for part in ["third", "v3", "env.CARTS", "env.GREETING (\"welcome\")", "Author:      wrangler"] {
        assert!(view.contains(part), "no `{part}`: {view}");
    }

    let halves = [format!("{third}@50"), format!("{second}@50")];
    shop.run(&["versions", "deploy", &halves[0], &halves[1], "--yes", "--message", "half"]).await.ok();
    let status = shop.run(&["deployments", "status"]).await.ok();
    assert!(
        status.contains("(50%)") && status.contains("half") && status.contains(third.as_str()),
        "{status}"
    );
    let whole = format!("{third}@100");
    shop.run(&["versions", "deploy", &whole, "--yes"]).await.ok();
    assert_eq!(release(shop).await, "release-3");
    shop.run(&["rollback", first, "--message", "back", "--yes"]).await.ok();
    assert_eq!(release(shop).await, "release-1");
    assert!(shop.get("shop", "/style.css").await.contains("teal"), "its files come along");
    let deployments = shop.run(&["deployments", "list", "--json"]).await.json();
    let newest = deployments.as_array().unwrap().last().unwrap();
    assert_eq!(
        (&newest["versions"][0]["version_id"], &newest["annotations"]["workers/message"]),
        (&json!(first), &json!("back"))
    );
}

async fn secrets_come_and_go(shop: &Wrangler) {
    shop.feed(&["secret", "put", "API_KEY"], "hidden-one").await.ok();
    let has = |key: &'static str, other: &'static str| json!({ "secret": key, "second": other });
    let seen = async || serde_json::from_str::<Value>(&shop.get("shop", "/api/secret").await).unwrap();
    assert_eq!(seen().await, has("string", "undefined"));
    let before = versions(shop).await.len();
    shop.feed(&["secret", "bulk"], r#"{"API_KEY": "hidden-two", "SECOND_KEY": "hidden-three"}"#).await.ok();
    assert_eq!(seen().await, has("string", "string"));
    assert_eq!(versions(shop).await.len(), before + 1, "all of them make one version");
    let list = shop.run(&["secret", "list"]).await.json();
    assert_eq!(
        list,
        json!([{ "name": "API_KEY", "type": "secret_text" }, { "name": "SECOND_KEY", "type": "secret_text" }])
    );
    // A deployment keeps them.
    shop.run(&["deploy"]).await.ok();
    assert_eq!(seen().await, has("string", "string"));
    shop.run(&["secret", "delete", "SECOND_KEY"]).await.ok();
    let list = shop.run(&["secret", "list"]).await.json();
    assert_eq!(list, json!([{ "name": "API_KEY", "type": "secret_text" }]));
    let log = shop.gateway().log().since(0).join("\n");
    assert!(!log.contains("hidden-"), "a secret is in the log");
}

/// A version like the last one with a secret more, which nobody gets until it is deployed.
async fn secrets_wait_for_a_deployment(shop: &Wrangler) {
    let before = release(shop).await;
    shop.feed(&["versions", "secret", "put", "LATER_KEY", "--message", "later"], "hidden-four").await.ok();
    let deployed = async || shop.run(&["versions", "secret", "list"]).await.ok();
    let list = deployed().await;
    assert!(list.contains("API_KEY") && !list.contains("LATER_KEY"), "{list}");
    let latest = shop.run(&["versions", "secret", "list", "--latest-version"]).await.ok();
    assert!(latest.contains("LATER_KEY") && latest.contains("(0%)"), "{latest}");
    let id = versions(shop).await.pop().unwrap();
    let view = shop.run(&["versions", "view", &id]).await.ok();
    assert!(view.contains("later") && view.contains("LATER_KEY") && view.contains("env.CARTS"), "{view}");
    shop.run(&["versions", "deploy", &format!("{id}@100"), "--yes"]).await.ok();
    let list = deployed().await;
    assert!(list.contains("LATER_KEY"), "{list}");
    assert_eq!(release(shop).await, before, "the same code");
    assert!(shop.get("shop", "/").await.contains("<h1>Shop</h1>"), "and the same files");
    // What counts at once for every version would not wait for a deployment: a new value, and one that deployed code has a name for.
    let told = shop.feed(&["versions", "secret", "put", "API_KEY"], "hidden-five").await.refused();
    assert!(told.contains("`API_KEY`") && told.contains("wrangler secret put"), "{told}");
    shop.run(&["secret", "delete", "LATER_KEY"]).await.ok();
    let told = shop.feed(&["versions", "secret", "put", "LATER_KEY"], "hidden-six").await.refused();
    assert!(told.contains("`LATER_KEY`"), "{told}");
    let told = shop.run(&["versions", "secret", "delete", "API_KEY"]).await.refused();
    assert!(told.contains("belong to the handler"), "{told}");
}

/// A file of statements, a database as a file, and the same in another database.
async fn tables_go_as_files(shop: &Wrangler) {
    let mut file = "CREATE TABLE stock (item TEXT, count INTEGER);\n".to_owned();
    (0..3000).for_each(|n| file += &format!("INSERT INTO stock VALUES ('item; number {n}', {n});\n"));
    shop.write("stock.sql", &file);
    let execute = ["d1", "execute", "orders", "--remote", "--yes", "--file"];
    let told = shop.run(&[&execute[..], &["stock.sql"]].concat()).await.ok();
    assert!(told.contains("Executed 3001 queries") && told.contains("3000 rows written"), "{told}");
    shop.write("torn.sql", "CREATE TABLE torn (a); INSERT INTO nowhere VALUES (1);");
    let told = shop.run(&[&execute[..], &["torn.sql"]].concat()).await.refused();
    assert!(told.contains("no such table: nowhere"), "{told}");

    let told = shop.run(&["d1", "export", "orders", "--remote", "--output", "out.sql"]).await.ok();
    let url = told.split_whitespace().find(|word| word.contains("/d1-files/")).unwrap();
    assert_eq!(client().get(url).send().await.unwrap().status(), 404, "it was fetched");
    let out = shop.read("out.sql");
    for part in [
        "CREATE TABLE orders",
        "CREATE INDEX orders_by_item",
        "'first; with a semicolon'",
        "'item; number 2999'",
    ] {
        assert!(out.contains(part), "no `{part}`: {}", &out[..1000]);
    }
    assert!(!out.contains("torn"), "a file is run in whole or not at all");
    let part =
        ["d1", "export", "orders", "--remote", "--table", "orders", "--no-data", "--output", "part.sql"];
    shop.run(&part).await.ok();
    let part = shop.read("part.sql");
    assert!(
        part.contains("CREATE TABLE orders") && !part.contains("INSERT") && !part.contains("stock"),
        "{part}"
    );

    shop.run(&["d1", "create", "copy"]).await.ok();
    shop.run(&["d1", "execute", "copy", "--remote", "--yes", "--file", "out.sql"]).await.ok();
    let sum = "SELECT count(*) AS n, sum(count) AS s FROM stock";
    let sums = shop.run(&["d1", "execute", "copy", "--remote", "--json", "--command", sum]).await.json();
    assert_eq!(sums[0]["results"], json!([{ "n": 3000, "s": 4_498_500 }]));
    shop.run(&["d1", "delete", "copy", "--skip-confirmation"]).await.ok();
}

async fn keys_come_and_go(shop: &Wrangler) {
    let on = |args: &[&'static str]| [&["kv"], args, &["--binding", "CARTS", "--remote"]].concat();
    let key = |args: &[&'static str]| on(&[&["key"], args].concat());
    let cart = shop.run(&key(&["get", "cart:7", "--text"])).await.ok();
    assert!(cart.contains(r#""items":["tea","cup"]"#), "{cart}");
    let put = ["put", "a/b ü", "value ü", "--metadata", r#"{"by":"hand"}"#, "--ttl", "3600"];
    shop.run(&key(&put)).await.ok();
    assert_eq!(shop.run(&key(&["get", "a/b ü", "--text"])).await.ok().trim(), "value ü");
    let list = shop.run(&key(&["list", "--prefix", "a/"])).await.json();
    assert_eq!((&list[0]["name"], &list[0]["metadata"]), (&json!("a/b ü"), &json!({ "by": "hand" })));
    assert!(list[0]["expiration"].as_u64().is_some(), "{list}");
    shop.run(&key(&["delete", "a/b ü"])).await.ok();
    let gone = shop.run(&key(&["get", "a/b ü", "--text"])).await;
    assert!(gone.refused().contains("404"), "what is not there is told");

    let entries: Vec<Value> =
        (0..1200).map(|n| json!({ "key": format!("n{n:04}"), "value": n.to_string() })).collect();
    shop.write("entries.json", &Value::from(entries).to_string());
    shop.run(&on(&["bulk", "put", "entries.json"])).await.ok();
    let all = shop.run(&key(&["list", "--prefix", "n"])).await.json();
    assert_eq!(all.as_array().unwrap().len(), 1200, "over more than one page");
    shop.write("names.json", r#"["n0007", "n1199", "none"]"#);
    let found = shop.run(&on(&["bulk", "get", "names.json"])).await.ok();
    for part in [r#""n0007": "7""#, r#""n1199": "1199""#, r#""none": null"#] {
        assert!(found.contains(part), "no `{part}`: {found}");
    }
    shop.run(&on(&["bulk", "delete", "names.json", "--force"])).await.ok();
    let all = shop.run(&key(&["list", "--prefix", "n"])).await.json();
    assert_eq!(all.as_array().unwrap().len(), 1198);
}

async fn it_is_taken_away(shop: &Wrangler) {
    shop.run(&["delete", "--force"]).await.ok();
    let gone = shop.ask(Method::GET, "shop", "/api/hello").send().await.unwrap();
    assert_eq!(gone.status(), 404);
    let told = shop.run(&["deployments", "list"]).await.refused();
    assert!(told.contains("10007"), "{told}");
    shop.run(&["d1", "delete", "orders", "--skip-confirmation"]).await.ok();
    assert_eq!(shop.run(&["d1", "list", "--json"]).await.json(), json!([]));
    let list = shop.run(&["kv", "namespace", "list"]).await.json();
    let id = list[0]["id"].as_str().unwrap();
    shop.run(&["kv", "namespace", "delete", "--namespace-id", id, "--skip-confirmation"]).await.ok();
    assert_eq!(shop.run(&["kv", "namespace", "list"]).await.json(), json!([]));
}

/// What requests do is seen while they do it: console lines, an exception, and only what was asked for.
async fn it_is_watched(shop: &Wrangler) {
    let mut watched = shop.command(&["tail", "--format", "json", "--status", "error"]);
    let mut all = shop.command(&["tail", "--format", "json", "--method", "GET"]);
    let (mut errors, mut all) = (Listener::start(&mut watched), Listener::start(&mut all));
    // Both listen when they hear something.
    let seen = async |listener: &Listener, path: &str, part: &str| {
        eventually(&format!("an event with {part}"), || async {
            let _ = shop.ask(Method::GET, "shop", path).send().await.unwrap().text().await;
            let text = listener.text();
            text.contains(part).then_some(text)
        })
        .await
    };
    let text = seen(&errors, "/api/fail", "out of stock").await;
    assert!(
        text.contains("TypeError") && text.contains("this will not end well") && text.contains("exception"),
        "{text}"
    );
    let text = seen(&all, "/api/log?what=tea", "somebody looked at").await;
    assert!(text.contains("/api/log?what=tea") && text.contains("\"scriptName\": \"shop\""), "{text}");
    assert!(!errors.text().contains("somebody looked at"), "what is no error was not asked for");
    errors.end().await;
    all.end().await;
}

/// A wrangler that goes on.
struct Listener {
    child: tokio::process::Child,
    heard: Arc<Mutex<String>>,
}

impl Listener {
    fn start(command: &mut tokio::process::Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut from = child.stdout.take().unwrap();
        let heard = Arc::new(Mutex::new(String::new()));
        let to = Arc::clone(&heard);
        tokio::spawn(async move {
            let mut piece = vec![0; 64 << 10];
            while let Ok(size @ 1..) = from.read(&mut piece).await {
                to.lock().unwrap().push_str(&String::from_utf8_lossy(&piece[..size]));
            }
        });
        Self { child, heard }
    }

    fn text(&self) -> String {
        self.heard.lock().unwrap().clone()
    }

    async fn end(&mut self) {
        self.child.kill().await.unwrap();
    }
}
