//! What Cloudflare's API wraps its answers in, and its numbers for what goes wrong, as far as its clients look at them.

use crate::kv::operations::KvError;
use crate::problem::{Problem, ProblemType};
use crate::sql::SqlError;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};

/// No such script. Tools take it for "not deployed yet".
pub(super) const NO_SCRIPT: u32 = 10007;

/// The same, of services.
pub(super) const NO_SERVICE: u32 = 10090;

/// A binding that is to be taken over, from nowhere.
pub(super) const NO_SUCH_BINDING: u32 = 10057;

/// Authentication error.
const UNAUTHORIZED: u32 = 10000;

/// The script or its metadata is not as it should be.
const BAD_SCRIPT: u32 = 10021;

/// A statement that SQLite refuses.
const BAD_SQL: u32 = 7500;

/// No such path.
const NO_ROUTE: u32 = 7000;

/// The path names what is not there.
const NO_OBJECT: u32 = 7003;

/// Anything else.
const OTHER: u32 = 10013;

/// A refusal, in Cloudflare's shape.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: u32,
    message: String,
    headers: Box<HeaderMap>,
}

/// What routes answer.
pub(super) type Answer = Result<Response, Refusal>;

impl Refusal {
    pub(super) fn new(status: StatusCode, code: u32, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), headers: Box::default() }
    }

    /// Something that Tabmesh does not have, as a sentence.
    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, NO_ROUTE, message)
    }

    /// The script's metadata is wrong, as a sentence.
    pub(super) fn metadata(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, BAD_SCRIPT, message)
    }

    /// With another of Cloudflare's numbers, where the status is this.
    pub(super) fn coded(self, status: StatusCode, code: u32) -> Self {
        if self.status == status { Self { code, ..self } } else { self }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let kind = problem.kind();
        let code = match kind {
            ProblemType::HandlerNotFound => NO_SCRIPT,
            ProblemType::SqlError => BAD_SQL,
            ProblemType::SyntaxError | ProblemType::ModuleError | ProblemType::InvalidRequest => BAD_SCRIPT,
            _ if matches!(problem.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => UNAUTHORIZED,
            _ if problem.status() == StatusCode::NOT_FOUND => NO_OBJECT,
            _ => OTHER,
        };
        let message = problem.detail_text().unwrap_or(kind.title()).to_owned();
        let status = problem.status();
        let mut headers = std::mem::take(problem.into_response().headers_mut());
        headers.remove(header::CONTENT_TYPE);
        Self { status, code, message, headers: Box::new(headers) }
    }
}

impl From<KvError> for Refusal {
    fn from(error: KvError) -> Self {
        let code = match error {
            KvError::TitleTaken => 10014,
            KvError::NotFound => 10009,
            _ => OTHER,
        };
        Self { code, ..Problem::from(error).into() }
    }
}

impl From<SqlError> for Refusal {
    fn from(error: SqlError) -> Self {
        let code = match error {
            SqlError::NameTaken => 7502,
            SqlError::TooMany => 7406,
            SqlError::NotFound => 7404,
            _ => BAD_SQL,
        };
        Self { code, ..Problem::from(error).into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, code, message, headers } = self;
        let body = json!({
            "success": false, "errors": [{ "code": code, "message": message }], "messages": [], "result": null,
        });
        let mut response = (status, axum::Json(body)).into_response();
        response.headers_mut().extend(*headers);
        response
    }
}

/// An answer with a result.
pub(super) fn ok(result: impl Serialize) -> Answer {
    Ok(wrapped(json!({ "success": true, "errors": [], "messages": [], "result": result })))
}

/// A part of a list that goes on at `cursor`.
pub(super) fn cursored(result: &[Value], cursor: Option<String>) -> Answer {
    let info = json!({ "count": result.len(), "cursor": cursor.unwrap_or_default() });
    Ok(wrapped(json!({
        "success": true, "errors": [], "messages": [], "result": result, "result_info": info,
    })))
}

/// The part of a list that `query` asks for by `page` and `per_page`.
pub(super) fn paged(all: Vec<Value>, query: Option<&str>) -> Answer {
    let number = |name: &str, usual: usize| {
        let mut pairs = form_urlencoded::parse(query.unwrap_or("").as_bytes());
        let found = pairs.find(|(key, _)| key == name).and_then(|(_, value)| value.parse::<usize>().ok());
        found.unwrap_or(usual).max(1)
    };
    let (page, size, total) = (number("page", 1), number("per_page", 100).min(1000), all.len());
    let part: Vec<Value> = all.into_iter().skip((page - 1).saturating_mul(size)).take(size).collect();
    let info = json!({ "page": page, "per_page": size, "count": part.len(), "total_count": total });
    Ok(wrapped(json!({
        "success": true, "errors": [], "messages": [], "result": part, "result_info": info,
    })))
}

fn wrapped(body: Value) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    ([(header::CACHE_CONTROL, no_store)], axum::Json(body)).into_response()
}
