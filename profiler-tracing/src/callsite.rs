//! Callsites of spans, each with the site that its ranges are recorded under.
//!
//! A callsite is registered once, under a lock, and never freed. Threads keep the callsites that
//! they entered last in a small cache, so that an enter takes no lock.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use profiler_core::{ledger, span};
use profiler_runtime::config::SpanKind;
use profiler_runtime::site::{Kind, Site};
use profiler_runtime::spans;
use tracing_core::Metadata;

/// Maximum number of arguments of a range.
pub(crate) const MAX_ARGUMENTS: usize = 16;
/// Size of a thread's cache.
const CACHED: usize = 128;

/// A callsite of spans.
#[derive(Debug)]
pub(crate) struct Callsite {
    pub(crate) metadata: &'static Metadata<'static>,
    /// Place in [`NUMBERED`]; 0 if it was full.
    pub(crate) number: u32,
    /// The rules' version and the kind that they give the callsite's spans.
    decision: AtomicU64,
    /// Sites by kind, which are created when a rule first asks for them.
    sites: [OnceLock<&'static Site>; SpanKind::ALL.len()],
}

/// Maximum number of callsites that have a number.
const MAX_NUMBERED: usize = 1 << 14;
/// Callsites by number; the first place stays empty.
static NUMBERED: [OnceLock<&'static Callsite>; MAX_NUMBERED] = [const { OnceLock::new() }; MAX_NUMBERED];

static CALLSITES: Mutex<Option<HashMap<usize, &'static Callsite>>> = Mutex::new(None);

thread_local! {
    /// Callsites that this thread used last, at the places of their addresses' hashes.
    static CACHE: [Cell<Option<&'static Callsite>>; CACHED] = const { [const { Cell::new(None) }; CACHED] };
}

/// Returns the callsite of a span, and registers it if necessary.
#[inline]
pub(crate) fn of(metadata: &'static Metadata<'static>) -> &'static Callsite {
    let address = std::ptr::from_ref(metadata).addr();
    let place = (address >> 4 ^ address >> 11) % CACHED;
    let cached = CACHE.try_with(|cache| cache[place].get()).ok().flatten();
    match cached {
        Some(callsite) if std::ptr::eq(callsite.metadata, metadata) => callsite,
        _ => {
            let callsite = register(metadata);
            let _ = CACHE.try_with(|cache| cache[place].set(Some(callsite)));
            callsite
        }
    }
}

#[cold]
fn register(metadata: &'static Metadata<'static>) -> &'static Callsite {
    // The memory counts as the profiler's.
    let _own = ledger::own();
    let mut callsites = CALLSITES.lock().unwrap_or_else(PoisonError::into_inner);
    let address = std::ptr::from_ref(metadata).addr();
    let callsites = callsites.get_or_insert_default();
    let number = callsites.len() + 1;
    callsites.entry(address).or_insert_with(|| {
        let number = if number < MAX_NUMBERED { number } else { 0 };
        let callsite: &Callsite = Box::leak(Box::new(Callsite {
            metadata,
            // CAST: below the table's length.
            number: number as u32,
            decision: AtomicU64::new(u64::MAX),
            sites: [const { OnceLock::new() }; SpanKind::ALL.len()],
        }));
        if number != 0 {
            let _ = NUMBERED[number].set(callsite);
        }
        callsite
    })
}

/// Returns the callsite with this number.
#[inline]
pub(crate) fn numbered(number: u32) -> Option<&'static Callsite> {
    NUMBERED.get(number as usize)?.get().copied()
}

/// Returns all callsites that are registered, in no particular order.
pub(crate) fn all() -> Vec<&'static Callsite> {
    let callsites = CALLSITES.lock().unwrap_or_else(PoisonError::into_inner);
    callsites.iter().flat_map(|all| all.values().copied()).collect()
}

impl Callsite {
    /// Returns the kind that the current rules give its spans.
    #[inline]
    pub(crate) fn kind(&self) -> SpanKind {
        SpanKind::ALL[self.kind_index()]
    }

    /// Returns the place of the kind in [`SpanKind::ALL`].
    #[inline]
    fn kind_index(&self) -> usize {
        // ORDERING: the kind is in the same word as the version.
        let decision = self.decision.load(Ordering::Relaxed);
        let version = spans::version();
        // CAST: the halves of the word.
        if decision >> 32 == u64::from(version) { decision as u32 as usize } else { self.decide(version) }
    }

    #[cold]
    fn decide(&self, version: u32) -> usize {
        let _own = ledger::own();
        let metadata = self.metadata;
        let kind = spans::rules().kind_of(metadata.target(), metadata.name(), metadata.level().as_str());
        let index = SpanKind::ALL.iter().position(|each| *each == kind).unwrap_or_default();
        // ORDERING: see `kind_index`.
        self.decision.store(u64::from(version) << 32 | index as u64, Ordering::Relaxed);
        index
    }

    /// Returns the site of its ranges; `None` if they are not recorded.
    #[inline]
    pub(crate) fn site(&self) -> Option<&'static Site> {
        let index = self.kind_index();
        let kind = SpanKind::ALL[index];
        if kind == SpanKind::Off { None } else { Some(self.sites[index].get_or_init(|| self.new_site(kind))) }
    }

    #[cold]
    fn new_site(&self, kind: SpanKind) -> &'static Site {
        let _own = ledger::own();
        let kind = match kind {
            SpanKind::Step => Kind::Step,
            SpanKind::Op => Kind::Op,
            SpanKind::Request => Kind::Request,
            _ => Kind::Stage,
        };
        let metadata = self.metadata;
        let (file, module) = (metadata.file().unwrap_or_default(), metadata.module_path().unwrap_or(metadata.target()));
        let site = Site::new(kind, metadata.name(), file, metadata.line().unwrap_or_default(), module);
        let names: Vec<&'static str> =
            metadata.fields().iter().take(MAX_ARGUMENTS).map(|field| shown(field.name())).collect();
        Box::leak(Box::new(site.with_arguments(Box::leak(names.into_boxed_slice()))))
    }

    /// Returns whether its spans are requests.
    pub(crate) fn is_request(&self) -> bool {
        self.kind() == SpanKind::Request
    }

    /// Returns whether its spans may have arguments or an id.
    pub(crate) fn has_fields(&self) -> bool {
        !self.metadata.fields().is_empty() || self.is_request()
    }

    /// Returns whether its spans have more than their enters: a life or arguments.
    #[inline]
    pub(crate) fn has_state(&self) -> bool {
        !self.metadata.fields().is_empty() || self.kind() != SpanKind::Op
    }
}

/// Returns the name under which a field is an argument.
fn shown(field: &'static str) -> &'static str {
    if span::is_reserved(field) { Box::leak(format!("span.{field}").into_boxed_str()) } else { field }
}
