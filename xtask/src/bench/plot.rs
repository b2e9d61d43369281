//! The report's growth curves as SVG pictures for `docs/performance.md`: one for tabs, handlers and streams each, with a
//! panel for each figure. Pure: a report in, texts out.

mod panel;

use panel::{Panel, Scale};
use serde_json::Value;

/// What a curve's panels show: key in the report, title, scale of the figure.
const PANELS: [(&str, &str, Scale); 4] = [
    ("memory_mb", "gateway memory (RSS), MB", Scale::Log),
    ("idle_cpu_percent", "idle gateway, % of a core", Scale::Log),
    ("p50_ms", "hello, 1 connection, p50, ms", Scale::FromZero),
    ("per_second", "hello, 64 connections, requests/s", Scale::FromZero),
];

/// Curves by their names in the report, with what grows.
const CURVES: [(&str, &str); 3] = [
    ("tabs", "tabs (simulated) on one gateway"),
    ("handlers", "handlers deployed"),
    ("streams", "streams held open"),
];

/// Height of a picture's heading, in pixels.
const HEADING: usize = 44;
const COLUMNS: usize = 2;

/// A picture for each curve of the report: its file's name and text.
pub fn draw(report: &Value) -> Vec<(String, String)> {
    let pictures = CURVES.iter().filter_map(|(name, units)| {
        let points = report["growth"][name].as_array().filter(|points| !points.is_empty())?;
        Some((format!("growth-{name}.svg"), picture(units, points)))
    });
    pictures.collect()
}

fn picture(units: &str, points: &[Value]) -> String {
    let panels: Vec<String> = PANELS
        .iter()
        .enumerate()
        .map(|(index, (key, title, scale))| {
            let points =
                points.iter().filter_map(|point| Some((point["units"].as_f64()?, point[key].as_f64()?)));
            let panel = Panel { title, scale: *scale, points: points.collect() };
            let (x, y) = (index % COLUMNS * Panel::WIDTH, HEADING + index / COLUMNS * Panel::HEIGHT);
            format!("<g transform=\"translate({x} {y})\">\n{}</g>\n", panel.draw())
        })
        .collect();
    let (width, height) = (COLUMNS * Panel::WIDTH, HEADING + PANELS.len().div_ceil(COLUMNS) * Panel::HEIGHT);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"16\" y=\"28\" font-size=\"16\" font-weight=\"bold\" fill=\"#222\">Growth: {units}</text>\n{}</svg>\n",
        panels.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_curve_that_was_measured_becomes_a_picture_with_all_its_points() {
        let point = |units, memory| json!({ "units": units, "memory_mb": memory, "idle_cpu_percent": 0.0, "p50_ms": 0.4, "per_second": 9000.0 });
        let report = json!({ "growth": { "tabs": [point(10, 30.0), point(1000, 400.0)], "streams": [] } });
        let pictures = draw(&report);
        let names: Vec<&str> = pictures.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["growth-tabs.svg"]);
        let text = &pictures[0].1;
        // The idle gateway used no tick of CPU, for which a logarithm has no place.
        assert_eq!(text.matches("<circle").count(), 6, "{text}");
        assert!(text.contains(">400</text>") && text.contains("tabs (simulated)"), "{text}");
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        assert!(draw(&json!({})).is_empty());
    }
}
