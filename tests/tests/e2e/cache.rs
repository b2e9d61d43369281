//! The response cache and the Cache API: a handler that counts how often it ran tells who answered.

use futures_util::future::join_all;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tabmesh_tests::gateway::client;
use tabmesh_tests::{Gateway, eventually, solo};

/// Answers with the number of its run, and with the response fields that the query names. `slow` takes a while, `etag` makes it
/// confirm what the caller has, `broken` fails from the second run on.
const COUNTS: &str = r"
    let runs = 0;
    export default {
      async fetch(request) {
        const { pathname, searchParams } = new URL(request.url);
        if (pathname === '/runs') return new Response(`${runs}`);
        runs++;
        const run = runs;
        if (searchParams.has('slow')) await scheduler.wait(300);
        if (searchParams.has('broken') && run > 1) throw new Error('broken');
        const headers = new Headers();
        for (const [name, value] of searchParams) if (name.includes('-') || name === 'etag' || name === 'vary') headers.set(name, value);
        if (request.headers.get('if-none-match') === headers.get('etag') && headers.has('etag')) {
          return new Response(null, { status: 304, headers });
        }
        if (searchParams.has('stream')) {
          let left = 5;
          return new Response(new ReadableStream({
            async pull(controller) {
              await scheduler.wait(20);
              controller.enqueue(new TextEncoder().encode(`${run};`));
              if (--left === 0) controller.close();
            },
          }), { headers });
        }
        return new Response(`run ${run} of ${request.method}`, { headers });
      },
    };
";

const FRESH: &str = "cache-control=max-age%3D60";

async fn told(response: Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let cache = response.headers().get("cf-cache-status").map(|it| it.to_str().unwrap().to_owned());
    (status, cache.unwrap_or_default(), response.text().await.unwrap())
}

fn is(status: u16, cache: &str, body: &str) -> (u16, String, String) {
    (status, cache.to_owned(), body.to_owned())
}

async fn get(gateway: &Gateway, path: &str) -> (u16, String, String) {
    told(gateway.get(path).await).await
}

async fn get_with(gateway: &Gateway, path: &str, name: &str, value: &str) -> Response {
    client().get(gateway.url(path)).header(name, value).send().await.unwrap()
}

async fn runs(gateway: &Gateway, name: &str) -> u32 {
    gateway.text(&format!("/{name}/runs")).await.parse().unwrap()
}

#[tokio::test]
async fn an_answer_that_says_so_is_given_again_until_a_deployment() {
    let gateway = solo().await;
    gateway.deploy("cached", COUNTS).await;
    let path = format!("/cached/a?{FRESH}&etag=%22x%22");
    assert_eq!(get(&gateway, &path).await, is(200, "MISS", "run 1 of GET"));
    let hit = gateway.get(&path).await;
    assert!(hit.headers()["age"].to_str().unwrap().parse::<u64>().unwrap() < 60);
    assert_eq!(told(hit).await, is(200, "HIT", "run 1 of GET"));
    assert_eq!(told(get_with(&gateway, &path, "cache-control", "no-cache").await).await.1, "HIT");
    assert_eq!(told(get_with(&gateway, &path, "if-none-match", "\"x\"").await).await, is(304, "HIT", ""));
    let part = get_with(&gateway, &path, "range", "bytes=4-4").await;
    assert_eq!(
        (&part.headers()["content-range"], &part.headers()["content-length"]),
        (&"bytes 4-4/12".parse().unwrap(), &"1".parse().unwrap())
    );
    assert_eq!(told(part).await, is(206, "HIT", "1"));
    let beyond = get_with(&gateway, &path, "range", "bytes=99-").await;
    assert_eq!(beyond.headers()["content-range"], "bytes */12");
    assert_eq!(beyond.status(), 416);
    let head = client().head(gateway.url(&path)).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], "12");
    assert_eq!(told(head).await, is(200, "HIT", ""));
    assert_eq!(runs(&gateway, "cached").await, 1);
    assert_eq!(get(&gateway, "/cached/plain").await, is(200, "DYNAMIC", "run 2 of GET"));
    for control in ["no-store", "private%2C+max-age%3D60", "max-age%3D0"] {
        assert_eq!(
            get(&gateway, &format!("/cached/?cache-control={control}")).await.1,
            "BYPASS",
            "{control}"
        );
    }
    assert_eq!(get(&gateway, &format!("/cached/?{FRESH}&set-cookie=a")).await.1, "BYPASS");
    let host = gateway.host_url("cached", &format!("/a?{FRESH}&etag=%22x%22"));
    assert_eq!(told(client().get(&host).send().await.unwrap()).await.1, "MISS", "another URL");
    assert!(gateway.metric("tabmesh_cache_answers_total{status=\"HIT\"}").await >= 5.0);

    gateway.deploy("cached", format!("{COUNTS}// new")).await;
    assert_eq!(get(&gateway, &path).await, is(200, "MISS", "run 1 of GET"));
    gateway.deploy("cached", COUNTS).await;
    assert_eq!(get(&gateway, &path).await.1, "MISS", "also of what was deployed before");
}

