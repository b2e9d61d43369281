//! Where attacks are played: a gateway, one tab, a trap, and two tenants.
//!
//! `mallory` attacks, `alice` is the neighbour in the same tab. There is one tab only, so that nothing can be answered
//! elsewhere, and it must be the same one from the first attack to the last.

use crate::mode::Mode;
use crate::neighbour::{self, Latency, Neighbour};
use crate::trap::Trap;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder, StatusCode};
use rustix::process::Pid;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tabmesh_tests::gateway::client_builder;
use tabmesh_tests::{Browser, Firefox, Gateway, Setup};

/// The tenant whose handlers attack.
pub const MALLORY: &str = "mallory";
/// The tenant who wants to be left in peace.
pub const ALICE: &str = "alice";
/// A handler of mallory's that does nothing wrong: what an attack changed for its siblings shows here.
const CANARY: &str = "canary";
/// How long the neighbour is called for the latency that attacks are measured by.
const BASELINE: Duration = Duration::from_secs(2);
/// Before that, while browser and gateway still get ready.
const WARM_UP: Duration = Duration::from_secs(1);
/// Longer than any attack may take to be ended.
const CALL_LIMIT: Duration = Duration::from_secs(20);

/// The window that joins; dropping it closes it.
enum Tab {
    OfTheGateway,
    Chromium(Browser),
    Firefox(Firefox),
}

/// Everything that an attack needs and might break.
pub struct Stage {
    pub mode: Mode,
    tab: Tab,
    pub gateway: Gateway,
    pub trap: Trap,
    /// Calls of the attacker's handlers.
    pub client: Client,
    /// Calls of the neighbour's; connections of their own.
    quiet: Client,
    pub baseline: Latency,
    /// The tab was lost: what comes next needs another stage.
    pub is_broken: bool,
    isolate_hash: String,
    joins: f64,
    log_mark: usize,
}

fn caller() -> Client {
    client_builder().timeout(CALL_LIMIT).build().unwrap()
}

impl Stage {
    /// Starts everything and measures the neighbour's latency while nobody attacks.
    pub async fn build(mode: Mode) -> Self {
        let setup = Setup::new().tabs(usize::from(mode == Mode::Origin));
        let gateway = setup.start().await;
        let page = |query: &str| gateway.url(&format!("/_mesh/worker?autostart=1{query}"));
        let tab = match mode {
            Mode::Origin => Tab::OfTheGateway,
            Mode::Opaque => {
                let browser = Browser::start().await;
                browser.open(&page("&isolation=opaque")).await;
                Tab::Chromium(browser)
            }
            Mode::Firefox => Tab::Firefox(Firefox::open(&page(""))),
        };
        if let Err(error) = tokio::time::timeout(CALL_LIMIT, gateway.wait_for_tabs(1)).await {
            let words = if let Tab::Firefox(firefox) = &tab { firefox.last_words() } else { String::new() };
            panic!("{mode}: no tab joined: {error}\n{words}");
        }
        let html = gateway.text("/_mesh/worker").await;
        let isolate_hash = html.split("data-isolate=\"").nth(1).and_then(|rest| rest.split('"').next());
        let isolate_hash = isolate_hash.unwrap_or_default().to_owned();
        let joins = gateway.metric("tabmesh_joins_total").await;
        let mut stage = Self {
            mode,
            tab,
            trap: Trap::set().await,
            client: caller(),
            quiet: caller(),
            baseline: Latency::default(),
            is_broken: false,
            isolate_hash,
            joins,
            log_mark: 0,
            gateway,
        };
        for tenant in [MALLORY, ALICE] {
            let made = stage.client.put(stage.gateway.url(&format!("/_mesh/v1/tenants/{tenant}")));
            let made = made.send().await.unwrap();
            assert!(made.status().is_success(), "creating {tenant}: {}", made.text().await.unwrap());
        }
        stage.deploy(ALICE, "hello", &[("main.js", neighbour::SOURCE.to_owned())], &json!({})).await;
        stage.deploy(MALLORY, CANARY, &files(CANARY), &json!({})).await;
        stage.canary().await.unwrap();
        stage.prove_mode().await;
        stage.measure(WARM_UP).await;
        stage.measure(BASELINE).await;
        assert!(stage.baseline.errors.is_empty(), "the neighbour, unattacked: {:?}", stage.baseline.errors);
        stage
    }

    /// Measures the neighbour for so long while nobody attacks.
    pub async fn measure(&mut self, time: Duration) {
        let calls = self.neighbour();
        tokio::time::sleep(time).await;
        self.baseline = calls.finish().await;
    }

    /// Handler code tells its origin by its blob: URL: the mode is what it claims to be.
    async fn prove_mode(&self) {
        let origin = self.get(CANARY, "/origin").await.text().await.unwrap();
        let expected = match self.mode {
            Mode::Opaque => "null".to_owned(),
            Mode::Origin | Mode::Firefox => {
                format!("http://sandbox-{MALLORY}.localhost:{}", self.gateway.address().port())
            }
        };
        assert_eq!(origin, expected, "handlers run on another origin than the mode says");
        if let Tab::Chromium(browser) = &self.tab {
            let frames =
                browser.run("return [...document.querySelectorAll('iframe')].map((f) => f.src)").await;
            let all_opaque = frames.as_array().is_some_and(|all| {
                !all.is_empty() && all.iter().all(|url| url.as_str().unwrap().ends_with("/opaque.html"))
            });
            assert!(all_opaque, "{frames}");
        }
    }

