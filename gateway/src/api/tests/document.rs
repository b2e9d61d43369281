//! The API's document, beside the table that says what its routes need.

use super::*;
use crate::access::table;
use http::Method;
use std::collections::HashSet;

/// Routes that the document leaves out, and why.
const UNDOCUMENTED: [(&str, &str); 2] =
    [("/_mesh/v1/openapi.json", "it is the document"), ("/_mesh/code/{hash}", "for tabs, not for people")];

async fn document() -> Value {
    let server = Server::new(ApiLimits::default()).await;
    server.send("GET", openapi::DOCUMENT_PATH, &[], "").await.body
}

fn operations(document: &Value) -> Vec<(Method, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap().iter();
        let methods = item.filter(|(name, _)| *name != "parameters");
        methods.map(move |(name, operation)| (name.to_uppercase().parse().unwrap(), path.clone(), operation))
    });
    operations.collect()
}

#[tokio::test]
async fn every_documented_route_is_in_the_table_and_every_row_is_documented() {
    let document = document().await;
    let operations = operations(&document);
    assert!(operations.len() > 60, "{}", operations.len());
    for (method, path, _) in &operations {
        assert!(table::knows(method, path), "{method} {path} is not in the table");
    }
    let documented = |method: &Method, row: &str| {
        let plain = |path: &str| {
            let segments = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
            segments.collect::<Vec<_>>().join("/")
        };
        let row = plain(&format!("{API_PATH}/{row}"));
        operations.iter().any(|(known, path, _)| known == method && plain(path) == row)
    };
    for (method, row) in table::ours() {
        let is_known = UNDOCUMENTED.iter().any(|(path, _)| *path == format!("{API_PATH}/{row}"));
        assert!(is_known || documented(method, row), "{method} {row} is in no document");
    }
}

/// The paths that a router has, as mounted: axum tells them to nobody but its own debug output.
fn mounted(router: &Router) -> HashSet<String> {
    let shown = format!("{router:?}");
    let quoted = shown.split('"').skip(1).step_by(2);
    quoted.filter(|text| text.starts_with("/_mesh/")).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_route_that_answers_is_documented_with_all_its_methods() {
    let server = Server::new(ApiLimits::default()).await;
    let document = server.send("GET", openapi::DOCUMENT_PATH, &[], "").await.body;
    let operations = operations(&document);
    let mounted = mounted(&server.router);
    assert!(mounted.len() > 40, "axum tells its paths no more: {mounted:?}");
    let documented: HashSet<String> = operations.iter().map(|(_, path, _)| path.clone()).collect();
    // `{*key}` is how axum says that a key may have slashes.
    let named: HashSet<String> = mounted.iter().map(|path| path.replace("{*", "{")).collect();
    let missing: Vec<_> = named
        .difference(&documented)
        .filter(|path| UNDOCUMENTED.iter().all(|(known, _)| known != path))
        .collect();
    assert!(missing.is_empty(), "in no document: {missing:?}");
    let gone: Vec<_> = documented.difference(&named).collect();
    assert!(gone.is_empty(), "documented, and not there: {gone:?}");
    for path in &documented {
        let url = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
        let url = url.collect::<Vec<_>>().join("/");
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
            let is_documented =
                operations.iter().any(|(known, at, _)| known.as_str() == method && at == path);
            if !is_documented {
                let answer = server.send(method, &url, &[], "").await;
                assert_eq!(answer.status, 405, "{method} {path} answers and is in no document");
            }
        }
    }
}

#[tokio::test]
async fn the_document_is_whole() {
    let document = document().await;
    assert_eq!(document["openapi"].as_str().unwrap().split('.').next(), Some("3"));
    let mut ids = HashSet::new();
    for (method, path, operation) in operations(&document) {
        let at = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id.to_owned()), "{id} is there twice");
        assert!(operation["summary"].is_string(), "{at} says nothing of itself");
        assert!(operation["responses"]["default"]["content"]["application/problem+json"].is_object(), "{at}");
        let named = |name: &str| {
            let own = operation["parameters"].as_array().into_iter().flatten();
            let common = document["paths"][&path]["parameters"].as_array().into_iter().flatten();
            own.chain(common).filter(|given| given["name"] == name && given["in"] == "path").count()
        };
        for part in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            assert_eq!(named(part), 1, "{at}: {part}");
        }
    }
    assert_eq!(document["security"], json!([{ "token": [] }]));
}
