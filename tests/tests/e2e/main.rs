//! End-to-end tests of the built latchkey binary: one process, so that all share one PostgreSQL server.

mod demonstration;

mod readme;

mod command_line;

mod startup;

mod code_flow;

mod limits;

mod replicas;

mod pages;

mod published_client;

mod browser;

mod description;

mod lifecycle;

mod mail;

mod wire;

mod secrecy;
