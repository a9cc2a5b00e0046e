//! SGLang's `--profile` as a preset of fields.
//!
//! Only the selection, the schedule and the file name of its traces differ from those of other
//! sessions.

use std::path::PathBuf;

use super::{ALL_STAGES, PROFILE, ProfilerArgs, STEPS};
use crate::config::{Draft, Environment, Origin, Problem, Profiler, sglang_folder};

/// Number of steps that `--profile` records by default.
const DEFAULT_STEPS: i64 = 5;

impl ProfilerArgs {
    /// Returns the fields that `--profile` sets.
    pub(super) fn preset(&self, env: Environment<'_>) -> Draft {
        let origin = Origin::Flag(PROFILE.into());
        let mut draft = Draft::new(origin.clone());
        let (folder, folder_origin) = match sglang_folder(env) {
            Some((name, dir)) => (PathBuf::from(dir), Origin::Variable(name)),
            None => (PathBuf::from("./logs"), origin.clone()),
        };
        draft.preset(&["torch_profiler_dir"], &folder_origin, |config| config.torch_profiler_dir = Some(folder));
        draft.preset(&["profiler", "torch_profiler_use_gzip", "trace_file"], &origin, |config| {
            config.profiler = Profiler::Torch;
            config.torch_profiler_use_gzip = true;
        });
        let mode =
            if self.profile_all_stages { self.whole_pipeline(&mut draft) } else { self.steps(&mut draft, &origin) };
        draft.preset(&[], &origin, |config| {
            config.trace_file = Some(format!("{{request_id}}-{mode}-global-rank{{rank}}.trace.json.gz"));
        });
        draft
    }

    /// Sets no schedule, because a schedule would exclude the stages before and after the denoising
    /// steps.
    fn whole_pipeline(&self, draft: &mut Draft) -> String {
        if self.num_profiled_timesteps.is_some() {
            draft.warn(STEPS, format!("does nothing with `{ALL_STAGES}`, which records every step"));
        }
        "full_stages".into()
    }

    /// Selects the denoising steps: the stage `diffuse`, with the iterations of the step loop
    /// `denoise_step`.
    fn steps(&self, draft: &mut Draft, origin: &Origin) -> String {
        draft.preset(&["stages", "step_of"], origin, |config| {
            config.stages = vec!["diffuse".into(), "denoise_step".into()];
            config.step_of = Some("denoise_step".into());
        });
        let steps = self.num_profiled_timesteps.unwrap_or(DEFAULT_STEPS);
        match u32::try_from(steps) {
            Ok(count) if count > 0 => {
                draft.preset(&["warmup_iterations", "active_iterations"], origin, |config| {
                    config.warmup_iterations = 1;
                    config.active_iterations = count.into();
                });
                format!("{count}_steps")
            }
            _ if steps == -1 => "all_steps".into(),
            _ => {
                let message =
                    format!("expected a number of steps from 1 to {}, or -1 for all, found {steps}", u32::MAX);
                draft.add_problem(Problem::new(STEPS, message));
                "0_steps".into()
            }
        }
    }
}
