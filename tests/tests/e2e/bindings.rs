//! What handlers find in `env`, and call.

use serde_json::{Value, json};
use tabmesh_tests::gateway::client;
use tabmesh_tests::upstream::Upstream;
use tabmesh_tests::{Setup, mesh, solo};

async fn value(gateway: &tabmesh_tests::Gateway, path: &str) -> Value {
    let text = gateway.text(path).await;
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
}

#[tokio::test]
async fn variables_are_part_of_a_version() {
    let gateway = mesh().await;
    let source = "export default { fetch: (_, env) => Response.json(env) };";
    let deploy = async |text: &str| {
        let bindings = json!([
            { "type": "plain_text", "name": "TEXT", "text": text },
            { "type": "json", "name": "DATA", "json": { "a": [1, null] } },
        ]);
        let metadata = json!({ "main_module": "main.js", "bindings": bindings });
        gateway.deploy_files("vars", &[("main.js", source)], metadata).await["version"].clone()
    };
    let first = deploy("one").await;
    assert_eq!(value(&gateway, "/vars/").await, json!({ "TEXT": "one", "DATA": { "a": [1, null] } }));
    assert_ne!(deploy("two").await, first);
    assert_eq!(value(&gateway, "/vars/").await["TEXT"], "two");
    assert_eq!(deploy("one").await, first);
}

#[tokio::test]
async fn what_is_no_binding_is_refused_by_name() {
    let gateway = mesh().await;
    let metadata = json!({ "bindings": [{ "type": "queue", "name": "Q", "queue_name": "q" }] });
    let form = reqwest::multipart::Form::new()
        .text("metadata", metadata.to_string())
        .part("f", reqwest::multipart::Part::text("export default {}").file_name("main.js"));
    let response = client().put(gateway.handler_url("unbound")).multipart(form).send().await.unwrap();
    assert_eq!(response.status(), 400);
    let problem: Value = response.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("`Q` has the type `queue`"), "{problem}");
}

const KV: &str = r"
    const told = async (work) => { try { return await work(); } catch (error) { return error.message; } };
    export default { async fetch(request, { KV }, ctx) {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname.endsWith('/put')) {
        await KV.put(searchParams.get('key'), request.body ?? 'none', { metadata: { by: 'ü' } });
        return new Response('stored');
      }
      if (pathname.endsWith('/get')) return new Response(await KV.get(searchParams.get('key'), 'stream'));
      if (pathname.endsWith('/later')) {
        ctx.waitUntil(new Promise((done) => setTimeout(done, 150)).then(() => KV.put('later', 'done')));
        return new Response('soon');
      }
      await KV.put('text', 'äöü');
      await KV.put('json', JSON.stringify({ a: 1 }));
      await KV.put('bytes', new Uint8Array([0, 255]));
      await KV.put('a/1', '', { expirationTtl: 60 });
      await KV.put('a/2', '', { expiration: Math.floor(Date.now() / 1000) + 100 });
      await KV.put('gone', 'x');
      await KV.delete('gone');
      const list = await KV.list({ prefix: 'a/', limit: 1 });
      const rest = await KV.list({ prefix: 'a/', cursor: list.cursor });
      return Response.json({
        text: await KV.get('text'),
        json: await KV.get('json', 'json'),
        bytes: [...new Uint8Array(await KV.get('bytes', { type: 'arrayBuffer' }))],
        gone: await KV.get('gone'),
        with: await KV.getWithMetadata('streamed'),
        many: [...await KV.get(['text', 'nope'])],
        first: [list.keys[0].name, list.list_complete, typeof list.keys[0].expiration],
        rest: [rest.keys[0].name, rest.list_complete, 'cursor' in rest],
        errors: [
          await told(() => KV.put('x', 'y', { expirationTtl: 59 })),
          await told(() => KV.get('x'.repeat(513))),
          await told(() => KV.put('', 'y')),
          await told(() => KV.put('x', {})),
          await told(() => KV.list({ limit: 0 })),
        ],
      });
    } };
";

