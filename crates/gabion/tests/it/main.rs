//! The program as its users meet it: arguments in, bytes and an exit code out.

mod bad;
mod cli;
