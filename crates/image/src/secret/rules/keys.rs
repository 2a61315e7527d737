//! Private keys, signed tokens, password hashes: what is a secret by its form, whoever issued it.

use super::{
    super::checks::{self, Candidate},
    Rule, assigned,
};
use gabion_model::Severity::{Critical, High, Info, Low, Medium};

/// What may stand between the dashes of a PEM block: base64, header lines, line breaks, also escaped ones.
macro_rules! pem {
    ($kind:literal) => {
        concat!("-----BEGIN ", $kind, r"-----([A-Za-z0-9+/=\s\\:,()@._-]{60,}?)-----END ", $kind, "-----")
    };
}

const PEM: usize = 16 << 10;
const NEW_KEY: &str =
    "Replace the key pair wherever its public half is trusted, and mount the new one at run time.";

/// The key inside the block is not encrypted.
fn is_clear_pem(candidate: &Candidate<'_>) -> bool {
    checks::is_pem_body(candidate) && !is_encrypted(candidate.secret())
}

/// The block says that a passphrase is needed (`Proc-Type: 4,ENCRYPTED`), or is of the OpenSSH form with a cipher.
fn is_locked_pem(candidate: &Candidate<'_>) -> bool {
    checks::is_pem_body(candidate) && is_encrypted(candidate.secret())
}

fn is_encrypted(body: &[u8]) -> bool {
    if memchr::memmem::find(body, b"ENCRYPTED").is_some() {
        return true;
    }
    // openssh-key-v1, NUL, then the cipher's name: "none" in a key without passphrase.
    let base64: Vec<u8> = body.iter().filter(|byte| byte.is_ascii_alphanumeric()).take(48).copied().collect();
    base64.starts_with(b"b3BlbnNzaC1rZXktdjEA")
        && checks::base64(&base64)
            .is_some_and(|head| head.get(19..23).is_some_and(|cipher| cipher != b"none"))
}

/// `d`, the private part, is there beside `kty`.
fn is_private_jwk(candidate: &Candidate<'_>) -> bool {
    candidate.is_near(&[b"\"kty\""]) && checks::entropy(candidate.secret()) >= 4.0
}

/// Account databases are looked at by the cataloger of accounts.
fn is_not_shadow(candidate: &Candidate<'_>) -> bool {
    !matches!(candidate.path(), b"etc/shadow" | b"etc/shadow-" | b"etc/gshadow" | b"etc/gshadow-")
}

