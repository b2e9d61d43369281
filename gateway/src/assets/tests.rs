//! The routers as a client sees them.

use super::*;
use http::HeaderMap;
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

async fn fetch(router: Router, host: &str, path: &str) -> (StatusCode, HeaderMap, Bytes) {
    let request = Request::get(path).header(header::HOST, host).body(Body::empty()).unwrap();
    let (head, body) = router.oneshot(request).await.unwrap().into_parts();
    (head.status, head.headers, body.collect().await.unwrap().to_bytes())
}

fn tree(files: &[(&str, &'static str)]) -> Tree {
    let asset =
        |text: &'static str| Asset { content_type: content_type("text/javascript"), bytes: text.into() };
    Tree::new(files.iter().map(|(path, text)| ((*path).to_owned(), asset(text))).collect())
}

#[test]
fn the_hash_covers_names_and_contents() {
    let base = tree(&[("a.js", "1"), ("b.js", "2")]);
    assert_eq!(base.hash, tree(&[("b.js", "2"), ("a.js", "1")]).hash);
    assert_eq!(base.hash.len(), 2 * HASH_BYTES);
    for other in [&[("a.js", "1")][..], &[("a.js", "1"), ("c.js", "2")], &[("a.js", "1b.js"), ("b.js", "2")]]
    {
        assert_ne!(base.hash, tree(other).hash);
    }
}

#[tokio::test]
async fn the_page_is_fresh_filled_in_and_cannot_be_framed() {
    let (status, headers, body) = fetch(worker_router(None), "127.0.0.1:8787", "/_mesh/worker").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
    assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
    let csp = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(
        csp.contains("frame-ancestors 'none'") && csp.contains("frame-src http://*.localhost:*"),
        "{csp}"
    );
    let page = String::from_utf8(body.to_vec()).unwrap();
    assert!(page.contains(&assets_base()) && !page.contains("{{"), "{page}");
}

#[tokio::test]
async fn assets_are_immutable_and_typed() {
    for (path, expected) in [
        ("runtime/runtime_bg.wasm", "application/wasm"),
        ("runtime/runtime.js", "text/javascript; charset=utf-8"),
    ] {
        let url = format!("{}/{path}", assets_base());
        let (status, headers, body) = fetch(worker_router(None), "localhost", &url).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!(headers[header::CONTENT_TYPE], expected);
        assert_eq!(headers[header::CACHE_CONTROL], IMMUTABLE);
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(headers.contains_key(header::CONTENT_SECURITY_POLICY));
        assert!(!body.is_empty());
    }
}

#[tokio::test]
async fn other_hashes_files_and_trees_are_not_found() {
    let base = assets_base();
    let isolate = format!("/_mesh/isolate/{}", isolate_hash());
    for (router, path) in [
        (worker_router(None), "/_mesh/assets/0123456789abcdef0123456789abcdef/runtime/runtime.js".to_owned()),
        (worker_router(None), format!("{base}/worker.html")),
        (worker_router(None), format!("{base}/isolate/frame.html")),
        (worker_router(None), format!("{base}/../../Cargo.toml")),
        (worker_router(None), format!("{base}/")),
        (worker_router(None), format!("{isolate}/frame.html")),
        (isolate_router(), format!("{isolate}/worker.js")),
        (isolate_router(), format!("{base}/runtime/runtime.js")),
        (isolate_router(), "/_mesh/worker".to_owned()),
        (isolate_router(), "/_mesh/isolate/0/frame.html".to_owned()),
    ] {
        let (status, headers, _) = fetch(router, "sandbox-a.localhost", &path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_ne!(headers.get(header::CACHE_CONTROL), Some(&IMMUTABLE), "{path}");
    }
}

#[tokio::test]
async fn isolate_files_have_no_way_out() {
    assert!(ISOLATE.files.contains_key(FRAME_PAGE), "web/isolate/{FRAME_PAGE} is not there");
    for path in ISOLATE.files.keys() {
        let url = format!("/_mesh/isolate/{}/{path}", isolate_hash());
        let (status, headers, _) = fetch(isolate_router(), "sandbox-t1.localhost:8787", &url).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        let csp = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        for part in
            ["default-src 'none'", "connect-src 'none'", "script-src 'self' blob: 'wasm-unsafe-eval';"]
        {
            assert!(csp.contains(part), "{path}: {csp}");
        }
        assert!(!csp.contains("'unsafe-eval'") && !csp.contains("'unsafe-inline'"), "{path}: {csp}");
        let ancestors = "frame-ancestors http://localhost:8787 http://127.0.0.1:8787";
        assert_eq!(csp.contains(ancestors), path == FRAME_PAGE, "{path}: {csp}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("origin-agent-cluster", "?1"),
            ("cross-origin-resource-policy", if path == FRAME_PAGE { "cross-origin" } else { "same-origin" }),
        ] {
            assert_eq!(headers[name], value, "{path}");
        }
        assert!(headers["permissions-policy"].to_str().unwrap().contains("camera=()"));
    }
}

#[tokio::test]
async fn the_page_names_a_shared_signaling_server() {
    let (_, _, own) = fetch(worker_router(None), "localhost", "/_mesh/worker").await;
    assert!(String::from_utf8_lossy(&own).contains(r#"data-signal="""#));
    let shared = worker_router(Some("ws://meet.example/_mesh/signal?a=\"b\""));
    let (_, _, page) = fetch(shared, "localhost", "/_mesh/worker").await;
    assert!(
        String::from_utf8_lossy(&page)
            .contains(r#"data-signal="ws://meet.example/_mesh/signal?a=&quot;b&quot;""#)
    );
}
