//! The cache in front of tabs: what runs, and what does not.

use super::mesh::handler;
use super::*;
use futures_util::future::join_all;

const FRESH: Does = Does::Says(200, &[("cache-control", "max-age=60"), ("etag", "\"a\"")]);
/// Expired at once.
const OLD: Does = Does::Says(200, &[("cache-control", "max-age=0, stale-if-error=60"), ("etag", "\"a\"")]);
const BEHIND: Does = Does::Says(200, &[("cache-control", "max-age=0, stale-while-revalidate=60")]);
const SILENT: Does = Does::Says(200, &[]);

async fn told(response: Response<Body>) -> (u16, String, String) {
    let status = response.status().as_u16();
    let cache = response.headers().get("cf-cache-status").map(|it| it.to_str().unwrap().to_owned());
    (status, cache.unwrap_or_default(), text(response).await)
}

fn is(status: u16, cache: &str, body: &str) -> (u16, String, String) {
    (status, cache.to_owned(), body.to_owned())
}

#[tokio::test]
async fn a_stored_answer_is_given_again_in_every_form() {
    let mesh = Mesh::new();
    mesh.join(&[FRESH]).await;
    let it = handler("0");
    let get = |fields: &'static [(&'static str, &'static str)]| mesh.ask(&it, Method::GET, "/", fields);
    assert_eq!(told(get(&[]).await).await, is(200, "MISS", "1"));
    assert_eq!(
        told(get(&[("cache-control", "no-cache"), ("cookie", "a=1")]).await).await,
        is(200, "HIT", "1")
    );
    assert_eq!(told(get(&[("if-none-match", "\"a\"")]).await).await, is(304, "HIT", ""));
    assert_eq!(told(get(&[("range", "bytes=0-0")]).await).await, is(206, "HIT", "1"));
    assert_eq!(told(get(&[("range", "bytes=1-")]).await).await, is(416, "HIT", ""));
    let head = mesh.ask(&it, Method::HEAD, "/", &[]).await;
    assert_eq!(head.headers()["content-length"], "1");
    assert_eq!(told(head).await, is(200, "HIT", ""));
    assert_eq!(mesh.served(), 1);
    assert_eq!(told(get(&[("authorization", "x")]).await).await, is(200, "BYPASS", "2"));
    assert_eq!(told(get(&[("if-match", "\"a\"")]).await).await, is(200, "MISS", "3"));
    assert_eq!(told(mesh.ask(&it, Method::GET, "/other", &[]).await).await, is(200, "MISS", "4"));
    assert_eq!(
        told(mesh.ask(&handler("0"), Method::GET, "/", &[]).await).await,
        is(200, "MISS", "5"),
        "another deployment"
    );
    assert_eq!(told(get(&[]).await).await, is(200, "HIT", "3"));
    mesh.ask(&it, Method::POST, "/", &[]).await;
    assert_eq!(told(get(&[]).await).await, is(200, "MISS", "7"), "a POST may have changed it");
    mesh.quiet().await;
}

#[tokio::test]
async fn requests_for_the_same_run_once_from_the_first_on() {
    let mesh = Mesh::new();
    mesh.join(&[FRESH]).await;
    let it = handler("0");
    for path in ["/", "/again"] {
        let before = mesh.served();
        let answers =
            join_all((0..50).map(|_| async { told(mesh.ask(&it, Method::GET, path, &[]).await).await }))
                .await;
        assert_eq!(mesh.served(), before + 1);
        assert_eq!(answers.iter().filter(|(_, cache, _)| cache == "MISS").count(), 1);
        assert_eq!(answers.iter().filter(|(status, cache, _)| *status == 200 && cache == "HIT").count(), 49);
    }
}

#[tokio::test]
async fn who_waits_for_what_is_not_stored_goes_to_the_handler() {
    let mesh = Mesh::new();
    mesh.join(&[SILENT]).await;
    let it = handler("0");
    let ask = || async { told(mesh.ask(&it, Method::GET, "/", &[]).await).await };
    let answers = join_all((0..5).map(|_| ask())).await;
    assert_eq!(mesh.served(), 5);
    assert!(answers.iter().all(|(status, cache, _)| *status == 200 && cache == "DYNAMIC"), "{answers:?}");
    assert!(it.zone.never_stores());
}

#[tokio::test]
async fn who_waits_for_a_failure_does_not_fail_in_turn() {
    let mesh = Mesh::new();
    mesh.join(&[FRESH, Does::Reset(ResetCode::Exception)]).await;
    let it = handler("0");
    mesh.ask(&it, Method::GET, "/", &[]).await;
    let answers = join_all((0..4).map(|_| mesh.ask(&it, Method::GET, "/other", &[]))).await;
    assert!(answers.iter().all(|answer| answer.status() == 500));
    assert_eq!(mesh.served(), 5);
}

