//! Debian's `docker-registry` with a login, and a way to it that ends in the midst of a push.

use crate::{
    bad::{Desk, Ran},
    machine::{Daemon, free_port, run},
};
use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::mpsc,
    thread,
    time::Duration,
};

/// What [`Registry::start`] needs.
pub(crate) const TOOLS: [&str; 2] = ["docker-registry", "htpasswd"];

/// One for the user `ann` with the password `s3cret`, over plain HTTP. It ends with this value.
pub(crate) struct Registry {
    pub(crate) host: String,
    _daemon: Daemon,
}

impl Registry {
    pub(crate) fn start(at: &Path) -> Self {
        fs::create_dir_all(at).expect("creates");
        let users = run(Command::new("htpasswd").args(["-Bbn", "ann", "s3cret"]));
        fs::write(at.join("users"), users + "\n").expect("writes");
        let host = format!("127.0.0.1:{}", free_port());
        let root = at.display();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {root}/data}}}}\n\
             http: {{addr: '{host}'}}\nauth: {{htpasswd: {{realm: test, path: {root}/users}}}}\n"
        );
        fs::write(at.join("config.yml"), config).expect("writes");
        let mut daemon = Daemon::start(
            Command::new("docker-registry").arg("serve").arg(at.join("config.yml")),
            at.join("log"),
        );
        daemon.until("the registry listens", || TcpStream::connect(&host).is_ok());
        Self { host, _daemon: daemon }
    }

    /// Puts a document under a tag as it is: skopeo writes indexes anew.
    pub(crate) fn put(&self, name: &str, tag: &str, media_type: &str, document: &str) {
        let mut stream = TcpStream::connect(&self.host).expect("connects");
        write!(
            stream,
            "PUT /v2/{name}/manifests/{tag} HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic YW5uOnMzY3JldA==\r\n\
             Content-Type: {media_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{document}",
            self.host,
            document.len()
        )
        .expect("sends");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    }
}

/// Lets the next commands of a desk log in; `host` may be reached over plain HTTP.
pub(crate) fn logged_in(desk: &Desk, host: &str, arguments: &[&str]) -> Command {
    let mut command = desk.command();
    command.args(arguments).args(["--registry-insecure", host]);
    command.env("GABION_REGISTRY_USER", "ann").env("GABION_REGISTRY_PASSWORD", "s3cret");
    command
}

/// Runs such a command.
pub(crate) fn with_login(desk: &Desk, host: &str, arguments: &[&str]) -> Ran {
    Ran::of(&mut logged_in(desk, host, arguments))
}

/// A way to a registry that nothing passes any more from the first request on that begins with a word.
pub(crate) struct Gate {
    pub(crate) host: String,
    closed: mpsc::Receiver<()>,
}

impl Gate {
    /// `word` is for instance `PUT /v2/team/db/manifests/`.
    pub(crate) fn before(registry: &str, word: &'static str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
        let host = listener.local_addr().expect("bound").to_string();
        let (close, closed) = mpsc::channel();
        let registry = registry.to_owned();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(&registry).expect("the registry");
                let (mut back, mut out) =
                    (server.try_clone().expect("a twin"), client.try_clone().expect("a twin"));
                thread::spawn(move || {
                    let _ = std::io::copy(&mut back, &mut out);
                    let _ = out.shutdown(Shutdown::Both);
                });
                let close = close.clone();
                thread::spawn(move || {
                    if pass(client, server, word.as_bytes()) {
                        let _ = close.send(());
                    }
                });
            }
        });
        Self { host, closed }
    }

    /// Waits until the request came.
    pub(crate) fn wait(&self) {
        self.closed.recv_timeout(Duration::from_secs(30)).expect("the request comes in time");
    }
}

/// Passes on what comes, and tells whether the word did; from there on nothing is passed, and nobody is told.
fn pass(mut client: TcpStream, mut server: TcpStream, word: &[u8]) -> bool {
    let mut buffer = vec![0; 64 << 10];
    // What was read last, as the word may come in two pieces.
    let mut tail = Vec::new();
    loop {
        let Ok(read @ 1..) = client.read(&mut buffer) else { return false };
        tail.extend_from_slice(&buffer[..read]);
        if tail.windows(word.len()).any(|window| window == word) {
            // Held open, with the client, until the test program ends.
            std::mem::forget(server);
            std::mem::forget(client);
            return true;
        }
        tail.drain(..tail.len().saturating_sub(word.len()));
        if server.write_all(&buffer[..read]).is_err() {
            return false;
        }
    }
}
