//! End-to-end tests of the built latchkey binary.
