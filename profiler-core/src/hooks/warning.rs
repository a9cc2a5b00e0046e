//! Warnings about recording itself: to whoever shows them to people.
//!
//! A room that knows the host's logger submits a [`Listener`].

/// Shows a warning. Called outside of all locks; may come from any thread.
pub struct Listener(pub fn(&str));

inventory::collect!(Listener);

/// Sends a warning to every listener.
pub(crate) fn send(text: &str) {
    inventory::iter::<Listener>.into_iter().for_each(|listener| (listener.0)(text));
}
