//! Tells the log in time which certificates end. Changes nothing.

use super::certificate::Certificate;
use super::certificates::Certificates;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What is left when it is told, at most; of a short life a fifth. An authority's are renewed when a third is left.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// How a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Its time has not come: a clock may be wrong.
    Early,
    Good,
    Soon,
    Over,
}

impl Standing {
    fn of(certificate: &Certificate, now: SystemTime) -> Self {
        let Ok(left) = certificate.ends.duration_since(now) else { return Self::Over };
        let life = certificate.ends.duration_since(certificate.begins).unwrap_or_default();
        if certificate.begins > now {
            Self::Early
        } else if left < SOON.min(life / 5) {
            Self::Soon
        } else {
            Self::Good
        }
    }

    fn tell(self, name: &str, certificate: &Certificate) {
        let time = |time| humantime::format_rfc3339_seconds(time).to_string();
        match self {
            Self::Good => {}
            Self::Early => tracing::error!(
                name,
                begins = time(certificate.begins),
                "a certificate is not valid yet: callers refuse it"
            ),
            Self::Soon => tracing::warn!(
                name,
                ends = time(certificate.ends),
                "a certificate ends soon, and none has taken its place yet"
            ),
            Self::Over => tracing::error!(
                name,
                ends = time(certificate.ends),
                "a certificate is over: callers refuse it"
            ),
        }
    }
}

/// Looks for ever; what stays as it is is told once.
pub(super) async fn watch(certificates: Arc<Certificates>) -> Infallible {
    let mut known = BTreeMap::new();
    loop {
        let (all, now) = (certificates.all(), SystemTime::now());
        known.retain(|name, _| all.contains_key(name));
        for (name, certificate) in all {
            let Some(certificate) = certificate else { continue };
            let standing = Standing::of(&certificate, now);
            if known.insert(name.clone(), standing) != Some(standing) {
                standing.tell(&name, &certificate);
            }
        }
        // Whichever comes first.
        let _ = tokio::time::timeout(LOOK_EVERY, certificates.changed()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    #[test]
    fn it_is_told_in_time() {
        let key = KeyPair::generate().unwrap();
        let made = |begins, ends| {
            let mut params = CertificateParams::new(["a.example".to_owned()]).unwrap();
            (params.not_before, params.not_after) = (begins, ends);
            let pem = params.self_signed(&key).unwrap().pem();
            Certificate::read(pem.as_bytes(), key.serialize_pem().as_bytes()).unwrap()
        };
        let year = made(date_time_ymd(2030, 1, 1), date_time_ymd(2031, 1, 1));
        let days = |days: u64| Duration::from_secs(days * 86_400);
        let at =
            |certificate: &Certificate, left: Duration| Standing::of(certificate, certificate.ends - left);
        assert_eq!(at(&year, days(366)), Standing::Early);
        assert_eq!(at(&year, days(15)), Standing::Good);
        assert_eq!(at(&year, days(13)), Standing::Soon);
        assert_eq!(Standing::of(&year, year.ends + days(1)), Standing::Over);
        let day = made(date_time_ymd(2030, 1, 1), date_time_ymd(2030, 1, 2));
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        assert_eq!((at(&day, hours(8)), at(&day, hours(4))), (Standing::Good, Standing::Soon));
    }
}