#[tokio::test]
async fn an_answer_to_a_body_is_nobody_elses() {
    let mesh = Mesh::new();
    mesh.join(&[FRESH]).await;
    let it = handler("0");
    assert_eq!(told(mesh.call_handler(&it, Method::GET, "body").await).await.1, "DYNAMIC");
    assert_eq!(told(mesh.ask(&it, Method::GET, "/", &[]).await).await, is(200, "MISS", "2"));
}

#[tokio::test]
async fn an_answer_that_may_be_stored_is_stored_also_after_many_that_may_not() {
    let mesh = Mesh::new();
    mesh.join(&[SILENT, FRESH]).await;
    let it = handler("0");
    for expected in ["DYNAMIC", "MISS", "HIT"] {
        assert_eq!(told(mesh.ask(&it, Method::GET, "/", &[]).await).await.1, expected);
    }
}

#[tokio::test]
async fn the_first_going_away_fails_nobody() {
    let mesh = Arc::new(Mesh::new());
    mesh.join(&[Does::Hangs, FRESH]).await;
    let it = Arc::new(handler("0"));
    let ask = || {
        let (mesh, it) = (Arc::clone(&mesh), Arc::clone(&it));
        tokio::spawn(async move { told(mesh.ask(&it, Method::GET, "/", &[]).await).await })
    };
    let first = ask();
    while mesh.served() == 0 {
        tokio::task::yield_now().await;
    }
    let others: Vec<_> = (0..5).map(|_| ask()).collect();
    tokio::task::yield_now().await;
    first.abort();
    for other in others {
        let (status, _, body) = other.await.unwrap();
        assert_eq!((status, body.as_str()), (200, "2"));
    }
    assert_eq!(mesh.served(), 2);
}

#[tokio::test]
async fn what_is_stale_is_given_while_it_is_asked_for_anew() {
    let mesh = Mesh::new();
    mesh.join(&[BEHIND]).await;
    let it = handler("0");
    let ask = || async { told(mesh.ask(&it, Method::GET, "/", &[]).await).await };
    assert_eq!(ask().await, is(200, "MISS", "1"));
    let answers = join_all((0..10).map(|_| ask())).await;
    assert!(answers.iter().all(|answer| *answer == is(200, "UPDATING", "1")), "{answers:?}");
    mesh.quiet().await;
    while mesh.served() < 2 {
        tokio::task::yield_now().await;
    }
    mesh.quiet().await;
    assert_eq!(mesh.served(), 2, "one at a time");
    assert_eq!(ask().await, is(200, "UPDATING", "2"));
}

#[tokio::test]
async fn what_is_old_is_confirmed_replaced_or_given_where_the_handler_fails() {
    let mesh = Mesh::new();
    let confirmed = Does::Says(304, &[("etag", "\"a\"")]);
    let other = Does::Says(304, &[("etag", "\"b\"")]);
    let failed = Does::Reset(ResetCode::Exception);
    mesh.join(&[OLD, confirmed, failed, OLD, other, FRESH]).await;
    let it = handler("0");
    let ask = |fields: &'static [(&'static str, &'static str)]| async {
        told(mesh.ask(&it, Method::GET, "/", fields).await).await
    };
    assert_eq!(ask(&[]).await, is(200, "MISS", "1"));
    assert_eq!(ask(&[]).await, is(200, "REVALIDATED", "1"));
    assert_eq!(ask(&[("if-none-match", "\"a\"")]).await, is(304, "STALE", ""));
    assert_eq!(ask(&[]).await, is(200, "EXPIRED", "4"));
    assert_eq!(ask(&[]).await, is(200, "EXPIRED", "6"), "the 304 was about another");
    assert_eq!(ask(&[]).await, is(200, "HIT", "6"));
}

#[tokio::test]
async fn who_waits_for_a_failure_gets_what_there_was() {
    let mesh = Mesh::new();
    mesh.join(&[OLD, Does::Reset(ResetCode::Exception)]).await;
    let it = handler("0");
    mesh.ask(&it, Method::GET, "/", &[]).await;
    let answers =
        join_all((0..10).map(|_| async { told(mesh.ask(&it, Method::GET, "/", &[]).await).await })).await;
    assert!(answers.iter().all(|answer| *answer == is(200, "STALE", "1")), "{answers:?}");
    assert_eq!(mesh.served(), 2);
}

#[tokio::test]
async fn the_variants_of_an_answer_are_kept_apart() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Says(200, &[("cache-control", "max-age=60"), ("vary", "accept-language")])]).await;
    let it = handler("0");
    let ask = |language| {
        let (mesh, it) = (&mesh, &it);
        async move { told(mesh.ask(it, Method::GET, "/", &[("accept-language", language)]).await).await }
    };
    assert_eq!(ask("de").await, is(200, "MISS", "1"));
    assert_eq!(ask("en").await, is(200, "MISS", "2"));
    assert_eq!(ask("de").await, is(200, "HIT", "1"));
    assert_eq!(ask("en").await, is(200, "HIT", "2"));
}
