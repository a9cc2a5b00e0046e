//! This product's subscriber and layer for `tracing`, on the same spans as tracing-chrome.

use super::ours::Session;
use super::tracing_chrome::{deep, flat};
use profiler_benches::Result;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::{Recording, Subject};
use std::sync::Once;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// This product without annotations. When off, the subscriber is installed without a session.
pub(crate) struct OursTracing {
    name: &'static str,
    title: &'static str,
    install: fn(),
}

/// The subscriber of a program that has no other.
pub(crate) const SUBSCRIBER: OursTracing = OursTracing {
    name: "ours-tracing",
    title: "tracing 0.1 + **profiler-tracing**",
    install: || drop(profiler_tracing::init()),
};
/// The layer in `tracing_subscriber`'s registry.
pub(crate) const LAYER: OursTracing = OursTracing {
    name: "ours-tracing-layer",
    title: "tracing 0.1 + registry + **profiler-tracing**",
    install: || drop(tracing_subscriber::registry().with(profiler_tracing::layer()).try_init()),
};

impl OursTracing {
    fn install(&self) {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(self.install);
    }
}

impl Subject for OursTracing {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn work(&self, scenario: Scenario) -> Option<fn(u64)> {
        match scenario {
            Scenario::Off => {
                self.install();
                Some(flat)
            }
            Scenario::On | Scenario::TwoThreads | Scenario::Export => Some(flat),
            Scenario::Nested => Some(deep),
            _ => None,
        }
    }

    fn start(&self, scenario: Scenario, spans: u64) -> Result<Box<dyn Recording>> {
        self.install();
        Ok(Box::new(Session::start_with(scenario, spans, |config, _| config)?))
    }
}