#[tokio::test]
async fn kv_keeps_every_kind_of_value_apart_by_tenant_and_over_a_restart() {
    let mut gateway = Setup::new().tabs(1).start().await;
    let bindings = json!([{ "type": "kv_namespace", "name": "KV", "namespace_id": "one" }]);
    let metadata = json!({ "main_module": "main.js", "bindings": bindings });
    gateway.deploy_files("kv", &[("main.js", KV)], metadata).await;
    let large = vec![3; 3 << 20];
    let put = client().put(gateway.url("/kv/put?key=streamed")).body("short").send().await.unwrap();
    assert_eq!(put.text().await.unwrap(), "stored");
    client().put(gateway.url("/kv/put?key=large")).body(large.clone()).send().await.unwrap();
    let got = gateway.get("/kv/get?key=large").await.bytes().await.unwrap();
    assert!(got == large, "{} bytes", got.len());
    let told = value(&gateway, "/kv/all").await;
    let errors = told["errors"].as_array().unwrap();
    assert!(errors[0].as_str().unwrap().contains("at least 60"), "{errors:?}");
    assert!(errors[1].as_str().unwrap().contains("414"), "{errors:?}");
    assert!(errors[2].as_str().unwrap().contains("cannot be empty"), "{errors:?}");
    assert!(errors[3].as_str().unwrap().contains("accepts only strings"), "{errors:?}");
    assert!(errors[4].as_str().unwrap().contains("greater than 0"), "{errors:?}");
    let mut told = told;
    told["errors"].take();
    assert_eq!(
        told,
        json!({
            "text": "äöü", "json": { "a": 1 }, "bytes": [0, 255], "gone": null,
            "with": { "value": "short", "metadata": { "by": "ü" }, "cacheStatus": null },
            "many": [["text", "äöü"], ["nope", null]],
            "first": ["a/1", false, "number"], "rest": ["a/2", true, false], "errors": null,
        })
    );
    assert_eq!(gateway.text("/kv/later").await, "soon");
    tabmesh_tests::eventually("waitUntil wrote", || async {
        (gateway.text("/kv/get?key=later").await == "done").then_some(())
    })
    .await;

    gateway.make_tenant("other").await;
    let form = |metadata: &Value| {
        reqwest::multipart::Form::new()
            .text("metadata", metadata.to_string())
            .part("f", reqwest::multipart::Part::text(KV).file_name("main.js"))
    };
    let metadata = json!({ "main_module": "main.js", "bindings": [{ "type": "kv_namespace", "name": "KV", "namespace_id": "one" }] });
    let url = gateway.url("/_mesh/v1/tenants/other/handlers/kv");
    assert!(client().put(url).multipart(form(&metadata)).send().await.unwrap().status().is_success());
    let theirs = client().get(gateway.host_url("kv.other", "/get?key=text")).send().await.unwrap();
    assert_eq!(theirs.text().await.unwrap(), "", "another tenant sees it");

    gateway.kill().await;
    let gateway = gateway.restart().await;
    gateway.wait_for_tabs(1).await;
    assert_eq!(gateway.text("/kv/get?key=text").await, "äöü");
}

