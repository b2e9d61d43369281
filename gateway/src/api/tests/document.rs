//! The API's document, beside the table that says what its routes need.

use super::*;
use crate::access::table;
use http::Method;
use std::collections::HashSet;

/// Rows of the table that no document has, and why.
const UNDOCUMENTED: [(&str, &str); 5] = [
    ("openapi.json", "it is the document"),
    ("tail", "a stream of events"),
    ("handlers/{name}/tail", "a stream of events"),
    ("status", "for the operator's own tools"),
    ("backup", "for the operator's own tools"),
];

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
        let is_known = UNDOCUMENTED.iter().any(|(path, _)| *path == row);
        assert!(is_known || documented(method, row), "{method} {row} is in no document");
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
