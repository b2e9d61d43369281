use super::*;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

fn target(tenant: &str, handler: &str) -> Target {
    Target { tenant: tenant.into(), handler: handler.into(), version: String::new() }
}

fn text(stats: &Arc<Stats>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Arc::clone(stats)));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    text
}

#[test]
fn so_many_handlers_have_a_name_and_the_others_count_together() {
    let stats = Arc::new(Stats::new(2));
    for handler in ["a", "b", "c", "d"] {
        stats.of(&target("t", handler)).ended(Outcome::Ok, 200, Duration::from_millis(3));
    }
    let shown = text(&stats);
    let count = |handler: &str| {
        let line = format!(
            "handler_requests_total{{tenant=\"t\",handler=\"{handler}\",outcome=\"ok\",status=\"2xx\"}} "
        );
        shown.lines().find_map(|it| it.strip_prefix(&line)?.parse::<u32>().ok())
    };
    assert_eq!(
        (count("a"), count("b"), count("c"), count(OTHER)),
        (Some(1), Some(1), None, Some(2)),
        "{shown}"
    );
    assert!(
        shown.contains("handler_wall_seconds_bucket{le=\"0.004\",tenant=\"t\",handler=\"a\"} 1\n"),
        "{shown}"
    );
    assert!(shown.contains("le=\"+Inf\""), "{shown}");
}

#[test]
fn tenants_beyond_the_bound_count_together() {
    let stats = Arc::new(Stats::new(10 * MAX_TENANTS));
    for number in 0..3 * MAX_TENANTS {
        stats.of(&target(&format!("t{number}"), "a")).retried();
    }
    let tenants = text(&stats).lines().filter(|line| line.starts_with("handler_retries_total")).count();
    assert_eq!(tenants, MAX_TENANTS + 1);
}

#[test]
fn who_is_deployed_no_more_is_forgotten_and_makes_room() {
    let stats = Arc::new(Stats::new(1));
    stats.ask(|_, handler| handler != "a");
    let kept = Seen::default();
    kept.of(&stats, &target("t", "a")).0.called();
    assert!(Arc::ptr_eq(&stats.of(&target("t", "b")), &stats.of(&target("t", "b"))));
    let shown = text(&stats);
    assert!(shown.contains("handler=\"b\"") && !shown.contains("handler=\"a\""), "{shown}");
    assert!(!shown.contains(OTHER), "{shown}");
    // Whoever still runs may count on.
    kept.of(&stats, &target("t", "a")).0.called();
}
