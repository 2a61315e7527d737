//! Questions of the hub, asked at the agent's socket.

use crate::control::{self, Line, Request};
use serde_json::{Value, json};
use std::path::Path;

/// An answer is not longer, in bytes, so that it fits into a message.
const MAX_ANSWER: usize = 15 << 20;

/// The answer: `{"done":...}`, with `"items":[...]` if it came in pieces, or `{"error":"..."}`.
pub(super) fn answer(socket: &Path, question: &[u8]) -> Vec<u8> {
    let answer = ask(socket, question).unwrap_or_else(|error| json!({ "error": format!("{error:#}") }));
    let bytes = answer.to_string().into_bytes();
    if bytes.len() > MAX_ANSWER {
        return json!({ "error": "the answer is too long" }).to_string().into_bytes();
    }
    bytes
}

fn ask(socket: &Path, question: &[u8]) -> anyhow::Result<Value> {
    let request: Request = serde_json::from_slice(question)?;
    if matches!(request, Request::Events { .. } | Request::Alerts { .. }) {
        anyhow::bail!("events and alerts come by themselves");
    }
    let (mut items, mut size) = (Vec::new(), 0);
    let done = control::follow(socket, &request, |line| {
        match line {
            Line::Item(text) => {
                size += text.len();
                anyhow::ensure!(size <= MAX_ANSWER, "the answer is too long");
                items.push(text);
            }
            Line::Lost(count) => anyhow::bail!("{count} pieces of the answer were lost"),
            Line::Done(_) | Line::Error(_) => {}
        }
        Ok(())
    })?;
    let done = done.ok_or_else(|| anyhow::anyhow!("the agent has ended before it answered"))?;
    Ok(if items.is_empty() { json!({ "done": done }) } else { json!({ "done": done, "items": items }) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_ends_and_what_is_not_understood_is_refused() {
        let nobody = Path::new("/nonexistent/agent.sock");
        for (question, why) in [
            (r#"{"ask":"alerts","format":"json"}"#, "by themselves"),
            (r#"{"ask":"nothing"}"#, "unknown variant"),
            ("", "EOF"),
            (r#"{"ask":"status"}"#, "no agent listens"),
        ] {
            let answer = String::from_utf8(answer(nobody, question.as_bytes())).expect("text");
            assert!(answer.starts_with("{\"error\":") && answer.contains(why), "{answer}");
        }
    }
}