#[tokio::test]
async fn d1_answers_as_its_documentation_says() {
    let gateway = solo().await;
    let source = r"
        const told = async (work) => { try { return await work(); } catch (error) { return error.message; } };
        export default { async fetch(request, { DB }) {
          const { count } = await DB.exec('DROP TABLE IF EXISTS t;\nCREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, data BLOB)');
          const insert = DB.prepare('INSERT INTO t (name, data) VALUES (?1, ?2)');
          const run = await insert.bind('ä', new Uint8Array([1, 2]).buffer).run();
          const batch = await DB.batch([insert.bind('b', null), DB.prepare('SELECT count(*) AS n FROM t')]);
          const failed = await told(() => DB.batch([insert.bind('c', null), insert.bind('b', null)]));
          return Response.json({
            count, changes: run.meta.changes, last: run.meta.last_row_id, success: run.success,
            n: batch[1].results, failed,
            first: await DB.prepare('SELECT * FROM t WHERE name = ?').bind('ä').first(),
            column: await DB.prepare('SELECT name FROM t ORDER BY id').first('name'),
            none: await DB.prepare('SELECT 1 WHERE 0').first(),
            all: (await DB.prepare('SELECT id FROM t ORDER BY id').all()).results,
            raw: await DB.prepare('SELECT id, name FROM t ORDER BY id').raw({ columnNames: true }),
            errors: [
              await told(() => DB.prepare('SELECT * FROM nope').all()),
              await told(() => DB.prepare('SELECT ?').bind(undefined).all()),
              await told(() => DB.prepare('SELECT 1').first('nope')),
              await told(() => DB.exec(`ATTACH '/tmp/x' AS x`)),
            ],
          });
        } };
    ";
    let bindings = json!([{ "type": "d1", "name": "DB", "id": "todo" }]);
    gateway
        .deploy_files("d1", &[("main.js", source)], json!({ "main_module": "main.js", "bindings": bindings }))
        .await;
    let told = value(&gateway, "/d1/").await;
    assert_eq!(
        told,
        json!({
            "count": 2, "changes": 1, "last": 1, "success": true, "n": [{ "n": 2 }],
            "failed": "D1_ERROR: UNIQUE constraint failed: t.name: SQLITE_CONSTRAINT",
            "first": { "id": 1, "name": "ä", "data": [1, 2] }, "column": "ä", "none": null,
            "all": [{ "id": 1 }, { "id": 2 }], "raw": [["id", "name"], [1, "ä"], [2, "b"]],
            "errors": [
                "D1_ERROR: no such table: nope: SQLITE_ERROR",
                "D1_TYPE_ERROR: Type 'undefined' not supported for value 'undefined'",
                "D1_ERROR: Column not found (nope)",
                "D1_ERROR: not authorized: SQLITE_AUTH",
            ],
        })
    );
}

#[tokio::test]
async fn one_handler_calls_another_of_its_tenant_and_no_circle_is_endless() {
    let gateway = mesh().await;
    let back = r"
        export default { async fetch(request, env) {
          const { pathname } = new URL(request.url);
          if (pathname === '/throw') throw new Error('inside');
          return new Response(`${request.method} ${request.url} ${request.headers.get('x')} ${await request.text()}`, { status: 201 });
        } };
    ";
    gateway.deploy("service-back", back).await;
    let front = r"
        export default { async fetch(request, { BACK, SELF, NOBODY }) {
          const { pathname } = new URL(request.url);
          if (pathname.endsWith('/throw')) return BACK.fetch('https://back/throw');
          if (pathname.endsWith('/circle')) return SELF.fetch(request);
          if (pathname.endsWith('/nobody')) return NOBODY.fetch(request).catch((error) => new Response(error.message));
          return BACK.fetch('https://back.example/path?q', { method: 'POST', body: 'hi', headers: { x: 'y' } });
        } };
    ";
    let bindings = json!([
        { "type": "service", "name": "BACK", "service": "service-back" },
        { "type": "service", "name": "SELF", "service": "service-front" },
        { "type": "service", "name": "NOBODY", "service": "nobody" },
    ]);
    let metadata = json!({ "main_module": "main.js", "bindings": bindings });
    gateway.deploy_files("service-front", &[("main.js", front)], metadata).await;
    let answer = gateway.get("/service-front/").await;
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.text().await.unwrap(), "POST https://back.example/path?q y hi");
    assert_eq!(gateway.get("/service-front/throw").await.status(), 500);
    assert!(gateway.text("/service-front/nobody").await.contains("no handler `nobody`"));
    let circle = gateway.get("/service-front/circle").await;
    assert_eq!(circle.status(), 500);
}

