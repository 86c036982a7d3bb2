//! The whole router, with real use cases on mocked ports: an unexpected call of a port fails the test.

mod samples;

mod support;

mod transport;

mod cors;

mod bodies;

mod factors;

mod user_action;

mod answers;

mod codes;

mod recovery;

mod log;

mod hostile;
