//! The OpenAPI document of `/_mesh/v1`: what the routes say of themselves, and what is the same for all of them.

use super::API_PATH;
use crate::problem;
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::header;
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

/// Where the document is.
pub const DOCUMENT_PATH: &str = "/_mesh/v1/openapi.json";

/// What every operation may answer with besides what it says itself.
const PROBLEM: &str = "#/components/schemas/Problem";

/// Methods, as the document names them.
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "patch", "head", "options"];

/// The route of the document.
pub fn router(document: OpenApi) -> Router {
    let text = Bytes::from(finish(document).to_string());
    let fields = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    Router::new().route(DOCUMENT_PATH, get(async move || (fields, text)))
}

/// The whole document.
#[must_use]
pub fn finish(document: OpenApi) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["info"] = json!({
        "title": "Tabmesh",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "The API of a Tabmesh gateway. What is a tenant's is under /tenants/{tenant}; the default tenant's is there without it, too.",
        "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    });
    document["security"] = json!([{ "token": [] }]);
    document["components"]["securitySchemes"] = json!({ "token": { "type": "http", "scheme": "bearer" } });
    document["components"]["schemas"]["Problem"] = problem_schema();
    let of_tenants = format!("{API_PATH}/tenants/{{tenant}}/");
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (path, item) in paths {
        let is_tenants = path.starts_with(&of_tenants);
        let Some(item) = item.as_object_mut() else { continue };
        if is_tenants {
            let tenant =
                json!({ "name": "tenant", "in": "path", "required": true, "schema": { "type": "string" } });
            item.insert("parameters".to_owned(), json!([tenant]));
        }
        for method in METHODS {
            let Some(operation) = item.get_mut(method).and_then(Value::as_object_mut) else { continue };
            complete(operation, is_tenants);
        }
    }
    document
}

/// Names the operation so that no other has its name, and adds what it may always answer with.
fn complete(operation: &mut Map<String, Value>, is_tenants: bool) {
    let name = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
    let tag = operation.get("tags").and_then(|tags| tags[0].as_str()).unwrap_or_default();
    let of_tenant = if is_tenants { "_of_tenant" } else { "" };
    let id = format!("{tag}_{name}{of_tenant}");
    operation.insert("operationId".to_owned(), id.into());
    let failed = json!({
        "description": "A problem (RFC 9457).",
        "content": { problem::CONTENT_TYPE: { "schema": { "$ref": PROBLEM } } },
    });
    let responses = operation.entry("responses").or_insert_with(|| json!({}));
    responses["default"] = failed;
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status"],
        "properties": {
            "type": { "type": "string", "description": "A name that does not change, urn:tabmesh:problem:..." },
            "title": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string" },
        },
    })
}
