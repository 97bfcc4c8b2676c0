//! What is counted, in Prometheus' words.
//! Never a label that people fill in: no address, no domain, no name.

use metrics::{Key, Label, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// The counters and gauges of one service. Not the process's global ones: a test may have many services.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

const METADATA: Metadata<'static> = Metadata::new("malote", Level::INFO, None);

fn key(name: &'static str, labels: &[(&'static str, String)]) -> Key {
    let labels: Vec<Label> = labels.iter().map(|(name, value)| Label::new(*name, value.clone())).collect();
    Key::from_parts(name, labels)
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        Self { recorder, handle }
    }

    /// Adds to a counter.
    pub fn add(&self, name: &'static str, labels: &[(&'static str, String)], count: u64) {
        self.recorder.register_counter(&key(name, labels), &METADATA).increment(count);
    }

    /// Sets a counter to what another place has counted.
    pub fn count(&self, name: &'static str, labels: &[(&'static str, String)], count: u64) {
        self.recorder.register_counter(&key(name, labels), &METADATA).absolute(count);
    }

    /// Sets a gauge.
    pub fn set(&self, name: &'static str, labels: &[(&'static str, String)], value: f64) {
        self.recorder.register_gauge(&key(name, labels), &METADATA).set(value);
    }

    /// Notes how long something took, in seconds.
    pub fn took(&self, name: &'static str, labels: &[(&'static str, String)], seconds: f64) {
        self.recorder.register_histogram(&key(name, labels), &METADATA).record(seconds);
    }

    /// Everything in Prometheus' text form.
    pub fn render(&self) -> String {
        self.handle.run_upkeep();
        self.handle.render()
    }
}
