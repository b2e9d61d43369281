//! Which certificate a caller is shown: by the name that they ask for, from files first, then from an authority. Does no I/O.

use super::certificate::Certificate;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_acme::ResolvesServerCertAcme;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;
use tokio::sync::Notify;

/// All that there are. Names are few: operators write them down.
#[derive(Debug)]
pub(super) struct Certificates {
    files: RwLock<Vec<Arc<Certificate>>>,
    issued: Vec<Issued>,
    changed: Notify,
}

/// A name that an authority certifies.
#[derive(Debug)]
struct Issued {
    name: String,
    /// `None` until the authority has been kind once.
    certificate: RwLock<Option<Arc<Certificate>>>,
    /// Shows the authority that the name is ours.
    proof: RwLock<Option<Arc<ResolvesServerCertAcme>>>,
}

impl Certificates {
    /// Those of files, and the names that an authority is asked for.
    pub(super) fn new(files: Vec<Certificate>, names: &[String]) -> Self {
        let issued = names.iter().map(|name| Issued {
            name: name.clone(),
            certificate: RwLock::default(),
            proof: RwLock::default(),
        });
        Self { files: RwLock::new(shared(files)), issued: issued.collect(), changed: Notify::new() }
    }

    /// Those of files, read anew.
    pub(super) fn replace_files(&self, files: Vec<Certificate>) {
        *self.files.write().unwrap_or_else(PoisonError::into_inner) = shared(files);
        self.changed.notify_one();
    }

    /// The authority gave this one for a name.
    pub(super) fn issue(&self, name: &str, certificate: Certificate) {
        if let Some(issued) = self.issued(name) {
            set(&issued.certificate, Arc::new(certificate));
            self.changed.notify_one();
        }
    }

    /// From now on this shows that the name is ours.
    pub(super) fn prove(&self, name: &str, proof: Arc<ResolvesServerCertAcme>) {
        if let Some(issued) = self.issued(name) {
            set(&issued.proof, proof);
        }
    }

    /// The name's certificate from the authority.
    pub(super) fn of(&self, name: &str) -> Option<Arc<Certificate>> {
        get(&self.issued(name)?.certificate)
    }

    /// Each name with its certificate; of two for one name the one that ends first. `None` where the authority gave none yet.
    pub(super) fn all(&self) -> BTreeMap<String, Option<Arc<Certificate>>> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner).clone();
        let files = files.into_iter().map(|file| (file.name.clone(), Some(file)));
        let issued = self.issued.iter().map(|issued| (issued.name.clone(), get(&issued.certificate)));
        let mut all: BTreeMap<String, Option<Arc<Certificate>>> = BTreeMap::new();
        for (name, certificate) in files.chain(issued) {
            let ends = |certificate: &Option<Arc<Certificate>>| {
                certificate.as_ref().map_or(SystemTime::UNIX_EPOCH, |certificate| certificate.ends)
            };
            match all.get(&name) {
                Some(other) if ends(other) <= ends(&certificate) => {}
                _ => drop(all.insert(name, certificate)),
            }
        }
        all
    }

    /// Resolves when there are others; for one who listens.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn issued(&self, name: &str) -> Option<&Issued> {
        self.issued.iter().find(|issued| issued.name.eq_ignore_ascii_case(name))
    }

    /// For a caller who asks for this name, or for none.
    fn choose(&self, host: Option<&str>) -> Option<Arc<Certificate>> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        let named = host.and_then(|host| files.iter().find(|file| file.covers(host)).cloned());
        let first = files.first().cloned();
        drop(files);
        named
            .or_else(|| self.of(host?))
            .or(first)
            .or_else(|| self.issued.iter().find_map(|issued| get(&issued.certificate)))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name()).map(|certificate| Arc::clone(&certificate.key))
    }
}

/// The same for the authority's looks at us (RFC 8737).
#[derive(Debug)]
pub(super) struct Proofs(pub(super) Arc<Certificates>);

impl ResolvesServerCert for Proofs {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        get(&self.0.issued(hello.server_name()?)?.proof)?.resolve(hello)
    }
}

fn shared(files: Vec<Certificate>) -> Vec<Arc<Certificate>> {
    files.into_iter().map(Arc::new).collect()
}

fn get<T>(place: &RwLock<Option<Arc<T>>>) -> Option<Arc<T>> {
    place.read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn set<T>(place: &RwLock<Option<Arc<T>>>, value: Arc<T>) {
    *place.write().unwrap_or_else(PoisonError::into_inner) = Some(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};

    fn made(name: &str, year: i32) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let pem = params.self_signed(&key).unwrap().pem();
        Certificate::read(pem.as_bytes(), key.serialize_pem().as_bytes()).unwrap()
    }

    #[test]
    fn the_one_for_the_name_or_else_the_first() {
        let names = ["x.example".to_owned(), "y.example".to_owned()];
        let all = Certificates::new(vec![made("a.example", 2090), made("*.b.example", 2090)], &names);
        let shown = |host| all.choose(host).unwrap().name.clone();
        assert_eq!(shown(Some("q.b.example")), "*.b.example");
        assert_eq!((shown(None), shown(Some("x.example"))), ("a.example".into(), "a.example".into()));
        all.issue("x.example", made("x.example", 2091));
        assert_eq!(shown(Some("X.example")), "x.example");
        assert_eq!(shown(Some("y.example")), "a.example", "another name's failure is its own");
        all.replace_files(Vec::new());
        assert_eq!(shown(Some("y.example")), "x.example", "better than none");
        assert!(Certificates::new(Vec::new(), &names).choose(Some("x.example")).is_none());
    }

    #[test]
    fn each_name_is_told_once_with_the_end_that_comes_first() {
        let names = ["x.example".to_owned()];
        let all = Certificates::new(vec![made("a.example", 2091), made("a.example", 2090)], &names);
        let told = all.all();
        assert_eq!(told.len(), 2);
        assert_eq!(told["a.example"].as_ref().unwrap().ends, made("", 2090).ends);
        assert!(told["x.example"].is_none());
    }
}
