//! Handlers of the routes: GET answers what is known, POST controls sessions.

pub(super) mod control;
pub(super) mod status;
