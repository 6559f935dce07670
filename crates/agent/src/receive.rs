//! A client's message, within limits of time and size.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use callgate_supervise::handover;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::oci::{Container, Rejection, STATE_MAX, is_whole, parse};

/// How long a client may take for its message.
pub(crate) const TIME_MAX: Duration = Duration::from_secs(5);

/// How many descriptors a client may send.
const DESCRIPTORS_MAX: usize = 16;

/// Reads a container's state and takes its listener.
pub(crate) async fn receive(stream: &UnixStream) -> Result<(Container, OwnedFd), Rejection> {
    let message = timeout(TIME_MAX, read(stream)).await;
    let (bytes, descriptors) = message.map_err(|_| Rejection::Slow)??;
    parse(&bytes, descriptors)
}

/// Reads until the client has closed its end or has sent a whole value.
async fn read(stream: &UnixStream) -> Result<(Vec<u8>, Vec<OwnedFd>), Rejection> {
    let (mut bytes, mut descriptors) = (Vec::new(), Vec::new());
    loop {
        let (message, piece) = read_piece(stream).await?;
        if message.truncated {
            return Err(Rejection::Broken("descriptors were lost".to_owned()));
        }
        bytes.extend_from_slice(&piece[..message.len]);
        descriptors.extend(message.descriptors);
        if bytes.len() > STATE_MAX || descriptors.len() > DESCRIPTORS_MAX {
            return Err(Rejection::Oversized);
        }
        if message.len == 0 || is_whole(&bytes) {
            return Ok((bytes, descriptors));
        }
    }
}

async fn read_piece(
    stream: &UnixStream,
) -> Result<(handover::Message, Box<[u8; PIECE]>), Rejection> {
    let mut piece = Box::new([0; PIECE]);
    let receive = || {
        let received = handover::receive(stream.as_fd(), &mut piece[..]);
        received.map_err(|errno| io::Error::from_raw_os_error(errno.raw().into()))
    };
    match stream.async_io(Interest::READABLE, receive).await {
        Ok(message) => Ok((message, piece)),
        Err(error) => Err(Rejection::Broken(error.to_string())),
    }
}

const PIECE: usize = 16 << 10;
