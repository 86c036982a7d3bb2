//! End-to-end tests of the built latchkey binary: one process, so that all share one PostgreSQL server.

mod backup;
mod bench;
mod browser;
mod code_flow;
mod command_line;
mod demonstration;
mod description;
mod helping;
mod lifecycle;
mod limits;
mod mail;
mod metrics;
mod own_application;
mod pages;
mod published_client;
mod readme;
mod replicas;
mod secrecy;
mod secrets;
mod startup;
mod supervised;
mod trials;
mod wire;
