//! The metrics over HTTP, for those on this machine.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::crowd::Crowd;
use crate::metrics::Metrics;

/// How many readers are served at once, how long one may take, and how long its request may be.
/// Newer readers displace older ones.
const READERS_MAX: usize = 64;
const TIME_MAX: Duration = Duration::from_secs(5);
const REQUEST_MAX: usize = 8192;

/// Serves the metrics for ever.
pub(crate) async fn serve(listener: TcpListener, metrics: Arc<Metrics>) {
    let mut readers = Crowd::new(READERS_MAX);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // No descriptors left, most likely.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let metrics = Arc::clone(&metrics);
        let reader = tokio::spawn(async move {
            // A reader that is slow or goes away gets nothing.
            let _ = timeout(TIME_MAX, answer(stream, &metrics)).await;
        });
        readers.admit(reader.abort_handle());
    }
}

async fn answer(mut stream: TcpStream, metrics: &Metrics) -> std::io::Result<()> {
    let request = head(&mut stream).await?;
    let (status, body) = match request.split_ascii_whitespace().collect::<Vec<_>>()[..] {
        ["GET", "/metrics", ..] => ("200 OK", metrics.text()),
        ["GET", ..] => ("404 Not Found", "see /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "only GET\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

/// The first line of a request, once all of its head was read.
async fn head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    let mut piece = [0; 1024];
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") && bytes.len() <= REQUEST_MAX {
        match stream.read(&mut piece).await? {
            0 => break,
            len => bytes.extend_from_slice(&piece[..len]),
        }
    }
    let line = bytes.split(|&byte| byte == b'\r').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).into_owned())
}
