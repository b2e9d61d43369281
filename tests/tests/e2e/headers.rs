//! Methods, header fields and versions of HTTP: what a caller sends reaches the handler, and the other way round.

use futures_util::future::join_all;
use reqwest::{Method, Version};
use serde_json::Value;
use tabmesh_tests::examples::source;
use tabmesh_tests::gateway::{client, client_builder};
use tabmesh_tests::{mesh, raw};

#[tokio::test]
async fn every_method_reaches_the_handler_and_only_head_has_no_body() {
    let gateway = mesh().await;
    let handler = r"
        export default {
          async fetch(request) {
            const body = await request.text();
            return new Response(`${request.method}:${body}`, { headers: { 'x-method': request.method } });
          },
        };
    ";
    gateway.deploy("methods", handler).await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE", "PROPFIND", "TRACE"] {
        let with_body = !matches!(method, "GET" | "TRACE");
        let mut request =
            client().request(Method::from_bytes(method.as_bytes()).unwrap(), gateway.url("/methods/"));
        if with_body {
            request = request.body("body");
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{method}");
        assert_eq!(response.headers()["x-method"], method);
        let expected = format!("{method}:{}", if with_body { "body" } else { "" });
        assert_eq!(response.text().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let gateway = mesh().await;
    let handler = r"
        export default {
          fetch(request) {
            if (new URL(request.url).pathname === '/stream') {
              const body = new Blob(['x'.repeat(300000)]).stream();
              return new Response(body, { headers: { 'content-type': 'x/y', etag: '1' } });
            }
            return new Response('twelve bytes', { headers: { 'content-type': 'x/y', etag: '1' } });
          },
        };
    ";
    gateway.deploy("head", handler).await;
    for path in ["/head/", "/head/stream"] {
        let get = gateway.get(path).await;
        let head = client().head(gateway.url(path)).send().await.unwrap();
        assert_eq!(head.status(), get.status());
        for name in ["content-type", "etag"] {
            assert_eq!(head.headers().get(name), get.headers().get(name), "{name} of {path}");
        }
        if path == "/head/" {
            assert_eq!(get.headers()["content-length"], "12");
            assert_eq!(head.headers().get("content-length"), get.headers().get("content-length"));
        }
    }
    // On the wire: nothing after the head, and the connection goes on.
    let request = format!(
        "HEAD /head/ HTTP/1.1\r\nHost: {0}\r\n\r\nHEAD /head/stream HTTP/1.1\r\nHost: {0}\r\nConnection: close\r\n\r\n",
        gateway.address()
    );
    let both = raw::exchange(gateway.address(), request.as_bytes()).await;
    assert_eq!(both.status, 200);
    let second = both.text();
    assert!(second.starts_with("HTTP/1.1 200"), "{second}");
    assert!(second.ends_with("\r\n\r\n") && !second.contains("xxx"), "{second}");
}

#[tokio::test]
async fn every_field_reaches_the_handler_and_connection_fields_do_not() {
    let gateway = mesh().await;
    gateway.deploy("fields", source("echo")).await;
    let request = format!(
        "POST /fields/ HTTP/1.1\r\nHost: {}\r\nCookie: a=1; b=2\r\nOrigin: http://o.example\r\nReferer: http://r.example/\r\n\
         Accept-Encoding: br;q=0.5\r\nUser-Agent: me\r\nX-Empty:\r\nX-Twice: 1\r\nX-Twice: 2\r\nDate: today\r\n\
         Sec-Odd: 1\r\nX-Private: secret\r\nConnection: close, x-private\r\nKeep-Alive: 5\r\nTE: trailers\r\n\
         X-Forwarded-For: 6.6.6.6\r\nContent-Length: 2\r\n\r\nok",
        gateway.address()
    );
    let response = raw::exchange(gateway.address(), request.as_bytes()).await;
    assert_eq!(response.status, 200, "{}", response.text());
    let answer: Value = serde_json::from_str(&response.text()).unwrap();
    let field = |name: &str| {
        let pairs = answer["headers"].as_array().unwrap();
        pairs
            .iter()
            .filter(|pair| pair[0] == name)
            .map(|pair| pair[1].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for (name, value) in [
        ("host", gateway.address().to_string().as_str()),
        ("cookie", "a=1; b=2"),
        ("origin", "http://o.example"),
        ("referer", "http://r.example/"),
        ("accept-encoding", "br;q=0.5"),
        ("user-agent", "me"),
        ("x-empty", ""),
        ("date", "today"),
        ("sec-odd", "1"),
        ("content-length", "2"),
        ("x-twice", "1, 2"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-prefix", "/fields"),
    ] {
        assert_eq!(field(name), [value], "{name} in {answer}");
    }
    for name in ["connection", "keep-alive", "te", "x-private", "transfer-encoding"] {
        assert!(field(name).is_empty(), "{name} in {answer}");
    }
}

#[tokio::test]
async fn set_cookie_stays_several_fields() {
    let gateway = mesh().await;
    let handler = r"
        export default {
          fetch() {
            const response = new Response('ok', { headers: [['set-cookie', 'a=1; Path=/'], ['set-cookie', 'b=2, 3']] });
            response.headers.append('set-cookie', 'c=4');
            response.headers.append('vary', 'x');
            return response;
          },
        };
    ";
    gateway.deploy("cookies", handler).await;
    let response = gateway.get("/cookies/").await;
    let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1; Path=/", "b=2, 3", "c=4"]);
}

#[tokio::test]
async fn values_that_are_not_utf_8_make_the_round_trip() {
    let gateway = mesh().await;
    let handler = "export default { fetch: (r) => new Response('ok', { headers: { 'x-back': r.headers.get('x-there') } }) };";
    gateway.deploy("latin", handler).await;
    let value = b"caf\xe9 \xff\xfe\x80 \xc3\xa9";
    let mut request =
        format!("GET /latin/ HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nX-There: ", gateway.address())
            .into_bytes();
    request.extend_from_slice(value);
    request.extend_from_slice(b"\r\n\r\n");
    let response = raw::exchange(gateway.address(), &request).await;
    assert_eq!(response.fields("x-back"), [value.to_vec()]);
}

#[tokio::test]
async fn statuses_and_bodyless_answers_pass_through() {
    let gateway = mesh().await;
    let handler = r"
        export default {
          fetch(request) {
            const status = Number(new URL(request.url).searchParams.get('status'));
            const body = [204, 205, 304].includes(status) ? null : 'body';
            return new Response(body, { status, headers: { 'x-status': String(status) } });
          },
        };
    ";
    gateway.deploy("status", handler).await;
    let client = client();
    for status in [200, 201, 202, 204, 205, 206, 301, 304, 400, 402, 404, 418, 429, 451, 500, 503, 599] {
        let response = client.get(gateway.url(&format!("/status/?status={status}"))).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()["x-status"], status.to_string());
        let body = response.text().await.unwrap();
        assert_eq!(body, if matches!(status, 204 | 205 | 304) { "" } else { "body" }, "{status}");
    }
}

#[tokio::test]
async fn http_2_by_prior_knowledge() {
    let gateway = mesh().await;
    gateway.deploy("h2", source("echo")).await;
    let client = client_builder().http2_prior_knowledge().build().unwrap();
    let calls = (0..40).map(|i| {
        let request = client
            .post(gateway.host_url("h2", &format!("/{i}")))
            .header("cookie", "a=1")
            .body(format!("body {i}"));
        async move { (i, request.send().await.unwrap()) }
    });
    for (i, response) in join_all(calls).await {
        assert_eq!(response.version(), Version::HTTP_2);
        assert_eq!(response.status(), 200);
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["body"], format!("body {i}"));
        assert_eq!(answer["url"], gateway.host_url("h2", &format!("/{i}")));
        let host = format!("h2.localhost:{}", gateway.address().port());
        assert!(
            answer["headers"].as_array().unwrap().contains(&serde_json::json!(["host", host])),
            "{answer}"
        );
    }
    let raw =
        client.post(gateway.host_url("h2", "/?raw")).body(crate::support::chunked(&vec![7; 3 << 20], 50_000));
    assert_eq!(raw.send().await.unwrap().bytes().await.unwrap(), vec![7; 3 << 20]);
}

const CF: &str = r"
    export default { fetch: (request) => Response.json({
      cf: request.cf, cloned: request.clone().cf, made: new Request(request).cf, own: new Request(request, { cf: { a: 1 } }).cf,
      headers: [...request.headers.keys()].filter((name) => name.includes('tabmesh') || name.startsWith('cf-ipc')),
    }) };
";

#[tokio::test]
async fn request_cf_tells_what_is_known_of_the_connection() {
    let gateway = mesh().await;
    gateway.deploy("cf", CF).await;
    let ask = async |client: reqwest::Client, gateway: &tabmesh_tests::Gateway| -> Value {
        let request = client.get(gateway.host_url("cf", "/"));
        // What a caller says of itself is not believed.
        let request = request.header("cf-ipcountry", "DE").header("cf-ipcity", "M\u{fc}nchen".as_bytes());
        let request = request.header("x-tabmesh-cf", "forged").header("accept-encoding", "br");
        request.send().await.unwrap().json().await.unwrap()
    };
    let known =
        serde_json::json!({ "httpProtocol": "HTTP/1.1", "colo": "TAB", "clientAcceptEncoding": "br" });
    let told = ask(client(), &gateway).await;
    assert_eq!((&told["cf"], &told["cloned"], &told["made"]), (&known, &known, &known));
    assert_eq!((&told["own"], &told["headers"]), (&serde_json::json!({ "a": 1 }), &serde_json::json!([])));
    let http2 = client_builder().http2_prior_knowledge().build().unwrap();
    assert_eq!(ask(http2, &gateway).await["cf"]["httpProtocol"], "HTTP/2");

    let args = ["--colo", "MUC", "--location-headers"];
    let gateway = tabmesh_tests::Setup::new().tabs(1).args(&args).start().await;
    gateway.deploy("cf", CF).await;
    let told = ask(client(), &gateway).await;
    let cf = &told["cf"];
    assert_eq!(
        (&cf["colo"], &cf["country"], &cf["city"]),
        (&"MUC".into(), &"DE".into(), &"M\u{fc}nchen".into())
    );
    assert_eq!(told["headers"], serde_json::json!(["cf-ipcity", "cf-ipcountry"]));
}
