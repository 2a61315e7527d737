//! The record of responses: each line is signed with the agent's key, and says the signature of the line before it, so that none can be
//! changed, left out or put in without notice. Whoever can read the key can sign, so it is root's.

use crate::response::Response;
use anyhow::{Context, bail};
use gabion_advisory::transfer::sign::{PublicKey, generate, sign};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

#[derive(Serialize, Deserialize)]
struct Line {
    response: Response,
    /// Signature of the line before; empty for the first.
    previous: String,
    /// Of the response and `previous`.
    signature: String,
}

/// The record.
pub(super) struct Audit {
    file: File,
    path: PathBuf,
    key: String,
    previous: String,
    /// The number of the last response.
    pub(super) last: u64,
}

fn paths(state: &Path) -> [PathBuf; 3] {
    ["responses.jsonl", "audit.key", "audit.pub"].map(|name| state.join(name))
}

/// What is signed of a line.
fn signed(response: &Response, previous: &str) -> anyhow::Result<Vec<u8>> {
    Ok(serde_json::to_vec(&(response, previous))?)
}

impl Audit {
    /// Goes on where the last one ended; makes a key at the first start.
    pub(super) fn open(state: &Path) -> anyhow::Result<Self> {
        let [path, secret, public] = paths(state);
        let told = || format!("cannot keep the record of responses in {}", state.display());
        let key = match fs::read_to_string(&secret) {
            Ok(key) => key,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let (key, shown) = generate(None)?;
                let mut file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(&secret)
                    .with_context(told)?;
                file.write_all(key.as_bytes()).with_context(told)?;
                fs::write(&public, shown).with_context(told)?;
                key
            }
            Err(error) => return Err(error).with_context(told),
        };
        let kept = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(told),
        };
        let lines = kept.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
        let (mut previous, mut last) = (String::new(), 0);
        for line in lines {
            last = last.max(line.response.id);
            previous = line.signature;
        }
        let mut file =
            OpenOptions::new().create(true).append(true).mode(0o600).open(&path).with_context(told)?;
        if !kept.is_empty() && !kept.ends_with('\n') {
            file.write_all(b"\n").with_context(told)?;
        }
        Ok(Self { file, path, key, previous, last })
    }

    /// Keeps one, on the disk before this returns.
    pub(super) fn keep(&mut self, response: &Response) -> anyhow::Result<()> {
        let told = || format!("cannot write {}", self.path.display());
        let bytes = signed(response, &self.previous)?;
        let signature = sign(&bytes, &self.key, None, &format!("response {}", response.id))?;
        let line = Line { response: response.clone(), previous: self.previous.clone(), signature };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        let before = self.file.metadata().with_context(told)?.len();
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        // Half a line would damage the next one.
        written.inspect_err(|_| drop(self.file.set_len(before))).with_context(told)?;
        self.previous = line.signature;
        Ok(())
    }
}

/// All responses that are kept, if every signature holds.
pub(crate) fn verified(state: &Path) -> anyhow::Result<Vec<Response>> {
    let [path, _, public] = paths(state);
    let read = |path: &Path| {
        fs::read_to_string(path).with_context(|| format!("cannot read {}\nhint: --state", path.display()))
    };
    let key: PublicKey = read(&public)?.parse()?;
    let (mut responses, mut previous) = (Vec::new(), String::new());
    for (number, line) in read(&path)?.lines().enumerate() {
        let at = || format!("{}:{}", path.display(), number + 1);
        let line: Line = serde_json::from_str(line).with_context(|| format!("{}: it is damaged", at()))?;
        if line.previous != previous {
            bail!("{}: a line before it is missing or was changed", at());
        }
        key.verify(&signed(&line.response, &line.previous)?, &line.signature)
            .with_context(|| format!("{}: it was changed", at()))?;
        previous = line.signature;
        responses.push(line.response);
    }
    Ok(responses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::{Action, Outcome, Target};

    fn response(id: u64) -> Response {
        Response {
            id,
            time: 7,
            by: "root".to_owned(),
            reason: "a test".to_owned(),
            action: Action::Freeze { container: "web".to_owned() },
            target: Target::default(),
            until: None,
            evidence: None,
            outcome: Outcome::Done("frozen".to_owned()),
        }
    }

    #[test]
    fn what_is_changed_or_left_out_is_noticed() {
        let state = tempfile::tempdir().expect("a directory");
        for id in 1..=3 {
            // Each with a start of its own.
            Audit::open(state.path()).expect("opens").keep(&response(id)).expect("keeps");
        }
        let ids = |all: Vec<Response>| all.iter().map(|one| one.id).collect::<Vec<_>>();
        assert_eq!(ids(verified(state.path()).expect("holds")), [1, 2, 3]);
        let path = state.path().join("responses.jsonl");
        let text = fs::read_to_string(&path).expect("reads");
        for (damage, reason) in [
            (text.replace("\"container\":\"web\"", "\"container\":\"api\""), "it was changed"),
            (text[text.find('\n').expect("lines") + 1..].to_owned(), "missing"),
            (text[..text.len() - 9].to_owned(), "damaged"),
        ] {
            fs::write(&path, damage).expect("writes");
            let error = verified(state.path()).expect_err("is noticed");
            assert!(format!("{error:#}").contains(reason), "{error:#}");
        }
        assert_eq!(Audit::open(state.path()).expect("goes on").last, 2, "the damaged line is no response");
    }
}
