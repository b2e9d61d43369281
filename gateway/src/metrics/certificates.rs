//! When each certificate ends, read when somebody asks. Its label is a name that the operator wrote down.

use crate::server::Tls;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

/// Those of the port that callers come to.
#[derive(Default)]
pub struct Expiries(OnceLock<Arc<Tls>>);

impl fmt::Debug for Expiries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expiries").finish_non_exhaustive()
    }
}

impl Expiries {
    /// From now on these are looked at.
    pub fn watch(&self, tls: &Arc<Tls>) {
        // Once is enough.
        let _ = self.0.set(Arc::clone(tls));
    }
}

impl Collector for Expiries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(tls) = self.0.get() else { return Ok(()) };
        let help = "When the certificate of this name ends, in Unix time; 0 where there is none yet";
        let name = "certificate_expiry_timestamp";
        let mut family = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
        for (name, ends) in tls.expiries() {
            let since = ends.and_then(|ends| ends.duration_since(SystemTime::UNIX_EPOCH).ok());
            let seconds = i64::try_from(since.unwrap_or_default().as_secs()).unwrap_or(i64::MAX);
            family.encode_family(&[("name", name.as_str())])?.encode_gauge(&seconds)?;
        }
        Ok(())
    }
}
