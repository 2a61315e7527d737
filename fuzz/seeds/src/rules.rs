//! Rules about what containers do.

const CONDITIONS: &[&str] = &[
    "evt.type in (open, openat) and not (proc.name startswith anyof (a, 'b c') or fd.num >= 0x1f)",
    "concat(proc.name, \"-\", tolower(proc.aname[2])) = join(\",\", (proc.name, 'x', 3)) and getopt(proc.args, \"nt:\")[t] exists",
    "proc.name = val(proc.pname) and fd.name pmatch (/etc, /usr) and evt.buffer bcontains 7f45",
];
const FILE: &str = "- required_engine_version: 0.57.0\n- required_plugin_versions:\n  - {name: container, version: 0.4.0, alternatives: [{name: x, version: 1.0.0}]}\n- list: shells\n  items: [sh, '\"a b\"', &a 7, *a]\n- macro: spawned\n  condition: evt.type in (execve, execveat)\n- rule: R\n  desc: d\n  condition: >\n    spawned and proc.name in (shells)\n  output: a %12proc.name %toupper(proc.aname[2])\n  priority: info\n  tags: [T1059]\n  exceptions:\n  - {name: x, fields: [proc.name, fd.name], comps: [=, startswith], values: [[a, /b]]}\n  - {name: y, fields: proc.name, values: [c]}\n%- rule: R\n  condition: and fd.num > 1\n  exceptions: [{name: y, values: [d]}]\n  override: {condition: append, exceptions: append}\n- macro: spawned\n  condition: or evt.type = clone\n  append: true\n- rule: R\n  enabled: false\n";

/// Seeds of each target.
pub(crate) fn seeds() -> [(&'static str, Vec<Vec<u8>>); 2] {
    let conditions = CONDITIONS.iter().map(|text| text.as_bytes().to_vec()).collect();
    [("rule_condition", conditions), ("rule_files", vec![FILE.as_bytes().to_vec()])]
}