#[tokio::test]
async fn fifty_requests_for_the_same_run_once() {
    let gateway = solo().await;
    gateway.deploy("once", COUNTS).await;
    for (round, path) in
        [format!("/once/a?slow&{FRESH}"), format!("/once/b?stream&{FRESH}")].into_iter().enumerate()
    {
        let answers = join_all((0..50).map(|_| get(&gateway, &path))).await;
        assert_eq!(runs(&gateway, "once").await as usize, round + 1);
        let first = answers.iter().find(|(_, cache, _)| cache == "MISS").unwrap();
        assert!(answers.iter().all(|(status, _, body)| *status == 200 && *body == first.2), "{answers:?}");
        assert_eq!(answers.iter().filter(|(_, cache, _)| cache == "HIT").count(), 49);
    }
    let answers = join_all((0..10).map(|_| get(&gateway, "/once/c?slow"))).await;
    assert!(answers.iter().all(|(status, cache, _)| *status == 200 && cache == "DYNAMIC"), "{answers:?}");
    assert_eq!(runs(&gateway, "once").await, 12);
}

#[tokio::test]
async fn what_is_purged_is_asked_for_again() {
    let gateway = solo().await;
    gateway.deploy("purged", COUNTS).await;
    let (one, two) = (format!("/purged/1?{FRESH}"), format!("/purged/2?{FRESH}"));
    let purge = |body: Value| client().post(gateway.handler_url("purged") + "/purge").json(&body).send();
    for path in [&one, &two] {
        assert_eq!(get(&gateway, path).await.1, "MISS");
    }
    let response = purge(json!({ "files": [gateway.url(&one)] })).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.json::<Value>().await.unwrap()),
        (200, json!({ "purged": 1 }))
    );
    assert_eq!(get(&gateway, &one).await.1, "MISS");
    assert_eq!(get(&gateway, &two).await.1, "HIT");
    assert_eq!(purge(json!({ "purge_everything": true })).await.unwrap().status(), 200);
    for path in [&one, &two] {
        assert_eq!(get(&gateway, path).await.1, "MISS");
    }
    for wrong in [
        json!({}),
        json!({ "files": ["/no-host"] }),
        json!({ "files": ["http://x/"], "purge_everything": true }),
    ] {
        assert_eq!(purge(wrong).await.unwrap().status(), 400);
    }
    let missing = client()
        .post(gateway.handler_url("nobody") + "/purge")
        .json(&json!({ "purge_everything": true }))
        .send();
    assert_eq!(missing.await.unwrap().status(), 404);
}

#[tokio::test]
async fn variants_and_callers_with_credentials_are_kept_apart() {
    let gateway = solo().await;
    gateway.deploy("varied", COUNTS).await;
    let path = format!("/varied/?{FRESH}&vary=accept-language");
    for (language, cache, run) in [("de", "MISS", 1), ("en", "MISS", 2), ("de", "HIT", 1), ("en", "HIT", 2)] {
        let answer = told(get_with(&gateway, &path, "accept-language", language).await).await;
        assert_eq!(answer, is(200, cache, &format!("run {run} of GET")), "{language}");
    }
    let path = format!("/varied/open?{FRESH}");
    get(&gateway, &path).await;
    assert_eq!(
        told(get_with(&gateway, &path, "authorization", "x").await).await,
        is(200, "BYPASS", "run 4 of GET")
    );
    assert_eq!(get(&gateway, &path).await, is(200, "HIT", "run 3 of GET"));
    let shared = "/varied/shared?cache-control=s-maxage%3D60";
    get_with(&gateway, shared, "authorization", "x").await;
    assert_eq!(
        told(get_with(&gateway, shared, "authorization", "y").await).await,
        is(200, "HIT", "run 5 of GET")
    );
}

