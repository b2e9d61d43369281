//! Deployments of a handler: which versions requests get. A rollback is a deployment like any other.

use super::upload::notes;
use super::versions::{find, percentage};
use super::view::time;
use super::{Address, Api, Shared, created, json, no_handler, store_problem};
use crate::access::Principal;
use crate::catalog::POINTS;
use crate::catalog::versions::{Deployment, Notes, Share, Version};
use crate::problem::{Problem, ProblemType};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Versions of one deployment, at most.
const MAX_SHARES: usize = 10;

/// Largest request, in bytes.
const MAX_REQUEST: usize = 64 << 10;

/// What shall be deployed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDeployment)]
struct Wanted {
    /// Their percentages add up to 100.
    #[schema(min_items = 1, max_items = 10)]
    versions: Vec<WantedShare>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    tag: Option<String>,
}

/// One version of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewShare)]
struct WantedShare {
    /// A hash or eight of its first digits, or a number.
    version: String,
    /// With two decimals at most.
    #[schema(minimum = 0, maximum = 100)]
    percentage: f64,
}

/// What a rollback goes to.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = Rollback)]
struct Back {
    /// Without it, what was deployed before.
    version: Option<String>,
    message: Option<String>,
}

/// The JSON of a deployment.
#[derive(Serialize, ToSchema)]
#[schema(as = Deployment)]
struct View<'a> {
    id: u32,
    created_at: String,
    #[serde(flatten)]
    notes: &'a Notes,
    versions: Vec<ShareView<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Share)]
struct ShareView<'a> {
    version: &'a str,
    percentage: f64,
}

/// The JSON of a handler's deployments.
#[derive(Serialize, ToSchema)]
struct Deployments<'a> {
    /// The newest first: the one that holds.
    deployments: Vec<View<'a>>,
}

impl<'a> From<&'a Deployment> for View<'a> {
    fn from(deployment: &'a Deployment) -> Self {
        let share =
            |share: &'a Share| ShareView { version: &share.version, percentage: percentage(share.points) };
        Self {
            id: deployment.number,
            created_at: time(deployment.created_at_ms),
            notes: &deployment.notes,
            versions: deployment.shares.iter().map(share).collect(),
        }
    }
}

