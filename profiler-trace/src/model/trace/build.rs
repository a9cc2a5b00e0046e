//! Construction of the trace: runs both passes over the streams and joins their results.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::context::{Recording, Window};
use crate::model::decode::Decoder;
use crate::model::gpu::{Gpu, GpuClock, Owners, Ranges, TimedRanges, boundaries};
use crate::model::memory;
use crate::model::ops::OpTable;
use crate::model::requests::Kept;
use crate::model::steps::StepLoop;
use crate::model::time::Timeline;
use crate::records::gpu::GpuRecord;
use crate::records::unavailable::Unavailable;
use profiler_core::site::Site;

use super::Trace;
use super::first_pass::FirstPass;
use super::second_pass::SecondPass;

impl Trace {
    /// Reads the recording once, and a second time if there are several rows, tasks or kept
    /// requests. Takes time linear in the number of entries, and memory proportional to threads,
    /// stages, steps and tasks, but not to ranges.
    pub fn build(recording: Recording) -> Self {
        let Recording { log, sites, window, symbols, memory, gpu, mut context } = recording;
        let timeline = Timeline::new(&window);
        let jumps = window.jumps(&log);
        context.warnings.extend(jumps.iter().map(|jump| jump.sentence.clone()));
        let mut pass = FirstPass::run(&log, &sites, &timeline, &gpu);
        let mut tasks = pass.close_tasks(timeline.end());
        let loops = pass.close_steps(&context, &sites, &timeline);
        let FirstPass { threads, mut stages, requests, covers, ops, owners, timed, next_id, only_row, .. } = pass;
        let mut requests = requests.close(&tasks);
        let indices = requests.kept.iter().zip(0..).map(|(request, at)| (request.key, at)).collect();
        let kept = Kept::new(&mut requests.kept, &tasks, &stages);
        tasks.drop_children();
        let mut covers = covers.close(&tasks, &stages, indices);
        let decoders = threads.iter().zip(&log.threads).map(|(thread, log)| {
            (Decoder::new(log, &timeline, &sites, (thread.first_id, &thread.crossings)), thread.lanes > 0)
        });
        let bare = loops.iter().find(|each| each.site.is_none()).map_or(&[][..], |each| &each.steps);
        let second_pass = SecondPass::new((&mut stages, &tasks), &mut covers, kept, bare);
        let (covered, bare_ns) = second_pass.read(decoders, only_row);
        covers.apply(&mut stages, &mut requests.kept);
        let mut trace = Self {
            context,
            begin: timeline.begin(),
            end: timeline.end(),
            clock_uncertainty_ns: timeline.uncertainty_ns(),
            clock_jumps: jumps.into_iter().map(|jump| jump.on(&timeline)).collect(),
            readings: [&window.start, &window.end].map(|anchor| timeline.reading(anchor)),
            threads,
            walked: Arc::default(),
            ranges: next_id - 1,
            stages,
            unaccounted_ns: (timeline.end() - timeline.begin()).saturating_sub(covered),
            profiler_steps: named_steps(&loops),
            loops,
            requests,
            tasks,
            ops: Arc::default(),
            memory: None,
            losses: pass.losses,
            argument_counts: pass.argument_counts,
            listed_dims: pass.listed_dims.iter().filter_map(|number| site_of(&sites, *number)).collect(),
            symbols,
            gpu: Err(Unavailable::NOTHING_RECORDED),
            log,
            sites,
            timeline,
        };
        trace.gpu = trace.build_gpu(gpu, &window, owners, timed);
        trace.memory = memory.map(|log| memory::measure::measure(&trace, &log));
        trace.mark_slowed();
        trace.ops = Arc::new(OpTable::new(&trace, ops, bare_ns));
        trace.tasks.assign_lanes();
        trace
    }

    /// Marks the stages that measuring CPU time slowed down, and adds a warning about them.
    fn mark_slowed(&mut self) {
        // CAST: a reading takes far less than 584 years.
        let cost_ns = self.context.cpu_clock_cost.as_nanos() as u64;
        self.stages.mark_slowed(cost_ns);
        self.requests.kept.iter_mut().for_each(|request| request.stages.mark_slowed(cost_ns));
        let slowed: Vec<&str> = self
            .stages
            .in_order()
            .into_iter()
            .filter(|(_, node)| node.cpu_slows)
            .map(|(_, node)| node.name())
            .collect();
        if let Some(first) = slowed.first() {
            let more = match slowed.len() {
                1 => String::new(),
                2 => " and one other stage".to_owned(),
                stages => format!(" and {} other stages", stages - 1),
            };
            self.context.warnings.push(format!(
                "`cpu_time` makes `{first}`{more} more than 1 % slower ({cost_ns} ns a reading): leave it out for exact times"
            ));
        }
    }

    /// Joins the GPU's records to the ranges.
    fn build_gpu(
        &mut self,
        record: GpuRecord,
        window: &Window,
        owners: Owners,
        timed: TimedRanges,
    ) -> Result<Gpu, Unavailable> {
        let (thread_logs, timeline) = (&self.log.threads, &self.timeline);
        let boundaries = move |thread: u32| -> Box<dyn Iterator<Item = u64> + '_> {
            let log = thread_logs.iter().find(|log| log.thread.identity().os_id == u64::from(thread));
            Box::new(log.into_iter().flat_map(move |log| boundaries(log, timeline)))
        };
        let mut ranges = Ranges {
            owners,
            stages: &mut self.stages,
            requests: self.requests.kept.iter_mut().map(|request| (request.key, request)).collect(),
            lives: &self.tasks,
            window: (timeline.ns(window.open.0), timeline.ns(window.open.1)),
            boundaries: &boundaries,
        };
        match record {
            GpuRecord::Recorded(log) => {
                let clock = GpuClock::new(window, timeline, &log.clocks);
                self.context.warnings.extend(clock.warning());
                Ok(Gpu::build(*log, &clock, &mut ranges))
            }
            GpuRecord::Timed(log) => Ok(Gpu::from_events(*log, timed, timeline, &mut ranges)),
            GpuRecord::Absent(reason) => Err(reason),
        }
    }
}

fn site_of(sites: &[&'static Site], number: u32) -> Option<&'static Site> {
    sites.get((number as usize).wrapping_sub(1)).copied()
}

/// Returns the numbers of the driving loop's sequential steps, by `External id`.
fn named_steps(loops: &[StepLoop]) -> HashMap<u64, u64> {
    let driving = loops.iter().filter(|each| each.drives && each.site.is_some());
    driving
        .flat_map(|each| &each.steps)
        .filter(|step| step.sequential)
        .map(|step| (step.external_id, step.number))
        .collect()
}
