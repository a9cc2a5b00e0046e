//! Shows ranges through NVIDIA's own client, the crate `nvtx`, behind the feature `nvtx-sdk`.
//! Behaves like [`own`](super).
//!
//! The crate's ranges are guards. Those of a thread are kept on a thread-local stack until they
//! end, those of futures in a table. Two things differ from `own`: the default domain has no
//! registered strings, so each range carries its text; and the crate does not report whether the
//! tool was loaded, so a failure produces no warning.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::sync::{Mutex, PoisonError};

use nvtx::domain;
use profiler_core::process::PerProcess;

/// Variable that names the tool's library.
const VARIABLE: &str =
    if cfg!(target_pointer_width = "64") { "NVTX_INJECTION64_PATH" } else { "NVTX_INJECTION32_PATH" };

/// Returns whether the environment names a tool. The crate loads it at its first call.
pub(super) fn attach() -> Result<bool, String> {
    Ok(std::env::var_os(VARIABLE).is_some_and(|path| !path.is_empty()))
}

/// A domain of the tool, or its default domain.
pub(super) struct Domain(Option<&'static nvtx::Domain>);

/// The category of a kind.
#[derive(Clone, Copy)]
pub(super) enum Category {
    Named(domain::Category<'static>),
    Default(nvtx::Category),
}

/// The attributes of every range of a site.
pub(super) enum Label {
    Named(&'static nvtx::Domain, domain::RegisteredString<'static>, domain::Category<'static>, nvtx::Color),
    Default(CString, Option<nvtx::Category>, nvtx::Color),
}

/// A guard of a thread's range.
enum Open {
    Named(#[expect(dead_code, reason = "ends the range when dropped")] domain::LocalRange<'static>),
    Default(#[expect(dead_code, reason = "ends the range when dropped")] nvtx::LocalRange),
}

/// A guard of a future's range.
enum Life {
    Named(#[expect(dead_code, reason = "ends the range when dropped")] domain::Range<'static>),
    Default(#[expect(dead_code, reason = "ends the range when dropped")] nvtx::Range),
}

/// Ranges of futures that have not ended, by number, and the last number.
#[derive(Default)]
struct Lives {
    last: u64,
    open: HashMap<u64, Life>,
}

thread_local! {
    static OPEN: RefCell<Vec<Open>> = const { RefCell::new(Vec::new()) };
}

fn lives<R>(change: impl FnOnce(&mut Lives) -> R) -> R {
    static LIVES: PerProcess<Mutex<Option<Lives>>> = PerProcess::new(|_| Mutex::default());
    change(LIVES.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

impl Domain {
    /// Creates the domain named `name`; `None` is the tool's default domain.
    pub(super) fn open(name: Option<&CStr>) -> Self {
        Self(name.map(|name| &*Box::leak(Box::new(nvtx::Domain::new(name.to_owned())))))
    }

    /// Names a category. The crate numbers them from 1 in the order of these calls.
    pub(super) fn name_category(&self, _number: u32, name: &CStr) -> Category {
        match self.0 {
            Some(domain) => Category::Named(domain.register_category(name.to_owned())),
            None => Category::Default(nvtx::Category::new(name.to_owned())),
        }
    }

    /// Registers the name of a site.
    pub(super) fn label(&self, name: &CStr, category: Category, color: u32) -> Label {
        let color = nvtx::Color::from(color);
        match (self.0, category) {
            (Some(domain), Category::Named(category)) => {
                Label::Named(domain, domain.register_string(name.to_owned()), category, color)
            }
            (_, Category::Default(category)) => Label::Default(name.to_owned(), Some(category), color),
            (None, Category::Named(_)) => Label::Default(name.to_owned(), None, color),
        }
    }

    pub(super) fn push(&self, label: &Label, index: Option<u64>) {
        let open = match label {
            Label::Named(domain, ..) => Open::Named(domain.local_range(label.in_domain(index))),
            Label::Default(..) => Open::Default(nvtx::LocalRange::new(label.by_default(index))),
        };
        let _ = OPEN.try_with(|stack| stack.borrow_mut().push(open));
    }

    pub(super) fn pop(&self) {
        let _ = OPEN.try_with(|stack| stack.borrow_mut().pop());
    }

    pub(super) fn start(&self, label: &Label, index: Option<u64>) -> u64 {
        let life = match label {
            Label::Named(domain, ..) => Life::Named(domain.range(label.in_domain(index))),
            Label::Default(..) => Life::Default(nvtx::Range::new(label.by_default(index))),
        };
        lives(|lives| {
            lives.last += 1;
            lives.open.insert(lives.last, life);
            lives.last
        })
    }

    pub(super) fn end(&self, range: u64) {
        let life = lives(|lives| lives.open.remove(&range));
        drop(life);
    }
}

impl Label {
    fn in_domain(&self, index: Option<u64>) -> domain::EventArgument<'static> {
        match self {
            Self::Named(domain, text, category, color) => {
                let range = domain.event_attributes_builder().message(*text).category(*category).color(*color);
                index.into_iter().fold(range, domain::EventAttributesBuilder::payload).build().into()
            }
            Self::Default(text, ..) => text.clone().into(),
        }
    }

    fn by_default(&self, index: Option<u64>) -> nvtx::EventArgument {
        let Self::Default(text, category, color) = self else { return CString::default().into() };
        let range = nvtx::EventAttributes::builder().message(text.clone()).color(*color);
        let range = match category {
            Some(category) => range.category(*category),
            None => range,
        };
        let range = match index {
            Some(index) => range.payload(index),
            None => range,
        };
        range.build().into()
    }
}

/// Names a thread of this process.
pub(super) fn name_thread(thread: u32, name: &CStr) {
    nvtx::name_thread_ascii(thread, name);
}
