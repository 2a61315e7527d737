//! What is known about programs: file names, package name, and the text around the version.
//!
//! Package names are those that syft gives, where it has one, so that package URLs agree. A pattern matches
//! bytes; its first group that takes part in the match is the version. Most are anchored at the NUL that
//! ends the string before, because versions of other programs stand in messages.
//!
//! To add one: run `strings` on the program, take the shortest text that only its own version can follow,
//! add a row, and an example in the tests.

/// One way to know a program.
#[derive(Debug)]
pub(super) struct Signature {
    /// Globs for the end of its path; `*` is any text without slash, `#` a version.
    pub(super) files: &'static [&'static str],
    /// The package it is.
    pub(super) package: &'static str,
    /// What to look for: [`VERSIONS`] are replaced, and `<name>` by the version in the file's name.
    pub(super) pattern: &'static str,
}

/// What placeholders in patterns mean.
pub(super) const VERSIONS: [(&str, &str); 3] = [
    ("<v>", r"([0-9]+(?:\.[0-9]+)+)"),
    ("<v3>", r"([0-9]+\.[0-9]+\.[0-9]+)"),
    ("<pre>", r"(?:[-.]?(?:alpha|beta|pre|preview|rc|RC|dev)[-.0-9]{0,20})?"),
];

/// All rows.
pub(super) fn all() -> impl Iterator<Item = &'static Signature> {
    PROGRAMS.iter().chain(RECORDS)
}

const fn row(files: &'static [&'static str], package: &'static str, pattern: &'static str) -> Signature {
    Signature { files, package, pattern }
}

/// Redis and its heirs write version, build host, time, and commit one after the other. A host name of 12
/// hexadecimal digits, as containers have, may begin with digits that are not the version's.
const REDIS: &str = r"[^0-9.]<v3>[0-9a-f]{12}-[0-9]{11}[0-9a-f]{8}\x00|[^0-9.]<v3>(?:[a-zA-Z][-_.a-zA-Z0-9]{0,63}-|-)?[0-9]{11}[0-9a-f]{8}\x00|Redis version <v3>";
const PHP: &str = r"X-Powered-By: PHP/([0-9]+\.[0-9]+\.[0-9]+(?:(?:alpha|beta|RC)[0-9]+|-dev)?)";
const FFMPEG: &str = r"FFmpeg version n?<v>|%s version n?<v>";
const MYSQL_CLUSTER: &str = r"/mysql-cluster-gpl-<v3>/";

