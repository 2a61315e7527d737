//! A policy as it is asked: tables, and a name for each rule. Pure.
//!
//! The same tables are given to the kernel, so both decide alike: see [`Compiled::paths`] and [`Compiled::nets`].

use super::policy::{Choice, Mode, Pattern, Peer, Policy, PolicyError};
use gabion_model::{Digest, event::Transport};
use std::collections::{BTreeMap, HashMap};

/// Most rules of a policy.
const MAX_RULES: usize = 16384;
/// Most rules about one address, as the kernel has room for them.
pub(super) const MAX_OVERLAP: usize = 32;

/// What the kernel and the keeper call a rule.
pub(super) const RULE_DEFAULT: u32 = 0xffff_0000;
pub(super) const RULE_NOT_IMAGE: u32 = RULE_DEFAULT + 1;
pub(super) const RULE_FAIL: u32 = RULE_DEFAULT + 2;

/// A decision about a path or a program: whether it is denied, and by which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) deny: bool,
    pub(super) rule: u32,
}

/// A rule about ports, as the kernel has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PortRule {
    pub(super) from: u16,
    pub(super) to: u16,
    /// 0 is any.
    pub(super) protocol: u8,
    pub(super) deny: bool,
    pub(super) rule: u32,
}

/// Rules about paths: whole ones, and directories with the slash at their end.
#[derive(Debug, Default)]
pub(super) struct Paths {
    whole: HashMap<Vec<u8>, Judged>,
    beneath: HashMap<Vec<u8>, Judged>,
}

impl Paths {
    fn add(&mut self, pattern: &Pattern, judged: Judged) {
        let (path, beneath) = pattern.parts();
        let table = if beneath { &mut self.beneath } else { &mut self.whole };
        // Denials are added first, and stay.
        table.entry(path.to_owned()).or_insert(judged);
    }

    /// What the longest rule says that fits.
    fn find(&self, path: &[u8]) -> Option<Judged> {
        if let Some(&judged) = self.whole.get(path) {
            return Some(judged);
        }
        if self.beneath.is_empty() {
            return None;
        }
        let slashes = path.iter().enumerate().rev().filter(|&(_, &byte)| byte == b'/');
        slashes.map(|(at, _)| self.beneath.get(&path[..=at]).copied()).find_map(|found| found)
    }

    fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.beneath.is_empty()
    }
}

/// A policy, ready to be asked.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) policy: Policy,
    /// Its rules in words, by number.
    rules: Vec<String>,
    exec: Paths,
    open: Paths,
    allowed: HashMap<Digest, u32>,
    denied: HashMap<Digest, u32>,
    /// Rules about ports by address and length of the prefix, in the order in which they are asked.
    nets: BTreeMap<(u128, u8), Vec<PortRule>>,
}

impl Compiled {
    pub(super) fn new(policy: Policy) -> Result<Self, PolicyError> {
        let (exec, open, connect) = (&policy.exec, &policy.open, &policy.connect);
        let sizes = [&exec.deny, &exec.allow, &open.deny, &open.allow].map(Vec::len);
        let sizes = sizes.into_iter().chain([exec.deny_digests.len(), exec.allow_digests.len()]);
        let count = sizes.chain([connect.deny.len(), connect.allow.len()]).sum();
        if count > MAX_RULES {
            return Err(PolicyError::Rules(count, MAX_RULES));
        }
        let mut rules = Vec::with_capacity(count);
        let mut name = |what: &str, of: &dyn std::fmt::Display| {
            rules.push(format!("{what} {of}"));
            rules.len() as u32 - 1
        };
        let (mut exec_paths, mut open_paths) = (Paths::default(), Paths::default());
        let lists = [
            (&exec.deny, "exec.deny", true),
            (&exec.allow, "exec.allow", false),
            (&open.deny, "open.deny", true),
            (&open.allow, "open.allow", false),
        ];
        for (patterns, what, deny) in lists {
            let paths = if what.starts_with("exec") { &mut exec_paths } else { &mut open_paths };
            for pattern in patterns {
                paths.add(pattern, Judged { deny, rule: name(what, pattern) });
            }
        }
        let denied = exec.deny_digests.iter().map(|digest| (*digest, name("exec.deny_digests", digest)));
        let denied = denied.collect();
        let allowed = exec.allow_digests.iter().map(|digest| (*digest, name("exec.allow_digests", digest)));
        let allowed = allowed.collect();
        let peers = connect
            .deny
            .iter()
            .map(|peer| (peer, true))
            .chain(connect.allow.iter().map(|peer| (peer, false)));
        let mut own = BTreeMap::<_, Vec<PortRule>>::new();
        for (peer, deny) in peers {
            let what = if deny { "connect.deny" } else { "connect.allow" };
            own.entry(peer.net.mapped()).or_default().push(port_rule(peer, deny, name(what, peer))?);
        }
        let nets = nets(&own)?;
        Ok(Self { exec: exec_paths, open: open_paths, allowed, denied, nets, rules, policy })
    }

    /// What is left of a policy that was taken away before what it decided was recorded.
    pub(super) fn gone() -> Self {
        Self {
            policy: Policy { name: "(removed)".into(), ..Policy::default() },
            rules: Vec::new(),
            exec: Paths::default(),
            open: Paths::default(),
            allowed: HashMap::new(),
            denied: HashMap::new(),
            nets: BTreeMap::new(),
        }
    }

