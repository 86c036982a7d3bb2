//! HTTP adapter of Latchkey: the wire format.