/// Programs and libraries in ELF files.
pub(super) static PROGRAMS: &[Signature] = &[
    // Languages.
    row(&["node", "nodejs", "libnode.so*"], "node", r"node\.js/v<v3>"),
    row(&["node", "nodejs"], "node", r"\x00(?:node )?v([0456]\.[0-9]+\.[0-9]+)\x00"),
    row(&["deno"], "deno", r"Deno/<v3>"),
    row(&["bun"], "bun", r"[Bb]un[ -]v?<v3>"),
    row(
        &["python#", "python#m", "libpython#.so*", "libpython#m.so*"],
        "python",
        // A linker may store it as the end of a path that ends with it.
        r"[\x00/](<name>\.[0-9]+(?:\.[0-9]+)?(?:(?:a|b|rc)[0-9]+)?\+?)\x00",
    ),
    row(&["pypy", "pypy#", "libpypy*.so*"], "pypy", r"\[PyPy <v3>"),
    row(
        &["ruby", "ruby#", "libruby*.so*"],
        "ruby",
        r"ruby ([0-9]+\.[0-9]+\.[0-9]+(?:(?:p|preview|rc|dev)[0-9]*)?) \(",
    ),
    row(
        &["perl", "perl#", "libperl.so*"],
        "perl",
        r"\x00v(5\.[0-9]+\.[0-9]+)\x00|/lib/perl5/(5\.[0-9]+\.[0-9]+)",
    ),
    row(&["php", "php#", "php-cgi", "php-cgi#"], "php-cli", PHP),
    row(&["php-fpm", "php-fpm#"], "php-fpm", PHP),
    row(&["libphp.so", "libphp#.so"], "libphp", PHP),
    row(&["java"], "graalvm", r"\x00([0-9]+[.0-9]+\+[0-9]+-jvmci-[0-9.]+-b[0-9]+)\x00"),
    row(
        &["java"],
        "openjdk",
        r"\x00([0-9]+(?:\.[0-9]+){0,4}(?:_[0-9]+-b[0-9]+|\+[0-9]+)[-.+_~a-zA-Z0-9]{0,60})\x00",
    ),
    row(&["libjvm.so"], "openjdk", r" for linux-[a-z0-9]{1,20} JRE [^()\x00]{0,40}\(([^()\x00 ]{1,80})\)"),
    row(&["dart"], "dart", r"\x00([0-9]+\.[0-9]+\.[0-9]+(?:-[0-9.]+(?:dev|beta))?) \((?:stable|beta|dev)\)"),
    row(
        &["libjulia-internal.so*", "libjulia.so*"],
        "julia",
        r"\x00<v3>\x00(?:branch|julia version|verify_methods)",
    ),
    row(
        &["beam.smp", "erlexec"],
        "erlang",
        r"/otp_src_([0-9]+(?:\.[0-9]+){1,3}(?:-rc[0-9])?)/erts/|/otp-<v>/erts/",
    ),
    row(&["swipl"], "swipl", r"swipl-<v3>/"),
    row(&["ghc-#", "ghc"], "haskell/ghc", r"\x00GHC <v3>\x00|\x00libHSghc-<v3>-"),
    row(&["cabal"], "haskell/cabal", r"\x00Cabal-<v>-|cabal-install-<v>-"),
    row(&["stack"], "haskell/stack", r"Version <v3>, Git"),
    row(&["lua", "lua#", "liblua#.so*"], "lua", r"\x00Lua <v3>  Copyright|\$LuaVersion: Lua <v3> "),
    row(&["luajit", "luajit-*", "libluajit-*.so*"], "luajit", r"\x00LuaJIT ([0-9][-.0-9a-z]{2,30})\x00"),
    row(&["libtcl#.so*"], "tcl", r"\x00(<name>\.[0-9]+)\x00"),
    row(&["gcc", "gcc-#", "*-gcc", "*-gcc-#"], "gcc", r"\x00<v3>\x00+\([^\x00]{1,80}\) \x00+gcc version"),
    row(&["libstd-*.so"], "rust", r"rustc version ([0-9]+\.[0-9]+\.[0-9]+(?:-nightly|-beta[.0-9]*)?) \("),
    // Web servers and proxies.
    row(&["nginx", "nginx-debug", "openresty", "angie"], "nginx", r"\x00nginx version: [^/\x00]{1,40}/<v3>"),
    row(&["httpd", "apache2"], "httpd", r"\x00Apache/<v3>"),
    row(&["lighttpd"], "lighttpd", r"\x00lighttpd/<v3>"),
    row(
        &["haproxy"],
        "haproxy",
        r"[ \x00]([0-9]+\.[0-9]+(?:\.|-dev|-rc)[0-9]+)[-+~.a-zA-Z0-9]{0,40}, released 20|HA-Proxy version <v3>",
    ),
    row(&["varnishd"], "varnish", r"varnish-<v3> revision"),
    row(&["squid"], "squid", r"\x00squid/<v>"),
    row(
        &["envoy"],
        "envoy",
        r"\x00(1\.[0-9]+\.[0-9]+(?:-dev)?)\x00(?:[^\x00]*\x00){0,4}(?:envoy|RELEASE|Unable to|TLS )",
    ),
    // Databases and queues.
    row(&["redis-server", "redis-check-rdb"], "redis", REDIS),
    row(&["valkey-server", "valkey-check-rdb"], "valkey", REDIS),
    row(&["memcached"], "memcached", r"\x00memcached <v3>"),
    row(
        &["postgres"],
        "postgresql",
        r"\x00PostgreSQL ([0-9]+(?:\.[0-9]+){0,2}(?:(?:alpha|beta|rc|devel)[0-9]*)?)[ \x00]",
    ),
    row(&["mysqld"], "percona-xtradb-cluster", r"/Percona-XtraDB-Cluster-<v3>"),
    row(&["mysqld"], "percona-server", r"/percona-server-<v3>"),
    row(&["mysqld", "ndbd", "ndbmtd", "ndb_mgmd"], "mysql-cluster", MYSQL_CLUSTER),
    row(&["mysqld"], "mysql-server", r"/mysql-<v3>/"),
    row(&["mariadbd", "mariadb", "mysqld", "mysql"], "mariadb", r"\x00<v3>-MariaDB|/mariadb-<v3>[-/]"),
    row(&["mysql"], "percona-server", r"/percona-server-<v3>"),
    row(&["mysql"], "mysql", r"/mysql-<v3>|\x00<v3>\x00+mysql"),
    row(&["xtrabackup"], "percona-xtrabackup", r"/percona-xtrabackup-<v3>"),
    row(&["mongod", "mongos"], "mongodb", r"<v3>\x00+(?:tcmalloc|heap_size|cppdefines)"),
    row(
        &["arangosh", "arangod"],
        "arangodb",
        r"\x00([0-9]+\.[0-9]+\.[0-9]+(?:-[0-9]+)?) (?:enterprise )?\[linux\]",
    ),
    row(&["sqlite3", "libsqlite3.so*"], "sqlite", r"\x00(3\.[0-9]+\.[0-9]+(?:\.[0-9]+)?)\x00"),
    row(&["mosquitto"], "mosquitto", r"\x00<v3>\x00mosquitto version"),
    row(&["fluent-bit"], "fluent-bit", r"\x00<v3>\x00(?:\x1b\[1m)?\x00{0,3}(?:%s)?Fluent"),
    // Other servers.
    row(&["sshd"], "openssh", r"\x00OpenSSH_([0-9]+\.[0-9]+p[0-9]+)"),
    row(&["ssh"], "openssh", r"\x00OpenSSH_([0-9]+\.[0-9]+p[0-9]+)"),
    row(&["named", "libisc-*.so", "libdns-*.so"], "bind", r"\x00lib(?:isc|dns)-(9\.[0-9]+\.[0-9]+)"),
    row(&["unbound"], "unbound", r"\x00unbound <v3>\x00"),
    row(&["dnsmasq"], "dnsmasq", r"\x00dnsmasq-<v>"),
    row(&["postconf", "master"], "postfix", r"\x00mail_version=<v3>\x00"),
    row(&["dovecot"], "dovecot", r"Dovecot v<v>"),
    row(&["exim", "exim4", "exim-*"], "exim", r"\x00<v>\x00<<eximversion>>"),
    row(&["proftpd"], "proftpd", r"\x00ProFTPD Version ([0-9]+\.[0-9]+\.[0-9]+[a-z]?)\x00"),
    row(&["vsftpd"], "vsftpd", r"\(vsFTPd <v3>\)"),
    row(&["stunnel", "stunnel4"], "stunnel", r"\x00stunnel <v> on "),
    row(&["ldapsearch", "slapd"], "openldap", r"\$OpenLDAP: (?:ldapsearch|slapd) <v3>"),
    // Libraries that much else is built on.
    row(&["openssl", "libcrypto.so*"], "aws-lc", r"AWS-LC <v3>\)\x00"),
    row(
        &["openssl", "libcrypto.so*"],
        "openssl",
        r"\x00OpenSSL ([0-9]+\.[0-9]+\.[0-9]+(?:[a-z]{1,2}|-(?:alpha|beta|pre|rc)[0-9]+|-dev)?)[- +\x00]",
    ),
    row(&["openssl", "libcrypto.so*"], "libressl", r"\x00LibreSSL <v3>"),
    row(&["curl", "libcurl.so*", "libcurl-*.so*"], "curl", r"curl/<v3>"),
    row(&["libz.so*"], "zlib", r" inflate <v> Copyright"),
    row(&["libexpat.so*"], "expat", r"\x00expat_<v3>\x00"),
    row(&["libc.so.6", "libc-#.so"], "glibc", r"GNU C Library [^\x00]{1,80} release version <v>\."),
    row(&["libkrb5.so*"], "krb5", r"KRB5_BRAND: krb5-[^ \x00]{1,40} <v>"),
    row(&["libkrb5.so*"], "heimdal-krb5", r"\$Version: Heimdal <v>"),
    row(&["libQt*Core.so*"], "qtbase", r"\x00Qt <v3> \(|QtCore library version <v3>"),
    row(
        &[
            "libavcodec.so*",
            "libavdevice.so*",
            "libavfilter.so*",
            "libavformat.so*",
            "libavutil.so*",
            "libswresample.so*",
            "libswscale.so*",
            "ffmpeg",
        ],
        "ffmpeg",
        FFMPEG,
    ),
    // Tools.
    row(&["busybox", "busybox.static"], "busybox", r"BusyBox\s+v<v3>"),
    row(&["bash"], "bash", r"@\(#\)Bash version <v3>"),
    row(&["git"], "git", r"git/([0-9]+(?:\.[0-9]+){1,3}[-.a-z0-9]{0,20})\x00"),
    row(&["jq"], "jq", r"\x00jq-<v><pre>\x00|\x00(1\.[0-9]+(?:\.[0-9]+)?)\x00"),
    row(&["gawk"], "gawk", r"\x00GNU Awk <v>"),
    row(&["xz"], "xz", r"\x00xz \(XZ Utils\) <v3>"),
    row(&["zstd"], "zstd", r"\x00v(1\.[0-9]+\.[0-9]+)\x00"),
    row(&["getopt"], "util-linux", r"\x00util-linux <v>\x00"),
    row(&["chrome"], "chrome", r"\x00([0-9]+\.[0-9]+\.[0-9]+\.[0-9]+)\x00Default"),
    row(&["sqlcipher"], "sqlcipher", r"[^0-9]\x00<v3>\x00"),
];

