//! How a handler's run ended, in the words that Workers' tail events use.

use crate::mesh::call::Failure;
use crate::problem::ProblemType;
use tabmesh_protocol::ResetCode;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It answered, and all of the answer was passed on.
    Ok,
    /// It threw, could not start, or gave no answer that can be passed on.
    Exception,
    /// It used more CPU time than it may.
    ExceededCpu,
    /// It used more memory than it may.
    ExceededMemory,
    /// It gave no answer in time.
    ExceededWallTime,
    /// The caller went away before there was an answer.
    Canceled,
    /// The caller went away while the answer was under way.
    ResponseStreamDisconnected,
    /// No tab could take it.
    LoadShed,
    /// Its tab was lost.
    InternalError,
    /// It never began: the request itself was refused.
    Unknown,
}

impl Outcome {
    /// All of them, by their number.
    pub const ALL: [Self; 10] = [
        Self::Ok,
        Self::Exception,
        Self::ExceededCpu,
        Self::ExceededMemory,
        Self::ExceededWallTime,
        Self::Canceled,
        Self::ResponseStreamDisconnected,
        Self::LoadShed,
        Self::InternalError,
        Self::Unknown,
    ];

    /// Its name in events and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Exception => "exception",
            Self::ExceededCpu => "exceededCpu",
            Self::ExceededMemory => "exceededMemory",
            Self::ExceededWallTime => "exceededWallTime",
            Self::Canceled => "canceled",
            Self::ResponseStreamDisconnected => "responseStreamDisconnected",
            Self::LoadShed => "loadShed",
            Self::InternalError => "internalError",
            Self::Unknown => "unknown",
        }
    }

    /// Neither a success nor the caller's own going away.
    #[must_use]
    pub const fn is_error(self) -> bool {
        !matches!(self, Self::Ok | Self::Canceled | Self::ResponseStreamDisconnected)
    }

    /// Of a request that the caller was told this of.
    #[must_use]
    pub const fn of_problem(problem: ProblemType) -> Self {
        match problem {
            ProblemType::HandlerException
            | ProblemType::NoResponse
            | ProblemType::HandlerFailedToStart
            | ProblemType::BadResponse
            | ProblemType::ResponseTooLarge => Self::Exception,
            ProblemType::CpuLimit => Self::ExceededCpu,
            ProblemType::MemoryLimit => Self::ExceededMemory,
            ProblemType::HandlerTimeout => Self::ExceededWallTime,
            ProblemType::NoTab
            | ProblemType::QueueTimeout
            | ProblemType::QueueFull
            | ProblemType::Draining => Self::LoadShed,
            ProblemType::TabLost => Self::InternalError,
            _ => Self::Unknown,
        }
    }

    /// Of an answer that broke off.
    #[must_use]
    pub const fn of_failure(failure: &Failure) -> Self {
        match failure {
            Failure::TabLost => Self::InternalError,
            Failure::Reset { code, .. } => match code {
                ResetCode::CpuLimit => Self::ExceededCpu,
                ResetCode::MemoryLimit => Self::ExceededMemory,
                ResetCode::Timeout => Self::ExceededWallTime,
                ResetCode::IsolateLost | ResetCode::Refused | ResetCode::Internal => Self::InternalError,
                _ => Self::Exception,
            },
        }
    }
}
