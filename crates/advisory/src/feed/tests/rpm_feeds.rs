//! CSAF of Red Hat and SUSE, updateinfo of Amazon, OVAL of Oracle.

use super::{Told, shown};
use crate::{
    Ecosystem,
    feed::Kind,
    record::{Advisory, Fix},
};
use gabion_model::Severity;

/// A product, or a component with a package URL.
fn leaf(id: &str, helper: &str, value: &str) -> String {
    format!(
        r#"{{ "category": "product_version", "name": "{id}", "product": {{ "name": "{id}", "product_id": "{id}",
           "product_identification_helper": {{ "{helper}": "{value}" }} }} }}"#
    )
}

/// That a component is part of a product, under the usual name.
fn part(product: &str, component: &str) -> String {
    format!(
        r#"{{ "category": "default_component_of", "product_reference": "{component}", "relates_to_product_reference": "{product}",
           "full_product_name": {{ "name": "{component} as a component of {product}", "product_id": "{product}:{component}" }} }}"#
    )
}

fn csaf(category: &str, id: &str, branches: &[String], parts: &[String], vulnerabilities: &str) -> String {
    format!(
        r#"{{ "document": {{ "category": "{category}", "csaf_version": "2.0", "title": "A title",
             "aggregate_severity": {{ "namespace": "https://access.redhat.com/security/updates/classification/", "text": "Moderate" }},
             "publisher": {{ "category": "vendor", "name": "Red Hat Product Security", "namespace": "https://www.redhat.com" }},
             "references": [{{ "category": "external", "url": "https://other" }}, {{ "category": "self", "url": "https://self" }}],
             "tracking": {{ "id": "{id}", "status": "final", "initial_release_date": "2025-01-01T00:00:00+00:00", "current_release_date": "2025-02-01T00:00:00+00:00" }} }},
           "product_tree": {{ "branches": [{{ "category": "vendor", "name": "Red Hat", "branches": [{}] }}], "relationships": [{}] }},
           "vulnerabilities": [{vulnerabilities}] }}"#,
        branches.join(","),
        parts.join(",")
    )
}

/// Release, package, binary or not, module, architectures, ranges, fix.
type Row<'a> = (&'a str, &'a str, bool, String, String, String, Fix);

fn rows(advisory: &Advisory) -> Vec<Row<'_>> {
    let row = advisory.affected.iter().map(|row| {
        (
            row.release.as_str(),
            row.package.as_str(),
            row.binary,
            row.modules.join(" "),
            row.arches.join(" "),
            shown(row),
            row.fix,
        )
    });
    row.collect()
}

fn row<'a>(release: &'a str, package: &'a str, binary: bool, more: [&str; 3], fix: Fix) -> Row<'a> {
    let [module, arches, ranges] = more.map(str::to_owned);
    (release, package, binary, module, arches, ranges, fix)
}

