//! The Maven group of a jar that has no `pom.properties`.
//!
//! Gradle, sbt and Ant leave none. What is left, in this order, is what everybody knows (a short table: the
//! group of `spring-core` is not in the file), the manifest, and the packages of the classes. A guess that
//! does not look like a group is none: better no group than a wrong one.

use super::manifest::Manifest;

/// Artifacts and their groups; a `*` at the end stands for anything. The first that fits counts.
const KNOWN: &[(&str, &str)] = &[
    ("ant", "org.apache.ant"),
    ("ant-*", "org.apache.ant"),
    ("antlr", "antlr"),
    ("antlr4-runtime", "org.antlr"),
    ("aopalliance", "aopalliance"),
    ("armeria*", "com.linecorp.armeria"),
    ("asm", "org.ow2.asm"),
    ("asm-*", "org.ow2.asm"),
    ("aspectj*", "org.aspectj"),
    ("bcp*-jdk*", "org.bouncycastle"),
    ("caffeine", "com.github.ben-manes.caffeine"),
    ("c3p0", "com.mchange"),
    ("cassandra-*", "org.apache.cassandra"),
    ("checker-qual", "org.checkerframework"),
    ("classworlds", "classworlds"),
    ("commons-beanutils", "commons-beanutils"),
    ("commons-cli", "commons-cli"),
    ("commons-codec", "commons-codec"),
    ("commons-collections", "commons-collections"),
    ("commons-dbcp", "commons-dbcp"),
    ("commons-digester", "commons-digester"),
    ("commons-fileupload", "commons-fileupload"),
    ("commons-httpclient", "commons-httpclient"),
    ("commons-io", "commons-io"),
    ("commons-jxpath", "commons-jxpath"),
    ("commons-lang", "commons-lang"),
    ("commons-logging", "commons-logging"),
    ("commons-net", "commons-net"),
    ("commons-pool", "commons-pool"),
    ("commons-validator", "commons-validator"),
    ("commons-*", "org.apache.commons"),
    ("dom4j", "org.dom4j"),
    ("groovy*", "org.apache.groovy"),
    ("grpc-*", "io.grpc"),
    ("h2", "com.h2database"),
    ("hadoop-*", "org.apache.hadoop"),
    ("hibernate-commons-annotations", "org.hibernate.common"),
    ("hibernate-core", "org.hibernate.orm"),
    ("hsqldb", "org.hsqldb"),
    ("jaxen", "jaxen"),
    ("jdom2", "org.jdom"),
    ("jedis", "redis.clients"),
    ("jffi", "com.github.jnr"),
    ("jna*", "net.java.dev.jna"),
    ("joda-time", "joda-time"),
    ("jruby-*", "org.jruby"),
    ("junit", "junit"),
    ("junit-jupiter*", "org.junit.jupiter"),
    ("junit-platform-*", "org.junit.platform"),
    ("kafka*", "org.apache.kafka"),
    ("connect-api", "org.apache.kafka"),
    ("connect-json", "org.apache.kafka"),
    ("connect-runtime", "org.apache.kafka"),
    ("connect-transforms", "org.apache.kafka"),
    ("kotlin-*", "org.jetbrains.kotlin"),
    ("kotlinx-*", "org.jetbrains.kotlinx"),
    ("annotations", "org.jetbrains"),
    ("log4j", "log4j"),
    ("log4j-*", "org.apache.logging.log4j"),
    ("lucene-*", "org.apache.lucene"),
    ("mariadb-java-client", "org.mariadb.jdbc"),
    ("micrometer-*", "io.micrometer"),
    ("mockito-*", "org.mockito"),
    ("mysql-connector-j", "com.mysql"),
    ("mysql-connector-java", "mysql"),
    ("netty-*", "io.netty"),
    ("ojdbc*", "com.oracle.database.jdbc"),
    ("okhttp*", "com.squareup.okhttp3"),
    ("okio*", "com.squareup.okio"),
    ("opentelemetry-*", "io.opentelemetry"),
    ("oro", "oro"),
    ("reactive-streams", "org.reactivestreams"),
    ("reactor-core", "io.projectreactor"),
    ("reactor-netty*", "io.projectreactor.netty"),
    ("retrofit", "com.squareup.retrofit2"),
    ("rxjava", "io.reactivex.rxjava3"),
    ("scala-library", "org.scala-lang"),
    ("scala-reflect", "org.scala-lang"),
    ("scala-compiler", "org.scala-lang"),
    ("scala3-*", "org.scala-lang"),
    ("scala-*_2*", "org.scala-lang.modules"),
    ("servlet-api", "javax.servlet"),
    ("slf4j-*", "org.slf4j"),
    ("snakeyaml", "org.yaml"),
    ("spark-*_2*", "org.apache.spark"),
    ("spring-amqp", "org.springframework.amqp"),
    ("spring-rabbit*", "org.springframework.amqp"),
    ("spring-batch-*", "org.springframework.batch"),
    ("spring-boot*", "org.springframework.boot"),
    ("spring-cloud-*", "org.springframework.cloud"),
    ("spring-data-*", "org.springframework.data"),
    ("spring-graphql*", "org.springframework.graphql"),
    ("spring-hateoas", "org.springframework.hateoas"),
    ("spring-integration-*", "org.springframework.integration"),
    ("spring-kafka*", "org.springframework.kafka"),
    ("spring-ldap-*", "org.springframework.ldap"),
    ("spring-plugin-*", "org.springframework.plugin"),
    ("spring-retry", "org.springframework.retry"),
    ("spring-security-*", "org.springframework.security"),
    ("spring-session-*", "org.springframework.session"),
    ("spring-shell-*", "org.springframework.shell"),
    ("spring-vault-*", "org.springframework.vault"),
    ("spring-ws-*", "org.springframework.ws"),
    ("spring-xml", "org.springframework.ws"),
    ("spring-*", "org.springframework"),
    ("sqlite-jdbc", "org.xerial"),
    ("stax-api", "stax"),
    ("struts", "struts"),
    ("testng", "org.testng"),
    ("tomcat-embed-*", "org.apache.tomcat.embed"),
    ("tomcat-*", "org.apache.tomcat"),
    ("catalina*", "org.apache.tomcat"),
    ("jasper*", "org.apache.tomcat"),
    ("velocity", "org.apache.velocity"),
    ("xalan", "xalan"),
    ("serializer", "xalan"),
    ("xercesImpl", "xerces"),
    ("xml-apis", "xml-apis"),
    ("xmlpull", "xmlpull"),
    ("xom", "xom"),
    ("xpp3", "xpp3"),
    ("zookeeper*", "org.apache.zookeeper"),
];

