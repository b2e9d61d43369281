//! The limits that a deployment asks for, held against what this gateway allows. Pure: what is not given is the default,
//! what is wrong is refused with its name, its value and the range. Who enforces a limit at run time is not known here.

use serde_json::{Map, Value};
use tabmesh_protocol::Limits;

/// Most characters of a stranger's value that an error repeats.
const SHOWN: usize = 60;

/// One limit: its name in the metadata, the least that makes sense, and where [`Limits`] has it.
struct Field {
    name: &'static str,
    /// 0 where "none at all" is a wish that can be served: no bodies, no subrequests, no console.
    least: u64,
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

macro_rules! fields {
    ($($name:ident: $kind:ty, from $least:literal;)+) => {
        const FIELDS: &[Field] = &[$(Field {
            name: stringify!($name),
            least: $least,
            get: |limits| u64::from(limits.$name),
            // Only values below a cap of the same type come here.
            set: |limits, value| limits.$name = <$kind>::try_from(value).unwrap_or(<$kind>::MAX),
        }),+];
    };
}

fields! {
    wall_ms: u32, from 1;
    cpu_ms: u32, from 1;
    memory_mb: u32, from 1;
    request_bytes: u64, from 0;
    response_bytes: u64, from 1;
    concurrency: u32, from 1;
    subrequests: u32, from 0;
    log_bytes: u32, from 0;
}

/// Why limits were refused: a sentence for the developer who deploys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// There is no such limit.
    #[error("`limits.{name}` is no limit; there are {}", names())]
    Unknown {
        /// As given, shortened.
        name: String,
    },
    /// Not a whole number, below what makes sense, or above what the gateway allows.
    #[error("`limits.{name}` is {value}; this gateway takes a whole number from {least} to {cap}")]
    Range {
        /// Which limit.
        name: &'static str,
        /// As given, shortened.
        value: String,
        /// The least value.
        least: u64,
        /// The gateway's cap.
        cap: u64,
    },
}

fn names() -> String {
    FIELDS.iter().map(|field| field.name).collect::<Vec<_>>().join(", ")
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

/// Reads the limits of a deployment; `caps` has the highest value of each.
///
/// # Errors
/// [`LimitError`] for the first that is wrong.
pub fn read(given: &Map<String, Value>, caps: &Limits) -> Result<Limits, LimitError> {
    let mut limits = Limits::default();
    for (name, value) in given {
        let field = FIELDS
            .iter()
            .find(|field| field.name == name)
            .ok_or_else(|| LimitError::Unknown { name: shortened(name) })?;
        let (least, cap) = (field.least, (field.get)(caps));
        let number = value.as_u64().filter(|number| (least..=cap).contains(number)).ok_or_else(|| {
            LimitError::Range { name: field.name, value: shortened(&value.to_string()), least, cap }
        })?;
        (field.set)(&mut limits, number);
    }
    Ok(limits)
}

/// The limits as they hold: a handler deployed under higher caps, or with a default above them, gets the caps.
#[must_use]
pub fn within(mut limits: Limits, caps: &Limits) -> Limits {
    for field in FIELDS {
        let value = (field.get)(&limits).min((field.get)(caps));
        (field.set)(&mut limits, value);
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LimitConfig;
    use serde_json::json;

    fn caps() -> Limits {
        LimitConfig::default().caps(100 << 20)
    }

    fn read_json(value: &Value) -> Result<Limits, String> {
        read(value.as_object().unwrap(), &caps()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_limit_can_be_set() {
        let mut expected = json!(Limits::default());
        let known: Vec<_> = expected.as_object().unwrap().keys().cloned().collect();
        assert_eq!(FIELDS.len(), known.len());
        for name in known {
            expected[&name] = json!(7);
        }
        assert_eq!(json!(read_json(&expected).unwrap()), expected);
        assert_eq!(read_json(&json!({})).unwrap(), Limits::default());
        let one = Limits { cpu_ms: 5, ..Limits::default() };
        assert_eq!(read_json(&json!({ "cpu_ms": 5 })).unwrap(), one);
    }

    #[test]
    fn the_caps_themselves_are_allowed_and_no_more() {
        for field in FIELDS {
            let cap = (field.get)(&caps());
            assert!(read_json(&json!({ field.name: cap })).is_ok(), "{}", field.name);
            let text = read_json(&json!({ field.name: cap + 1 })).unwrap_err();
            for part in [field.name.to_owned(), cap.to_string(), (cap + 1).to_string()] {
                assert!(text.contains(&part), "{text}");
            }
            assert_eq!(read_json(&json!({ field.name: 0 })).is_ok(), field.least == 0, "{}", field.name);
            for wrong in [json!(-1), json!(1.5), json!("7"), json!(null), json!(true), json!([7])] {
                let text = read_json(&json!({ field.name: wrong })).unwrap_err();
                assert!(text.contains(field.name) && text.contains(&wrong.to_string()), "{text}");
            }
        }
        let none: Vec<_> = FIELDS.iter().filter(|field| field.least == 0).map(|field| field.name).collect();
        assert_eq!(none, ["request_bytes", "subrequests", "log_bytes"]);
    }

    #[test]
    fn unknown_limits_are_named() {
        let text = read_json(&json!({ "cpu": 5 })).unwrap_err();
        assert!(text.starts_with("`limits.cpu` is no limit; there are wall_ms, cpu_ms, "), "{text}");
        let text = read_json(&json!({ "x\n".repeat(1000): 5 })).unwrap_err();
        assert!(text.len() < 300 && !text.contains('\n'), "{text}");
    }

    #[test]
    fn lower_caps_hold_for_what_is_deployed() {
        let caps = Limits { cpu_ms: 100, ..caps() };
        let deployed = Limits { memory_mb: 5, ..Limits::default() };
        assert_eq!(within(deployed, &caps), Limits { cpu_ms: 100, memory_mb: 5, ..Limits::default() });
    }
}
