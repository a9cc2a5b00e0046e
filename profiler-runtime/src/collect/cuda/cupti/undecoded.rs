//! The records that CUPTI has delivered to a session, until the exporter's thread reads them.

use super::api::Cupti;
use super::buffers::Full;
use super::{decode, raw, record};
use crate::collect::cuda::driver::Driver;
use profiler_trace::records::gpu::{ClockSample, GpuLog, GpuLosses, GpuRecord, SourceName};

/// Delivered records, not yet read.
#[derive(Debug)]
pub(super) struct Undecoded {
    pub(super) driver: &'static Driver,
    pub(super) cupti: &'static Cupti,
    pub(super) full: Vec<Full>,
    pub(super) clocks: [ClockSample; 2],
    pub(super) losses: GpuLosses,
}

impl Undecoded {
    /// Reads all records. Takes about 50 ns a record.
    pub(super) fn decode(self) -> GpuRecord {
        let log = GpuLog {
            source: SourceName::CUPTI,
            version: self.cupti.version,
            driver_version: self.driver.version(),
            devices: self.driver.devices().to_vec(),
            clocks: self.clocks,
            losses: self.losses,
            ..GpuLog::default()
        };
        let cupti = self.cupti;
        let mut reader = decode::Reader::new(cupti.version, |api, function| cupti.name_of_call(api, function), log);
        let mut keeper = raw::Keeper::from_env(cupti);
        for mut full in self.full {
            let is_whole = record::walk(cupti, &mut full, |record| {
                reader.record(record);
                if let Some(keeper) = &mut keeper {
                    keeper.record(record);
                }
            });
            if !is_whole {
                reader.unreadable();
            }
            full.recycle();
        }
        if let Some(keeper) = keeper {
            keeper.finish();
        }
        GpuRecord::Recorded(Box::new(reader.finish()))
    }
}
