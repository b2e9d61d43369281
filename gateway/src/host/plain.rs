//! Bodies as handlers read them: whatever encoding they came in is undone here, as for outbound fetch.

use axum::body::Body;
use http::{Request, Response, StatusCode, header};
use std::future::ready;
use tower::ServiceExt as _;
use tower_http::decompression::Decompression;

/// The same answer with its body decoded, and without the field that named the encoding. A part of a body stays as it is: it cannot
/// be decoded alone.
///
/// # Errors
/// None that is known; the service it is made of could have some.
pub async fn plain(response: Response<Body>) -> Result<Response<Body>, String> {
    let is_plain = !response.headers().contains_key(header::CONTENT_ENCODING)
        || response.status() == StatusCode::PARTIAL_CONTENT
        || http_body::Body::is_end_stream(response.body());
    if is_plain {
        return Ok(response);
    }
    let mut response = Some(response);
    let answer = tower::service_fn(move |_: Request<()>| ready(response.take().ok_or("asked twice")));
    let decoded = Decompression::new(answer).oneshot(Request::new(())).await?;
    Ok(decoded.map(Body::new))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    /// `{"hello":"gzip"}`.
    const GZIP: &[u8] = &[
        31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 171, 86, 202, 72, 205, 201, 201, 87, 178, 82, 74, 175, 202, 44,
        80, 170, 5, 0, 246, 79, 5, 111, 16, 0, 0, 0,
    ];

    async fn read(response: Response<Body>) -> (Option<String>, Vec<u8>) {
        let response = plain(response).await.unwrap();
        let named = response.headers().get("content-encoding").map(|it| it.to_str().unwrap().to_owned());
        (named, response.into_body().collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn what_is_encoded_is_decoded_and_nothing_else() {
        let encoded = |status: u16, body: &'static [u8]| {
            let response = Response::builder().status(status).header("content-encoding", "gzip");
            response.body(Body::from(body)).unwrap()
        };
        assert_eq!(read(encoded(200, GZIP)).await, (None, br#"{"hello":"gzip"}"#.to_vec()));
        assert_eq!(read(encoded(206, &GZIP[4..])).await, (Some("gzip".into()), GZIP[4..].to_vec()));
        assert_eq!(read(encoded(200, b"")).await, (Some("gzip".into()), vec![]));
        assert_eq!(read(Response::new(Body::from("as it is"))).await, (None, b"as it is".to_vec()));
    }
}
