//! The command as its users meet it: the real binary, its exit status and what it says.
#![expect(clippy::unwrap_used, reason = "what cannot be had fails the test that needs it")]

mod agent;
mod bad_input;
mod compare;
mod compile;
mod complete;
mod convert;
mod doctor;
mod door;
mod explain;
mod facts;
mod gate;
mod harness;
mod interface;
mod learn;
mod lint;
mod lsp;
mod optimize;
mod origins;
mod programs;
mod report;
mod run;
mod scan;
mod shape;
mod signals;
mod syscalls;
mod world;
