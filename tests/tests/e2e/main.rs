//! End-to-end tests of the built latchkey binary: one process, so that all share one PostgreSQL server.

mod bench;
mod browser;
mod code_flow;
mod command_line;
mod demonstration;
mod description;
mod lifecycle;
mod limits;
mod mail;
mod own_application;
mod pages;
mod published_client;
mod readme;
mod replicas;
mod secrecy;
mod secrets;
mod startup;
mod trials;
mod wire;
