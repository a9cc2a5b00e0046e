//! Threads, sessions and dumps under load. The tests are all there is: a package of their own, so
//! that sanitizers and memcheck need not build what the other tests depend on.
