//! Rules about what containers do: conditions, and files of rules.

use gabion_detect::{
    engine::Fields,
    rules::{RuleFile, condition, load},
};

/// A condition: what is printed of it parses to the same.
pub fn rule_condition(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(parsed) = condition::parse_resolved(text) else { return };
    let printed = parsed.to_string();
    let again = condition::parse_resolved(&printed).expect("what is printed is a condition");
    assert_eq!(again.to_string(), printed);
}

/// Two rule files, with a percent sign between them: loaded twice, to the same.
pub fn rule_files(data: &[u8]) {
    let parts = data.splitn(2, |byte| *byte == b'%');
    let files: Vec<RuleFile> = (1..)
        .zip(parts)
        .map(|(number, part)| RuleFile { name: format!("{number}.yaml"), content: Ok(part.to_vec()) })
        .collect();
    let once = load(&files, &Fields);
    let twice = load(&files, &Fields);
    assert!(once.rules == twice.rules && once.diagnostics == twice.diagnostics);
}
