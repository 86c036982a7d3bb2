#![doc = include_str!("../README.md")]

pub mod kept;

pub mod smtp;