#[rustfmt::skip] // a table: three or four lines a rule
pub(super) const RULES: &[Rule] = &[
    Rule::new("private-key-rsa", "RSA private key", High,
        &["-----BEGIN RSA PRIVATE KEY-----"], pem!("RSA PRIVATE KEY"),
        "-----BEGIN RSA {= PRIVATE} KEY-----\n{64 base64}\n{64 base64}\n-----END RSA {= PRIVATE} KEY-----", "-----BEGIN RSA {= PRIVATE} KEY-----\n...\n-----END RSA {= PRIVATE} KEY-----")
        .reach(PEM).when(is_clear_pem).fix(NEW_KEY),
    Rule::new("private-key-ec", "EC private key", High,
        &["-----BEGIN EC PRIVATE KEY-----"], pem!("EC PRIVATE KEY"),
        "-----BEGIN EC {= PRIVATE} KEY-----\n{64 base64}\n{64 base64}\n-----END EC {= PRIVATE} KEY-----", "-----BEGIN EC {= PRIVATE} KEY-----\n...")
        .reach(PEM).when(is_clear_pem).fix(NEW_KEY),
    Rule::new("private-key-dsa", "DSA private key", High,
        &["-----BEGIN DSA PRIVATE KEY-----"], pem!("DSA PRIVATE KEY"),
        "-----BEGIN DSA {= PRIVATE} KEY-----\n{64 base64}\n{64 base64}\n-----END DSA {= PRIVATE} KEY-----", "-----BEGIN DSA {= PRIVATE} KEY-----\n...")
        .reach(PEM).when(is_clear_pem).fix(NEW_KEY),
    Rule::new("private-key-openssh", "OpenSSH private key", High,
        &["-----BEGIN OPENSSH PRIVATE KEY-----"], pem!("OPENSSH PRIVATE KEY"),
        "-----BEGIN OPENSSH {= PRIVATE} KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU{64 base64}\n{64 base64}\n-----END OPENSSH {= PRIVATE} KEY-----", "-----BEGIN OPENSSH {= PRIVATE} KEY-----\n...")
        .reach(PEM).when(is_clear_pem).fix(NEW_KEY),
    Rule::new("private-key-pkcs8", "Private key", High,
        &["-----BEGIN PRIVATE KEY-----"], pem!("PRIVATE KEY"),
        "-----BEGIN {= PRIVATE} KEY-----\n{64 base64}\n{64 base64}\n-----END {= PRIVATE} KEY-----", "-----BEGIN {= PRIVATE} KEY-----\n...")
        .reach(PEM).when(is_clear_pem).fix(NEW_KEY),
    Rule::new("private-key-encrypted", "Private key, encrypted with a passphrase", Low,
        &["-----BEGIN ENCRYPTED PRIVATE KEY-----"], pem!("ENCRYPTED PRIVATE KEY"),
        "-----BEGIN ENCRYPTED {= PRIVATE} KEY-----\n{64 base64}\n{64 base64}\n-----END ENCRYPTED {= PRIVATE} KEY-----", "-----BEGIN ENCRYPTED {= PRIVATE} KEY-----\n...")
        .reach(PEM).when(checks::is_pem_body).fix(NEW_KEY),
    Rule::new("private-key-encrypted-legacy", "Private key, encrypted with a passphrase", Low,
        &["-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----", "-----BEGIN DSA PRIVATE KEY-----", "-----BEGIN OPENSSH PRIVATE KEY-----"],
        r"-----BEGIN (?:RSA|EC|DSA|OPENSSH) PRIVATE KEY-----([A-Za-z0-9+/=\s\\:,()@._-]{60,}?)-----END ",
        "-----BEGIN RSA {= PRIVATE} KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,{32 hex}\n\n{64 base64}\n{64 base64}\n-----END RSA {= PRIVATE} KEY-----", "-----BEGIN RSA {= PRIVATE} KEY-----\nProc-Type: 4,ENCRYPTED")
        .reach(PEM).when(is_locked_pem).fix(NEW_KEY),
    Rule::new("private-key-ssh2", "SSH2 private key", High,
        &["---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"], r#"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----([A-Za-z0-9+/=\s\\:,()@."_-]{60,}?)---- END SSH2"#,
        "---- BEGIN SSH2 ENCRYPTED {= PRIVATE} KEY ----\nComment: \"x\"\n{64 base64}\n{64 base64}\n---- END SSH2 ENCRYPTED {= PRIVATE} KEY ----", "---- BEGIN SSH2 ENCRYPTED {= PRIVATE} KEY ----\n...")
        .reach(PEM).when(checks::is_pem_body).fix(NEW_KEY),
    Rule::new("private-key-pgp", "PGP private key", High,
        &["-----BEGIN PGP PRIVATE KEY BLOCK-----"], pem!("PGP PRIVATE KEY BLOCK"),
        "-----BEGIN PGP {= PRIVATE} KEY BLOCK-----\nVersion: x\n\n{64 base64}\n{64 base64}\n=abcd\n-----END PGP {= PRIVATE} KEY BLOCK-----", "-----BEGIN PGP {= PRIVATE} KEY BLOCK-----\n...")
        .reach(PEM).when(checks::is_pem_body).fix(NEW_KEY),
    Rule::new("private-key-putty", "PuTTY private key", High,
        &["PuTTY-User-Key-File-"], r"PuTTY-User-Key-File-[23]: [^\r\n]+\r?\n(?:[^\r\n]*\n){2,}?Private-Lines: \d{1,3}\r?\n([A-Za-z0-9+/=\s]{60,})",
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: x\nPublic-Lines: 1\n{64 base64}\nPrivate-Lines: 1\n{64 base64}\nPrivate-MAC: {64 hex}", "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none")
        .reach(8 << 10).when(checks::is_pem_body).fix(NEW_KEY),
    Rule::new("private-key-xml", "RSA private key in XML", High,
        &["<RSAKeyValue>"], r"<RSAKeyValue>[\sA-Za-z0-9+/=<>]*?<D>([A-Za-z0-9+/=\s]{60,})</D>",
        "<RSAKeyValue><Modulus>{64 base64}</Modulus><Exponent>AQAB</Exponent><D>{64 base64}</D></RSAKeyValue>", "<RSAKeyValue><Modulus>{64 base64}</Modulus><Exponent>AQAB</Exponent></RSAKeyValue>")
        .reach(6 << 10).fix(NEW_KEY),
    Rule::new("private-key-jwk", "Private JSON Web Key", High,
        &["\"d\":", "\"d\" :"], r#""d"\s{0,4}:\s{0,4}"([A-Za-z0-9_-]{42,})""#,
        "{\"kty\": \"EC\", \"crv\": \"P-256\", \"x\": \"{43 alnum}\", \"d\": \"{43 alnum}\"}", "{\"id\": 1, \"d\": \"{43 alnum}\"}")
        .when(is_private_jwk).fix(NEW_KEY),
    Rule::new("wireguard-key", "WireGuard private or preshared key", High,
        &["PrivateKey", "PresharedKey"], r"(?:PrivateKey|PresharedKey)[ \t]{0,8}=[ \t]{0,8}([A-Za-z0-9+/]{43}=)(?:\s|$)", "PrivateKey = {43 base64}=", "PrivateKey = {20 base64}=")
        .entropy(4.0).fix(NEW_KEY),
    Rule::new("bitcoin-extended-private-key", "Extended private key of a wallet", Critical,
        &["xprv9"], r"xprv9[1-9A-HJ-NP-Za-km-z]{106}\b", "{xprv}", "xprv9{106 base58}")
        .when(checks::has_base58_checksum),
    Rule::new("ethereum-private-key", "Ethereum private key", High,
        &["private_key", "privatekey", "private-key"], assigned!("(?:eth|wallet|deployer|account|signer)?_?private[_-]?key", "0x[0-9a-f]{64}"), "DEPLOYER_PRIVATE_KEY=0x{64 hex}", "DEPLOYER_PRIVATE_KEY=0x{12 hex}")
        .entropy(3.3),
    Rule::new("jwt", "JSON Web Token", Medium,
        &["eyJ"], r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}", "{jwt}", "eyJ{30 alnum}.eyJ{30 alnum}.{43 alnum}")
        .reach(4500).when(checks::is_jwt)
        .fix("Revoke the token, or let it expire; issue tokens at run time."),
    Rule::new("ansible-vault", "Ansible vault", Info,
        &["$ANSIBLE_VAULT;"], r"\$ANSIBLE_VAULT;1\.[12];AES(?:256)?[^\r\n]*\r?\n\s{0,20}([0-9a-f]{64,})", "$ANSIBLE_VAULT;1.1;AES256\n{80 hex}", "$ANSIBLE_VAULT;1.1;AES256\nnothing")
        .fix("It is encrypted; make sure that its password is not in the image."),
    Rule::new("password-hash-apache", "Password hash (htpasswd)", Low,
        &["$apr1$"], r"\$apr1\$([./0-9A-Za-z]{1,8}\$[./0-9A-Za-z]{22})(?:[^./0-9A-Za-z]|$)", "admin:$apr1${8 alnum}${22 alnum}", "$apr1$salt$hash"),
    Rule::new("password-hash-bcrypt", "Password hash (bcrypt)", Low,
        &["$2y$", "$2a$", "$2b$"], r"\$2[aby]\$[01][0-9]\$([./0-9A-Za-z]{53})(?:[^./0-9A-Za-z]|$)", "admin:$2y$10${53 alnum}", "$2y$10${12 alnum}")
        .when(is_not_shadow),
    Rule::new("password-hash-crypt", "Password hash (crypt)", Low,
        &["$6$", "$5$", "$y$", "$1$"], r"\$(?:6|5|y|1)\$((?:rounds=\d{1,9}\$)?[./0-9A-Za-z$]{1,40}\$[./0-9A-Za-z]{22,})(?:[^./0-9A-Za-z]|$)", "root:$6${16 alnum}${86 alnum}:19000", "$6$salt$hash")
        .when(is_crypt),
    Rule::new("password-hash-argon2", "Password hash (Argon2)", Low,
        &["$argon2"], r"\$argon2(?:id|i|d)\$v=\d{1,3}\$m=\d{1,9},t=\d{1,5},p=\d{1,4}\$([A-Za-z0-9+/]{8,}\$[A-Za-z0-9+/]{22,})", "$argon2id$v=19$m=65536,t=3,p=4${22 alnum}${43 alnum}", "$argon2id$v=19$m=65536"),
    Rule::new("laravel-app-key", "Laravel application key", High,
        &["APP_KEY"], r"APP_KEY[ \t]?=[ \t]?(base64:[A-Za-z0-9+/]{42,43}={1,2})", "APP_KEY=base64:{43 base64}=", "APP_KEY=base64:"),
    Rule::new("django-secret-key", "Django secret key", High,
        &["SECRET_KEY"], r#"SECRET_KEY[ \t]{0,4}=[ \t]{0,4}["']([^"'\r\n\\ ]{40,})["']"#, "SECRET_KEY = 'django-insecure-{50 alnum}'", "SECRET_KEY = 'none'")
        .entropy(3.9),
    Rule::new("rails-secret-key-base", "Rails secret key base", High,
        &["secret_key_base"], assigned!("secret_key_base", "[0-9a-f]{64,}"), "secret_key_base: {128 hex}", "secret_key_base: {12 hex}"),
    Rule::new("wordpress-salt", "WordPress key or salt", Medium,
        &["_KEY'", "_SALT'"], r"_(?:KEY|SALT)',\s{0,16}'([^'\r\n]{60,})'", "define('AUTH_KEY',         '{32 alnum}#{31 alnum}');", "define('AUTH_KEY', 'put your unique phrase here');")
        .entropy(4.2),
];

fn is_crypt(candidate: &Candidate<'_>) -> bool {
    is_not_shadow(candidate) && checks::entropy(candidate.secret()) >= 3.5
}
