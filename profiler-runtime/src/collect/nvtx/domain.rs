//! Shows ranges to an attached NVTX tool, in a domain of the tool.
//!
//! A site's name is registered with the tool when the site first runs, and its ranges carry the
//! handle. A handle is cheaper than text, and Nsight Systems starts a capture
//! (`--capture-range=nvtx`) only at registered names.

use std::cell::Cell;
use std::ffi::CString;
use std::fmt;

use super::client;
use super::label::{self, Labels};
use profiler_core::hooks::tool::Tool;
use profiler_core::site::{Kind, Site};
use profiler_core::stream::registry;

thread_local! {
    /// True if the tool has been told this thread's name.
    static NAMED: Cell<bool> = const { Cell::new(false) };
}

/// A domain in which the attached tool shows ranges.
pub(super) struct Domain {
    name: String,
    client: client::Domain,
    categories: [client::Category; Kind::ALL.len()],
    labels: Labels<client::Label>,
}

impl Domain {
    /// Creates the domain named `name`; an empty name is the tool's default domain.
    pub(super) fn new(name: &str) -> Self {
        let client = client::Domain::open((!name.is_empty()).then(|| text(name)).as_deref());
        // CAST: there are few kinds.
        let categories = Kind::ALL.map(|kind| client.name_category(kind.place() as u32 + 1, &text(kind.word())));
        Self { name: name.to_owned(), client, categories, labels: Labels::new() }
    }

    fn label(&self, site: &'static Site) -> &client::Label {
        self.labels.get(site.number(), || {
            let name = site.name();
            let category = self.categories[site.kind().place()];
            self.client.label(&text(name), category, label::color(name))
        })
    }
}

impl Tool for Domain {
    fn push(&self, site: &'static Site, index: Option<u64>) {
        if !NAMED.replace(true) {
            name_thread();
        }
        self.client.push(self.label(site), index);
    }

    fn pop(&self) {
        self.client.pop();
    }

    fn start(&self, site: &'static Site, index: Option<u64>) -> u64 {
        self.client.start(self.label(site), index)
    }

    fn end(&self, range: u64) {
        self.client.end(range);
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Domain").field(&self.name).finish()
    }
}

fn name_thread() {
    let thread = std::thread::current();
    // CAST: the operating system's thread ids have 32 bits; 0 means unknown.
    let id = registry::os_thread_id(0) as u32;
    if let (Some(name), 1..) = (thread.name(), id) {
        client::name_thread(id, &text(name));
    }
}

/// Converts text to a C string; replaces NUL, which would end it.
fn text(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default()
}
