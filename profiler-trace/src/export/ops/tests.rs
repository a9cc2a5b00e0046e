//! The operator tables' artifacts, against a recording whose every time is known.

use crate::export::ArtifactKind;
use std::fs;
use std::path::Path;

use crate::export::{Gauge, Manifest, SortBy, write_session};
use crate::model::testing::Script;
use crate::model::{Content, ExportOptions, GroupBy, Trace};
use profiler_core::shape::Dtype;
use profiler_core::site::Kind;
use profiler_core::stream::key::Key;

/// Two linear layers of different shapes, one with FLOPs, inside a stage; and a norm without FLOPs.
fn layers(folder: &Path) -> Script {
    let mut script = Script::new();
    script.context.options = ExportOptions {
        content: Content::Everything,
        torch_profiler_dir: Some(folder.into()),
        torch_profiler_record_shapes: true,
        torch_profiler_with_flops: true,
        torch_profiler_dump_cuda_time_total: true,
        ..ExportOptions::default()
    };
    // Only rank 0 prints its table.
    script.context.rank = 3;
    let (stage, linear, norm) =
        (script.site(Kind::Stage, "forward\n=1+1"), script.site(Kind::Op, "linear"), script.site(Kind::Op, "norm"));
    script.begin(stage, 0);
    for (rows, begin) in [(4, 1_000), (4, 3_000), (8, 5_000)] {
        script.input(linear, Dtype::F32, &[rows, 5]);
        script.number(Key::FLOPS, linear, 1_000_000).begin(linear, begin).end(linear, begin + 1_500);
    }
    script.begin(norm, 8_000).end(norm, 8_250).end(stage, 10_000).thread("main");
    script
}

fn write(script: Script, folder: &Path) -> Manifest {
    write_session(&mut Trace::build(script.finish()), folder, &Gauge::default()).0
}

#[test]
fn the_text_table_is_laid_out_as_pytorch_does() {
    let folder = tempfile::tempdir().unwrap();
    write(layers(folder.path()), folder.path());
    let text = fs::read_to_string(folder.path().join("profiler_out_3.txt")).unwrap();
    let expected = "\
----------------  ------------  ------------  ------------  ------------  ------------  ------------  ------------  ------------
            Name    Self CPU %      Self CPU   CPU total %     CPU total  CPU time avg    # of Calls  Total MFLOPs          Kind
----------------  ------------  ------------  ------------  ------------  ------------  ------------  ------------  ------------
    forward =1+1        52.50%       5.250us       100.00%      10.000us      10.000us             1            --         stage
          linear        45.00%       4.500us        45.00%       4.500us       1.500us             3         3.000            op
            norm         2.50%       0.250us         2.50%       0.250us       0.250us             1            --            op
----------------  ------------  ------------  ------------  ------------  ------------  ------------  ------------  ------------
Self CPU time total: 10.000us
Sorted by self CPU time: there are no GPU records.
Calls without a FLOPs formula, in no sum: norm.
";
    assert_eq!(text, expected);
}

#[test]
fn the_table_can_be_sorted_limited_and_grouped() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = write(layers(folder.path()), folder.path());
    let names = |sort: SortBy| {
        let table = manifest.key_averages(GroupBy::Name).sort_by(sort);
        table.rows().iter().map(|row| row.name.clone()).collect::<Vec<_>>().join(" < ")
    };
    assert_eq!(names(SortBy::Name), "forward\n=1+1 < linear < norm");
    assert_eq!(names(SortBy::Count), "linear < forward\n=1+1 < norm");
    assert_eq!(names(SortBy::CpuTimeAverage), "forward\n=1+1 < linear < norm");
    assert_eq!(names(SortBy::Flops), "linear < forward\n=1+1 < norm");
    let by_shape = manifest.key_averages(GroupBy::InputShapes);
    assert_eq!(by_shape.self_cpu_time_total(), manifest.key_averages(GroupBy::Name).self_cpu_time_total());
    let text = by_shape.row_limit(2).to_string();
    assert!(text.contains("# of Calls  Input Shapes  Total MFLOPs          Kind\n"), "{text}");
    assert!(text.contains("[[4, 5]]") && !text.contains("[[8, 5]]"), "{text}");
    assert!(text.contains("Self CPU time total: 10.000us\n2 more rows are not shown"), "{text}");
}

#[test]
fn names_and_shapes_that_are_too_long_are_cut() {
    let mut script = Script::new();
    script.context.options.content = Content::Everything;
    let long = script.site(Kind::Op, &"é".repeat(100));
    script.begin(long, 0).end(long, 2_500_000).thread("main");
    let text = write(script, Path::new("")).key_averages(GroupBy::Name).table();
    let row = text.lines().nth(3).unwrap();
    assert!(row.starts_with(&format!("{}...  ", "é".repeat(52))), "{row}");
    assert!(row.contains("1.000ms"), "the window is a millisecond: {row}");
}

#[test]
fn nothing_recorded_is_a_table_without_rows() {
    let folder = tempfile::tempdir().unwrap();
    let mut script = Script::new();
    script.context = layers(folder.path()).context;
    let manifest = write(script, folder.path());
    assert_eq!(manifest.errors, [""; 0]);
    let text = manifest.key_averages(GroupBy::Name).table();
    assert!(text.contains("Self CPU time total: 0.000us"), "{text}");
    assert!(manifest.artifact(ArtifactKind::Ops).is_some());
}

#[test]
fn the_workbook_leaves_no_temporary_files_behind() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = write(layers(folder.path()), folder.path());
    let ops = manifest.artifact(ArtifactKind::Ops).unwrap();
    assert!(fs::read(&ops.path).unwrap().starts_with(b"PK\x03\x04"));
    let files = fs::read_dir(folder.path()).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_file());
    assert_eq!(files.count(), manifest.artifacts.len(), "besides the folder `traces`");
}

#[test]
fn shapes_beyond_the_tables_limit_are_in_the_manifest() {
    let mut script = Script::new();
    let op = script.site(Kind::Op, "reshape");
    for rows in 0..70_000 {
        script.input(op, Dtype::F32, &[rows]).begin(op, rows).end(op, rows + 1);
    }
    script.thread("main");
    let folder = tempfile::tempdir().unwrap();
    let manifest = write(script, folder.path());
    assert_eq!(manifest.errors, [""; 0]);
    assert!(
        manifest.warnings[1].contains("each sheet of the workbook has its first 20000 rows"),
        "{:?}",
        manifest.warnings
    );
    assert!(manifest.warnings[0].starts_with("4464 calls had shapes or stacks beyond"), "{:?}", manifest.warnings);
    let text = manifest.key_averages(GroupBy::InputShapes).table();
    assert!(text.contains("4464 calls had too many different shapes or stacks and count under their names."), "{text}");
}