/// Artifacts that have moved: below this major version, the group was this one.
const MOVED: &[(&str, u64, &str)] = &[
    ("asm", 4, "asm"),
    ("asm-*", 4, "asm"),
    ("dom4j", 2, "dom4j"),
    ("groovy*", 4, "org.codehaus.groovy"),
    ("hibernate-core", 6, "org.hibernate"),
    ("hsqldb", 2, "hsqldb"),
    ("okhttp*", 3, "com.squareup.okhttp"),
    ("retrofit", 2, "com.squareup.retrofit"),
    ("rxjava", 2, "io.reactivex"),
    ("rxjava", 3, "io.reactivex.rxjava2"),
];

/// Groups of many projects, which say too little on their own.
const UMBRELLAS: &[&str] = &[
    "org.apache",
    "org.apache.commons",
    "org.eclipse",
    "com.google",
    "com.sun",
    "com.github",
    "io.github",
    "com.oracle",
    "org.codehaus",
    "org.glassfish",
    "org.jboss",
    "com.ibm",
    "com.microsoft",
    "com.amazonaws",
];

/// A group, and what it was told by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Guess {
    /// The group.
    pub(super) group: String,
    /// `known artifact`, a manifest attribute, or `class packages`.
    pub(super) basis: &'static str,
}

