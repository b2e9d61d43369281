//! Every attack: how it is called, what may come back, what must be left.
//!
//! Data only. What an attack tries stands in its handler's first line; how the calls are made, in [`crate::plays`].

mod burning;
mod escaping;
mod lifecycle;
mod output;
mod reaching;
mod wasting;

use crate::plays::Custom;
use serde_json::{Map, Value};

/// What attacks are deployed with, unless they say otherwise. Low, so that they end soon.
const LIMITS: [(&str, u64); 3] = [("wall_ms", 3000), ("cpu_ms", 300), ("memory_mb", 32)];

/// What an attack that is no memory bomb may make the browser grow by, in MiB: garbage, and room that grows in steps. A
/// bomb is held to it, too, where its memory can be counted.
const MAY_GROW: u64 = 600;

/// V8's own limit for one heap, in MiB. Arrays fill it at up to 6 GB a second, so in less than the default CPU time.
const HEAP_CEILING: u64 = 4096;

/// Attacks of one kind; the first part of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group(&'static str);

impl Group {
    /// In the order they run.
    pub const ALL: &'static [Self] = &[
        Self("network"),
        Self("storage"),
        Self("escape"),
        Self("tamper"),
        Self("output"),
        Self("lifecycle"),
        Self("cpu"),
        Self("memory"),
    ];
}

/// What must be true of the attacking handler when the attack is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It still answers.
    Same,
    /// It answers in another isolate than before.
    Replaced,
    /// It cannot answer, or only chance says where; its siblings do.
    Other,
}

/// How the attack is carried out.
#[derive(Clone, Copy)]
pub enum Play {
    /// Tries many things and reports each; none may have come through.
    Probe,
    /// Called so many times at once; each answer is one of `expect`.
    Calls { at_once: usize, expect: &'static [&'static str] },
    /// Called so many times, one after the other; each answer is one of `expect`.
    Rounds { rounds: usize, expect: &'static [&'static str] },
    /// Something else.
    Custom(Custom),
}

/// One attack.
#[derive(Clone)]
pub struct Attack {
    /// The handler's file name without `.js`.
    pub name: &'static str,
    pub play: Play,
    pub after: After,
    /// The browser may grow by this much while it runs, in MiB.
    pub may_grow: u64,
    limits: Vec<(&'static str, u64)>,
}

impl Attack {
    /// An attack that reports what it reached.
    fn probe(name: &'static str) -> Self {
        Self::new(name, Play::Probe)
    }

    /// An attack whose one caller gets one of these answers.
    fn call(name: &'static str, expect: &'static [&'static str]) -> Self {
        Self::new(name, Play::Calls { at_once: 1, expect })
    }

    /// An attack with several callers at once, each of whom gets one of these answers.
    fn calls(name: &'static str, at_once: usize, expect: &'static [&'static str]) -> Self {
        Self::new(name, Play::Calls { at_once, expect })
    }

    /// An attack that takes several rounds, each of which ends in one of these answers.
    fn rounds(name: &'static str, rounds: usize, expect: &'static [&'static str]) -> Self {
        Self::new(name, Play::Rounds { rounds, expect })
    }

    /// An attack of its own kind.
    fn custom(name: &'static str, play: Custom) -> Self {
        Self::new(name, Play::Custom(play))
    }

    fn new(name: &'static str, play: Play) -> Self {
        Self { name, play, after: After::Same, may_grow: MAY_GROW, limits: LIMITS.to_vec() }
    }

    /// Its isolate must be another one afterwards.
    fn replaced(self) -> Self {
        Self { after: After::Replaced, ..self }
    }

    /// Its own state afterwards does not matter.
    fn gone(self) -> Self {
        Self { after: After::Other, ..self }
    }

    /// Deployed with this limit.
    fn limit(mut self, name: &'static str, value: u64) -> Self {
        self.limits.retain(|(known, _)| *known != name);
        self.limits.push((name, value));
        self
    }

    /// Fills the JavaScript heap, which nobody can look into: what fits into its CPU time fits into the browser.
    fn fills_heap(self) -> Self {
        Self { may_grow: HEAP_CEILING, ..self }
    }

    /// The first part of its name.
    pub fn group(&self) -> Group {
        Group(self.name.split('-').next().unwrap_or_default())
    }

    /// Whether it keeps a processor busy, or fills memory.
    pub fn is_heavy(&self) -> bool {
        [Group("cpu"), Group("memory")].contains(&self.group())
    }

    /// The limits as the deployment's metadata takes them.
    pub fn limits(&self) -> Value {
        let limits: Map<_, _> =
            self.limits.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
        Value::Object(limits)
    }

    /// One of its limits, if it has one of its own.
    pub fn limit_of(&self, name: &str) -> Option<u64> {
        self.limits.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
}

/// All attacks. Panics if a handler has no line here, or a name no group.
pub fn all() -> Vec<Attack> {
    let lists = [
        reaching::list(),
        escaping::list(),
        burning::list(),
        wasting::list(),
        output::list(),
        lifecycle::list(),
    ];
    let attacks = lists.concat();
    for attack in &attacks {
        assert!(Group::ALL.contains(&attack.group()), "{} belongs to no group", attack.name);
    }
    for entry in std::fs::read_dir(crate::stage::folder()).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        if let Some(name) = file.strip_suffix(".js") {
            let listed = attacks.iter().filter(|attack| attack.name == name).count();
            assert_eq!(
                listed,
                usize::from(name != "canary"),
                "{name} stands {listed} times in the catalogue"
            );
        }
    }
    attacks
}
