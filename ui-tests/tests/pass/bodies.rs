//! The contents of bodies: items, labels, closures, nested annotated functions and macros. An
//! annotated function is also used as a function pointer, and in another item.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::collections::BTreeMap;

use profiler_runtime::{profiled_op, profiled_stage};

#[profiled_stage]
fn with_items(n: u32) -> u32 {
    use std::cmp::max as larger;
    const LIMIT: u32 = 10;
    static NAMES: [&str; 2] = ["a", "b"];
    struct Inner(u32);
    impl Inner {
        #[profiled_op("inner.get")]
        fn get(&self) -> u32 {
            self.0
        }
    }
    #[profiled_stage]
    fn nested(n: u32) -> u32 {
        n + LIMIT
    }
    larger(nested(n), Inner(NAMES.len() as u32).get())
}

#[profiled_stage]
fn with_labels(grid: &[Vec<u32>]) -> Option<(usize, usize)> {
    let found = 'search: {
        for (y, row) in grid.iter().enumerate() {
            for (x, cell) in row.iter().enumerate() {
                if *cell == 0 {
                    continue;
                }
                break 'search Some((x, y));
            }
        }
        None
    };
    found
}

#[profiled_stage]
fn with_closures(mut words: Vec<String>) -> BTreeMap<usize, Vec<String>> {
    let mut map = BTreeMap::<_, Vec<_>>::new();
    words.retain(|word| !word.is_empty());
    words.into_iter().for_each(|word| map.entry(word.len()).or_default().push(word));
    map
}

#[profiled_stage]
fn with_let_else(text: &str) -> u32 {
    let Some((number, _)) = text.split_once(' ') else { return 0 };
    match number.parse() {
        Ok(number) if number > 5 => number,
        Ok(_) | Err(_) => 1,
    }
}

#[profiled_stage]
fn with_threads(numbers: &mut [u32]) -> u32 {
    std::thread::scope(|scope| {
        for number in numbers.iter_mut() {
            scope.spawn(|| *number += 1);
        }
    });
    numbers.iter().sum()
}

#[profiled_stage]
fn with_static_mutation(counter: &mut dyn FnMut() -> u32) -> [u32; 2] {
    [counter(), counter()]
}

fn main() {
    assert_eq!(with_items(1), 11);
    assert_eq!(with_labels(&[vec![0, 0], vec![0, 1]]), Some((1, 1)));
    let words = with_closures(vec!["a".to_owned(), String::new(), "bc".to_owned()]);
    assert_eq!(words.len(), 2);
    assert_eq!([with_let_else("x"), with_let_else("1 a"), with_let_else("9 a")], [0, 1, 9]);
    assert_eq!(with_threads(&mut [1, 2]), 5);
    let mut n = 0;
    let counts = with_static_mutation(&mut || {
        n += 1;
        n
    });
    assert_eq!(counts, [1, 2]);
    let pointer: fn(u32) -> u32 = with_items;
    assert_eq!([1, 2].map(pointer), [11, 12]);
}