/// The most likely group of `artifact` at `version`.
///
/// `packages` is the longest package that all classes of the jar share, dotted.
pub(super) fn guess(artifact: &str, version: &str, manifest: &Manifest, packages: &str) -> Option<Guess> {
    let guess = |group: &str, basis| Some(Guess { group: group.to_owned(), basis });
    if let Some(group) = manifest.plain("group-id").filter(|g| is_group(g)) {
        return guess(group, "manifest Group-Id");
    }
    if let Some(group) = known(artifact, version) {
        return guess(group, "known artifact");
    }
    // Nebula's Gradle plugins write `group#project;version`.
    if let Some((group, _)) = manifest
        .get("implementation-title")
        .and_then(|t| t.split_once('#'))
        .filter(|(group, _)| is_group(group))
    {
        return guess(group, "manifest Implementation-Title");
    }
    if let Some(group) =
        manifest.plain("implementation-vendor-id").filter(|g| is_group(g) && !UMBRELLAS.contains(g))
    {
        return guess(group, "manifest Implementation-Vendor-Id");
    }
    for (value, basis) in [
        (manifest.plain("bundle-symbolicname"), "manifest Bundle-SymbolicName"),
        (manifest.plain("automatic-module-name"), "manifest Automatic-Module-Name"),
        (Some(packages), "class packages"),
    ] {
        if let Some(group) = value.and_then(|dotted| without_artifact(dotted, artifact)) {
            return guess(group, basis);
        }
    }
    None
}

/// The group that the tables have for an artifact.
fn known(artifact: &str, version: &str) -> Option<&'static str> {
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    let major: Option<u64> = version[..digits].parse().ok();
    let moved = MOVED
        .iter()
        .find(|(pattern, below, _)| major.is_some_and(|major| major < *below) && fits(pattern, artifact))
        .map(|&(_, _, group)| group);
    let known = || {
        let found = KNOWN.iter().find(|(pattern, _)| fits(pattern, artifact));
        found.map(|&(_, group)| group)
    };
    moved.or_else(known)
}

/// The part of a dotted name that stands before the artifact, unless that leaves an umbrella.
///
/// | name | artifact | group |
/// |---|---|---|
/// | `com.zaxxer.HikariCP` | `HikariCP` | `com.zaxxer` |
/// | `io.ktor.server.core` | `ktor-server-core-jvm` | `io.ktor`: groups end with the project, artifacts begin with it |
/// | `io.foo.tool` | `bar-tool` | `io.foo` |
fn without_artifact<'a>(dotted: &'a str, artifact: &str) -> Option<&'a str> {
    let dotted = dotted.trim();
    if !is_group(dotted) {
        return None;
    }
    // Kotlin appends the platform.
    let artifact = artifact.strip_suffix("-jvm").unwrap_or(artifact);
    let whole = || dotted.strip_suffix(artifact)?.strip_suffix('.');
    let project = || {
        let (project, _) = artifact.split_once('-')?;
        let (at, _) =
            dotted.match_indices('.').find(|&(at, _)| dotted[at + 1..].split('.').next() == Some(project))?;
        dotted.get(..=at + project.len())
    };
    let last = || {
        let (rest, last) = dotted.rsplit_once('.')?;
        artifact.strip_suffix(last)?.ends_with('-').then_some(rest)
    };
    let fits = |group: &&str| is_group(group) && !UMBRELLAS.contains(group);
    let shorter = whole().filter(fits).or_else(|| project().filter(fits)).or_else(|| last().filter(fits));
    shorter.or(Some(dotted)).filter(fits)
}

/// Whether a text reads like a reversed domain.
fn is_group(text: &str) -> bool {
    let mut parts = text.split('.');
    let first = parts.next().unwrap_or_default();
    let domain = matches!(first.len(), 2 | 3) || ["info", "jakarta", "javax", "name"].contains(&first);
    let word = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    text.len() <= 200
        && domain
        && first.bytes().all(|b| b.is_ascii_lowercase())
        && text.contains('.')
        && parts.all(word)
}

