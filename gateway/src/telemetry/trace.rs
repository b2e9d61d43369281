//! W3C trace context: what a caller's `traceparent` says, what the handler sees instead, and whether a request is traced. Pure.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::{SpanId, TraceId};

/// The header.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What a `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The trace.
    pub trace: TraceId,
    /// The span that caused this.
    pub span: SpanId,
    /// It is recorded there.
    pub sampled: bool,
}

impl Context {
    /// Reads the header (version 00, and what later versions have in common with it).
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let text = values.next()?.to_str().ok()?;
        // Two of them say nothing.
        if values.next().is_some() {
            return None;
        }
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let fits = is_hex(version, 2) && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
        if !fits || version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        (trace != TraceId::INVALID && span != SpanId::INVALID).then_some(Self { trace, span, sampled })
    }

    /// Writes the header.
    pub fn write(self, headers: &mut HeaderMap) {
        let Self { trace, span, sampled } = self;
        if let Ok(value) = HeaderValue::try_from(format!("00-{trace}-{span}-{:02x}", u8::from(sampled))) {
            headers.insert(TRACEPARENT, value);
        }
    }
}

/// What caused a request, as far as traces go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A caller, whose fields may tell.
    Caller,
    /// The gateway itself.
    Gateway,
    /// A request of ours; its span, if it is traced.
    Request(Option<(TraceId, SpanId)>),
}

/// Which requests are traced.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    /// Share of requests, from 0 to 1.
    pub ratio: f64,
    /// A caller's sampled flag decides. Else it does not, for anybody could have every request traced; nor does its trace id,
    /// which could be chosen for that.
    pub trusts: bool,
}

/// The ids of a request that is traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The trace.
    pub trace: TraceId,
    /// What caused it, and whether that is elsewhere.
    pub parent: Option<(SpanId, bool)>,
    /// The request's own span.
    pub request: SpanId,
    /// The handler's, which it sees.
    pub handler: SpanId,
}

impl Sampling {
    /// Whether a request is traced. What the handler sees as its `traceparent` becomes its own span; of one that is not traced, what
    /// the caller sent without the flag that says it is. `lot`: from 0 to below 1.
    #[must_use]
    pub fn begin(self, cause: Cause, headers: &mut HeaderMap, lot: f64) -> Option<Ids> {
        let (context, sampled) = match cause {
            Cause::Request(None) => (None, false),
            Cause::Request(Some((trace, span))) => (Some(Context { trace, span, sampled: true }), true),
            Cause::Gateway => (None, lot < self.ratio),
            Cause::Caller => {
                let context = Context::of(headers);
                (context, context.filter(|_| self.trusts).map_or(lot < self.ratio, |it| it.sampled))
            }
        };
        if !sampled {
            if let Some(context) = Context::of(headers).filter(|context| context.sampled) {
                Context { sampled: false, ..context }.write(headers);
            }
            return None;
        }
        let ids = Ids {
            trace: context.map_or_else(|| TraceId::from_bytes(random()), |context| context.trace),
            parent: context.map(|context| (context.span, cause == Cause::Caller)),
            request: span_id(),
            handler: span_id(),
        };
        Context { trace: ids.trace, span: ids.handler, sampled: true }.write(headers);
        Some(ids)
    }
}

/// An id for a span.
#[must_use]
pub fn span_id() -> SpanId {
    SpanId::from_bytes(random())
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness spans are mixed up, which harms their reader and nobody else.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const NOT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

    fn with(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn what_is_no_traceparent_says_nothing() {
        assert!(Context::of(&with(&[SAMPLED])).unwrap().sampled);
        assert!(!Context::of(&with(&[NOT])).unwrap().sampled);
        let later = SAMPLED.replacen("00", "01", 1) + "-more";
        assert!(Context::of(&with(&[&later])).is_some());
        for wrong in [
            "",
            "00",
            &SAMPLED.to_uppercase(),
            &SAMPLED.replacen("00", "ff", 1),
            &format!("{SAMPLED}-more"),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        ] {
            assert_eq!(Context::of(&with(&[wrong])), None, "{wrong}");
        }
        assert_eq!(Context::of(&with(&[SAMPLED, SAMPLED])), None);
    }

    #[test]
    fn a_callers_flag_counts_only_where_callers_are_trusted() {
        let ratio = |ratio, trusts| Sampling { ratio, trusts };
        for (sampling, parent, traced) in [
            (ratio(0.0, false), SAMPLED, false),
            (ratio(0.0, true), SAMPLED, true),
            (ratio(1.0, true), NOT, false),
            (ratio(1.0, false), NOT, true),
            (ratio(0.5, true), "none", true),
        ] {
            let mut headers = with(&[parent]);
            let ids = sampling.begin(Cause::Caller, &mut headers, 0.4);
            assert_eq!(ids.is_some(), traced, "{sampling:?} {parent}");
            let seen = Context::of(&headers);
            match ids {
                Some(ids) => {
                    let own = Context { trace: ids.trace, span: ids.handler, sampled: true };
                    assert_eq!(seen, Some(own));
                    assert_eq!(ids.parent.is_some(), parent != "none");
                }
                // The caller's own span, but nothing of ours was recorded.
                None => assert!(!seen.unwrap().sampled),
            }
        }
    }

    #[test]
    fn what_a_request_causes_is_traced_with_it() {
        let sampling = Sampling { ratio: 0.0, trusts: false };
        let (trace, span) = (TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]));
        let ids = sampling.begin(Cause::Request(Some((trace, span))), &mut with(&[NOT]), 0.9).unwrap();
        assert_eq!((ids.trace, ids.parent), (trace, Some((span, false))));
        let all = Sampling { ratio: 1.0, trusts: true };
        assert_eq!(all.begin(Cause::Request(None), &mut with(&[SAMPLED]), 0.0), None);
        assert!(all.begin(Cause::Gateway, &mut with(&[]), 0.0).is_some());
    }
}
