//! Threads, sessions and dumps under load. The tests are a separate package, so that sanitizers and
//! memcheck need not build the dependencies of the other tests.
