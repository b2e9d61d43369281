//! What a run says: lines while it goes on, a table, and `report.json`.

use crate::figures::Figures;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Widths of the table's columns but the last.
const WIDTHS: [usize; 5] = [54, 12, 24, 12, 11];

/// Prints the table's head.
pub fn head() {
    line(["row", "Tabmesh", "held against", "", "relation"], "aim");
}

/// Prints a row.
pub fn row(row: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let [ours, peer, theirs, relation] = [0, 1, 2, 3].map(|at| text(&row["cells"][at]));
    let met = match row["met"].as_bool() {
        Some(true) => "  reached",
        Some(false) => "  missed",
        None => "",
    };
    line([&text(&row["title"]), &ours, &peer, &theirs, &relation], &format!("{}{met}", text(&row["aim"])));
}

fn line(cells: [&str; 5], last: &str) {
    let cells: Vec<String> =
        cells.iter().zip(WIDTHS).map(|(cell, width)| format!("{cell:<width$}")).collect();
    println!("{}", format!("{}  {last}", cells.join("  ")).trim_end());
}

/// Everything about a run.
pub struct Report {
    /// Machine, browser, commit.
    pub machine: Value,
    /// Peers, as found.
    pub peers: Value,
    /// Rounds asked for.
    pub rounds: usize,
    /// A glance only.
    pub quick: bool,
    /// What carries the data channels.
    pub transport: String,
    /// Rows, in order.
    pub rows: Vec<Value>,
    /// What could not be measured, and why.
    pub failed: Vec<String>,
    /// Seconds that all of it took.
    pub seconds: f64,
}

impl Report {
    /// Writes the file.
    pub fn write(&self, figures: &Figures, folder: &Path) -> anyhow::Result<PathBuf> {
        std::fs::create_dir_all(folder)?;
        let file = folder.join("report.json");
        let document = json!({
            "machine": self.machine,
            "peers": self.peers,
            "rounds": self.rounds,
            "quick": self.quick,
            "ice_transport": self.transport,
            "seconds": self.seconds,
            "rows": self.rows,
            "failed": self.failed,
            "figures": figures.describe(),
            "growth": figures.growth(),
        });
        std::fs::write(&file, serde_json::to_vec_pretty(&document)?)?;
        Ok(file)
    }
}
