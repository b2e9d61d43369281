//! The worker page's address as headless tabs open it: what the page's form asks a person, the address says here.

use crate::deploy::check_tenant_name;
use clap::Args;
use form_urlencoded::Serializer;
use tabmesh_protocol::config::MAX_TENANTS;
use tabmesh_protocol::signal::valid_pool;

/// Path of the worker page. The page starts by itself only in a browser that a program drives, as these are.
const PATH: &str = "/_mesh/worker";

/// Most that a tab takes for the processor time of one request, in ms.
const MAX_CPU_MS: u32 = 300_000;

/// What a headless tab may use. What is not given is as the page has it for everybody.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "What a headless tab may use")]
pub struct TabConfig {
    /// Share of its cores that a tab's handlers may keep busy, in percent [default: 100]
    #[arg(long, env = "TABMESH_TAB_CPU", value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(5..=100))]
    pub tab_cpu: Option<u32>,

    /// Processor cores that a tab's handlers may keep busy [default: all]
    #[arg(long, env = "TABMESH_TAB_CORES", value_name = "CORES", value_parser = clap::value_parser!(u32).range(1..))]
    pub tab_cores: Option<u32>,

    /// Memory of a tab, in MB, as far as it can be counted [default: 2048, or half of the machine's if that is less]
    #[arg(long, env = "TABMESH_TAB_MEMORY", value_name = "MB", value_parser = clap::value_parser!(u32).range(256..=65_536))]
    pub tab_memory: Option<u32>,

    /// Processor time of one request, in ms, where its handler's own limit is not lower [default: what the gateway
    /// allows in its own tabs, else 5000]
    #[arg(long, env = "TABMESH_TAB_CPU_MS", value_name = "MS", value_parser = clap::value_parser!(u32).range(10..=i64::from(MAX_CPU_MS)))]
    pub tab_cpu_ms: Option<u32>,

    /// Handlers' isolates that a tab keeps at once [default: 16]
    #[arg(long, env = "TABMESH_TAB_ISOLATES", value_name = "ISOLATES", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub tab_isolates: Option<u32>,

    /// Requests that a tab takes at once [default: 64]
    #[arg(long, env = "TABMESH_TAB_REQUESTS", value_name = "REQUESTS",
          value_parser = clap::value_parser!(u32).range(1..=512))]
    pub tab_requests: Option<u32>,

    /// Tenants that a tab serves, with commas between [default: all]
    #[arg(long, env = "TABMESH_TENANTS", value_name = "TENANTS", value_delimiter = ',', value_parser = tenant)]
    pub tenants: Vec<String>,
}

fn tenant(name: &str) -> Result<String, String> {
    check_tenant_name(name).map(|()| name.to_owned())
}

impl TabConfig {
    /// For tabs of a gateway that allows handlers this much processor time a request, in ms: its own tabs keep no one to less.
    #[must_use]
    pub fn of_gateway(mut self, max_cpu_ms: u32) -> Self {
        self.tab_cpu_ms.get_or_insert(max_cpu_ms.min(MAX_CPU_MS));
        self
    }

    /// The page of the gateway at `base` (scheme and authority), in `pool`, with the secret that joining takes.
    ///
    /// The secret then stands in the browser's command line, which other users of this machine can read.
    ///
    /// # Errors
    /// What cannot be asked for, as a sentence.
    pub fn page(&self, base: &str, pool: &str, token: Option<&str>) -> Result<String, String> {
        if !valid_pool(pool) {
            return Err(format!("`{pool}` is no pool's name: 1 to 63 of a-z, 0-9 and -"));
        }
        if self.tenants.len() > MAX_TENANTS {
            return Err(format!("--tenants names {} tenants; {MAX_TENANTS} at most", self.tenants.len()));
        }
        let mut query = Serializer::new(String::new());
        query.append_pair("autostart", "1").append_pair("pool", pool);
        let numbers = [
            ("cpu", self.tab_cpu),
            ("cores", self.tab_cores),
            ("memory", self.tab_memory),
            ("isolates", self.tab_isolates),
            ("concurrency", self.tab_requests),
            ("cpu-ms", self.tab_cpu_ms),
        ];
        for (name, value) in numbers {
            if let Some(value) = value {
                query.append_pair(name, &value.to_string());
            }
        }
        if !self.tenants.is_empty() {
            query.append_pair("tenants", &self.tenants.join(","));
        }
        if let Some(token) = token {
            query.append_pair("token", token);
        }
        Ok(format!("{}{PATH}?{}", base.trim_end_matches('/'), query.finish()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_says_what_was_asked_for_and_no_more() {
        let plain = TabConfig::default().page("http://127.0.0.1:1/", "default", None).unwrap();
        assert_eq!(plain, "http://127.0.0.1:1/_mesh/worker?autostart=1&pool=default");
        let all = TabConfig {
            tab_cpu: Some(50),
            tab_cores: Some(2),
            tab_memory: Some(512),
            tab_isolates: Some(4),
            tab_requests: Some(8),
            tab_cpu_ms: Some(1000),
            tenants: vec!["a".into(), "b-2".into()],
        };
        assert_eq!(
            all.page("https://mesh.example", "p", Some("open sesame&x=1")).unwrap(),
            "https://mesh.example/_mesh/worker?autostart=1&pool=p&cpu=50&cores=2&memory=512&isolates=4\
             &concurrency=8&cpu-ms=1000&tenants=a%2Cb-2&token=open+sesame%26x%3D1"
        );
    }

    #[test]
    fn a_gateways_own_tabs_allow_what_it_allows() {
        let cpu = |tab: TabConfig, max| tab.of_gateway(max).tab_cpu_ms;
        assert_eq!(cpu(TabConfig::default(), 30_000), Some(30_000));
        assert_eq!(cpu(TabConfig::default(), u32::MAX), Some(300_000));
        assert_eq!(cpu(TabConfig { tab_cpu_ms: Some(5), ..TabConfig::default() }, 30_000), Some(5));
    }

    #[test]
    fn what_the_page_would_not_take_is_refused_here() {
        for pool in ["", "A", "x&autostart=1"] {
            assert!(TabConfig::default().page("http://x", pool, None).is_err(), "{pool}");
        }
        let many = TabConfig { tenants: vec!["t".into(); MAX_TENANTS + 1], ..TabConfig::default() };
        assert!(many.page("http://x", "p", None).unwrap_err().contains("--tenants"));
        assert!(tenant("Acme").is_err() && tenant("acme").is_ok());
    }
}
