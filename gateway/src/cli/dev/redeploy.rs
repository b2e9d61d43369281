//! Save, build, deploy, show; and what handlers say in between.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use http::Method;
use serde_json::{Value, json};

use super::watch::Watch;
use crate::cli::client::Client;
use crate::cli::deploy::{self, Built, ProjectArgs, short, urls};
use crate::cli::error::CliError;
use crate::cli::out::{Out, Tone};
use crate::cli::{event, tail};

/// Deploys what changed.
pub(super) struct Loop {
    project: Arc<ProjectArgs>,
    client: Client,
    watch: Watch,
    out: Out,
    /// What serves now.
    live: Option<Built>,
    /// Where it answers.
    urls: Vec<String>,
    /// What is wrong, as it was said last: events of other files do not say it again.
    said: Option<String>,
}

impl Loop {
    pub(super) fn new(
        project: ProjectArgs,
        folder: &Path,
        client: Client,
        out: Out,
    ) -> Result<Self, CliError> {
        let watch = Watch::new(folder).map_err(|error| {
            CliError::Failed(anyhow::anyhow!("the files of {} cannot be watched: {error}", folder.display()))
        })?;
        Ok(Self { project: Arc::new(project), client, watch, out, live: None, urls: Vec::new(), said: None })
    }

    /// Builds and deploys; what is wrong with the project is shown, and is no error here.
    pub(super) async fn deploy(&mut self) -> Result<(), CliError> {
        let started = Instant::now();
        let project = Arc::clone(&self.project);
        let built = tokio::task::spawn_blocking(move || Built::new(&project)).await;
        let built = match built.map_err(|error| CliError::Failed(error.into()))? {
            Ok(built) => built,
            Err(error) => return self.wrong(&error),
        };
        if self.live.as_ref().is_some_and(|live| live.is_same(&built)) {
            self.said = None;
            return Ok(());
        }
        if self.live.is_none() {
            built.notes.iter().for_each(|note| eprintln!("note: {note}"));
        }
        let view = match deploy::upload(&self.client, &built, Method::PUT, true).await {
            Ok(view) => view,
            Err(error) => return self.wrong(&error),
        };
        self.said = None;
        let is_first = self.live.is_none();
        let took = started.elapsed().as_millis();
        self.urls = urls(self.client.base(), &view);
        let name = built.name.clone();
        self.live = Some(built);
        if self.out.json {
            let ms = u64::try_from(took).unwrap_or(u64::MAX);
            return self.out.document(
                &json!({ "event": "deployed", "name": name, "version": view["version"], "ms": ms }),
            );
        }
        let line = format!("{name}: version {} live, {took} ms", short(&view["version"]));
        if is_first { Ok(()) } else { self.out.line(&self.out.paint(Tone::Good, &line)) }
    }

    /// Says where the handler answers.
    pub(super) fn ready(&self) -> Result<(), CliError> {
        if self.out.json {
            return self
                .out
                .document(&json!({ "event": "ready", "gateway": self.client.base(), "urls": self.urls }));
        }
        match &self.live {
            Some(live) => self.out.line(&format!("{}: ready", live.name))?,
            None => self.out.line("ready; nothing could be deployed yet")?,
        }
        for url in &self.urls {
            self.out.line(&format!("  {url}"))?;
        }
        self.out.line(&format!("  gateway {}", self.client.base()))?;
        self.out.line("saved files are deployed; Ctrl-C ends")
    }

    /// Deploys on save and shows the tail, for ever.
    pub(super) async fn run(&mut self) -> Result<(), CliError> {
        let (out, client) = (self.out, self.client.clone());
        let path = client.path(&["tail"])?;
        let show = move |found: &Value| match out.json {
            true => out.document(&json!({ "event": "request", "tail": found })),
            false => out.bytes(event::text_of(found, out, false).as_bytes()),
        };
        let tail = tail::follow(&client, &path, false, show);
        tokio::pin!(tail);
        let mut is_heard = true;
        loop {
            tokio::select! {
                () = self.watch.changed() => self.deploy().await?,
                ended = &mut tail, if is_heard => {
                    is_heard = false;
                    match ended {
                        Err(CliError::Closed) => return Err(CliError::Closed),
                        Err(error) => eprintln!("note: what handlers log is not shown: {error}"),
                        Ok(()) => {}
                    }
                }
            }
        }
    }

    fn wrong(&mut self, error: &CliError) -> Result<(), CliError> {
        if matches!(error, CliError::Closed) {
            return Err(CliError::Closed);
        }
        let text = error.to_text();
        if self.said.as_ref() == Some(&text) {
            return Ok(());
        }
        self.said = Some(text);
        if self.out.json {
            let mut document = error.to_json();
            document["event"] = "error".into();
            return self.out.document(&document);
        }
        eprint!("{}", error.to_text());
        if self.live.is_some() {
            eprintln!("the version before goes on serving");
        }
        Ok(())
    }
}