#[tokio::test]
async fn what_is_old_is_confirmed_or_given_meanwhile_or_instead_of_an_error() {
    let gateway = solo().await;
    for name in ["confirmed", "behind", "broken"] {
        gateway.deploy(name, COUNTS).await;
    }
    let path = "/confirmed/?cache-control=max-age%3D0%2C+stale-if-error%3D60&etag=%22x%22";
    assert_eq!(get(&gateway, path).await, is(200, "MISS", "run 1 of GET"));
    assert_eq!(get(&gateway, path).await, is(200, "REVALIDATED", "run 1 of GET"));
    assert_eq!(runs(&gateway, "confirmed").await, 2);

    let path = "/behind/?cache-control=max-age%3D0%2C+stale-while-revalidate%3D60";
    assert_eq!(get(&gateway, path).await, is(200, "MISS", "run 1 of GET"));
    assert_eq!(get(&gateway, path).await, is(200, "UPDATING", "run 1 of GET"));
    eventually("a newer answer", || async {
        (get(&gateway, path).await != is(200, "UPDATING", "run 1 of GET")).then_some(())
    })
    .await;

    let path = "/broken/?broken&cache-control=max-age%3D0%2C+stale-if-error%3D60";
    assert_eq!(get(&gateway, path).await, is(200, "MISS", "run 1 of GET"));
    assert_eq!(get(&gateway, path).await, is(200, "STALE", "run 1 of GET"));
}

/// Does with a cache what the path says: `/<cache or ->/<method>`.
const KEEPS: &str = r#"
    const KEY = 'http://kept.example/it?x=1';
    export default {
      async fetch(request, env, ctx) {
        const [, name, what] = new URL(request.url).pathname.split('/');
        const cache = name === '-' ? caches.default : await caches.open(name);
        const tried = async (work) => { try { return String(await work()); } catch (error) { return `${error.name}: ${error.message}`; } };
        switch (what) {
          case 'put': {
            const response = new Response('kept', { status: 203, headers: { 'cache-control': 'max-age=60', etag: 'W/"e"', 'x-own': '1' } });
            ctx.waitUntil(cache.put(KEY, response.clone()));
            return response;
          }
          case 'stream': {
            const { readable, writable } = new TransformStream();
            const writer = writable.getWriter();
            ctx.waitUntil((async () => {
              for (let i = 0; i < 50; i++) await writer.write(new Uint8Array(10000).fill(i));
              await writer.close();
            })());
            await cache.put(KEY, new Response(readable, { headers: { 'cache-control': 'max-age=60' } }));
            return new Response('done');
          }
          case 'match': {
            const found = await cache.match(new Request(KEY, { headers: request.headers }));
            return found ?? new Response('none', { status: 404 });
          }
          case 'delete': return new Response(`${await cache.delete(KEY)}`);
          case 'refused': return Response.json({
            post: await tried(() => cache.put(new Request(KEY, { method: 'POST' }), new Response())),
            part: await tried(() => cache.put(KEY, new Response('x', { status: 206 }))),
            vary: await tried(() => cache.put(KEY, new Response('x', { headers: { vary: '*' } }))),
            cookie: await tried(async () => {
              await cache.put(KEY + 'c', new Response('x', { headers: { 'set-cookie': 'a=1', 'cache-control': 'max-age=60' } }));
              return cache.match(KEY + 'c');
            }),
            private: await tried(async () => {
              await cache.put(KEY + 'p', new Response('x', { headers: { 'cache-control': 'private' } }));
              return cache.match(KEY + 'p');
            }),
            head: await tried(() => cache.match(new Request(KEY, { method: 'HEAD' }))),
            ignored: await tried(async () => (await cache.match(new Request(KEY, { method: 'HEAD' }), { ignoreMethod: true })).text()),
            add: await tried(() => cache.add(KEY)),
            keys: typeof cache.keys,
            illegal: await tried(() => new Cache()),
            tag: `${caches} ${cache}`,
          });
        }
      },
    };
"#;

