//! Blocks take the attributes' options in any order, and any constant expression is a name, in
//! attributes too.

#![forbid(unsafe_code)]
#![deny(warnings)]

use profiler_runtime::{op, profiled_op, profiled_stage, stage, step};

const NAME: &str = "vae.decode";
const NAMES: [&str; 2] = ["first", "second"];

trait Layer {
    const NAME: &'static str;
}

struct Vae;

impl Layer for Vae {
    const NAME: &'static str = "vae";
}

const fn name() -> &'static str {
    "named by a function"
}

#[profiled_stage(NAME)]
fn named_by_a_constant() {}

#[profiled_op(name = concat!(module_path!(), "::f"), flops = 2 * x)]
fn named_by_a_macro(x: u8) -> u8 {
    x
}

#[profiled_stage(<Vae as Layer>::NAME)]
async fn named_by_a_trait<T>(value: T) -> T {
    value
}

macro_rules! named {
    ($name:expr, $index:expr) => {
        step!($name, $index * 2)
    };
}

fn blocks(x: &[f32]) {
    let _stage = stage!(concat!("a", "b"));
    let _constant = stage!(NAME,);
    let _path = stage!(name = Vae::NAME);
    let _indexed = stage!(NAMES[1], args(r#type = 1,),);
    let _function = stage!(const { name() });
    let _op = op!("any order", flops = 2 * x.len() as u8, args(n = x.len()), shapes(x));
    let _index = step!("index", index = x.len());
    let index = 1;
    let _positional = step!("index", index, args(of = index));
    let _call = step!("index", usize::max(1, index));
    let _fragment = named!("fragment", 1 + 2);
    #[allow(clippy::let_underscore_must_use)]
    let _ = stage!("dropped at once");
}

fn main() {
    named_by_a_constant();
    named_by_a_macro(1);
    drop(named_by_a_trait(1));
    blocks(&[1.0]);
    let names: Vec<_> = profiler_runtime::site::sites().map(|site| site.name()).collect();
    for name in ["ab", "vae.decode", "vae", "second", "named by a function"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
}
