//! File capabilities: the `security.capability` attribute, as `linux/capability.h` lays it out.
//!
//! ```text
//!  0        4            8              12           16             20
//!  │ magic  │ permitted  │ inheritable  │ permitted  │ inheritable  │ root id (version 3)
//!  └ version (top byte), effective flag (lowest bit); versions 2 and 3 have two words of each set
//! ```

/// Bit by bit.
const NAMES: [&str; 41] = [
    "cap_chown",
    "cap_dac_override",
    "cap_dac_read_search",
    "cap_fowner",
    "cap_fsetid",
    "cap_kill",
    "cap_setgid",
    "cap_setuid",
    "cap_setpcap",
    "cap_linux_immutable",
    "cap_net_bind_service",
    "cap_net_broadcast",
    "cap_net_admin",
    "cap_net_raw",
    "cap_ipc_lock",
    "cap_ipc_owner",
    "cap_sys_module",
    "cap_sys_rawio",
    "cap_sys_chroot",
    "cap_sys_ptrace",
    "cap_sys_pacct",
    "cap_sys_admin",
    "cap_sys_boot",
    "cap_sys_nice",
    "cap_sys_resource",
    "cap_sys_time",
    "cap_sys_tty_config",
    "cap_mknod",
    "cap_lease",
    "cap_audit_write",
    "cap_audit_control",
    "cap_setfcap",
    "cap_mac_override",
    "cap_mac_admin",
    "cap_syslog",
    "cap_wake_alarm",
    "cap_block_suspend",
    "cap_audit_read",
    "cap_perfmon",
    "cap_bpf",
    "cap_checkpoint_restore",
];

/// As `getcap` prints it: `cap_net_raw=ep`. None if the attribute is not one.
pub(super) fn describe(raw: &[u8]) -> Option<String> {
    let word = |at: usize| {
        let bytes = raw.get(at * 4..at * 4 + 4)?;
        Some(u64::from(u32::from_le_bytes(bytes.try_into().ok()?)))
    };
    let magic = word(0)?;
    let (permitted, inheritable) = match magic >> 24 {
        1 => (word(1)?, word(2)?),
        2 | 3 => (word(1)? | word(3)? << 32, word(2)? | word(4)? << 32),
        _ => return None,
    };
    let effective = if magic & 1 == 1 { "e" } else { "" };
    let mut parts = Vec::new();
    for (set, flags) in [
        (permitted & inheritable, format!("{effective}ip")),
        (permitted & !inheritable, format!("{effective}p")),
        (inheritable & !permitted, format!("{effective}i")),
    ] {
        if set != 0 {
            parts.push(format!("{}={flags}", names(set)));
        }
    }
    Some(parts.join(" "))
}

fn names(set: u64) -> String {
    let name = |bit: usize| match NAMES.get(bit) {
        Some(name) => (*name).to_owned(),
        None => format!("cap_{bit}"),
    };
    let bits = (0..64).filter(|bit| set >> bit & 1 == 1);
    bits.map(name).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attribute(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn sets_are_named_as_getcap_names_them() {
        let ping = attribute(&[0x0200_0001, 1 << 13, 0, 0, 0]);
        assert_eq!(describe(&ping).as_deref(), Some("cap_net_raw=ep"));
        let bpf = attribute(&[0x0300_0000, 1 << 10, 1 << 10, 1 << 7, 0, 1000]);
        assert_eq!(describe(&bpf).as_deref(), Some("cap_net_bind_service=ip cap_bpf=p"));
        assert_eq!(describe(&ping[..8]), None);
        assert_eq!(describe(b""), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(raw: Vec<u8>) {
            describe(&raw);
        }
    }
}