#[tokio::test]
async fn code_keeps_responses_in_caches_of_its_tenant() {
    let gateway = solo().await;
    gateway.make_tenant("cacher").await;
    gateway.deploy("keeps", KEEPS).await;
    gateway.deploy("keeps-too", KEEPS).await;
    gateway.deploy_for("cacher", "keeps", KEEPS).await;
    assert_eq!(gateway.get("/keeps/-/match").await.status(), 404);
    assert_eq!(gateway.get("/keeps/-/put").await.status(), 203);
    let kept = eventually("what was put", || async {
        let response = gateway.get("/keeps-too/-/match").await;
        (response.status() == 203).then_some(response)
    })
    .await;
    assert_eq!((&kept.headers()["x-own"], kept.headers().contains_key("age")), (&"1".parse().unwrap(), true));
    assert_eq!(kept.text().await.unwrap(), "kept");
    let other = client().get(gateway.host_url("keeps.cacher", "/-/match")).send().await.unwrap();
    assert_eq!(other.status(), 404, "another tenant's");
    assert_eq!(gateway.get("/keeps/named/match").await.status(), 404, "another cache");
    assert_eq!(get_with(&gateway, "/keeps/-/match", "if-none-match", "\"e\"").await.status(), 304);

    let refused: Value = gateway.get("/keeps/-/refused").await.json().await.unwrap();
    let expected = json!({
        "post": "TypeError: Cannot cache response to non-GET request.",
        "part": "TypeError: Cannot cache response to a range request (206 Partial Content).",
        "vary": "TypeError: Cannot cache response with 'Vary: *' header.",
        "cookie": "undefined", "private": "undefined", "head": "undefined", "ignored": "kept",
        "add": "Error: Failed to execute 'add' on 'Cache': the method is not implemented.",
        "keys": "undefined", "illegal": "TypeError: Illegal constructor",
        "tag": "[object CacheStorage] [object Cache]",
    });
    assert_eq!(refused, expected);

    for deleted in ["true", "false"] {
        assert_eq!(gateway.text("/keeps/-/delete").await, deleted);
    }
    assert_eq!(gateway.get("/keeps/-/match").await.status(), 404);
    assert_eq!(gateway.text("/keeps/st%20ream/stream").await, "done");
    let part = get_with(&gateway, "/keeps/st%20ream/match", "range", "bytes=499999-").await;
    assert_eq!((part.status().as_u16(), part.bytes().await.unwrap().to_vec()), (206, vec![49]));
    let whole = client().request(Method::GET, gateway.url("/keeps/st%20ream/match")).send().await.unwrap();
    assert_eq!(whole.bytes().await.unwrap().len(), 500_000);
}

#[tokio::test]
async fn an_encoding_is_neither_lost_nor_done_twice_on_the_way_through_a_cache() {
    let gateway = solo().await;
    let source = r"
        export default { async fetch(request) {
          const { pathname } = new URL(request.url);
          const key = new URL('/encoded', request.url);
          const kept = await caches.default.match(key);
          if (pathname.endsWith('/read')) return new Response((await kept.text()).slice(0, 4));
          if (pathname.endsWith('/given')) return kept;
          if (pathname.endsWith('/made')) return new Response(kept.body, kept);
          const headers = { 'content-encoding': 'gzip', 'cache-control': 'max-age=60' };
          const gzip = new Response('text '.repeat(100)).body.pipeThrough(new CompressionStream('gzip'));
          const response = pathname.endsWith('/manual')
            ? new Response(gzip, { headers, encodeBody: 'manual' })
            : new Response('text '.repeat(100), { headers });
          await caches.default.put(key, response);
          return new Response('put');
        } };
    ";
    gateway.deploy("encoded", source).await;
    for how in ["automatic", "manual"] {
        assert_eq!(gateway.text(&format!("/encoded/{how}")).await, "put");
        assert_eq!(gateway.text("/encoded/read").await, "text", "{how}");
        for passed in ["given", "made"] {
            let answer = gateway.get(&format!("/encoded/{passed}")).await;
            assert!(!answer.headers().contains_key("content-encoding"), "{how} {passed}");
            assert_eq!(answer.text().await.unwrap(), "text ".repeat(100), "{how} {passed}");
        }
    }
}

#[tokio::test]
async fn a_cache_that_is_switched_off_keeps_nothing() {
    let gateway = tabmesh_tests::Setup::new().tabs(1).args(&["--cache-mb", "0"]).start().await;
    gateway.deploy("counts", COUNTS).await;
    gateway.deploy("keeps", KEEPS).await;
    for run in 1..=2 {
        assert_eq!(
            get(&gateway, &format!("/counts/?{FRESH}")).await,
            is(200, "", &format!("run {run} of GET"))
        );
    }
    gateway.get("/keeps/-/put").await;
    assert_eq!(gateway.get("/keeps/-/match").await.status(), 404);
}
