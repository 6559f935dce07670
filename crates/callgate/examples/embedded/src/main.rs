//! Loads the filter that `build.rs` compiled and proved, and shows that it is in force.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use std::error::Error;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;

use callgate_bpf::Program;
use callgate_kernel::{Options, Scope, load};
use callgate_syscalls::Endian;

include!(concat!(env!("OUT_DIR"), "/filter.rs"));

fn main() -> Result<(), Box<dyn Error>> {
    let program = Program::from_bytes(&FILTER, Endian::native())?;
    load(&program, Scope::BeforeExec, &Options::default())?;
    println!("{} instructions are in force", program.len());
    println!("local socket: {}", shown(UnixDatagram::unbound().map(drop)));
    println!("network socket: {}", shown(TcpListener::bind("127.0.0.1:0").map(drop)));
    Ok(())
}

fn shown(result: std::io::Result<()>) -> String {
    result.map_or_else(|error| error.to_string(), |()| "open".to_owned())
}
