//! GPU work, on test doubles of NVIDIA's libraries. Each scenario is a process of its own, because
//! a process opens NVIDIA's libraries once.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod capture_range;
#[cfg(feature = "cudarc")]
mod cudarc;
mod cupti;
mod cupti_activities;
mod cupti_load;
mod cupti_memory;
mod cupti_records;
mod cupti_spans;
mod cupti_support;
mod cupti_tables;
mod doctor;
mod events;
mod events_stories;
