//! Use cases of Latchkey and the ports they need.

pub mod ports;
