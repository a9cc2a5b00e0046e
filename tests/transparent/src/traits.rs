//! Trait methods and their implementations: generics, caller locations, and both forms of `async`.

use std::fmt::Debug;
use std::future::Future;
use std::ops::{Add, Deref, Index};
use std::panic::Location;

use async_trait::async_trait;
use profiler_runtime::{profiled_op, profiled_stage, profiled_step};

use crate::story::{Loud, complete, fail_if, once, pause, place};

/// A layer of a network.
trait Layer<T, const N: usize>
where
    T: Copy + Debug,
{
    const NAME: &'static str;
    type Output: Debug;

    fn forward(&self, x: [T; N]) -> Self::Output;

    #[profiled_stage]
    fn name(&self) -> &'static str {
        Self::NAME
    }

    #[profiled_stage]
    fn new() -> Self
    where
        Self: Sized + Default,
    {
        Self::default()
    }

    #[track_caller]
    fn place_by_trait(&self) -> String;

    #[track_caller]
    #[profiled_stage]
    fn place_by_default(&self) -> String {
        place(Location::caller())
    }
}

#[derive(Debug, Default)]
struct Sum<T> {
    start: T,
}

impl<T: Copy + Debug + Add<Output = T>, const N: usize> Layer<T, N> for Sum<T> {
    const NAME: &'static str = "sum";
    type Output = Option<T>;

    #[profiled_op("sum", flops = N)]
    fn forward(&self, x: [T; N]) -> Self::Output {
        x.into_iter().reduce(Add::add).map(|sum| sum + self.start)
    }

    #[profiled_stage]
    fn place_by_trait(&self) -> String {
        place(Location::caller())
    }
}

impl<T> Sum<T> {
    #[profiled_stage]
    #[track_caller]
    fn place_by_itself(&self) -> String {
        place(Location::caller())
    }

    #[profiled_stage]
    #[track_caller]
    fn panics_at_its_caller(&self, fails: bool) {
        fail_if(fails);
        None::<u32>.expect("panics at the caller");
    }
}

impl<T> Index<usize> for Sum<T> {
    type Output = T;

    #[profiled_stage]
    fn index(&self, at: usize) -> &T {
        assert!(at == 0, "out of bounds");
        &self.start
    }
}

impl<T> Deref for Sum<T> {
    type Target = T;

    #[profiled_stage]
    fn deref(&self) -> &T {
        &self.start
    }
}

impl<T: Copy + Add<Output = T>> Add for Sum<T> {
    type Output = Self;

    #[profiled_stage]
    fn add(self, other: Self) -> Self {
        Self { start: self.start + other.start }
    }
}

impl Drop for Plan {
    #[profiled_stage]
    fn drop(&mut self) {
        println!("  drop plan of {}", self.steps);
    }
}

/// A value whose drop is annotated.
struct Plan {
    steps: u32,
}

#[profiled_stage]
#[track_caller]
fn located() -> &'static Location<'static> {
    Location::caller()
}

#[profiled_stage]
#[track_caller]
async fn located_later() -> bool {
    pause().await;
    Location::caller().line() > 0
}

/// A trait with the language's `async fn`.
trait Encode {
    async fn encode(&self, held: Loud) -> usize;

    #[profiled_stage]
    async fn encode_twice(&self) -> usize {
        self.encode(Loud("first")).await + self.encode(Loud("second")).await
    }

    fn opaque(&self) -> impl Future<Output = usize> + Send;
}

impl Encode for str {
    #[profiled_stage]
    async fn encode(&self, held: Loud) -> usize {
        pause().await;
        held.touch() + self.len()
    }

    #[profiled_stage]
    fn opaque(&self) -> impl Future<Output = usize> + Send {
        let length = self.len();
        async move { length }
    }
}

/// A trait with `async-trait`.
#[async_trait]
trait Decode: Send + Sync {
    async fn decode(&self, latents: &[u8], held: Loud) -> Result<usize, String>;

    #[profiled_stage("decode_twice")]
    async fn decode_twice(&self, latents: &[u8]) -> Result<usize, String> {
        Ok(self.decode(latents, Loud("first")).await? + self.decode(latents, Loud("second")).await?)
    }
}

#[async_trait]
impl Decode for Sum<usize> {
    #[profiled_step(index = latents.len())]
    async fn decode(&self, latents: &[u8], held: Loud) -> Result<usize, String> {
        pause().await;
        if latents.is_empty() {
            return Err(format!("no latents for {}", held.0));
        }
        Ok(self.start + latents.len() + held.touch())
    }
}

pub(crate) fn run() {
    let sum = <Sum<u32> as Layer<u32, 3>>::new();
    once("forward", || sum.forward([1, 2, 3]));
    once("name", || Layer::<u32, 3>::name(&sum));
    once("place by trait", || Layer::<u32, 3>::place_by_trait(&sum));
    once("place by default", || Layer::<u32, 3>::place_by_default(&sum));
    let layer: &dyn Fn() -> String = &|| Layer::<u32, 1>::place_by_trait(&sum);
    once("place in a closure", layer);
    once("place by itself", || sum.place_by_itself());
    once("panics at its caller", || sum.panics_at_its_caller(false));
    once("panics below its caller", || sum.panics_at_its_caller(true));
    once("index", || (sum[0], sum[1]));
    once("deref", || sum.checked_add(1));
    once("add", || (Sum { start: 1 } + Sum { start: 2 }).start);
    once("drop", || Plan { steps: 1 }.steps);
    once("located", || place(located()));
    once("located through a pointer", || (located as fn() -> &'static Location<'static>)().line() > 0);
    once("located later", || complete(located_later()));
    once("encode", || complete("text".encode(Loud("held"))));
    once("encode twice", || complete("text".encode_twice()));
    once("opaque in a trait", || complete("text".opaque()));
    let decoder: Box<dyn Decode> = Box::new(Sum { start: 1 });
    once("decode", || complete(decoder.decode(&[1], Loud("held"))));
    once("decode nothing", || complete(decoder.decode(&[], Loud("held"))));
    once("decode twice", || complete(decoder.decode_twice(&[1])));
}
