//! Figures by name, one for each round, and the rows that are made of them: what is compared with what, and what it
//! should reach. Pure; an aim that is missed is shown, never an error.

use crate::stats::median;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Figures of a run.
#[derive(Default)]
pub struct Figures {
    values: BTreeMap<&'static str, Vec<f64>>,
    missing: BTreeMap<&'static str, String>,
    curves: BTreeMap<&'static str, Vec<Value>>,
}

impl Figures {
    /// Adds a round's figure.
    pub fn add(&mut self, name: &'static str, value: f64) {
        self.values.entry(name).or_default().push(value);
    }

    /// Says that a peer cannot be had, or a figure of our own.
    pub fn missing(&mut self, peer: &'static str, reason: &str) {
        self.missing.insert(peer, reason.to_owned());
    }

    /// Says how the gateway fared while something of this name grew: a point for each size.
    pub fn curve(&mut self, name: &'static str, points: Vec<Value>) {
        self.curves.insert(name, points);
    }

    /// One for each round so far.
    pub fn rounds(&self, name: &str) -> &[f64] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// The median over the rounds, if there is any.
    pub fn median(&self, name: &str) -> Option<f64> {
        let rounds = self.rounds(name);
        (!rounds.is_empty()).then(|| median(rounds))
    }

    /// Every curve for the report.
    pub fn growth(&self) -> Value {
        json!(self.curves)
    }

    /// Every figure for the report.
    pub fn describe(&self) -> Value {
        let describe = |(name, rounds): (&&str, &Vec<f64>)| {
            ((*name).to_owned(), json!({ "median": median(rounds), "rounds": rounds }))
        };
        Value::Object(self.values.iter().map(describe).collect())
    }
}

/// How a figure stands to its reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// So many times as large.
    Times,
    /// So much larger, in the row's unit.
    Above,
}

/// What should be reached: by the relation where there is a reference, by the figure itself where there is none.
#[derive(Clone, Copy, Debug)]
pub enum Aim {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

/// The figure that a row's own is held against.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// As the table names it; also the name it is reported missing under.
    pub peer: &'static str,
    /// Name of its figure.
    pub figure: &'static str,
    /// How they are compared.
    pub relation: Relation,
}

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Short name, to filter by.
    pub id: &'static str,
    /// What is measured.
    pub title: &'static str,
    /// Unit of both figures.
    pub unit: &'static str,
    /// Name of our figure.
    pub figure: &'static str,
    /// What it is held against.
    pub reference: Option<Reference>,
    /// What it should reach.
    pub aim: Option<Aim>,
}

impl Row {
    /// A row of a figure alone.
    pub const fn new(
        id: &'static str,
        title: &'static str,
        unit: &'static str,
        figure: &'static str,
    ) -> Self {
        Self { id, title, unit, figure, reference: None, aim: None }
    }

    /// Held against a peer's figure, as a ratio.
    pub const fn times(mut self, peer: &'static str, figure: &'static str) -> Self {
        self.reference = Some(Reference { peer, figure, relation: Relation::Times });
        self
    }

    /// Held against a peer's figure, as a difference.
    pub const fn above(mut self, peer: &'static str, figure: &'static str) -> Self {
        self.reference = Some(Reference { peer, figure, relation: Relation::Above });
        self
    }

    /// What should not be exceeded.
    pub const fn at_most(mut self, most: f64) -> Self {
        self.aim = Some(Aim::AtMost(most));
        self
    }

    /// What should be reached.
    pub const fn at_least(mut self, least: f64) -> Self {
        self.aim = Some(Aim::AtLeast(least));
        self
    }

    /// The row as the report has it, texts for a table included. `None` while its own figure was not measured, though it
    /// could have been.
    pub fn describe(&self, figures: &Figures) -> Option<Value> {
        if let Some(reason) = figures.missing.get(self.figure) {
            let cells = [&format!("missing: {reason}"), "", "", ""];
            return Some(json!({ "id": self.id, "title": self.title, "figure": self.figure,
                "missing": reason, "aim": self.aim_text(), "met": Value::Null, "cells": cells }));
        }
        let ours = figures.median(self.figure)?;
        let mut row = json!({
            "id": self.id,
            "title": self.title,
            "unit": self.unit,
            "figure": self.figure,
            "tabmesh": { "median": ours, "rounds": figures.rounds(self.figure) },
            "aim": self.aim_text(),
        });
        let mut judged = Some(ours);
        let mut cells = [self.with_unit(ours), String::new(), String::new(), String::new()];
        if let Some(reference) = self.reference {
            reference.peer.clone_into(&mut cells[1]);
            judged = match (figures.median(reference.figure), figures.missing.get(reference.peer)) {
                (Some(theirs), _) => {
                    let relation = relate(reference.relation, ours, theirs);
                    let pairs = figures.rounds(self.figure).iter().zip(figures.rounds(reference.figure));
                    let rounds: Vec<f64> = pairs.map(|(a, b)| relate(reference.relation, *a, *b)).collect();
                    cells[2] = self.with_unit(theirs);
                    cells[3] = self.relation_text(reference.relation, relation);
                    row["reference"] = json!({ "peer": reference.peer, "figure": reference.figure,
                        "median": theirs, "rounds": figures.rounds(reference.figure) });
                    row["relation"] =
                        json!({ "kind": kind(reference.relation), "of_medians": relation, "rounds": rounds });
                    Some(relation)
                }
                (None, reason) => {
                    let reason = reason.map_or("not measured", String::as_str);
                    cells[2] = format!("missing: {reason}");
                    row["reference"] = json!({ "peer": reference.peer, "missing": reason });
                    None
                }
            };
        }
        row["met"] = match (self.aim, judged) {
            (Some(Aim::AtMost(most)), Some(value)) => json!(value <= most),
            (Some(Aim::AtLeast(least)), Some(value)) => json!(value >= least),
            _ => Value::Null,
        };
        row["cells"] = json!(cells);
        Some(row)
    }

    fn aim_text(&self) -> Option<String> {
        let (sign, value) = match self.aim? {
            Aim::AtMost(value) => ("<=", value),
            Aim::AtLeast(value) => (">=", value),
        };
        Some(match self.reference.map(|reference| reference.relation) {
            Some(Relation::Times) => format!("{sign} {value}x"),
            Some(Relation::Above) => format!("{sign} +{value} {}", self.unit),
            None => format!("{sign} {value} {}", self.unit),
        })
    }

    fn relation_text(&self, relation: Relation, value: f64) -> String {
        match relation {
            Relation::Times => format!("{value:.2}x"),
            Relation::Above => format!("{value:+.2} {}", self.unit),
        }
    }

    fn with_unit(&self, value: f64) -> String {
        let digits = match value.abs() {
            _ if self.unit.is_empty() => 0,
            size if size >= 100.0 => 0,
            size if size >= 10.0 => 1,
            _ => 2,
        };
        format!("{value:.digits$} {}", self.unit).trim_end().to_owned()
    }
}

fn relate(relation: Relation, ours: f64, theirs: f64) -> f64 {
    match relation {
        Relation::Times => ours / theirs,
        Relation::Above => ours - theirs,
    }
}

fn kind(relation: Relation) -> &'static str {
    match relation {
        Relation::Times => "ratio",
        Relation::Above => "difference",
    }
}
