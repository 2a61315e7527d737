//! What the command line makes of a registry that refuses; the kinds of refusals are tested in `gabion-image`.

use super::Desk;
use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener},
    thread,
};

/// A registry that answers everything with one status, until the test program ends.
fn registry(status: &'static str, headers: &'static str) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
    let host = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(&stream).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|l| !l.is_empty())) {}
            // A client that hangs up has heard enough.
            let _ = write!(
                &stream,
                "HTTP/1.1 {status}\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n"
            );
        }
    });
    host
}

#[test]
fn a_refusal_is_told_with_what_to_do_about_it() {
    let cases = [
        (
            "401 Unauthorized",
            "www-authenticate: Basic realm=\"x\"\r\n",
            "refuses",
            "hint: log in with `docker login ",
        ),
        ("403 Forbidden", "", "forbids reading", "hint: log in with `docker login "),
        ("404 Not Found", "", "has no image", "hint: check the spelling"),
        ("429 Too Many Requests", "retry-after: 9999\r\n", "limits requests", "hint: log in to "),
        (
            "302 Found",
            "location: http://127.0.0.1:1/\r\n",
            "cannot connect to",
            "hint: check the name and the network",
        ),
    ];
    for (status, headers, error, hint) in cases {
        let host = registry(status, headers);
        let desk = Desk::new();
        let target = format!("registry:{host}/app:1");
        let ran = desk.scan(&target, &["--registry-insecure", &host]);
        ran.fails(&[error, hint]);
        assert!(ran.out.is_empty(), "{}", ran.out);
    }
}

#[test]
fn nobody_there_is_told_with_what_to_do_about_it() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
    let host = listener.local_addr().expect("bound").to_string();
    drop(listener);
    let desk = Desk::new();
    desk.scan(&format!("registry:{host}/app:1"), &["--registry-insecure", &host]).fails(&[
        &format!("cannot connect to {host}"),
        "refused",
        "hint: check the name and the network",
    ]);
    // What is neither a path nor a name.
    desk.scan("registry:a//b", &[]).fails(&["a//b", "is not an image reference"]);
    desk.scan("./gone.tar", &[]).fails(&["cannot use ./gone.tar: No such file"]);
    desk.scan("docker:app:1", &[]).fails(&["docker", "hint: start it, or say where it is with DOCKER_HOST"]);
    desk.scan("containerd:app:1", &[]).fails(&["none.sock"]);
}