/// Whether an artifact fits a pattern of [`KNOWN`].
fn fits(pattern: &str, artifact: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = artifact.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = if part.is_empty() { "" } else { after };
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(artifact: &str, manifest: &str, packages: &str) -> Option<String> {
        guess(artifact, "6.1", &Manifest::parse(manifest.as_bytes()), packages).map(|guess| guess.group)
    }

    #[test]
    fn the_table_knows_what_the_file_does_not_tell() {
        for (artifact, expected) in [
            ("spring-core", "org.springframework"),
            ("spring-boot-actuator", "org.springframework.boot"),
            ("bcprov-jdk18on", "org.bouncycastle"),
            ("kafka_2.13", "org.apache.kafka"),
            ("spark-core_2.12", "org.apache.spark"),
        ] {
            assert_eq!(group(artifact, "", "").as_deref(), Some(expected), "{artifact}");
        }
        assert!(!fits("asm-*", "asm"));
        assert!(!fits("ant", "antlr"));
        assert!(fits("bcp*-jdk*", "bcpkix-jdk15on"));
    }

    #[test]
    fn artifacts_that_moved_have_the_group_of_their_time() {
        for (artifact, version, group) in [
            ("hibernate-core", "5.6.15.Final", "org.hibernate"),
            ("hibernate-core", "6.5.2.Final", "org.hibernate.orm"),
            ("rxjava", "1.3.8", "io.reactivex"),
            ("rxjava", "2.2.21", "io.reactivex.rxjava2"),
            ("rxjava", "3.1.8", "io.reactivex.rxjava3"),
            ("okhttp", "", "com.squareup.okhttp3"),
        ] {
            assert_eq!(known(artifact, version), Some(group), "{artifact} {version}");
        }
    }

    #[test]
    fn the_manifest_and_the_classes_are_asked_in_turn() {
        let of = |artifact, manifest, packages| group(artifact, manifest, packages);
        assert_eq!(
            of("git", "Group-Id: org.jenkins-ci.plugins\n", "").as_deref(),
            Some("org.jenkins-ci.plugins")
        );
        assert_eq!(
            of("elasticsearch", "Implementation-Title: org.elasticsearch#server;8\n", "").as_deref(),
            Some("org.elasticsearch")
        );
        assert_eq!(
            of(
                "xx-server",
                "Implementation-Vendor-Id: org.apache\nBundle-SymbolicName: org.eclipse.xx.server;a=b\n",
                ""
            )
            .as_deref(),
            Some("org.eclipse.xx")
        );
        assert_eq!(
            of("gson", "Bundle-SymbolicName: com.google.gson\n", "").as_deref(),
            Some("com.google.gson")
        );
        assert_eq!(
            of("HikariCP", "Bundle-SymbolicName: com.zaxxer.HikariCP\n", "").as_deref(),
            Some("com.zaxxer")
        );
        assert_eq!(of("postgresql", "", "org.postgresql").as_deref(), Some("org.postgresql"));
        assert_eq!(
            of("ktor-server-core-jvm", "Automatic-Module-Name: io.ktor.server.core\n", "").as_deref(),
            Some("io.ktor")
        );
        assert_eq!(of("foo-tool", "Automatic-Module-Name: io.foo.tool\n", "").as_deref(), Some("io.foo"));
    }

    #[test]
    fn what_does_not_read_like_a_group_is_none() {
        for manifest in [
            "Implementation-Vendor-Id: Apache Foundation\n",
            "Implementation-Vendor-Id: org.apache\n",
            "Bundle-SymbolicName: bcprov\n",
            "Bundle-SymbolicName: ${groupId}.x\n",
            "Automatic-Module-Name: spring.core\n",
        ] {
            assert_eq!(group("thing", manifest, "org"), None, "{manifest}");
        }
    }
}
