//! What only this crate can break: what bodies become, what answers look like, and what every request
//! meets on its way. The last is tried on the whole router, with real use cases on mocked ports: an
//! unexpected call of a port fails the test. Whole ceremonies are tried where adapters meet, in `server`.

mod samples;

mod support;

mod transport;

mod cors;

mod bodies;

mod user_action;

mod answers;

mod log;

mod meter;
mod pages;