/// Lists a handler's deployments.
#[utoipa::path(get, path = "/handlers/{name}/deployments", tag = "deployments", params(("name" = String, Path)),
    responses((status = 200, body = Deployments<'_>)))]
pub(super) async fn list(
    State(api): Shared,
    address: Result<Path<Address>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(Address { tenant, name }) = address.map_err(|_| no_handler())?;
    let deployments = api.deployments(&tenant, &name).await?;
    let deployments = deployments.iter().map(View::from).collect();
    Ok(json(StatusCode::OK, &Deployments { deployments }))
}

/// Lets requests get these versions, each its share.
#[utoipa::path(post, path = "/handlers/{name}/deployments", tag = "deployments", params(("name" = String, Path)),
    request_body = Wanted, responses((status = 201, body = View<'_>)))]
pub(super) async fn post(
    State(api): Shared,
    address: Result<Path<Address>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Path(Address { tenant, name }) = address.map_err(|_| no_handler())?;
    let at = request.uri().path().to_owned();
    let author = Principal::named(&request);
    let wanted: Wanted = read(request).await?;
    let versions = api.versions(&tenant, &name).await?;
    let parts: Vec<(String, f64)> =
        wanted.versions.into_iter().map(|share| (share.version, share.percentage)).collect();
    let shares = shares(&versions, &parts)?;
    let deployment = api
        .deploy_shares(&tenant, &name, shares, Notes { author, ..notes(wanted.message, wanted.tag)? })
        .await?;
    Ok(created(&View::from(&deployment), &at))
}

/// Goes back to a version, or to what was deployed before.
#[utoipa::path(post, path = "/handlers/{name}/rollback", tag = "deployments", params(("name" = String, Path)),
    request_body = Option<Back>, responses((status = 201, body = View<'_>)))]
pub(super) async fn rollback(
    State(api): Shared,
    address: Result<Path<Address>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Path(Address { tenant, name }) = address.map_err(|_| no_handler())?;
    let author = Principal::named(&request);
    let Back { version, message } = read(request).await?;
    let versions = api.versions(&tenant, &name).await?;
    let shares = match version {
        Some(version) => shares(&versions, &[(version, 100.0)])?,
        None => before(&api.deployments(&tenant, &name).await?, &versions)?,
    };
    let deployment =
        api.deploy_shares(&tenant, &name, shares, Notes { author, ..notes(message, None)? }).await?;
    Ok(created(&View::from(&deployment), &format!("{}/deployments", super::place(&tenant, &name))))
}

/// A small JSON body; nothing at all is `{}`.
pub(super) async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let body = Limited::new(request.into_body(), MAX_REQUEST).collect().await;
    let body = body.map_err(|_| invalid("The body cannot be read, or is too large."))?.to_bytes();
    let body: &[u8] = if body.is_empty() { b"{}" } else { &body };
    serde_json::from_slice(body)
        .map_err(|error| invalid(format!("The body is not as it should be: {error}.")))
}

/// What versions are to get, checked.
pub(crate) fn shares(versions: &[Version], wanted: &[(String, f64)]) -> Result<Vec<Share>, Problem> {
    if wanted.is_empty() || wanted.len() > MAX_SHARES {
        return Err(invalid(format!("A deployment has 1 to {MAX_SHARES} versions.")));
    }
    let mut shares: Vec<Share> = vec![];
    for (version, percentage) in wanted {
        let points = percentage * f64::from(POINTS) / 100.0;
        if !(0.0..=f64::from(POINTS)).contains(&points) || (points - points.round()).abs() > 1e-6 {
            return Err(invalid("A percentage is a number from 0 to 100 with two decimals at most."));
        }
        let version = find(versions, version)?.hash.clone();
        if shares.iter().any(|share| share.version == version) {
            return Err(invalid("A version is there twice."));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and POINTS")]
        let points = points.round() as u16;
        shares.push(Share { version, points });
    }
    let sum: u32 = shares.iter().map(|share| u32::from(share.points)).sum();
    if sum != u32::from(POINTS) {
        return Err(invalid(format!(
            "The percentages add up to {}, not to 100.",
            f64::from(sum) * 100.0 / f64::from(POINTS)
        )));
    }
    shares.retain(|share| share.points > 0);
    Ok(shares)
}

/// What was deployed before something else was.
fn before(deployments: &[Deployment], versions: &[Version]) -> Result<Vec<Share>, Problem> {
    let [now, earlier @ ..] = deployments else { return Err(no_handler()) };
    let is_kept = |share: &Share| versions.iter().any(|version| version.hash == share.version);
    earlier
        .iter()
        .find(|deployment| deployment.shares != now.shares && deployment.shares.iter().all(is_kept))
        .map(|deployment| deployment.shares.clone())
        .ok_or_else(|| {
            Problem::new(ProblemType::VersionNotFound)
                .detail("Nothing else was deployed before: name a version.")
        })
}

fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(ProblemType::InvalidRequest).detail(detail)
}

impl Api {
    /// All deployments of a handler that is there.
    pub(crate) async fn deployments(&self, tenant: &str, name: &str) -> Result<Vec<Deployment>, Problem> {
        let deployments = self.catalog.deployments(tenant, name).await;
        let deployments = deployments.map_err(|error| store_problem(&error))?;
        if deployments.is_empty() { Err(no_handler()) } else { Ok(deployments) }
    }

    /// Lets requests get these versions.
    pub(crate) async fn deploy_shares(
        &self,
        tenant: &str,
        name: &str,
        shares: Vec<Share>,
        notes: Notes,
    ) -> Result<Deployment, Problem> {
        let deployment = self.catalog.deploy(tenant, name, shares, notes).await;
        let deployment = deployment.map_err(|error| store_problem(&error))?;
        let versions = deployment.shares.len();
        tracing::info!(%tenant, handler = %name, deployment = deployment.number, versions, "versions deployed");
        Ok(deployment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions() -> Vec<Version> {
        let version = |number: u32| super::super::versions::sample(&format!("{number:064}"), number);
        (1..=20).map(version).collect()
    }

    fn points(wanted: &[(&str, f64)]) -> Option<Vec<u16>> {
        let wanted: Vec<_> = wanted.iter().map(|(version, share)| ((*version).to_owned(), *share)).collect();
        Some(shares(&versions(), &wanted).ok()?.iter().map(|share| share.points).collect())
    }

    #[test]
    fn percentages_add_up() {
        assert_eq!(points(&[("1", 100.0)]), Some(vec![10_000]));
        assert_eq!(points(&[("1", 33.33), ("2", 66.67)]), Some(vec![3333, 6667]));
        assert_eq!(points(&[("1", 0.0), ("2", 100.0)]), Some(vec![10_000]));
        for wrong in [
            &[][..],
            &[("1", 99.0)],
            &[("1", 50.0), ("1", 50.0)],
            &[("99", 100.0)],
            &[("1", -1.0), ("2", 101.0)],
            &[("1", f64::NAN)],
            &[("1", 33.333), ("2", 66.667)],
        ] {
            assert_eq!(points(wrong), None, "{wrong:?}");
        }
        let many: Vec<_> = (1..=11).map(|number| (number.to_string(), 100.0 / 11.0)).collect();
        assert!(shares(&versions(), &many).is_err());
    }

    #[test]
    fn a_rollback_goes_to_what_was_different() {
        let versions = versions();
        let deployment = |number, shares: &[(u32, u16)]| Deployment {
            number,
            shares: shares
                .iter()
                .map(|(version, points)| Share { version: format!("{version:064}"), points: *points })
                .collect(),
            created_at_ms: 0,
            notes: Notes::default(),
        };
        let whole = |number, version| deployment(number, &[(version, POINTS)]);
        let list = [whole(4, 3), whole(3, 3), whole(2, 99), deployment(1, &[(1, 5000), (2, 5000)])];
        assert_eq!(before(&list, &versions).unwrap(), list[3].shares, "99 is not kept any more");
        assert!(before(&list[..2], &versions).is_err());
    }
}
