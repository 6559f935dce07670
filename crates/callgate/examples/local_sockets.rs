//! A process that may only make Unix sockets: every other family fails as if the kernel did not
//! have it.
//!
//! `cargo run -p callgate --example local_sockets`
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use std::error::Error;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;

use callgate::{Action, Errno, Filter, Scope, arg, names};

const AF_UNIX: u32 = 1;

fn main() -> Result<(), Box<dyn Error>> {
    let filter = Filter::builder(Action::ALLOW)
        .rule(names::SOCKET, arg("family").ne(AF_UNIX), Errno::EAFNOSUPPORT.action())
        .rule(names::SOCKETPAIR, arg("family").ne(AF_UNIX), Errno::EAFNOSUPPORT.action())
        .build()?;
    filter.load(Scope::AllThreads)?;

    println!("Unix pair: {:?}", UnixStream::pair().map(|_| "made"));
    println!("TCP socket: {:?}", TcpListener::bind("127.0.0.1:0").map(|_| "made"));
    Ok(())
}