    /// Deploys `files` for a tenant, with these limits.
    pub async fn deploy(&self, tenant: &str, name: &str, files: &[(&str, String)], limits: &Value) {
        let metadata = json!({ "main_module": "main.js", "limits": limits }).to_string();
        let mut form = Form::new().part("metadata", Part::text(metadata));
        for (name, text) in files {
            form = form.part((*name).to_owned(), Part::text(text.clone()).file_name((*name).to_owned()));
        }
        let url = self.gateway.url(&format!("/_mesh/v1/tenants/{tenant}/handlers/{name}"));
        let answer = self.client.put(url).multipart(form).send().await.unwrap();
        assert!(answer.status().is_success(), "deploying {name}: {}", answer.text().await.unwrap());
    }

    /// Where a handler answers.
    pub fn url(&self, tenant: &str, handler: &str, path: &str) -> String {
        format!("http://{handler}.{tenant}.localhost:{}{path}", self.gateway.address().port())
    }

    /// A request to a handler of mallory's.
    pub fn post(&self, handler: &str, path: &str) -> RequestBuilder {
        self.client.post(self.url(MALLORY, handler, path))
    }

    /// GETs from a handler of mallory's.
    pub async fn get(&self, handler: &str, path: &str) -> reqwest::Response {
        self.client.get(self.url(MALLORY, handler, path)).send().await.unwrap()
    }

    /// The same for looks between plays, where no answer is a finding like a wrong one: status and text.
    pub async fn look(&self, handler: &str, path: &str) -> Result<(StatusCode, String), String> {
        let said = async {
            let answer = self.client.get(self.url(MALLORY, handler, path)).send().await?;
            Ok::<_, reqwest::Error>((answer.status(), answer.text().await?))
        };
        said.await.map_err(|error| format!("{:#}", anyhow::Error::from(error)))
    }

    /// Begins to call the neighbour.
    pub fn neighbour(&self) -> Neighbour {
        Neighbour::start(&self.quiet, &self.url(ALICE, "hello", "/"))
    }

    /// What an attacker might know of its surroundings.
    pub fn target(&self) -> Value {
        let port = self.gateway.address().port();
        let sandbox = format!("http://sandbox-{MALLORY}.localhost:{port}");
        json!({
            "trap": format!("http://127.0.0.1:{}/", self.trap.port()),
            "trapPort": self.trap.port(),
            "gateway": format!("http://127.0.0.1:{port}"),
            "sandbox": sandbox,
            "isolateScript": format!("{sandbox}/_mesh/isolate/{}/isolate.js", self.isolate_hash),
            "isolateHash": self.isolate_hash,
            "neighbour": self.url(ALICE, "hello", "/"),
        })
    }

    /// The gateway's metrics as they are now.
    pub async fn metrics(&self) -> String {
        self.gateway.text("/_mesh/metrics").await
    }

    /// The process above all of the tab's browser.
    pub fn browser(&self) -> Pid {
        match &self.tab {
            Tab::OfTheGateway => self.gateway.pid(),
            Tab::Chromium(browser) => browser.pid(),
            Tab::Firefox(firefox) => firefox.pid(),
        }
    }

    /// What happened since the last look that must never happen. Without its tab the stage is of no more use.
    pub async fn damage(&mut self) -> Vec<String> {
        let mut damage = self.trap.caught();
        let violations = self.gateway.metric("tabmesh_protocol_violations_total").await;
        if violations != 0.0 {
            damage.push(format!("the tab broke the protocol {violations} times"));
        }
        let joins = self.gateway.metric("tabmesh_joins_total").await;
        if joins > self.joins || !self.has_tab().await {
            damage.push("the tab was lost".to_owned());
            self.is_broken = true;
            return damage;
        }
        if let Err(error) = self.canary().await {
            damage.push(error);
        }
        damage
    }

    async fn has_tab(&self) -> bool {
        let Ok(answer) = self.quiet.get(self.gateway.url("/_mesh/readyz")).send().await else { return false };
        answer.json::<Value>().await.is_ok_and(|tabs| tabs["tabs"]["ready"] == 1)
    }

    async fn canary(&self) -> Result<(), String> {
        let (status, text) = self.look(CANARY, "/").await?;
        if status == 200 && text == "{\"canary\":\"sings\",\"strange\":[]}" {
            return Ok(());
        }
        Err(format!("a sibling handler answers {status} {text}"))
    }

    /// The gateway's log since the last call.
    pub fn log(&mut self) -> Vec<String> {
        let lines = self.gateway.log().since(self.log_mark);
        self.log_mark += lines.len();
        lines
    }
}

/// A handler's files, as they are deployed.
pub fn files(name: &str) -> Vec<(&'static str, String)> {
    let read = |file: PathBuf| {
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    vec![
        ("main.js", read(folder().join(format!("{name}.js")))),
        ("lib/attack.js", read(folder().join("lib/attack.js"))),
    ]
}

/// Where the handlers are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("attacks/handlers")
}
