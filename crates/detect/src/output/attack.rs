//! MITRE ATT&CK, as rules name it in their tags: `mitre_privilege_escalation`, `T1611`, `T1059.004`.

/// Tactics: the word of the tag, the number, the name.
const TACTICS: &[(&str, &str, &str)] = &[
    ("collection", "TA0009", "Collection"),
    ("command_and_control", "TA0011", "Command and Control"),
    ("credential_access", "TA0006", "Credential Access"),
    ("defense_evasion", "TA0005", "Defense Evasion"),
    ("discovery", "TA0007", "Discovery"),
    ("execution", "TA0002", "Execution"),
    ("exfiltration", "TA0010", "Exfiltration"),
    ("impact", "TA0040", "Impact"),
    ("initial_access", "TA0001", "Initial Access"),
    ("lateral_movement", "TA0008", "Lateral Movement"),
    ("persistence", "TA0003", "Persistence"),
    ("privilege_escalation", "TA0004", "Privilege Escalation"),
    ("reconnaissance", "TA0043", "Reconnaissance"),
    ("resource_development", "TA0042", "Resource Development"),
];

/// The number and the name of a tactic.
pub(super) fn tactic(tag: &str) -> Option<(&'static str, &'static str)> {
    let word = tag.strip_prefix("mitre_")?;
    TACTICS.iter().find(|(other, ..)| *other == word).map(|&(_, uid, name)| (uid, name))
}

/// The number of a technique, and of the technique that it is a part of.
pub(super) fn technique(tag: &str) -> Option<(&str, Option<&str>)> {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = tag.strip_prefix('T')?;
    match number.split_once('.') {
        None => digits(number, 4).then_some((tag, None)),
        Some((whole, part)) => (digits(whole, 4) && digits(part, 3)).then(|| (&tag[..5], Some(tag))),
    }
}