#[tokio::test]
async fn a_tab_never_sees_a_secret_and_the_other_end_does() {
    let upstream = Upstream::start().await;
    let gateway = Setup::new().tabs(1).args(&["--egress-allow", &upstream.address.to_string()]).start().await;
    let source = format!(
        "export default {{ async fetch(request, {{ KEY, LATER }}) {{
           if (new URL(request.url).pathname.endsWith('/see')) return Response.json([KEY, LATER ?? null]);
           return fetch('{}?k=' + KEY, {{ method: 'POST', body: JSON.stringify({{ KEY }}), headers: {{
             authorization: 'Bearer ' + KEY, 'content-type': 'application/json', later: LATER ?? 'none' }} }});
         }} }};",
        upstream.url("/api")
    );
    let bindings = json!([{ "type": "secret_text", "name": "KEY", "text": "s3cret&value" }]);
    let metadata = json!({ "main_module": "main.js", "bindings": bindings });
    gateway.deploy_files("keeper", &[("main.js", &source)], metadata).await;
    let seen = value(&gateway, "/keeper/see").await;
    assert!(seen[0].as_str().unwrap().starts_with("tabmesh-secret-"), "{seen}");
    let sent = value(&gateway, "/keeper/").await;
    assert_eq!(sent["url"], "/api?k=s3cret%26value");
    assert_eq!(sent["body"], r#"{"KEY":"s3cret&value"}"#);
    assert!(sent["headers"].as_array().unwrap().contains(&json!(["authorization", "Bearer s3cret&value"])));

    let secrets = gateway.url("/_mesh/v1/handlers/keeper/secrets");
    let put = client().put(format!("{secrets}/LATER")).body("afterwards").send().await.unwrap();
    assert_eq!(put.status(), 204);
    assert!(value(&gateway, "/keeper/").await["headers"].to_string().contains("afterwards"));
    let names: Value = client().get(&secrets).send().await.unwrap().json().await.unwrap();
    assert_eq!(names, json!({ "secrets": ["KEY", "LATER"] }));
    // Deployed anew without naming them, they stay.
    gateway.deploy("keeper", source).await;
    assert!(value(&gateway, "/keeper/").await["headers"].to_string().contains("afterwards"));
    assert_eq!(client().delete(format!("{secrets}/LATER")).send().await.unwrap().status(), 204);
    assert!(!value(&gateway, "/keeper/").await["headers"].to_string().contains("afterwards"));
    assert!(gateway.log().matching(0, &["s3cret"]).is_empty(), "the log has it");
}

#[tokio::test]
async fn an_event_function_has_a_store_and_a_database_of_its_own() {
    let gateway = mesh().await;
    let source = r"
        export default async function (event, ctx) {
          const seen = Number(await ctx.kv.get('seen') ?? 0) + 1;
          await ctx.kv.put('seen', String(seen));
          await ctx.sql('CREATE TABLE IF NOT EXISTS events (name TEXT)');
          await ctx.sql('INSERT INTO events VALUES (?)', event.name);
          ctx.log('seen', event.name);
          const failed = await ctx.fetch('http://127.0.0.1:1/').catch((error) => error.message);
          return { seen, events: await ctx.sql('SELECT name FROM events'), failed };
        }
    ";
    gateway.deploy("eventful", source).await;
    let post = async |name: &str| -> Value {
        let request = client().post(gateway.url("/eventful/")).json(&json!({ "name": name }));
        request.send().await.unwrap().json().await.unwrap()
    };
    assert_eq!(post("a").await["seen"], 1);
    let second = post("b").await;
    assert_eq!((&second["seen"], &second["events"]), (&json!(2), &json!([{ "name": "a" }, { "name": "b" }])));
    assert!(second["failed"].as_str().unwrap().contains("not on the public internet"), "{second}");
}

#[tokio::test]
async fn a_method_of_another_handler_is_named_when_it_is_called() {
    let gateway = mesh().await;
    let source = "export default { async fetch(_, { OTHER }) {
      try { return new Response(await OTHER.greet('you')); } catch (error) { return new Response(error.message); }
    } };";
    let bindings = json!([{ "type": "service", "name": "OTHER", "service": "nobody" }]);
    gateway.deploy_files("calls-methods", &[("main.js", source)], json!({ "bindings": bindings })).await;
    let told = gateway.text("/calls-methods/").await;
    assert!(told.contains("env.OTHER.greet()") && told.contains("RPC"), "{told}");
}

#[tokio::test]
async fn sockets_of_tcp_are_named_when_one_is_opened() {
    let gateway = mesh().await;
    let source = "import { connect } from 'cloudflare:sockets';
      export default { fetch() {
        try { connect({ hostname: 'db.example', port: 5432 }); } catch (error) { return new Response(error.message); }
      } };";
    gateway.deploy("connects", source).await;
    let told = gateway.text("/connects/").await;
    assert!(told.contains("connect() of cloudflare:sockets is not available"), "{told}");
}
