//! User accounts: `passwd(5)` and `shadow(5)`.
//!
//! ```text
//!  passwd   name : password : uid : gid : comment : home : shell
//!  shadow   name : password : dates …
//! ```
//!
//! The password field tells what matters, and nothing else of it is kept: empty lets anyone in, `x` in
//! `passwd` refers to `shadow`, `!` and `*` lock the account, and all else is a hash that can be attacked.

use super::{Candidate, Cataloger, Want};
use crate::{
    content::{Content, ReadError},
    facts::{Account, Fact, Facts},
};
use gabion_model::{Aspect, path};

/// Reads `etc/passwd` and `etc/shadow`.
#[derive(Debug)]
pub struct Accounts;

const PASSWD: &[u8] = b"etc/passwd";
const SHADOW: &[u8] = b"etc/shadow";

/// Some 25,000 accounts.
const MAX_SIZE: u64 = 2 << 20;

impl Cataloger for Accounts {
    fn name(&self) -> &'static str {
        "accounts"
    }

    fn aspect(&self) -> Aspect {
        Aspect::CONFIG
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        if matches!(file.path, PASSWD | SHADOW) { Want::Content } else { Want::No }
    }

    fn read(&self, file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let bytes = content.bytes(MAX_SIZE)?;
        let in_shadow = file.path == SHADOW;
        let mut bad_lines = 0u64;
        let mut accounts = Vec::new();
        for line in bytes.split(|&b| b == b'\n') {
            let line = line.trim_ascii();
            // `+` and `-` lines pull in NIS accounts.
            if matches!(line.first(), None | Some(b'#' | b'+' | b'-')) {
                continue;
            }
            match account(line, in_shadow) {
                Some(account) => accounts.push(account),
                None => bad_lines += 1,
            }
        }
        out.push(Fact::Accounts(accounts));
        if bad_lines > 0 {
            out.gap(Aspect::CONFIG, format!("{bad_lines} lines are not accounts"));
        }
        Ok(())
    }
}

fn account(line: &[u8], in_shadow: bool) -> Option<Account> {
    let mut fields = line.split(|&b| b == b':');
    let name = fields.next().filter(|name| !name.is_empty())?;
    let password = fields.next()?;
    let (uid, shell) = if in_shadow {
        (None, &b""[..])
    } else {
        let uid = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
        // Group, comment, home, then the shell, which may be missing: the kernel then takes /bin/sh.
        (Some(uid), fields.nth(3).unwrap_or_default())
    };
    Some(Account {
        name: path::display(name).into_owned(),
        uid,
        empty_password: password.is_empty(),
        has_password: is_hash(password, in_shadow),
        shell: path::display(shell).into_owned(),
    })
}

/// Whether the field can let somebody in who knows the right password. `!` before a hash locks it, and no
/// hash is a single character or contains `*`.
fn is_hash(field: &[u8], in_shadow: bool) -> bool {
    let refers_to_shadow = !in_shadow && field == b"x";
    !refers_to_shadow && field.len() > 1 && !field.starts_with(b"!") && !field.contains(&b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Scope;
    use proptest::prelude::*;

    fn read(path: &[u8], text: &[u8]) -> Facts {
        let candidate = Candidate { path, size: text.len() as u64, mode: 0o600, scope: Scope::Image };
        assert_eq!(Accounts.want(&candidate), Want::Content);
        let mut facts = Facts::default();
        Accounts.read(&candidate, &Content::Memory(text), &mut facts).expect("reads");
        facts
    }

    fn accounts(path: &[u8], text: &str) -> Vec<Account> {
        match &read(path, text.as_bytes()).list[0] {
            Fact::Accounts(accounts) => accounts.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn passwd_gives_uid_and_shell_and_points_to_shadow() {
        let list = accounts(
            PASSWD,
            "root:x:0:0:root:/root:/bin/bash\nopen::1000:1000::/home/open:/bin/sh\nold:$1$abcdefgh$x:7:7::/:\n# no\n+::::::\n",
        );
        assert_eq!(list.len(), 3);
        assert_eq!((list[0].uid, list[0].shell.as_str()), (Some(0), "/bin/bash"));
        assert!(!list[0].has_password && !list[0].empty_password);
        assert!(list[1].empty_password && !list[1].has_password);
        assert!(list[2].has_password && list[2].shell.is_empty());
    }

    #[test]
    fn shadow_tells_locked_from_empty_from_usable() {
        let list = accounts(
            SHADOW,
            "a:*:19000:0:99999:7:::\nb:!:1::::::\nc:!$6$salt$hash:1::::::\nd::1::::::\ne:$y$j9T$salt$hash:1::::::\nf:!!:1::::::\n",
        );
        let seen: Vec<_> = list.iter().map(|a| (a.empty_password, a.has_password)).collect();
        let locked = (false, false);
        assert_eq!(seen, [locked, locked, locked, (true, false), (false, true), locked]);
        assert!(list.iter().all(|a| a.uid.is_none()));
    }

    #[test]
    fn a_damaged_line_is_told_and_the_others_stand() {
        let facts = read(PASSWD, b"root:x:zero:0:::\nbin:x:1:1:::\n");
        assert!(matches!(&facts.list[0], Fact::Accounts(list) if list.len() == 1));
        assert!(matches!(&facts.list[1], Fact::Gap { .. }));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(shadow: bool, bytes in prop::collection::vec(
            prop_oneof![Just(b':'), Just(b'\n'), any::<u8>()], 0..300)) {
            read(if shadow { SHADOW } else { PASSWD }, &bytes);
        }
    }
}