    /// A rule in words.
    pub(super) fn rule(&self, rule: u32) -> &str {
        match rule {
            RULE_DEFAULT => "default",
            RULE_NOT_IMAGE => "exec.image_only",
            RULE_FAIL => "fail",
            number => self.rules.get(number as usize).map_or("?", String::as_str),
        }
    }

    pub(super) fn enforces(&self) -> bool {
        self.policy.mode == Mode::Enforce
    }

    /// Something is decided about programs.
    pub(super) fn has_exec(&self) -> bool {
        self.policy.exec.image_only || self.exec_denied() || !self.exec.is_empty() || self.has_digests()
    }

    pub(super) fn exec_denied(&self) -> bool {
        self.policy.exec.default == Choice::Deny
    }

    /// The content of programs must be known.
    pub(super) fn has_digests(&self) -> bool {
        !self.allowed.is_empty() || !self.denied.is_empty()
    }

    pub(super) fn has_files(&self) -> bool {
        !self.open.is_empty()
    }

    pub(super) fn has_connect(&self) -> bool {
        self.policy.connect.default == Choice::Deny || !self.nets.is_empty()
    }

    /// What is said of a program, unless its content must be known for that. `kept`: its path still leads to it.
    pub(super) fn program(&self, path: &[u8], kept: bool) -> Option<Judged> {
        let found = self.exec.find(path).filter(|judged| judged.deny || kept);
        match found {
            Some(judged) if judged.deny || self.denied.is_empty() => Some(judged),
            None if !self.has_digests() => Some(Judged { deny: self.exec_denied(), rule: RULE_DEFAULT }),
            _ => None,
        }
    }

    /// The same with its content.
    pub(super) fn program_with(&self, path: &[u8], kept: bool, digest: &Digest) -> Judged {
        if let Some(&rule) = self.denied.get(digest) {
            return Judged { deny: true, rule };
        }
        if let Some(judged) = self.exec.find(path).filter(|judged| judged.deny || kept) {
            return judged;
        }
        match self.allowed.get(digest) {
            Some(&rule) => Judged { deny: false, rule },
            None => Judged { deny: self.exec_denied(), rule: RULE_DEFAULT },
        }
    }

    /// What is said of a file that is opened.
    pub(super) fn file(&self, path: &[u8]) -> Judged {
        self.open.find(path).unwrap_or(Judged { deny: false, rule: RULE_DEFAULT })
    }

    /// All rules about paths: whether they are about files, the bytes that a path must begin with, and what they say. A whole
    /// path ends with a zero byte.
    pub(super) fn paths(&self) -> impl Iterator<Item = (bool, Vec<u8>, Judged)> {
        let table = |files: bool, paths: &'_ Paths| {
            let whole = paths.whole.iter().map(|(path, judged)| ([path, &b"\0"[..]].concat(), *judged));
            let beneath = paths.beneath.iter().map(|(path, judged)| (path.clone(), *judged));
            whole.chain(beneath).map(move |(path, judged)| (files, path, judged)).collect::<Vec<_>>()
        };
        table(false, &self.exec).into_iter().chain(table(true, &self.open))
    }

    /// All rules about addresses.
    pub(super) fn nets(&self) -> &BTreeMap<(u128, u8), Vec<PortRule>> {
        &self.nets
    }
}

fn port_rule(peer: &Peer, deny: bool, rule: u32) -> Result<PortRule, PolicyError> {
    let (from, to) = match (peer.port, peer.port_to) {
        (0, 0) => (0, u16::MAX),
        (port, 0) => (port, port),
        (from, to) if from > 0 && from <= to => (from, to),
        (from, to) => return Err(PolicyError::Ports(from, to)),
    };
    let protocol = match peer.transport {
        Some(Transport::Tcp) => 6,
        Some(Transport::Udp) => 17,
        _ => 0,
    };
    Ok(PortRule { from, to, protocol, deny, rule })
}

/// The kernel finds the longest prefix and looks no further, so each has the rules of the shorter ones around it, too.
fn nets(
    own: &BTreeMap<(u128, u8), Vec<PortRule>>,
) -> Result<BTreeMap<(u128, u8), Vec<PortRule>>, PolicyError> {
    const V4: (u128, u8) = (0xffff_0000_0000, 96);
    let is_v4 = |net: (u128, u8)| net.1 >= 96 && covers(V4, net.0);
    let mut all = BTreeMap::new();
    // A prefix of IPv6 that is so short that it has the mapped addresses of IPv4 in it is not meant for those.
    let hole = own.keys().any(|&net| !is_v4(net)).then_some(V4);
    for net in own.keys().copied().chain(hole) {
        let mut around: Vec<_> = own
            .iter()
            .filter(|((address, bits), _)| {
                let other = (*address, *bits);
                *bits <= net.1 && covers(other, net.0) && is_v4(other) == is_v4(net)
            })
            .collect();
        around.sort_by_key(|((_, bits), _)| std::cmp::Reverse(*bits));
        let rules: Vec<PortRule> = around.into_iter().flat_map(|(_, rules)| rules.iter().copied()).collect();
        if rules.len() > MAX_OVERLAP {
            return Err(PolicyError::Overlap(rules.len(), MAX_OVERLAP));
        }
        all.insert(net, rules);
    }
    Ok(all)
}

fn covers((address, bits): (u128, u8), other: u128) -> bool {
    bits == 0 || (address ^ other) >> (128 - bits) == 0
}

#[cfg(test)]
mod tests;
