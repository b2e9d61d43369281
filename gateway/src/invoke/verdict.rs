//! What a failure means: whether another tab may try, and what the caller is told. Pure, but for the log.

use crate::breach::{Labels, Limit};
use crate::mesh::call::Failure;
use crate::mesh::pool::NoTab;
use crate::problem::{Problem, ProblemType};
use crate::stacks;
use crate::telemetry::Record;
use http::Method;
use std::sync::Arc;
use tabmesh_protocol::{RequestHead, ResetCode};

/// Seconds after which a caller who found no tab should come back.
const RETRY_AFTER: u64 = 1;

/// Whether the request may go to another tab after this failure. Never after a limit was exceeded: it would be again, and
/// another contributor's tab would pay for it.
pub(super) fn may_repeat(method: &Method, failure: &Failure) -> bool {
    match failure {
        Failure::TabLost | Failure::Reset { code: ResetCode::IsolateLost, .. } => method.is_idempotent(),
        Failure::Reset { code, .. } => *code == ResetCode::Refused,
    }
}

/// Whether the failure speaks against the tab. One that only lost an isolate has another, and the only tab there is
/// must be allowed to try again.
pub(super) fn concerns_the_tab(failure: &Failure) -> bool {
    !matches!(failure, Failure::Reset { code: ResetCode::IsolateLost, .. })
}

pub(super) fn no_tab_problem(no_tab: NoTab) -> Problem {
    match no_tab {
        NoTab::NoneJoined => Problem::new(ProblemType::NoTab)
            .detail("No browser tab that serves this tenant has joined this gateway."),
        NoTab::AllBusy => Problem::new(ProblemType::QueueTimeout),
        NoTab::QueueFull => Problem::new(ProblemType::QueueFull),
        NoTab::Draining => Problem::new(ProblemType::Draining),
    }
    .retry_after(RETRY_AFTER)
}

/// What the caller is told of a failure. The handler's message and stack go to the log and to whoever watches
/// the handler.
pub(super) fn failure_problem(failure: &Failure, head: &RequestHead, record: Option<Arc<Record>>) -> Problem {
    let Failure::Reset { code, reason } = failure else {
        return Problem::new(ProblemType::TabLost);
    };
    if !reason.is_empty() {
        stacks::log(&Labels::of(head), reason, move |labels, text| {
            let (tenant, handler) = (&labels.target.tenant, &labels.target.handler);
            let (version, request_id) = (labels.version(), &*labels.request_id);
            let trace_id = record.as_ref().and_then(|record| record.trace()).map(tracing::field::display);
            tracing::error!(target: "tabmesh::handler", tenant, handler, version, request_id, trace_id, text, "failed");
            if let Some(record) = record {
                record.exception(text);
            }
        });
    }
    let limits = &head.limits;
    match code {
        ResetCode::Exception => Problem::new(ProblemType::HandlerException),
        ResetCode::NoResponse => Problem::new(ProblemType::NoResponse),
        ResetCode::StartFailed => Problem::new(ProblemType::HandlerFailedToStart),
        ResetCode::Timeout => Problem::new(ProblemType::HandlerTimeout)
            .detail(format!("The handler gave no response within {} ms.", limits.wall_ms)),
        ResetCode::BadResponse | ResetCode::BodyFailed => Problem::new(ProblemType::BadResponse),
        ResetCode::Refused => no_tab_problem(NoTab::AllBusy),
        ResetCode::CpuLimit => Problem::new(ProblemType::CpuLimit).detail(format!(
            "The handler used more CPU time than it may: {} ms, or less where a tab's owner set less.",
            limits.cpu_ms
        )),
        ResetCode::MemoryLimit => Problem::new(ProblemType::MemoryLimit).detail(format!(
            "The handler used more memory than it may: {} MiB, or less where a tab's owner set less.",
            limits.memory_mb
        )),
        ResetCode::ResponseTooLarge => too_large_response(limits.response_bytes),
        ResetCode::IsolateLost | ResetCode::Cancelled | ResetCode::Internal => {
            Problem::new(ProblemType::TabLost)
        }
    }
}

/// A response body over `limit` bytes.
pub(super) fn too_large_response(limit: u64) -> Problem {
    Problem::new(ProblemType::ResponseTooLarge)
        .detail(format!("The handler's response is larger than {limit} bytes."))
}

/// The limit that a request exceeded which ends with this problem.
pub(super) fn breached(problem: ProblemType) -> Option<Limit> {
    match problem {
        ProblemType::HandlerTimeout => Some(Limit::Wall),
        ProblemType::CpuLimit => Some(Limit::Cpu),
        ProblemType::MemoryLimit => Some(Limit::Memory),
        ProblemType::PayloadTooLarge => Some(Limit::RequestBytes),
        ProblemType::ResponseTooLarge => Some(Limit::ResponseBytes),
        _ => None,
    }
}
