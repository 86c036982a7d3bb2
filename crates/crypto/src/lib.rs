//! Proofs, tokens and digests of Latchkey: everything that is mathematics.
