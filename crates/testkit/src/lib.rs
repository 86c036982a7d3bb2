//! Test support of Latchkey: throwaway databases, software authenticators, a manual clock.
