//! A web server that answers as a test tells it to, well or badly.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// The first byte of the range that is asked for.
    pub(crate) fn from(&self) -> usize {
        self.header("range")
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok())
            .unwrap_or(0)
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Closes the connection after so many bytes of the body.
    cut: Option<usize>,
    /// Sends nothing more once it came to the cut, and does not close.
    silent: bool,
    /// Says nothing of the length: the end of the connection is the end of the body.
    unframed: bool,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), cut: None, silent: false, unframed: false }
    }

    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self { body, ..Self::status(200) }
    }

    /// The rest of `whole`, as the request asks.
    pub(crate) fn range(whole: &[u8], asked: &Asked) -> Self {
        let from = asked.from();
        if from == 0 {
            return Self::ok(whole);
        }
        if from >= whole.len() {
            return Self::status(416);
        }
        let range = format!("bytes {from}-{}/{}", whole.len() - 1, whole.len());
        let body = whole[from..].to_vec();
        Self { body, ..Self::status(206) }.with("Content-Range", &range)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn cut(mut self, after: usize) -> Self {
        self.cut = Some(after);
        self
    }

    pub(crate) fn silent(mut self, after: usize) -> Self {
        (self.cut, self.silent) = (Some(after), true);
        self
    }

    pub(crate) fn unframed(mut self) -> Self {
        self.unframed = true;
        self
    }
}

/// The server. Its threads end with the program.
pub(crate) struct Server {
    /// `127.0.0.1:PORT`.
    pub(crate) host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

type Handler = dyn Fn(&Asked) -> Answer + Send + Sync;

impl Server {
    pub(crate) fn tcp(handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
        let host = listener.local_addr().expect("bound").to_string();
        Self::run(host, Arc::new(handler), move || Ok(listener.accept()?.0))
    }

    pub(crate) fn unix(path: &Path, handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(path).expect("binds");
        let host = format!("unix://{}", path.display());
        Self::run(host, Arc::new(handler), move || Ok(listener.accept()?.0))
    }

    fn run<S: Stream>(
        host: String,
        handler: Arc<Handler>,
        accept: impl Fn() -> io::Result<S> + Send + 'static,
    ) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            while let Ok(stream) = accept() {
                let (handler, log) = (Arc::clone(&handler), Arc::clone(&log));
                thread::spawn(move || {
                    let _ = serve(stream, &*handler, &log);
                });
            }
        });
        Self { host, asked }
    }

    /// The requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("not poisoned").clone()
    }

    /// The paths of the requests so far.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }
}

trait Stream: Read + Write + Send + Sized + 'static {
    fn twin(&self) -> io::Result<Self>;
}

impl Stream for TcpStream {
    fn twin(&self) -> io::Result<Self> {
        self.try_clone()
    }
}

impl Stream for UnixStream {
    fn twin(&self) -> io::Result<Self> {
        self.try_clone()
    }
}

fn serve<S: Stream>(mut stream: S, handler: &Handler, log: &Mutex<Vec<Asked>>) -> io::Result<()> {
    let mut reader = BufReader::new(stream.twin()?);
    // The first byte of a TLS handshake: this server has none.
    if reader.fill_buf()?.first() == Some(&0x16) {
        return Ok(());
    }
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ').map(str::to_owned);
    let mut asked = Asked {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
        ..Asked::default()
    };
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        asked.headers.push((name.to_owned(), value.to_owned()));
    }
    let length = asked.header("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
    reader.take(length).read_to_string(&mut asked.body)?;
    let answer = handler(&asked);
    log.lock().expect("not poisoned").push(asked);

    write!(stream, "HTTP/1.1 {} X\r\nConnection: close\r\n", answer.status)?;
    for (name, value) in &answer.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    if !answer.unframed {
        write!(stream, "Content-Length: {}\r\n", answer.body.len())?;
    }
    stream.write_all(b"\r\n")?;
    let end = answer.cut.unwrap_or(answer.body.len()).min(answer.body.len());
    stream.write_all(&answer.body[..end])?;
    stream.flush()?;
    if answer.silent {
        // Until the client has enough of it.
        let _ = stream.read(&mut [0])?;
    }
    Ok(())
}
