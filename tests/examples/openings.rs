//! Lists the documented functions of the product whose documentation does not open with a
//! third-person verb.

#![allow(clippy::print_stdout)]

use profiler_tests::sources::{documented, product, workspace};

fn main() {
    let (mut all, mut verbs) = (0, 0);
    for name in ["profiler-macros", "profiler-core", "profiler-shapes", "profiler-trace", "profiler-runtime"] {
        for source in product(&workspace().join(name).join("src")) {
            for function in documented(&source) {
                all += 1;
                match function.opens_with_a_verb() {
                    true => verbs += 1,
                    false => {
                        println!("{name}/src/{}:{} {}: {}", source.name, function.line, function.name, function.opening)
                    }
                }
            }
        }
    }
    println!("{verbs} of {all} open with a verb, {:.1} %", f64::from(verbs) * 100.0 / f64::from(all));
}