/// Text files that programs are installed with.
pub(super) static RECORDS: &[Signature] = &[
    row(&["release"], "openjdk", r#"(?m)^JAVA_RUNTIME_VERSION="([^"\n]{1,80})""#),
    row(&["release"], "openjdk", r#"(?m)^FULL_VERSION="([^"\n]{1,80})""#),
    row(&["release"], "openjdk", r#"(?m)^JAVA_VERSION="([^"\n]{1,80})""#),
    row(&["go*/VERSION"], "go", r"\Ago([0-9]+\.[0-9]+(?:\.[0-9]+)?(?:(?:rc|beta|alpha)[0-9]+)?)"),
    row(&["releases/*/OTP_VERSION"], "erlang", r"\A([0-9]+(?:\.[0-9]+){1,4}(?:-rc[0-9]+)?)"),
    row(&["elixir/ebin/elixir.app"], "elixir", r#"\{vsn, *"([0-9][^"\n]{1,40})"\}"#),
    row(&["ebin/rabbit.app"], "rabbitmq", r#"\{vsn, *"([0-9][^"\n]{1,40})"\}"#),
    row(&["wp-includes/version.php"], "wordpress", r#"(?m)^\$wp_version\s*=\s*['"]([^'"\n]{1,40})['"]"#),
];