#[test]
fn vex_of_red_hat_is_read() {
    let base = "BaseOS-9.4.0.Z.MAIN.EUS";
    let app = "AppStream-8.10.0.Z";
    let branches = [
        leaf(base, "cpe", "cpe:/o:redhat:rhel_eus:9.4::baseos"),
        leaf(app, "cpe", "cpe:/a:redhat:enterprise_linux:8::appstream"),
        leaf("red_hat_enterprise_linux_9", "cpe", "cpe:/o:redhat:enterprise_linux:9"),
        leaf("openshift", "cpe", "cpe:/a:redhat:openshift:4.12::el8"),
        leaf("frob-1:3.0-2.el9_4.src", "purl", "pkg:rpm/redhat/frob@3.0-2.el9_4?arch=src&epoch=1"),
        leaf(
            "frob-libs-1:3.0-2.el9_4.x86_64",
            "purl",
            "pkg:rpm/redhat/frob-libs@3.0-2.el9_4?arch=x86_64&epoch=1",
        ),
        leaf(
            "frob-libs-1:3.0-2.el9_4.s390x",
            "purl",
            "pkg:rpm/redhat/frob-libs@3.0-2.el9_4?arch=s390x&epoch=1",
        ),
        leaf(
            "grob-0:5-4.module+el8.10.0+1+ab.x86_64::grob:5",
            "purl",
            "pkg:rpm/redhat/grob@5-4.module%2Bel8.10.0%2B1%2Bab?arch=x86_64&rpmmod=grob:5:810:ab",
        ),
        leaf("grob:6:810020250101:ab", "purl", "pkg:rpmmod/redhat/grob@6:810020250101:ab"),
        leaf(
            "grob-0:6-1.module+el8.10.0+1+ab.aarch64",
            "purl",
            "pkg:rpm/redhat/grob@6-1.module%2Bel8.10.0%2B1%2Bab?arch=aarch64",
        ),
        leaf("frob", "purl", "pkg:rpm/redhat/frob?arch=src"),
        leaf("hob", "purl", "pkg:rpm/redhat/hob?arch=src"),
        leaf("hob-libs", "purl", "pkg:rpm/redhat/hob-libs"),
        leaf("image", "purl", "pkg:oci/console@sha256%3Aab?arch=amd64"),
    ];
    let module = format!("{app}:grob:6:810020250101:ab");
    let parts = [
        part(base, "frob-1:3.0-2.el9_4.src"),
        part(base, "frob-libs-1:3.0-2.el9_4.x86_64"),
        part(base, "frob-libs-1:3.0-2.el9_4.s390x"),
        part(app, "grob-0:5-4.module+el8.10.0+1+ab.x86_64::grob:5"),
        part(app, "grob:6:810020250101:ab"),
        part(app, "frob-1:3.0-2.el9_4.src"),
        part(&module, "grob-0:6-1.module+el8.10.0+1+ab.aarch64"),
        part("red_hat_enterprise_linux_9", "frob"),
        part("red_hat_enterprise_linux_9", "hob"),
        part("red_hat_enterprise_linux_9", "hob-libs"),
        part("red_hat_enterprise_linux_9", "nodejs:18/nodejs"),
        part("openshift", "image"),
    ];
    let vulnerability = format!(
        r#"{{ "cve": "CVE-2025-10001", "cwe": {{ "id": "CWE-416", "name": "Use After Free" }}, "title": "frob: use after free",
            "release_date": "2025-01-15T00:00:00+00:00",
            "notes": [{{ "category": "description", "text": "A flaw was found in frob.", "title": "Vulnerability description" }}],
            "scores": [{{ "cvss_v3": {{ "vectorString": "CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "baseScore": 7.8 }}, "products": [] }}],
            "threats": [{{ "category": "impact", "details": "Important", "product_ids": ["red_hat_enterprise_linux_9:hob"] }},
                        {{ "category": "impact", "details": "Moderate", "product_ids": ["red_hat_enterprise_linux_9:frob"] }}],
            "remediations": [{{ "category": "vendor_fix", "details": "x", "product_ids": [], "url": "https://access.redhat.com/errata/RHSA-1" }},
                             {{ "category": "no_fix_planned", "details": "Will not fix", "product_ids": ["red_hat_enterprise_linux_9:hob"] }},
                             {{ "category": "no_fix_planned", "details": "Out of support scope", "product_ids": ["red_hat_enterprise_linux_9:nodejs:18/nodejs"] }}],
            "product_status": {{
              "fixed": ["{base}:frob-1:3.0-2.el9_4.src", "{base}:frob-libs-1:3.0-2.el9_4.x86_64", "{base}:frob-libs-1:3.0-2.el9_4.s390x",
                        "{app}:grob-0:5-4.module+el8.10.0+1+ab.x86_64::grob:5", "{module}:grob-0:6-1.module+el8.10.0+1+ab.aarch64", "openshift:image"],
              "known_affected": ["red_hat_enterprise_linux_9:hob", "red_hat_enterprise_linux_9:nodejs:18/nodejs", "openshift"],
              "known_not_affected": ["red_hat_enterprise_linux_9:frob", "{app}:frob-1:3.0-2.el9_4.src"],
              "under_investigation": ["red_hat_enterprise_linux_9:hob-libs"] }} }}"#
    );
    let text = csaf("csaf_vex", "CVE-2025-10001", &branches, &parts, &vulnerability);
    let told = Told::of(Kind::Csaf, "cve-2025-10001.json", &text);
    let advisory = told.only();
    assert_eq!(advisory.id, "CVE-2025-10001");
    assert_eq!(advisory.summary, "frob: use after free");
    assert_eq!((advisory.severity, &advisory.cwe[..]), (Some(Severity::Medium), &[416][..]));
    assert_eq!(advisory.references, ["https://self", "https://other"]);
    assert_eq!(advisory.affected[0].ecosystem, Ecosystem::RedHat);
    let app = "enterprise_linux:8::appstream";
    assert_eq!(
        rows(advisory),
        [
            row(
                "enterprise_linux:8::appstream",
                "grob",
                true,
                ["grob:5", "x86_64", "[,5-4.module+el8.10.0+1+ab)"],
                Fix::Released
            ),
            row(app, "grob", true, ["grob:6", "aarch64", "[,6-1.module+el8.10.0+1+ab)"], Fix::Released),
            row("enterprise_linux:9", "frob", false, ["", "", ""], Fix::NotAffected),
            row("enterprise_linux:9", "hob", false, ["", "", "[,"], Fix::WillNotFix),
            row("enterprise_linux:9", "hob-libs", true, ["", "", "[,"], Fix::UnderInvestigation),
            row("enterprise_linux:9", "nodejs", false, ["nodejs:18", "", "[,"], Fix::EndOfLife),
            // The source stands for what is built from it.
            row("rhel_eus:9.4::baseos", "frob", false, ["", "", "[,1:3.0-2.el9_4)"], Fix::Released),
        ]
    );
    let hob = &advisory.affected[3];
    assert_eq!(hob.severity, Some(Severity::High), "its own rating");
    assert_eq!(advisory.affected[2].severity, None, "that of the advisory need not be said again");
}

#[test]
fn an_advisory_of_suse_is_told_once_for_all_with_the_same_rows() {
    let server = "SUSE Linux Enterprise Server 15 SP5";
    let leap = "openSUSE Leap 15.6";
    let branches = [
        leaf(server, "cpe", "cpe:/o:suse:sles:15:sp5"),
        leaf(leap, "cpe", "cpe:/o:opensuse:leap:15.6"),
        leaf("libfrob1-1.1.1l-150500.17.25.1.x86_64", "purl", "pkg:rpm/suse/libfrob1@1.1.1l-150500.17.25.1?arch=x86_64&upstream=frob-1.1.1l.src.rpm"),
        r#"{ "category": "product_version", "name": "x", "product": { "name": "x", "product_id": "libfrob1-1.1.1l-150500.17.25.1.aarch64" } }"#.to_owned(),
        leaf("grob-2-1.noarch", "purl", "pkg:rpm/suse/grob@2-1?arch=noarch"),
    ];
    let parts = [
        part(server, "libfrob1-1.1.1l-150500.17.25.1.x86_64"),
        part(server, "libfrob1-1.1.1l-150500.17.25.1.aarch64"),
        part(leap, "grob-2-1.noarch"),
    ];
    let both = format!(
        r#""{server}:libfrob1-1.1.1l-150500.17.25.1.x86_64", "{server}:libfrob1-1.1.1l-150500.17.25.1.aarch64""#
    );
    let vulnerabilities = format!(
        r#"{{ "cve": "CVE-2025-10001", "product_status": {{ "recommended": [{both}] }} }},
           {{ "cve": "CVE-2025-10002", "product_status": {{ "recommended": [{both}] }} }},
           {{ "cve": "CVE-2025-10003", "product_status": {{ "recommended": ["{leap}:grob-2-1.noarch"] }} }}, {{ "title": "no id" }}"#
    );
    let text = csaf("csaf_security_advisory", "SUSE-SU-2025:1-1", &branches, &parts, &vulnerabilities);
    let told = Told::read(Kind::Csaf, "suse.json", text.as_bytes()).unwrap();
    let [frob, grob] = &told.advisories[..] else {
        panic!("two groups");
    };
    assert_eq!((frob.id.as_str(), grob.id.as_str()), ("SUSE-SU-2025:1-1", "SUSE-SU-2025:1-1"));
    assert_eq!(frob.upstream, ["CVE-2025-10001", "CVE-2025-10002"]);
    assert_eq!(grob.upstream, ["CVE-2025-10003"]);
    let release = "Linux Enterprise Server 15 SP5";
    assert_eq!(
        rows(frob),
        [row(release, "libfrob1", true, ["", "aarch64 x86_64", "[,1.1.1l-150500.17.25.1)"], Fix::Released)]
    );
    assert_eq!(rows(grob), [row("Leap 15.6", "grob", true, ["", "", "[,2-1)"], Fix::Released)]);
    assert_eq!(grob.affected[0].ecosystem, Ecosystem::OpenSuse);
    assert_eq!(told.complaints(), ["suse.json: SUSE-SU-2025:1-1, vulnerability 4 | it has no id"]);
}

#[test]
fn what_suse_fixed_was_affected_before() {
    let server = "SUSE Linux Enterprise Server 15 SP5";
    let branches = [
        leaf(server, "cpe", "cpe:/o:suse:sles:15:sp5"),
        leaf("libfrob1", "purl", "pkg:rpm/suse/libfrob1@?upstream=frob.src.rpm"),
        leaf("libfrob1-2-1", "purl", "pkg:rpm/suse/libfrob1@2-1?upstream=frob-2-1.src.rpm"),
        leaf("Micro", "cpe", "cpe:/o:other:micro:1"),
    ];
    let parts = [part(server, "libfrob1"), part(server, "libfrob1-2-1"), part("Micro", "libfrob1")];
    let vulnerability = format!(
        r#"{{ "cve": "CVE-2025-10001", "product_status": {{ "known_affected": ["{server}:libfrob1", "Micro:libfrob1"], "recommended": ["{server}:libfrob1-2-1"] }} }}"#
    );
    let text = csaf("csaf_vex", "CVE-2025-10001", &branches, &parts, &vulnerability);
    let told = Told::read(Kind::Csaf, "cve.json", text.as_bytes()).unwrap();
    let release = "Linux Enterprise Server 15 SP5";
    assert_eq!(rows(told.only()), [row(release, "libfrob1", true, ["", "", "[,2-1)"], Fix::Released)]);
    assert!(told.complaints()[0].contains("\"Micro\" is not known"), "{:?}", told.complaints());
}

#[test]
fn circles_in_the_product_tree_are_found() {
    let branches = [leaf("rhel", "cpe", "cpe:/o:redhat:enterprise_linux:9")];
    let parts = [
        r#"{ "product_reference": "b", "relates_to_product_reference": "rhel", "full_product_name": { "product_id": "a" } }"#.to_owned(),
        r#"{ "product_reference": "a", "relates_to_product_reference": "rhel", "full_product_name": { "product_id": "b" } }"#.to_owned(),
        r#"{ "product_reference": "x", "relates_to_product_reference": "c", "full_product_name": { "product_id": "c" } }"#.to_owned(),
    ];
    let vulnerability = r#"{ "cve": "CVE-2025-10001", "product_status": { "fixed": ["a", "c", "d"] } }"#;
    let text = csaf("csaf_vex", "CVE-2025-10001", &branches, &parts, vulnerability);
    let told = Told::read(Kind::Csaf, "cve.json", text.as_bytes()).unwrap();
    assert_eq!(told.only().affected, []);
    assert_eq!(
        told.complaints(),
        [
            "cve.json: CVE-2025-10001 | a: the relationships form a circle",
            "cve.json: CVE-2025-10001 | c: the relationships form a circle",
            "cve.json: CVE-2025-10001 | d: the product is not in the tree",
        ]
    );
}

const AMAZON: &str = r#"<?xml version="1.0" ?>
<updates><update status="final" version="1.4" author="linux-security@amazon.com" type="security" from="linux-security@amazon.com">
  <id>ALAS2023-2025-001</id><title>Amazon Linux 2023 - ALAS2023-2025-001: Important priority package update for frob</title>
  <issued date="2025-07-01 20:41:00" /><updated date="2025-07-02 23:22" /><severity>Important</severity>
  <description>A &lt;flaw&gt; &amp; more &#65;</description>
  <references><reference href="http://cve.mitre.org/cgi-bin/cvename.cgi?name=CVE-2025-10001" title="" id="CVE-2025-10001" type="cve" />
    <reference href="https://alas.aws.amazon.com/x" id="x" type="self" /></references>
  <pkglist><collection short="amazon-linux"><name>Amazon Linux</name>
    <package name="frob" version="3.0" release="1.amzn2023" epoch="1" arch="x86_64"><filename>f.rpm</filename></package>
    <package name="frob" version="3.0" release="1.amzn2023" epoch="1" arch="aarch64"><filename>f.rpm</filename></package>
    <package name="frob-doc" version="3.0" release="1.amzn2023" epoch="0" arch="noarch"><filename>f.rpm</filename></package>
    <package name="frob" version="3.0" release="1.amzn2023" epoch="1" arch="src"><filename>f.src.rpm</filename></package>
  </collection></pkglist></update>
  <update type="bugfix"><id>ALAS2023-2025-002</id><title>x</title></update>
  <update type="security"><title>no id</title></update>
</updates>"#;

#[test]
fn updateinfo_of_amazon_is_read() {
    let told = Told::read(Kind::Updateinfo, "updateinfo.xml", AMAZON.as_bytes()).unwrap();
    let advisory = told.only();
    assert_eq!(advisory.id, "ALAS2023-2025-001");
    assert_eq!(
        (advisory.severity, &advisory.upstream[..]),
        (Some(Severity::High), &["CVE-2025-10001".to_owned()][..])
    );
    assert_eq!(advisory.published, Some("2025-07-01T20:41:00Z".parse().unwrap()));
    assert_eq!(
        rows(advisory),
        [
            row("2023", "frob", true, ["", "aarch64 x86_64", "[,1:3.0-1.amzn2023)"], Fix::Released),
            row("2023", "frob-doc", true, ["", "", "[,3.0-1.amzn2023)"], Fix::Released),
        ]
    );
    assert_eq!(told.complaints(), ["updateinfo.xml: update 3 | it has no id"]);
}

#[test]
fn updateinfo_of_others_names_its_modules() {
    let told = Told::of(
        Kind::Updateinfo,
        "updateinfo.xml",
        r#"<updates><update type="security"><id>RLSA-2025:1</id><title>Important: frob:5 security update</title><severity>Important</severity>
           <pkglist><collection short="rocky"><name>Rocky Linux 8 AppStream x86_64</name><module name="frob" stream="5" version="8" context="ab" arch="x86_64"/>
           <package name="frob" epoch="0" version="5" release="4.module+el8" arch="x86_64" src="frob.src.rpm"/></collection></pkglist></update></updates>"#,
    );
    assert_eq!(told.only().affected[0].ecosystem, Ecosystem::Rocky);
    assert_eq!(
        rows(told.only()),
        [row("8", "frob", true, ["frob:5", "x86_64", "[,5-4.module+el8)"], Fix::Released)]
    );
}

const ORACLE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<oval_definitions xmlns="http://oval.mitre.org/XMLSchema/oval-definitions-5">
<generator><oval:product_name>Oracle Errata System</oval:product_name></generator>
<definitions>
<definition id="oval:com.oracle.elsa:def:20250001" version="501" class="patch">
  <metadata><title>
ELSA-2025-0001:  frob security update (IMPORTANT)
</title>
    <affected family="unix"><platform>Oracle Linux 8</platform></affected>
    <reference source="elsa" ref_id="ELSA-2025-0001" ref_url="https://linux.oracle.com/errata/ELSA-2025-0001.html"/>
    <reference source="CVE" ref_id="CVE-2025-10001" ref_url="https://linux.oracle.com/cve/CVE-2025-10001.html"/>
    <description>text</description>
    <advisory><severity>IMPORTANT</severity><rights>Copyright</rights><issued date="2025-01-02"/>
      <cve href="https://linux.oracle.com/cve/CVE-2025-10002.html">CVE-2025-10002</cve></advisory>
  </metadata>
  <criteria operator="AND">
    <criterion test_ref="oval:com.oracle.elsa:tst:1" comment="Oracle Linux 8 is installed"/>
    <criterion test_ref="oval:com.oracle.elsa:tst:2" comment="Module frob:5 is enabled"/>
    <criteria operator="OR">
      <criteria operator="AND"><criterion test_ref="t" comment="Oracle Linux arch is x86_64"/>
        <criteria operator="OR"><criteria operator="AND">
          <criterion test_ref="t" comment="frob is earlier than 0:5-4.module+el8.6.0+1+ab"/>
          <criterion test_ref="t" comment="frob is signed with the Oracle Linux 8 key"/></criteria></criteria></criteria>
      <criteria operator="AND"><criterion test_ref="t" comment="Oracle Linux arch is aarch64"/>
        <criteria operator="OR"><criteria operator="AND">
          <criterion test_ref="t" comment="frob is earlier than 0:5-4.module+el8.6.0+1+ab"/></criteria></criteria></criteria>
    </criteria>
  </criteria>
</definition>
<definition id="oval:com.oracle.elsa:def:20250002" version="501" class="patch">
  <metadata><title>ELSA-2025-0002: grob</title><affected><platform>Oracle Linux 8</platform><platform>Oracle Linux 9</platform></affected></metadata>
  <criteria operator="AND">
    <criteria operator="OR"><criterion comment="Oracle Linux 8 is installed"/><criterion comment="Oracle Linux 9 is installed"/></criteria>
    <criteria operator="OR"><criterion comment="grob is earlier than 1:1.1-9.el8_7"/><criterion comment="grob is earlier than 1:3.0-1"/></criteria>
  </criteria>
</definition>
<definition class="inventory"><metadata/></definition>
</definitions>
<tests><rpminfo_test id="t" comment="x"><object object_ref="o"/></rpminfo_test></tests>
</oval_definitions>"#;

#[test]
fn oval_of_oracle_is_read() {
    let told = Told::read(Kind::Oval, "com.oracle.elsa-all.xml", ORACLE.as_bytes()).unwrap();
    let [frob, grob] = &told.advisories[..] else {
        panic!("two");
    };
    assert_eq!(
        (frob.id.as_str(), frob.summary.as_str()),
        ("ELSA-2025-0001", "frob security update (IMPORTANT)")
    );
    assert_eq!(frob.upstream, ["CVE-2025-10001", "CVE-2025-10002"]);
    assert_eq!(frob.severity, Some(Severity::High));
    assert_eq!(
        rows(frob),
        [row("8", "frob", true, ["frob:5", "aarch64 x86_64", "[,5-4.module+el8.6.0+1+ab)"], Fix::Released)]
    );
    assert_eq!(
        rows(grob),
        [
            row("8", "grob", true, ["", "", "[,1:1.1-9.el8_7)"], Fix::Released),
            row("8", "grob", true, ["", "", "[,1:3.0-1)"], Fix::Released),
            row("9", "grob", true, ["", "", "[,1:3.0-1)"], Fix::Released),
        ]
    );
    assert_eq!(
        told.complaints(),
        ["com.oracle.elsa-all.xml: definition 3 | it is of class \"inventory\", not \"patch\""]
    );
}
