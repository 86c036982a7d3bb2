//! The schema of Latchkey, step by step, on SQLite and PostgreSQL.
