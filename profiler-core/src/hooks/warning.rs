//! Warnings about recording itself, for the code that shows them to people.
//!
//! A module that knows the host's logger submits a [`Listener`].

/// Callback that shows a warning. It is called outside of all locks, from any thread.
pub struct Listener(pub fn(&str));

inventory::collect!(Listener);

/// Sends a warning to every listener.
pub(crate) fn send(text: &str) {
    inventory::iter::<Listener>.into_iter().for_each(|listener| (listener.0)(text));
}
