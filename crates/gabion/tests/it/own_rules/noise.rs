//! What containers do all day: they start a server and answer, unpack, configure, rotate, and run as somebody else.

use std::{env, path::Path};

pub(super) struct Ordinary {
    pub(super) name: &'static str,
    /// Programs that it needs; without them it is left out.
    needs: &'static [&'static str],
    pub(super) script: &'static str,
}

impl Ordinary {
    /// Whether all that it needs is beneath `/usr`, which is what containers see.
    pub(super) fn is_there(&self) -> bool {
        let found = |name: &&str| {
            env::split_paths("/usr/sbin:/usr/bin:/usr/local/bin")
                .any(|directory| Path::new(&directory).join(name).is_file())
        };
        self.needs.iter().all(found)
    }
}

pub(super) const ALL: &[Ordinary] = &[
    Ordinary {
        name: "start of an image",
        needs: &[],
        script: r"
            mkdir -p /srv/app /var/cache/app /run/app
            printf 'listen 80\nuser nobody\n' > /etc/app.conf
            sed -i 's/80/8080/' /etc/app.conf
            cp -r /etc/apt /srv/app/; chown -R 1000:1000 /srv/app; chmod -R a+rX /srv/app
            tar -C /srv -czf /tmp/app.tar.gz app; mkdir /tmp/x; tar -C /tmp/x -xzf /tmp/app.tar.gz
            find /srv/app -name '*.list' -exec cat {} + | sort | uniq > /tmp/lists
            ln -s /etc/app.conf /srv/app/conf; readlink -f /srv/app/conf
            sh -c 'id; hostname; date; env' > /tmp/told
            grep -c root /etc/passwd; getent passwd root; getent hosts localhost
            cat /proc/self/status /proc/meminfo /proc/loadavg /sys/fs/cgroup/memory.max > /tmp/told 2>/dev/null || :
            echo started >> /var/log/app.log; tail -n 1 /var/log/app.log
            rm -rf /tmp/x /tmp/app.tar.gz; umask 077; mktemp
            setpriv --reuid 1000 --regid 1000 --clear-groups sh -c 'cd /srv/app; ls; touch /tmp/mine'
            kill -0 1; sleep 0; nice true; timeout 5 true
        ",
    },
    Ordinary {
        name: "package manager of an image that is built",
        needs: &["dpkg-deb"],
        script: r"
            mkdir -p /tmp/p/DEBIAN /tmp/p/usr/bin
            printf 'Package: p\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n' > /tmp/p/DEBIAN/control
            cp /bin/true /tmp/p/usr/bin/p
            dpkg-deb --build /tmp/p /tmp/p.deb; dpkg-deb --info /tmp/p.deb; dpkg --version; apt-get --version
            $G/run/dpkg sh -c 'dpkg-deb -x /tmp/p.deb /; chmod 4755 /usr/bin/p; ldconfig; : >> /etc/passwd; : > /etc/cron.d/p; rm -f /var/log/dpkg.log'
        ",
    },
    Ordinary {
        name: "nginx",
        needs: &["nginx"],
        script: r"
            nginx
            for i in 1 2 3; do $G/bin/act fetch 80; done
            nginx -s reload; $G/bin/act fetch 80
            nginx -s quit
        ",
    },
    Ordinary {
        name: "redis",
        needs: &["redis-server", "redis-cli"],
        script: r"
            redis-server --daemonize yes --dir /tmp --save 60 1 --logfile /tmp/redis.log
            for i in $(seq 500); do redis-cli ping && break; done
            redis-cli set a 1; redis-cli get a; redis-cli bgsave; redis-cli info > /tmp/info
            redis-cli shutdown
        ",
    },
    Ordinary {
        name: "postgres",
        needs: &["postgres", "initdb", "pg_ctl", "psql"],
        script: r#"
            export PATH=$PATH:/usr/local/bin PGDATA=/tmp/data PGHOST=/tmp
            run="setpriv --reuid 1000 --regid 1000 --clear-groups"
            echo 'somebody:x:1000:1000::/tmp:/bin/sh' > /tmp/passwd
            $run initdb --username=me --auth=trust
            $run pg_ctl start --wait --log /tmp/log --options '-k /tmp'
            $run psql --username=me postgres -c 'create table t (a int); insert into t values (1); select * from t'
            $run pg_ctl stop
        "#,
    },
    Ordinary {
        name: "an application of Node",
        needs: &["node"],
        script: r#"
            mkdir /srv/app; cd /srv/app
            cat > app.js <<-'END'
		const http = require("http"), fs = require("fs"), os = require("os");
		fs.writeFileSync("/tmp/started", os.hostname());
		fs.readFileSync("/etc/ssl/openssl.cnf");
		let asked = 0;
		const server = http.createServer((_, answer) => {
			fs.readFile("/tmp/started", () => { answer.end("hello"); if (++asked == 3) server.close(); });
		}).listen(8080);
		END
            node app.js &
            for i in 1 2 3; do $G/bin/act fetch 8080; done
            wait
        "#,
    },
    Ordinary {
        name: "an application of Python",
        needs: &["python3"],
        script: r#"
            mkdir /srv/app; cd /srv/app
            cat > app.py <<-'END'
		import http.server, json, logging, os, sqlite3, ssl, subprocess, tempfile, threading, urllib.request
		logging.basicConfig(filename="/var/log/app.log")
		logging.warning("started as %s", os.getuid())
		sqlite3.connect("/tmp/app.db").execute("create table t (a)")
		tempfile.TemporaryFile().write(b"x")
		subprocess.run(["uname", "-a"], check=True)
		server = http.server.ThreadingHTTPServer(("", 8081), http.server.SimpleHTTPRequestHandler)
		threading.Thread(target=server.serve_forever).start()
		for _ in range(3):
		    urllib.request.urlopen("http://127.0.0.1:8081/").read()
		server.shutdown()
		END
            python3 app.py
        "#,
    },
];
