//! Why there is no GPU part: each reason has a word for programs, and a sentence with the remedy for people.

use std::ffi::CStr;
use std::fmt;

/// Why there is no GPU part.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Absent {
    /// The configuration does not want it.
    NotWanted,
    /// The process controls a job, and its workers record it.
    LeftToWorkers,
    /// The configuration wants CUDA events instead of CUPTI.
    EventsWanted,
    /// Nothing was recorded at all.
    NothingRecorded,
    /// The session goes on, and with it the GPU's part.
    GoesOn,
    /// It was never read: the process ended.
    ProcessGone,
    /// There is no CUDA driver that could be opened.
    NoDriver,
    /// The driver lacks a function.
    DriverTooOld(&'static CStr),
    /// The driver has no device.
    NoDevice,
    /// The driver's call failed with this code.
    DriverFailed(&'static str, i32),
    /// There is no libcupti for this version of CUDA.
    NoCupti(u32),
    /// This libcupti, whose version is told, is older than 11.7.
    CuptiTooOld(String, u32),
    /// This libcupti is there and cannot be used, for this reason.
    CuptiUnusable(String, String),
    /// The environment says that a tool is attached.
    ToolAttached(&'static str),
    /// CUPTI serves somebody else.
    Occupied,
    /// Permission is missing.
    NotPermitted,
    /// Not on this kind of machine.
    Unsupported(i32),
    /// CUPTI's call failed with this code.
    CuptiFailed(&'static str, i32),
}

impl Absent {
    /// One word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotWanted => "off",
            Self::LeftToWorkers => "left_to_workers",
            Self::EventsWanted => "events_wanted",
            Self::NothingRecorded => "nothing_recorded",
            Self::GoesOn => "session_goes_on",
            Self::ProcessGone => "process_gone",
            Self::NoDriver => "no_driver",
            Self::DriverTooOld(_) => "driver_too_old",
            Self::NoDevice => "no_device",
            Self::DriverFailed(..) => "driver_failed",
            Self::NoCupti(_) => "no_cupti",
            Self::CuptiTooOld(..) => "cupti_too_old",
            Self::CuptiUnusable(..) => "cupti_unusable",
            Self::ToolAttached(_) => "tool_attached",
            Self::Occupied => "occupied",
            Self::NotPermitted => "not_permitted",
            Self::Unsupported(_) => "unsupported",
            Self::CuptiFailed(..) => "cupti_failed",
        }
    }

    /// Returns whether the user should hear of it: a machine without a GPU has nothing to record.
    pub const fn is_surprising(&self) -> bool {
        use Absent::{
            EventsWanted, GoesOn, LeftToWorkers, NoDevice, NoDriver, NotWanted, NothingRecorded, ProcessGone,
        };
        !matches!(
            self,
            NotWanted | LeftToWorkers | EventsWanted | NothingRecorded | GoesOn | ProcessGone | NoDriver | NoDevice
        )
    }
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWanted => f.write_str("the configuration does not ask for it"),
            Self::LeftToWorkers => f.write_str("the front-end leaves the GPU to the workers"),
            Self::EventsWanted => f.write_str(
                "the configuration asks for CUDA events (`gpu_timing`), which time the ranges that name their stream",
            ),
            Self::NothingRecorded => f.write_str("the session recorded nothing"),
            Self::GoesOn => f.write_str("the session goes on: the GPU's records are read when it ends"),
            Self::ProcessGone => f.write_str("the process ended before the GPU's records were read"),
            Self::NoDriver => f.write_str("no CUDA driver (`libcuda.so.1`) can be opened here"),
            Self::DriverTooOld(function) => {
                let function = function.to_string_lossy();
                write!(f, "the CUDA driver has no `{function}`: CUDA 11.7 or newer is needed")
            }
            Self::NoDevice => f.write_str("the CUDA driver finds no device"),
            Self::DriverFailed(call, code) => {
                write!(f, "`{call}` failed with CUDA error {code}: see what `nvidia-smi` says")
            }
            Self::NoCupti(version) => {
                let (major, minor) = (version / 1000, version % 1000 / 10);
                write!(
                    f,
                    "libcupti is not found: install the one of CUDA {major} (the driver supports {major}.{minor}), or set \
                     `PROFILER_CUPTI_LIB` to its path"
                )
            }
            Self::CuptiTooOld(path, version) => {
                write!(f, "`{path}` has API {version}, older than CUDA 11.7's (API 17): install a newer libcupti")
            }
            Self::CuptiUnusable(path, why) => write!(
                f,
                "`{path}` cannot be used: {why}; set `PROFILER_CUPTI_LIB` to the libcupti of a CUDA toolkit, or unset it to \
                 have it searched for"
            ),
            Self::ToolAttached(variable) => {
                write!(f, "another tool is attached (`{variable}` is set), and CUPTI serves one at a time")
            }
            Self::Occupied => {
                f.write_str("CUPTI serves another tool (nsys, ncu, a debugger, DCGM): detach it to record kernels")
            }
            Self::NotPermitted => f.write_str(
                "this user may not trace the GPU: load the NVIDIA kernel module with \
                 `NVreg_RestrictProfilingToAdminUsers=0`, or give the container the capability `SYS_ADMIN`",
            ),
            Self::Unsupported(code) => {
                write!(
                    f,
                    "CUPTI cannot trace this GPU (error {code}): virtual GPUs and confidential computing forbid it"
                )
            }
            Self::CuptiFailed(call, code) => write!(f, "`{call}` failed with CUPTI error {code}"),
        }
    }
}
