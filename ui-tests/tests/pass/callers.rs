//! F7: `#[track_caller]` that a trait declares holds in an annotated implementation.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::cell::Cell;
use std::ops::Index;
use std::panic::{Location, catch_unwind, set_hook};

use profiler_runtime::{profiled_op, profiled_stage};

trait Placed {
    #[track_caller]
    fn place(&self) -> &'static Location<'static>;
    #[track_caller]
    fn line(&self) -> u32;
    #[track_caller]
    fn checked(&self, n: Option<u32>) -> Number;
    #[track_caller]
    fn by_default(&self) -> u32;
    #[track_caller]
    fn made() -> Number;
}

struct Number(u32);

impl Placed for Number {
    #[profiled_stage]
    fn place(&self) -> &'static Location<'static> {
        Location::caller()
    }

    #[profiled_op(shapes(self.0))]
    fn line(&self) -> u32 {
        Location::caller().line()
    }

    #[profiled_stage]
    fn checked(&self, n: Option<u32>) -> Number {
        Number(n.unwrap())
    }

    #[profiled_stage]
    #[track_caller]
    fn by_default(&self) -> u32 {
        Location::caller().line()
    }

    #[profiled_stage]
    fn made() -> Number {
        Number(Location::caller().line())
    }
}

impl Index<usize> for Number {
    type Output = u32;

    #[profiled_op]
    fn index(&self, n: usize) -> &u32 {
        assert!(n == 0);
        &self.0
    }
}

thread_local! {
    static PANICKED: Cell<u32> = const { Cell::new(0) };
}

fn main() {
    set_hook(Box::new(|info| PANICKED.set(info.location().unwrap().line())));
    let number = Number(1);
    assert_eq!(number.place().line(), line!());
    assert_eq!(number.line(), line!());
    assert_eq!(number.by_default(), line!());
    assert_eq!(Number::made().0, line!());
    assert_eq!(number.checked(Some(2)).0, 2);
    assert!(catch_unwind(|| Number(1).checked(None).0).is_err());
    assert_eq!(PANICKED.get(), line!() - 1);
    assert!(catch_unwind(|| Number(1)[1]).is_err());
    assert_eq!(PANICKED.get(), line!() - 1);
}
