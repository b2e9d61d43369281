//! A developer's loop: deploy, call, see the new answer.

use super::Scenario;
use crate::figures::{Figures, Row};
use crate::http::Connection;
use crate::stage::Stage;
use crate::stats::Samples;
use anyhow::{Result, ensure};
use std::time::Instant;

const ROWS: &[Row] =
    &[Row::new("deploy", "deploy to first correct answer, p50", "ms", "deploy.p50").at_most(50.0)];

const NAME: &str = "deploy";

#[derive(Default)]
pub struct Deploy {
    version: usize,
}

#[async_trait::async_trait]
impl Scenario for Deploy {
    fn rows(&self) -> &'static [Row] {
        ROWS
    }

    async fn prepare(&mut self, stage: &Stage) -> Result<()> {
        stage.one().await.map(drop)
    }

    async fn round(&mut self, stage: &Stage, figures: &mut Figures) -> Result<()> {
        let mesh = stage.one().await?;
        let mut connection = Connection::open(mesh.address()).await?;
        let target = mesh.target(NAME, "/");
        let mut times = vec![];
        for _ in 0..stage.pace.count(12) {
            self.version += 1;
            let expected = format!("version {}", self.version);
            let source = format!("export default {{ fetch: () => new Response('{expected}') }};\n");
            let head = mesh.put_head(NAME, &source);
            let start = Instant::now();
            let (deployed, _) = connection.upload(&head, source.as_bytes(), 1).await?;
            ensure!(matches!(deployed.status, 200 | 201), "deploying: {}", deployed.status);
            let (answer, body) = connection.fetch(&target.request).await?;
            times.push(start.elapsed());
            // After a deploy returned, no request reaches an old version: the first answer is the right one.
            ensure!(answer.status == 200 && body == expected.as_bytes(), "an old answer, or none");
        }
        figures.add("deploy.p50", times.into_iter().collect::<Samples>().p50());
        Ok(())
    }
}
