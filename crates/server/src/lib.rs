#![doc = include_str!("../README.md")]

pub mod cli;

pub mod config;

pub mod secrets;

pub mod wiring;

pub mod serve;

pub mod metrics;

mod demo;

pub mod lifecycle;

pub mod telemetry;
