//! An SQL database as the isolate's `D1Database` asks for it: `POST http://d1/batch` with a list of statements,
//! `POST http://d1/script` with text. Answers are lists of [`crate::sql::Answer`]; errors have status 400 and SQLite's sentence.

use crate::mesh::memory::Memory;
use crate::sql::{DatabaseId, Query, Work};
use crate::storage::Storage;
use axum::body::Body;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};

/// Largest request, in bytes: a value of 2 MB as an array takes 8.
const MAX_REQUEST: usize = 12 << 20;

/// Most statements of a batch.
const MAX_STATEMENTS: usize = 10_000;

/// Answers a request to a database.
///
/// # Errors
/// A sentence for the handler.
pub async fn serve(
    storage: &Storage,
    memory: &Memory,
    id: DatabaseId,
    request: Request<Body>,
) -> Result<Response<Body>, String> {
    let (parts, body) = request.into_parts();
    let length =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let length = length.unwrap_or(MAX_REQUEST).min(MAX_REQUEST);
    // The text and what it becomes.
    let asking = memory.take(2 * length).await?;
    let body = Limited::new(body, length)
        .collect()
        .await
        .map_err(|_| format!("D1_ERROR: the statements have more than {MAX_REQUEST} bytes, or broke off"))?;
    let body = body.to_bytes();
    let work = match parts.uri.path() {
        "/batch" => {
            serde_json::from_slice::<Vec<Query>>(&body).map(Work::Batch).map_err(|error| error.to_string())
        }
        "/script" => std::str::from_utf8(&body)
            .map(|it| Work::Script(it.to_owned()))
            .map_err(|error| error.to_string()),
        _ => Err("no such operation".to_owned()),
    };
    let work = work.map_err(|error| format!("D1_ERROR: the statements cannot be read: {error}"))?;
    if matches!(&work, Work::Batch(queries) if queries.len() > MAX_STATEMENTS) {
        return Err(format!("D1_ERROR: a batch has at most {MAX_STATEMENTS} statements"));
    }
    let mut response = Response::new(Body::empty());
    match storage.run(id, work).await {
        Ok(answers) => {
            let json = serde_json::to_vec(&answers).map_err(|_| "D1_ERROR: the result cannot be written")?;
            drop(asking);
            let held = memory.try_take(json.len());
            let held = held.ok_or("D1_ERROR: too much of other results waits to be read")?;
            *response.body_mut() = held.body(json.into());
        }
        Err(error) => {
            *response.status_mut() = StatusCode::BAD_REQUEST;
            *response.body_mut() = Body::from(error.to_string());
        }
    }
    Ok(response)
}
