#![doc = include_str!("../README.md")]

pub mod cli;

pub mod config;

pub mod secrets;

pub mod beginning;

pub mod wiring;

pub mod reload;

pub mod serve;

pub mod metrics;

pub mod location;

mod causes;

mod demo;

mod doctor;

pub mod lifecycle;

mod supervisor;

pub mod telemetry;
