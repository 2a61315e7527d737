//! Names of users and groups, from `/etc/passwd` and `/etc/group` of a container or of the host.

use hashbrown::HashMap;

/// Lines of such a file that are read.
const MAX_LINES: usize = 100_000;

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: Vec<u8>,
    /// The home directory.
    pub home: Vec<u8>,
    /// The login shell.
    pub shell: Vec<u8>,
}

/// Users and groups by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    users: HashMap<u32, User>,
    groups: HashMap<u32, Vec<u8>>,
}

impl Accounts {
    /// Reads the two files. Lines that cannot be read are passed over, and of several for a number the first counts, as for the C library.
    pub fn parse(passwd: &[u8], group: &[u8]) -> Self {
        let mut accounts = Self::default();
        for fields in lines(passwd) {
            if let [name, _, uid, _, _, home, shell, ..] = fields[..]
                && let Some(uid) = number(uid)
            {
                accounts.users.entry(uid).or_insert_with(|| User {
                    name: name.to_vec(),
                    home: home.to_vec(),
                    shell: shell.to_vec(),
                });
            }
        }
        for fields in lines(group) {
            if let [name, _, gid, ..] = fields[..]
                && let Some(gid) = number(gid)
            {
                accounts.groups.entry(gid).or_insert_with(|| name.to_vec());
            }
        }
        accounts
    }

    /// The user with this number.
    pub fn user(&self, uid: u32) -> Option<&User> {
        self.users.get(&uid)
    }

    /// The name of the group with this number.
    pub fn group(&self, gid: u32) -> Option<&[u8]> {
        self.groups.get(&gid).map(Vec::as_slice)
    }
}

fn lines(file: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    file.split(|&byte| byte == b'\n').take(MAX_LINES).map(|line| line.split(|&byte| byte == b':').collect())
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_number_counts_and_broken_ones_do_not() {
        let accounts = Accounts::parse(
            b"root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/:/bin/sh\nbroken\nx:x:-1:0::/:/\n\xff:x:7:7::/h:/s",
            b"wheel:x:10:alice\n:::\n",
        );
        assert_eq!(accounts.user(0).map(|user| user.name.as_slice()), Some(&b"root"[..]));
        assert_eq!(accounts.user(7).map(|user| user.name.as_slice()), Some(&b"\xff"[..]));
        assert_eq!(accounts.user(1), None);
        assert_eq!(accounts.group(10), Some(&b"wheel"[..]));
    }
}
