//! The coordinator's own process in a session: a member without a rank.

use crate::job_support::{LONG, Place, Process, is_whole, job, patient, read, until_recorded};
use crate::schema_support::{problems, undescribed};
use profiler_runtime::job::{Controller, Selection, WorkerState};
use profiler_runtime::session::Status;
use profiler_runtime::{ProfilerConfig, configure, request, stage, status};

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn worker() {
    crate::job_support::work();
}

/// D6: the front-end's ranges lie beside those of the ranks, and the front-end counts as no rank.
#[test]
fn the_front_end_is_in_the_session_without_a_rank() {
    let place = Place::new();
    let coordinator = place.coordinator_with(patient().frontend(true));
    let workers = job(&coordinator, &[0, 1]);
    // The workers have the schedule; the folder is common.
    configure(ProfilerConfig::torch(place.perf())).unwrap();
    for _ in 0..2 {
        let started = coordinator.start(&Selection::default()).unwrap();
        assert_eq!(started.frontend.unwrap().state, WorkerState::Recording);
        assert_eq!(started.workers.len(), 2);
        {
            let _request = request("video_gen_1");
            drop(stage!("handler"));
        }
        until_recorded(&coordinator);
        let report = coordinator.stop(&Selection::default(), LONG).unwrap();
        assert!(report.is_complete(), "{report:?}");
        let frontend = report.frontend.clone().unwrap();
        assert_eq!((frontend.state, frontend.pid), (WorkerState::Written, std::process::id()));
        let folder = report.folder.unwrap();
        assert!(is_whole(&folder, 0) && is_whole(&folder, 1));
        for name in ["trace_frontend.json", "timing_frontend.json", "summary_frontend.md", "manifest_frontend.json"] {
            assert!(frontend.artifacts.iter().any(|artifact| artifact.name == name), "{name}: {frontend:?}");
            assert!(folder.join(name).is_file(), "{name}");
        }
        let trace = read(&folder.join("trace_frontend.json")).to_string();
        assert!(trace.contains("\"handler\"") && trace.contains("front-end · CPU"), "{trace}");
        let page = std::fs::read_to_string(folder.join("summary_frontend.md")).unwrap();
        assert!(page.contains("GPU: not recorded, the front-end leaves the GPU to the workers."), "{page}");
        let traces = std::fs::read_dir(folder.join("traces")).unwrap().count();
        assert_eq!(traces, 2, "only the ranks' traces");
        let summary = read(&folder.join("job.json"));
        assert_eq!(summary["frontend"]["state"], "written", "{summary:#}");
        assert_eq!(problems("job", &summary), Vec::<String>::new(), "{summary:#}");
        assert_eq!(undescribed("job", &summary), Vec::<String>::new());
        assert_eq!(status(), Status::Idle);
    }
    assert!(workers.into_iter().all(Process::finish));
}
