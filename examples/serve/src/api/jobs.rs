//! Jobs: videos that are generated in the background and kept, up to a limit, for clients to fetch.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::error::ApiError;
use super::unix_now;
use crate::fleet::{GenerateError, Generated};
use profiler_examples::wan::Request;

/// Maximum number of kept jobs. There are never more unfinished ones, because the queue is shorter.
const MAX_JOBS: usize = 64;

/// Maximum bytes of kept videos, not counting the last one.
const MAX_KEPT_BYTES: usize = 512 << 20;

/// A requested video.
#[derive(Debug)]
pub(super) struct Job {
    id: String,
    model: String,
    request: Request,
    created_at: u64,
    completed_at: Option<u64>,
    begun: Arc<AtomicBool>,
    result: Option<Result<File, GenerateError>>,
}

#[derive(Debug)]
struct File {
    bytes: Bytes,
    seconds: f64,
    stage_durations: BTreeMap<String, f64>,
}

impl Job {
    pub(super) fn new(id: String, model: String, request: Request, begun: Arc<AtomicBool>) -> Self {
        Self { id, model, request, created_at: unix_now().as_secs(), completed_at: None, begun, result: None }
    }

    fn status(&self) -> &'static str {
        match &self.result {
            Some(Ok(_)) => "completed",
            Some(Err(_)) => "failed",
            None if self.begun.load(Ordering::SeqCst) => "in_progress",
            None => "queued",
        }
    }

    /// Returns the object for which clients poll.
    pub(super) fn show(&self) -> Value {
        let (request, file) = (&self.request, self.result.as_ref().and_then(|result| result.as_ref().ok()));
        let error = self.result.as_ref().and_then(|result| result.as_ref().err());
        json!({
            "id": self.id,
            "object": "video",
            "status": self.status(),
            "progress": if file.is_some() { 100 } else { 0 },
            "model": self.model,
            "prompt": request.prompt,
            "size": format!("{}x{}", request.width, request.height),
            "num_frames": request.frames(),
            "fps": request.fps,
            "seconds": format!("{}", request.frames() as f64 / f64::from(request.fps)),
            "created_at": self.created_at,
            "completed_at": self.completed_at,
            "inference_time_s": file.map(|file| file.seconds),
            "stage_durations": file.map(|file| &file.stage_durations),
            "media_type": "video/mp4",
            "error": error.map(|error| json!({ "message": error.to_string() })),
        })
    }

    fn bytes(&self) -> usize {
        self.result.iter().flatten().map(|file| file.bytes.len()).sum()
    }

    fn content(&self) -> Result<Bytes, ApiError> {
        match &self.result {
            Some(Ok(file)) => Ok(file.bytes.clone()),
            Some(Err(error)) => Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "failed", error.to_string())),
            None => {
                let message = format!("the video `{}` is {}: ask again later", self.id, self.status());
                Err(ApiError::new(StatusCode::NOT_FOUND, "not_ready", message))
            }
        }
    }
}

/// All jobs, oldest first.
#[derive(Debug, Default)]
pub(super) struct Jobs(Mutex<VecDeque<Job>>);

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job, and drops the oldest finished one if there are too many.
    pub(super) fn add(&self, job: Job) {
        let mut jobs = self.lock();
        jobs.push_back(job);
        if jobs.len() > MAX_JOBS {
            drop_oldest(&mut jobs);
        }
    }

    /// Stores a job's outcome, and drops the oldest finished jobs if all videos together are too
    /// large.
    pub(super) fn finish(&self, id: &str, outcome: Result<Generated, GenerateError>) {
        let mut jobs = self.lock();
        let generated = outcome.as_ref().map_or(0, |generated| generated.file.len());
        while generated + jobs.iter().map(Job::bytes).sum::<usize>() > MAX_KEPT_BYTES && drop_oldest(&mut jobs) {}
        if let Some(job) = jobs.iter_mut().find(|job| job.id == id) {
            job.completed_at = Some(unix_now().as_secs());
            job.result = Some(outcome.map(|Generated { file, seconds, stage_durations }| File {
                bytes: file.into(),
                seconds,
                stage_durations,
            }));
        }
    }

    pub(super) fn show(&self, id: &str) -> Result<Value, ApiError> {
        self.with_job(id, |job| Ok(job.show()))
    }

    pub(super) fn content(&self, id: &str) -> Result<Bytes, ApiError> {
        self.with_job(id, Job::content)
    }

    fn with_job<T>(&self, id: &str, with_job: impl FnOnce(&Job) -> Result<T, ApiError>) -> Result<T, ApiError> {
        let jobs = self.lock();
        let job = jobs.iter().find(|job| job.id == id);
        let unknown = || ApiError::new(StatusCode::NOT_FOUND, "no_such_video", "there is no video of this id here");
        with_job(job.ok_or_else(unknown)?)
    }
}

/// Drops the oldest finished job; returns false if there is none.
fn drop_oldest(jobs: &mut VecDeque<Job>) -> bool {
    let oldest = jobs.iter().position(|job| job.result.is_some());
    oldest.is_some_and(|oldest| jobs.remove(oldest).is_some())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn jobs_of(sizes: &[usize]) -> Jobs {
        let jobs = Jobs::default();
        for (number, size) in sizes.iter().enumerate() {
            let id = number.to_string();
            jobs.add(Job::new(id.clone(), "model".to_owned(), Request::tiny(), Arc::default()));
            jobs.finish(&id, Ok(Generated { file: vec![0; *size], seconds: 1.0, stage_durations: BTreeMap::new() }));
        }
        jobs
    }

    #[test]
    fn the_oldest_finished_jobs_are_dropped_first() {
        let jobs = Jobs::default();
        jobs.add(Job::new("unfinished".to_owned(), "model".to_owned(), Request::tiny(), Arc::default()));
        for number in 0..=MAX_JOBS {
            let id = number.to_string();
            jobs.add(Job::new(id.clone(), "model".to_owned(), Request::tiny(), Arc::default()));
            jobs.finish(&id, Ok(Generated { file: vec![], seconds: 1.0, stage_durations: BTreeMap::new() }));
        }
        assert_eq!(jobs.show("unfinished").unwrap()["status"], "queued");
        assert!(jobs.show("0").is_err() && jobs.show(&MAX_JOBS.to_string()).is_ok());
    }

    #[test]
    fn large_videos_make_room_for_the_last_one() {
        let jobs = jobs_of(&[1, MAX_KEPT_BYTES, 2]);
        assert!(jobs.content("0").is_err() && jobs.content("1").is_err());
        assert_eq!(jobs.content("2").unwrap().len(), 2);
    }
}
