//! The routers as a client sees them.

use super::tree::{Asset, HASH_BYTES};
use super::*;
use http::HeaderMap;
use http::Request;
use http_body_util::BodyExt;
use isolate::{FRAME_PAGE, FRAME_SCRIPT, ISOLATE_SCRIPT};
use tower::ServiceExt;

async fn fetch(router: Router, host: &str, path: &str) -> (StatusCode, HeaderMap, Bytes) {
    let request = Request::get(path).header(header::HOST, host).body(Body::empty()).unwrap();
    let (head, body) = router.oneshot(request).await.unwrap().into_parts();
    (head.status, head.headers, body.collect().await.unwrap().to_bytes())
}

fn assets() -> Arc<Assets> {
    with(Site { domain: "localhost".into(), ..Site::default() })
}

fn with(site: Site) -> Arc<Assets> {
    Assets::new(site).unwrap()
}

fn csp(headers: &HeaderMap) -> &str {
    headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap()
}

fn tree(files: &[(&str, &'static str)], policy: &str) -> Tree {
    let asset = |text: &'static str| Asset::new("text/javascript", text);
    Tree::new(files.iter().map(|(path, text)| ((*path).to_owned(), asset(text))).collect(), policy)
}

#[test]
fn the_hash_covers_names_contents_and_policy() {
    let base = tree(&[("a.js", "1"), ("b.js", "2")], "p");
    assert_eq!(base.hash, tree(&[("b.js", "2"), ("a.js", "1")], "p").hash);
    assert_eq!(base.hash.len(), 2 * HASH_BYTES);
    for other in [
        tree(&[("a.js", "1"), ("b.js", "3")], "p"),
        tree(&[("a.js", "1"), ("c.js", "2")], "p"),
        tree(&[("a.js", "1")], "p"),
        tree(&[("a.js", "1b.js"), ("", "2")], "p"),
        tree(&[("a.js", "1"), ("b.js", "2")], "q"),
    ] {
        assert_ne!(base.hash, other.hash);
    }
}

#[tokio::test]
async fn the_page_is_fresh_and_points_at_its_assets() {
    let assets = assets();
    let (status, headers, body) = fetch(assets.worker_router(), "127.0.0.1:8787", "/_mesh/worker").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
    assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
    let csp = csp(&headers);
    assert!(
        csp.contains("frame-ancestors 'none'") && csp.contains("frame-src 'self' http://*.localhost:*"),
        "{csp}"
    );
    let page = String::from_utf8(body.to_vec()).unwrap();
    assert!(page.contains(&assets_base(&assets.main.hash)) && !page.contains("{{"), "{page}");
}

#[tokio::test]
async fn assets_are_immutable_and_typed() {
    let assets = assets();
    for (path, expected) in [
        ("runtime/runtime_bg.wasm", "application/wasm"),
        ("runtime/html_rewriter.wasm", "application/wasm"),
        ("runtime/runtime.js", "text/javascript; charset=utf-8"),
    ] {
        let url = format!("{}/{path}", assets_base(&assets.main.hash));
        let (status, headers, body) = fetch(assets.worker_router(), "localhost", &url).await;
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
    let assets = assets();
    let base = assets_base(&assets.main.hash);
    let isolate = format!("/_mesh/isolate/{}", assets.isolate.hash);
    let (main, sandbox) = (assets.worker_router(), assets.isolate_router());
    for (router, path) in [
        (&main, "/_mesh/assets/0123456789abcdef0123456789abcdef/runtime/runtime.js".to_owned()),
        (&main, format!("{base}/worker.html")),
        (&main, format!("{base}/isolate/frame.html")),
        (&main, format!("{base}/../../Cargo.toml")),
        (&main, format!("{base}/")),
        (&main, format!("{isolate}/{FRAME_PAGE}")),
        (&main, format!("{isolate}/{ISOLATE_SCRIPT}")),
        (&main, format!("/_mesh/isolate/0/{OPAQUE_PAGE}")),
        (&sandbox, format!("{isolate}/worker.js")),
        (&sandbox, format!("{isolate}/lockdown.js")),
        (&sandbox, format!("{isolate}/{OPAQUE_PAGE}")),
        (&sandbox, format!("{base}/runtime/runtime.js")),
        (&sandbox, "/_mesh/worker".to_owned()),
        (&sandbox, "/_mesh/isolate/0/frame.html".to_owned()),
    ] {
        let (status, headers, _) = fetch(router.clone(), "sandbox-a.localhost", &path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_ne!(headers.get(header::CACHE_CONTROL), Some(&IMMUTABLE), "{path}");
    }
}

#[tokio::test]
async fn isolate_files_have_no_way_out() {
    let assets = assets();
    let ancestors = "frame-ancestors http://localhost:8787 http://127.0.0.1:8787 https://localhost:8787 https://127.0.0.1:8787";
    for (path, scripts, framed_by, readers) in [
        (FRAME_PAGE, "script-src 'self'; worker-src 'self'", ancestors, "cross-origin"),
        (FRAME_SCRIPT, "script-src 'none'", "frame-ancestors 'none'", "same-origin"),
        (ISOLATE_SCRIPT, "script-src blob: 'unsafe-eval'", "frame-ancestors 'none'", "same-origin"),
    ] {
        let url = format!("/_mesh/isolate/{}/{path}", assets.isolate.hash);
        let (status, headers, _) = fetch(assets.isolate_router(), "sandbox-t1.localhost:8787", &url).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!(csp(&headers), format!("{}; {scripts}; {framed_by}", policy::NOTHING), "{path}");
        assert_guarded(&headers, readers);
    }
}

#[tokio::test]
async fn the_opaque_document_has_no_origin_and_no_way_out() {
    let assets = assets();
    let url = format!("/_mesh/isolate/{}/{OPAQUE_PAGE}", assets.isolate.hash);
    let (status, headers, body) = fetch(assets.worker_router(), "mesh.example", &url).await;
    assert_eq!(status, StatusCode::OK);
    let csp = csp(&headers);
    let start =
        format!("sandbox allow-scripts; worker-src data: blob:; {}; script-src 'sha256-", policy::NOTHING);
    assert!(csp.starts_with(&start), "{csp}");
    assert!(csp.ends_with("=' blob: 'unsafe-eval'; frame-ancestors 'self'"), "{csp}");
    for loose in ["unsafe-inline", "allow-same-origin", "script-src 'self'", "http"] {
        assert!(!csp.contains(loose), "{csp}");
    }
    assert_guarded(&headers, "same-origin");
    assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
    assert!(!body.is_empty());
}

fn assert_guarded(headers: &HeaderMap, readers: &str) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("origin-agent-cluster", "?1"),
        ("cross-origin-resource-policy", readers),
    ] {
        assert_eq!(headers[name], value);
    }
    assert!(headers["permissions-policy"].to_str().unwrap().contains("camera=()"));
    assert_eq!(headers[header::CACHE_CONTROL], IMMUTABLE);
}

#[tokio::test]
async fn the_page_knows_the_sandbox_domain_and_may_frame_it() {
    let sandbox = Some("s.example:9".parse().unwrap());
    let assets = with(Site { domain: "mesh.example".into(), sandbox, signal: None });
    let (_, headers, page) = fetch(assets.worker_router(), "mesh.example", "/_mesh/worker").await;
    assert!(String::from_utf8_lossy(&page).contains(r#"data-sandbox-domain="s.example:9""#));
    assert!(csp(&headers).ends_with("; frame-src 'self' http://*.s.example:9 https://*.s.example:9"));
    let url = format!("/_mesh/isolate/{}/{FRAME_PAGE}", assets.isolate.hash);
    let (status, headers, _) = fetch(assets.isolate_router(), "t.s.example:9", &url).await;
    assert_eq!(status, StatusCode::OK);
    assert!(csp(&headers).ends_with("; frame-ancestors http://mesh.example:* https://mesh.example:*"));
}

#[tokio::test]
async fn the_page_names_a_shared_signaling_server() {
    let (_, _, own) = fetch(assets().worker_router(), "localhost", "/_mesh/worker").await;
    assert!(String::from_utf8_lossy(&own).contains(r#"data-signal="""#));
    let signal = Some("ws://meet.example/_mesh/signal?a=\"b\"".to_owned());
    let (_, _, page) =
        fetch(with(Site { signal, ..Site::default() }).worker_router(), "localhost", "/_mesh/worker").await;
    assert!(
        String::from_utf8_lossy(&page)
            .contains(r#"data-signal="ws://meet.example/_mesh/signal?a=&quot;b&quot;""#)
    );
}
