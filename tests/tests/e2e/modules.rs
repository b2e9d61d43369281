//! Forms of code beside plain JavaScript: TypeScript, source maps, Node.js's modules, `cloudflare:workers`.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tabmesh_tests::gateway::{client, workspace};
use tabmesh_tests::{mesh, solo};

#[tokio::test]
async fn typescript_runs_and_its_stacks_are_its_own() {
    let gateway = mesh().await;
    let source = std::fs::read_to_string(workspace().join("examples/hello.ts")).unwrap();
    let url = gateway.handler_url("typed");
    let request = client().put(&url).header("content-type", "application/typescript").body(source);
    assert_eq!(request.send().await.unwrap().status(), 201);
    assert!(gateway.text("/typed/x").await.contains("hello from a tab: GET "));

    // Types above move every line; the log names those of the source.
    let thrower = "type A = {\n  a: string;\n};\n\nconst fail = (what: A): never => {\n  throw new TypeError(what.a);\n};\n\
                   export default { fetch(): Response {\n  console.error(new Error('told'));\n  return fail({ a: 'thrown' });\n} };\n";
    let url = format!("{}?name=src%2Fapp.ts", gateway.handler_url("typed-stack"));
    let answer = client().put(url).body(thrower).send().await.unwrap();
    assert!(answer.status().is_success(), "{:?}", answer.text().await);
    assert_eq!(gateway.get("/typed-stack/").await.status(), 500);
    let told = gateway.log().wait(gateway.mark(), &["typed-stack", "told"]).await;
    assert!(told.contains("src/app.ts:9:"), "{told}");
    let failed = gateway.log().wait(gateway.mark(), &["typed-stack", "TypeError: thrown"]).await;
    assert!(failed.contains("src/app.ts:6:9") && failed.contains("src/app.ts:10:"), "{failed}");
}

#[tokio::test]
async fn uploaded_maps_turn_stacks_back() {
    let gateway = mesh().await;
    // Line 2 column 3 of the bundle is line 7 column 5 of the source.
    let map = r#"{"version":3,"sources":["../src/a.ts"],"sourcesContent":["a secret"],"names":[],"mappings":";EAMI"}"#;
    let main =
        "export default { fetch() {\n  throw new Error('mapped'); } };\n//# sourceMappingURL=main.js.map\n";
    let view = gateway.deploy_files("mapped", &[("main.js", main), ("main.js.map", map)], json!({})).await;
    assert_eq!(view["modules"].as_array().unwrap().len(), 1);
    let code = gateway.text(&format!("/_mesh/code/{}", view["version"].as_str().unwrap())).await;
    assert!(!code.contains("secret") && !code.contains("mappings"), "{code}");
    let response = gateway.get("/mapped/").await;
    assert_eq!(response.status(), 500);
    assert!(!response.text().await.unwrap().contains("src/a.ts"));
    let failed = gateway.log().wait(gateway.mark(), &["handler=\"mapped\"", "Error: mapped"]).await;
    assert!(failed.contains("src/a.ts:7:5"), "{failed}");
}

