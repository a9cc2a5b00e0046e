//! Ranges timed by events, against recordings made by hand.
