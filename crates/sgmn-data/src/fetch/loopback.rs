//! A very small HTTP server on the loopback device, for the tests of this folder.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

/// What the server does with every request for its one file.
#[derive(Clone, Default)]
pub(super) struct Script {
    pub(super) body: Vec<u8>,
    /// ETag of the file.
    pub(super) etag: Option<&'static str>,
    /// Status instead of the file.
    pub(super) status: Option<&'static str>,
    /// Bytes after which each connection breaks.
    pub(super) cut_after: Option<usize>,
    /// Content type instead of a binary one.
    pub(super) content_type: Option<&'static str>,
    /// Headers that the Hub adds, each ending in a line break.
    pub(super) extra: String,
}

/// A running server; it ends with this value.
pub(super) struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (seen, over) = (Arc::clone(&requests), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                // A client that goes away in the middle is part of the tests.
                let _ = answer(stream, &script, &seen);
            }
        });
        Self { address, requests, is_over, thread: Some(thread) }
    }

    /// Address of the server, without a final slash.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far: each its request line and headers.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread up from waiting for a connection.
        drop(TcpStream::connect(&self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(mut stream: TcpStream, script: &Script, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut request = String::new();
    let mut reader = BufReader::new(stream.try_clone()?);
    while !request.ends_with("\r\n\r\n") {
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
    }
    let request = request.to_lowercase();
    seen.lock().unwrap().push(request.clone());
    let header = |name: &str| request.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if let Some(status) = script.status {
        return write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
    let total = script.body.len();
    let is_same = header("if-range:").is_none_or(|tag| Some(tag) == script.etag);
    let range = header("range: bytes=").and_then(|range| range.split_once('-')).filter(|_| is_same);
    let (status, first, last) = match range {
        Some((first, last)) => {
            let last = last.parse().unwrap_or(total.saturating_sub(1)).min(total.saturating_sub(1));
            ("206 Partial Content", first.parse().unwrap(), last)
        }
        None => ("200 OK", 0, total.saturating_sub(1)),
    };
    if first >= total && total > 0 {
        return write!(
            stream,
            "HTTP/1.1 416 Range Not Satisfiable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
    }
    let body = if total == 0 { &[][..] } else { &script.body[first..=last] };
    let mut head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\ncontent-type: {}\r\nconnection: close\r\n{}",
        body.len(),
        script.content_type.unwrap_or("application/octet-stream"),
        script.extra,
    );
    if let Some(etag) = script.etag {
        head += &format!("etag: {etag}\r\n");
    }
    if status.starts_with("206") {
        head += &format!("content-range: bytes {first}-{last}/{total}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(&body[..script.cut_after.unwrap_or(body.len()).min(body.len())])
}
