//! An SQL database as the isolate's `D1Database` asks for it: `POST http://d1/batch` with a list of statements,
//! `POST http://d1/script` with text. Answers are lists of [`crate::sql::Answer`]; errors have status 400 and SQLite's sentence.

use crate::sql::{DatabaseId, Databases, Query, Work};
use axum::body::Body;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};

/// Largest request, in bytes: a batch of large values.
const MAX_REQUEST: usize = 32 << 20;

/// Most statements of a batch.
const MAX_STATEMENTS: usize = 10_000;

/// Answers a request to a database.
///
/// # Errors
/// A sentence for the handler.
pub async fn serve(
    databases: &Databases,
    id: DatabaseId,
    request: Request<Body>,
) -> Result<Response<Body>, String> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, MAX_REQUEST)
        .collect()
        .await
        .map_err(|_| format!("D1_ERROR: the statements have more than {MAX_REQUEST} bytes, or broke off"))?;
    let body = body.to_bytes();
    let work = match parts.uri.path() {
        "/batch" => serde_json::from_slice::<Vec<Query>>(&body).ok().map(Work::Batch),
        "/script" => std::str::from_utf8(&body).ok().map(|text| Work::Script(text.to_owned())),
        _ => None,
    };
    let work = work.ok_or("D1_ERROR: the statements cannot be read")?;
    if matches!(&work, Work::Batch(queries) if queries.len() > MAX_STATEMENTS) {
        return Err(format!("D1_ERROR: a batch has at most {MAX_STATEMENTS} statements"));
    }
    let mut response = Response::new(Body::empty());
    match databases.run(id, work).await {
        Ok(answers) => {
            let json = serde_json::to_vec(&answers).map_err(|_| "D1_ERROR: the result cannot be written")?;
            *response.body_mut() = Body::from(json);
        }
        Err(error) => {
            *response.status_mut() = StatusCode::BAD_REQUEST;
            *response.body_mut() = Body::from(error.to_string());
        }
    }
    Ok(response)
}
