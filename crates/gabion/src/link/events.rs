//! Events for the hub: those that say what programs do, without the files they open.

use super::spool::{Spool, Waiting};
use crate::{
    alert::AlertFormat,
    control::{self, Line, Request},
};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// What is worth keeping of every node for days.
const FILTER: &str = "\
(evt.type in (execve, execveat, dns, ptrace, process_vm_writev, mount, umount2, move_mount, pivot_root, chroot, setns, \
unshare, init_module, finit_module, delete_module, bpf, userfaultfd, perf_event_open, memfd_create, setuid, setgid, \
setresuid, setresgid, setreuid, setregid, capability, kill)) or \
(evt.type in (connect, accept, accept4, listen, bind) and fd.type in (ipv4, ipv6))";
/// The fields that go with an event, as the output of a rule.
const FIELDS: &str = "%evt.type %container.full_id %container.name %proc.name %proc.exepath %proc.cmdline %proc.pid %proc.pname \
%user.uid %user.name %fd.name %fd.sip %fd.sport %fd.cip %fd.cport %fd.l4proto %fd.sip.name %evt.args %evt.res %evt.arg.name \
%evt.arg.answers";
/// How long is waited before an agent that is not there is asked again.
const PAUSE: Duration = Duration::from_secs(1);
/// A value is not longer, in bytes.
const MAX_VALUE: usize = 4 << 10;

/// Puts events into the spool as they come, until this process ends.
pub(super) fn follow(socket: PathBuf, spool: Arc<Mutex<Spool>>) -> std::io::Result<()> {
    thread::Builder::new().name("events".to_owned()).spawn(move || {
        let request = Request::Events {
            filter: Some(FILTER.to_owned()),
            print: FIELDS.to_owned(),
            format: AlertFormat::Json,
        };
        loop {
            // Whether the agent answers is seen by its status.
            let _ = control::follow(&socket, &request, |line| {
                match line {
                    Line::Item(text) => {
                        if let Some(event) = event(&text) {
                            locked(&spool).add(event);
                        }
                    }
                    Line::Lost(count) => locked(&spool).thrown_away += count,
                    Line::Done(_) | Line::Error(_) => {}
                }
                Ok(())
            });
            thread::sleep(PAUSE);
        }
    })?;
    Ok(())
}

/// Nobody leaves it half changed.
pub(super) fn locked(spool: &Mutex<Spool>) -> MutexGuard<'_, Spool> {
    spool.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An event, from what the agent says of it.
fn event(text: &str) -> Option<Waiting> {
    let mut told: Map<String, Value> = serde_json::from_str(text).ok()?;
    let Some(Value::Object(told)) = told.remove("output_fields") else { return None };
    let time = told.get("evt.time").and_then(Value::as_u64)?;
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in told {
        let value = match value {
            Value::Null => continue,
            Value::String(text) => text,
            other => other.to_string(),
        };
        if !value.is_empty() && name != "evt.time" {
            fields.insert(name, shortened(value));
        }
    }
    let kind = fields.remove("evt.type")?;
    let container = fields.remove("container.full_id").filter(|id| id != "host").unwrap_or_default();
    if kind == "dns" {
        for (from, to) in [("evt.arg.name", "dns.name"), ("evt.arg.answers", "dns.addresses")] {
            if let Some(value) = fields.remove(from) {
                fields.insert(to.to_owned(), value);
            }
        }
    }
    let message = message(&kind, &fields);
    let program = fields.get("proc.exepath").or_else(|| fields.get("proc.name")).cloned().unwrap_or_default();
    Some(Waiting { number: 0, time, kind, container, program, message, fields })
}

/// In words.
fn message(kind: &str, fields: &BTreeMap<String, String>) -> String {
    let field = |name: &str| fields.get(name).map_or("?", String::as_str);
    let name = field("proc.name");
    let peer = || match fields.get("fd.sip.name") {
        Some(peer) => format!("{peer} ({}:{})", field("fd.sip"), field("fd.sport")),
        None => format!("{}:{}", field("fd.sip"), field("fd.sport")),
    };
    match kind {
        "execve" | "execveat" => field("proc.cmdline").to_owned(),
        "connect" => format!("{name} connects to {}", peer()),
        "accept" | "accept4" => {
            format!("{name} accepts {}:{} on port {}", field("fd.cip"), field("fd.cport"), field("fd.sport"))
        }
        "listen" => format!("{name} listens on {}", field("fd.name")),
        "bind" => format!("{name} binds {}", field("fd.name")),
        "dns" => format!("{} is {}", field("dns.name"), field("dns.addresses")),
        _ => format!("{name} {kind} {}", field("evt.args")),
    }
}

fn shortened(mut text: String) -> String {
    if text.len() > MAX_VALUE {
        text.truncate(text.floor_char_boundary(MAX_VALUE));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_agent_understands_what_it_is_asked() {
        crate::rules::single("the filter", FILTER, FIELDS).expect("compiles");
    }

    #[test]
    fn events_are_told_in_words_with_their_fields() {
        let told = |fields: Value| event(&json!({ "output_fields": fields }).to_string());
        let connect = told(json!({
            "evt.time": 7, "evt.type": "connect", "container.full_id": "abc", "proc.name": "curl",
            "proc.exepath": "/usr/bin/curl", "fd.sip": "10.0.0.1", "fd.sport": 443, "fd.sip.name": null, "evt.arg.name": null,
        }))
        .expect("an event");
        assert_eq!((connect.time, connect.kind.as_str(), connect.container.as_str()), (7, "connect", "abc"));
        assert_eq!(
            (connect.program.as_str(), connect.message.as_str()),
            ("/usr/bin/curl", "curl connects to 10.0.0.1:443")
        );
        assert_eq!(connect.fields["fd.sport"], "443");
        assert!(!connect.fields.contains_key("fd.sip.name"));
        let dns = told(json!({
            "evt.time": 8, "evt.type": "dns", "container.full_id": "host", "evt.arg.name": "a.org", "evt.arg.answers": "1.2.3.4",
        }))
        .expect("an event");
        assert_eq!((dns.container.as_str(), dns.message.as_str()), ("", "a.org is 1.2.3.4"));
        assert_eq!(
            (dns.fields["dns.name"].as_str(), dns.fields["dns.addresses"].as_str()),
            ("a.org", "1.2.3.4")
        );
        let long = told(json!({"evt.time": 9, "evt.type": "execve", "proc.cmdline": "ä".repeat(9000)}))
            .expect("an event");
        assert!(long.message.len() < MAX_VALUE + 10);
        assert_eq!(told(json!({"evt.type": "execve"})), None);
        assert_eq!(event("nonsense"), None);
    }
}