const NODE: &str = r#"
    import assert from 'node:assert';
    import { createHash, createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
    import { EventEmitter, once } from 'events';
    import path from 'node:path';
    import { Readable, Transform } from 'node:stream';
    import { pipeline } from 'node:stream/promises';
    import { StringDecoder } from 'node:string_decoder';
    import { setTimeout as sleep } from 'node:timers/promises';
    import util, { promisify } from 'node:util';
    import { readFileSync } from 'node:fs';
    import qs from 'node:querystring';
    import { fileURLToPath } from 'node:url';
    import os from 'node:os';

    export default { async fetch(request) {
      const emitter = new EventEmitter();
      setTimeout(() => emitter.emit('later', 7), 1);
      const [later] = await once(emitter, 'later');
      const pieces = [];
      await pipeline(
        Readable.from(['a', 'b']),
        new Transform({ transform(chunk, _, done) { done(null, chunk.toString().toUpperCase()); } }),
        async (source) => { for await (const piece of source) pieces.push(String(piece)); },
      );
      await sleep(1);
      let unequal, missing;
      try { assert.deepStrictEqual({ a: 1 }, { a: 2 }); } catch (error) { unequal = error.code; }
      try { readFileSync('/etc/passwd'); } catch (error) { missing = error.message; }
      return Response.json({
        later, pieces: pieces.join(''), unequal, missing,
        sha256: createHash('sha256').update('abc').digest('hex'),
        md5: createHash('md5').update(Buffer.from('abc')).digest('base64'),
        hmac: createHmac('sha1', 'key').update('abc').digest('hex'),
        random: randomBytes(8).length, uuid: randomUUID().length,
        equal: timingSafeEqual(Buffer.from('x'), Buffer.from('x')),
        buffer: Buffer.from('héllo').toString('base64'), is: Buffer.isBuffer(Buffer.alloc(1)),
        path: path.join('/a', '../b', 'c.txt'), decoded: new StringDecoder('utf8').write(Buffer.from('é')),
        format: util.format('%s=%d', 'a', 1), promised: await promisify((done) => done(null, 5))(),
        query: qs.parse('a=1&b=2').b, file: fileURLToPath('file:///x/y'), eol: os.EOL,
        env: typeof process.env, version: process.version.startsWith('v'), global: global === globalThis,
        tick: await new Promise((resolve) => process.nextTick(resolve, 'ticked')),
        sub: await import('node:util/types').then((types) => types.isPromise(Promise.resolve())),
      });
    } };
"#;

#[tokio::test]
async fn nodes_modules_are_there_with_the_flag() {
    let gateway = mesh().await;
    let flags = json!({ "compatibility_flags": ["nodejs_compat"], "compatibility_date": "2026-01-01" });
    gateway.deploy_files("node", &[("main.js", NODE)], flags).await;
    let answer: Value = gateway.get("/node/").await.json().await.unwrap();
    assert_eq!(
        answer,
        json!({
            "later": 7, "pieces": "AB", "unequal": "ERR_ASSERTION",
            "missing": "[unenv] fs.readFileSync is not implemented yet!",
            "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "md5": "kAFQmDzST7DWlj99KOF/cg==", "hmac": "4fd0b215276ef12f2b3e4c8ecac2811498b656fc",
            "random": 8, "uuid": 36, "equal": true, "buffer": "aMOpbGxv", "is": true, "path": "/b/c.txt",
            "decoded": "é", "format": "a=1", "promised": 5, "query": "2", "file": "/x/y", "eol": "\n",
            "env": "object", "version": true, "global": true, "tick": "ticked", "sub": true,
        })
    );

    let refused = client().put(gateway.handler_url("node-without")).body(NODE).send().await.unwrap();
    assert_eq!(refused.status(), 422);
    let document: Value = refused.json().await.unwrap();
    assert_eq!((document["specifier"].as_str(), document["line"].as_u64()), (Some("node:assert"), Some(2)));
    assert!(document["hint"].as_str().unwrap().contains("nodejs_compat"), "{document}");
}

/// Every way by which code goes on later. Each request has a store of its own, and they run into each other.
const STORE: &str = r#"
    import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
    const storage = new AsyncLocalStorage();
    const other = new AsyncLocalStorage();
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const jitter = () => pause(Math.random() * 8);
    async function* numbers() { for (let i = 0; i < 3; i++) { await jitter(); yield i; } }
    class Lazy { then(done) { jitter().then(() => done(storage.getStore()?.id)); } }

    async function work(id, wrong) {
      const check = (where) => { if (storage.getStore()?.id !== id) wrong.push(`${where}: ${storage.getStore()?.id}`); };
      check('start');
      await jitter(); check('await');
      await null; check('await of no promise');
      try { await Promise.reject(new Error('x')); } catch { check('catch'); } finally { check('finally'); }
      for await (const n of numbers()) { check('for await'); await jitter(); check('in for await'); }
      check('after for await');
      outer: for await (const n of numbers()) { for await (const m of numbers()) { await null; if (m) continue outer; } }
      check('after labels');
      await jitter().then(() => { check('then'); return jitter(); }).finally(() => check('finally()'));
      await new Promise((done) => setTimeout(() => { check('timer'); done(); }, Math.random() * 5));
      await new Promise((done) => queueMicrotask(() => { check('microtask'); done(); }));
      if (await new Lazy() !== id) wrong.push('a thenable');
      await Promise.all([1, 2].map(async (n) => { await other.run(n, async () => { await jitter(); if (other.getStore() !== n) wrong.push('nested'); check('in nested'); }); }));
      if (other.getStore() !== undefined) wrong.push('left');
      await storage.run({ id: 'inner' }, async () => { await jitter(); if (storage.getStore().id !== 'inner') wrong.push('inner'); });
      check('after inner');
      const text = await new Response(new ReadableStream({ async pull(c) { await jitter(); check('pull'); c.enqueue(new TextEncoder().encode('x')); c.close(); } })).text();
      check('stream ' + text);
      const bound = AsyncResource.bind(() => storage.getStore()?.id);
      const snapshot = AsyncLocalStorage.snapshot();
      if (storage.exit(() => storage.getStore()) !== undefined) wrong.push('exit');
      if (storage.run({ id: 'x' }, bound) !== id) wrong.push('bind');
      if (storage.run({ id: 'x' }, () => snapshot(() => storage.getStore()?.id)) !== id) wrong.push('snapshot');
      storage.enterWith({ id: id + 'entered' });
      await jitter();
      if (storage.getStore()?.id !== id + 'entered') wrong.push('enterWith');
    }

    let loaded = 0;
    export default { async fetch(request) {
      const outside = storage.getStore()?.id;
      const id = new URL(request.url).searchParams.get('id');
      const wrong = outside === undefined ? [] : [`outside: ${outside}`];
      loaded++;
      await storage.run({ id }, () => work(id, wrong));
      if (storage.getStore() !== undefined) wrong.push(`after run: ${storage.getStore().id}`);
      return Response.json({ wrong, loaded });
    } };
"#;

#[tokio::test]
async fn stores_stay_with_their_requests() {
    let gateway = solo().await;
    gateway
        .deploy_files("stores", &[("main.js", STORE)], json!({ "compatibility_flags": ["nodejs_compat"] }))
        .await;
    gateway.get("/stores/?id=first").await;
    let mut most = 0;
    for round in 0..3 {
        let paths: Vec<String> = (0..20).map(|i| format!("/stores/?id={round}-{i}")).collect();
        for answer in join_all(paths.iter().map(|path| gateway.get(path))).await {
            let answer: Value = answer.json().await.unwrap();
            assert_eq!(answer["wrong"], json!([]), "{answer}");
            most = most.max(answer["loaded"].as_u64().unwrap());
        }
    }
    assert!(most > 20, "the requests did not meet in one isolate: {most}");
}

#[tokio::test]
async fn entrypoints_are_classes_with_env_and_context() {
    let gateway = mesh().await;
    let source = "import { DurableObject, WorkerEntrypoint, env, waitUntil } from 'cloudflare:workers';
        export class Counter extends DurableObject {}
        export class Other extends WorkerEntrypoint { hello() { return 'hi'; } }
        export default class extends WorkerEntrypoint {
          async fetch(request) {
            waitUntil(scheduler.wait(5).then(() => console.log('waited for')));
            let durable;
            try { new Counter(); } catch (error) { durable = error.message; }
            return Response.json({ env: typeof env, same: env === this.env, context: typeof this.ctx.waitUntil, durable });
          }
        }";
    gateway.deploy("entrypoint", source).await;
    let answer: Value = gateway.get("/entrypoint/").await.json().await.unwrap();
    assert_eq!((&answer["env"], &answer["context"]), (&json!("object"), &json!("function")), "{answer}");
    assert!(answer["durable"].as_str().unwrap().contains("Durable Objects are not available"), "{answer}");
    gateway.log().wait(gateway.mark(), &["handler=\"entrypoint\"", "waited for"]).await;
}

#[tokio::test]
async fn the_html_rewriter_comes_with_code_that_names_it() {
    let gateway = mesh().await;
    let source = |name: &str, more: &str| {
        format!(
            "{more}\nconst Class = globalThis[{name}];\nexport default {{ fetch: () => {{\n\
             try {{ return new Class().on('p', {{ element(e) {{ e.append('!'); }} }}).transform(new Response('<p>x</p>')); }}\n\
             catch (error) {{ return new Response(String(error)); }} }} }};"
        )
    };
    let named = "['HTMLRewriter'][0]";
    gateway.deploy("rewriter-named", source(named, "")).await;
    assert_eq!(gateway.text("/rewriter-named/").await, "<p>x!</p>");
    // Too large to travel ahead of a request: the tab fetches it, and the module.
    gateway.deploy("rewriter-large", source(named, &format!("// {}", "x".repeat(100_000)))).await;
    assert_eq!(gateway.text("/rewriter-large/").await, "<p>x!</p>");
    gateway.deploy("rewriter-computed", source("['HTML', 'Rewriter'].join('')", "")).await;
    let told = gateway.text("/rewriter-computed/").await;
    assert_eq!(told, "TypeError: HTMLRewriter is only there for handlers whose source names it.");
}
