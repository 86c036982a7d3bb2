//! What breaks is broken at random, over and over; `cargo xtask trial` plays each as long as one likes.

mod crash;
mod failover;
mod flood;
mod frozen_database;
mod full_disk;
mod two_versions;
