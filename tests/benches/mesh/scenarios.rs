//! What is measured. Each scenario measures a few rows together, all its stands in every round, one right after the
//! other: what else the machine does then hits all of them alike.

mod bulk;
mod caller;
mod compute;
mod deploy;
mod handlers;
mod hello;
mod instructions;
mod isolates;
mod spawn;
mod start;
mod stream;
mod streams;
mod tabs;

use crate::figures::{Figures, Row};
use crate::stage::Stage;
use anyhow::Result;

/// Something to measure.
#[async_trait::async_trait]
pub trait Scenario: Send {
    /// Its rows, in the order of the table.
    fn rows(&self) -> &'static [Row];

    /// Rounds that make sense, if not as many as asked for.
    fn most_rounds(&self) -> usize {
        usize::MAX
    }

    /// Starts and warms up what it needs.
    async fn prepare(&mut self, stage: &Stage) -> Result<()>;

    /// Measures everything once.
    async fn round(&mut self, stage: &Stage, figures: &mut Figures) -> Result<()>;
}

/// All of them; the first need the fewest stands.
pub fn all() -> Vec<Box<dyn Scenario>> {
    vec![
        Box::new(start::Start::default()),
        Box::new(spawn::Spawn::default()),
        Box::new(isolates::Isolates::default()),
        Box::new(hello::Hello),
        Box::new(deploy::Deploy::default()),
        Box::new(bulk::Bulk),
        Box::new(stream::Stream),
        Box::new(compute::Compute::default()),
        Box::new(caller::Caller),
        Box::new(instructions::Instructions),
        Box::new(tabs::Tabs::default()),
        Box::new(handlers::Handlers::default()),
        Box::new(streams::Streams::default()),
    ]
}
