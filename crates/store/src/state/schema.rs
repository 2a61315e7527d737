//! The schema, as steps from one version to the next. A step that has been released is never changed.

use super::{Kind, Result, State};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

/// The steps: a name, and statements in which `{blob}` stands for the type of bytes.
const STEPS: [(&str, &str); 17] = [
    ("first", FIRST),
    ("configurations", CONFIGURATIONS),
    ("packages", PACKAGES),
    ("loaded", LOADED),
    ("sinks", SINKS),
    ("accounts of a provider", PROVIDER),
    ("registries", REGISTRIES),
    ("matched", MATCHED),
    ("policies", POLICIES),
    ("notifications", NOTIFICATIONS),
    ("incidents over nodes", STITCHED),
    ("what can be reached", REACH),
    ("hubs", HUBS),
    ("large estates", LARGE),
    ("baselines", BASELINES),
    ("asked of whom, and where it runs", ASKED),
    ("known as what", KNOWN),
];

const FIRST: &str = "
CREATE TABLE node (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, joined BIGINT NOT NULL, seen BIGINT NOT NULL, removed BIGINT,
    version TEXT NOT NULL, kernel TEXT NOT NULL, os TEXT, arch TEXT NOT NULL,
    running BIGINT NOT NULL DEFAULT 0, waiting BIGINT NOT NULL DEFAULT 0, status TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE join_token (
    hash TEXT PRIMARY KEY, created BIGINT NOT NULL, created_by TEXT NOT NULL, expires BIGINT NOT NULL, uses BIGINT NOT NULL
);
CREATE TABLE image (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, repository TEXT NOT NULL, manifest TEXT, os TEXT, platform TEXT, created BIGINT,
    first_seen BIGINT NOT NULL, scanned BIGINT, failed TEXT, asked BIGINT, size BIGINT NOT NULL DEFAULT 0,
    packages BIGINT NOT NULL DEFAULT 0, critical BIGINT NOT NULL DEFAULT 0, high BIGINT NOT NULL DEFAULT 0,
    medium BIGINT NOT NULL DEFAULT 0, low BIGINT NOT NULL DEFAULT 0, running BIGINT NOT NULL DEFAULT 0,
    coverage TEXT NOT NULL DEFAULT 'not-evaluated', owner TEXT, urgency BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX image_repository ON image (repository);
CREATE TABLE image_name (
    name TEXT NOT NULL, image TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE, since BIGINT NOT NULL, until BIGINT,
    PRIMARY KEY (name, image, since)
);
CREATE INDEX image_name_image ON image_name (image);
CREATE TABLE report (image TEXT PRIMARY KEY REFERENCES image (id) ON DELETE CASCADE, time BIGINT NOT NULL, body {blob} NOT NULL);
CREATE TABLE package (
    image TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE, number BIGINT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    version TEXT NOT NULL, purl TEXT NOT NULL, layer BIGINT, path TEXT, findings BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (image, number)
);
CREATE INDEX package_name ON package (name, kind);
CREATE TABLE finding (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, rule TEXT NOT NULL, title TEXT NOT NULL, severity BIGINT NOT NULL,
    priority BIGINT NOT NULL, repository TEXT NOT NULL, image TEXT NOT NULL, place TEXT NOT NULL, fixed_version TEXT,
    exploited BIGINT NOT NULL, epss DOUBLE PRECISION, state TEXT NOT NULL, fixed BIGINT NOT NULL, running BIGINT NOT NULL,
    first_seen BIGINT NOT NULL, since BIGINT NOT NULL, due BIGINT, owner TEXT, exception TEXT, exception_id TEXT,
    verified BIGINT, planned_by TEXT, planned_at BIGINT, planned_due BIGINT, planned_note TEXT
);
CREATE INDEX finding_repository ON finding (repository);
CREATE INDEX finding_rule ON finding (rule);
CREATE INDEX finding_priority ON finding (priority, id);
CREATE TABLE image_finding (
    image TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE, finding TEXT NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    stable TEXT NOT NULL, PRIMARY KEY (image, finding)
);
CREATE INDEX image_finding_finding ON image_finding (finding);
CREATE TABLE finding_change (
    finding TEXT NOT NULL REFERENCES finding (id) ON DELETE CASCADE, time BIGINT NOT NULL, state TEXT NOT NULL, why TEXT NOT NULL
);
CREATE INDEX finding_change_finding ON finding_change (finding, time);
CREATE TABLE exception (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, rule TEXT NOT NULL, repository TEXT, owner TEXT NOT NULL, reason TEXT NOT NULL,
    expires BIGINT NOT NULL, created BIGINT NOT NULL, created_by TEXT NOT NULL, ended BIGINT
);
CREATE TABLE container (
    id TEXT NOT NULL, name TEXT NOT NULL, node TEXT NOT NULL REFERENCES node (id), workload TEXT NOT NULL, image TEXT,
    image_name TEXT NOT NULL, runtime TEXT NOT NULL, namespace TEXT, pod TEXT, privileged BIGINT, addresses TEXT NOT NULL,
    labels TEXT NOT NULL, listens TEXT NOT NULL, target TEXT NOT NULL, started BIGINT NOT NULL, ended BIGINT, unknown TEXT NOT NULL, PRIMARY KEY (node, id)
);
CREATE INDEX container_node ON container (node, ended);
CREATE INDEX container_id ON container (id);
CREATE INDEX container_image ON container (image, ended);
CREATE INDEX container_workload ON container (workload, ended);
CREATE TABLE workload (
    name TEXT PRIMARY KEY, namespace TEXT, owner TEXT, first_seen BIGINT NOT NULL, running BIGINT NOT NULL, nodes TEXT NOT NULL,
    images TEXT NOT NULL, critical BIGINT NOT NULL, high BIGINT NOT NULL, medium BIGINT NOT NULL, low BIGINT NOT NULL,
    risk BIGINT NOT NULL, factors TEXT NOT NULL, alerts BIGINT NOT NULL, incidents BIGINT NOT NULL, coverage TEXT NOT NULL
);
CREATE TABLE alert (
    id TEXT PRIMARY KEY, first BIGINT NOT NULL, last BIGINT NOT NULL, many BIGINT NOT NULL, rule TEXT NOT NULL,
    priority TEXT NOT NULL, severity BIGINT NOT NULL, message TEXT NOT NULL, node TEXT NOT NULL, container TEXT, workload TEXT,
    incident TEXT, techniques TEXT NOT NULL, state TEXT NOT NULL, fields TEXT NOT NULL, owner TEXT, namespace TEXT
);
CREATE INDEX alert_last ON alert (last, id);
CREATE INDEX alert_rule ON alert (rule, last);
CREATE INDEX alert_workload ON alert (workload, last);
CREATE INDEX alert_incident ON alert (incident);
CREATE TABLE alert_mark (node TEXT PRIMARY KEY, kept BIGINT NOT NULL);
CREATE TABLE incident (
    id TEXT PRIMARY KEY, node TEXT NOT NULL, title TEXT NOT NULL, severity BIGINT NOT NULL, began BIGINT NOT NULL,
    updated BIGINT NOT NULL, containers TEXT NOT NULL, tactics TEXT NOT NULL, techniques TEXT NOT NULL, state TEXT NOT NULL,
    story TEXT NOT NULL, picture TEXT NOT NULL, owner TEXT, namespace TEXT
);
CREATE INDEX incident_updated ON incident (updated, id);
CREATE TABLE response (
    id TEXT PRIMARY KEY, number BIGINT, time BIGINT NOT NULL, created_by TEXT NOT NULL, reason TEXT NOT NULL, action TEXT NOT NULL,
    node TEXT NOT NULL, target TEXT NOT NULL, until BIGINT, state TEXT NOT NULL, outcome TEXT NOT NULL, incident TEXT
);
CREATE INDEX response_time ON response (time, id);
CREATE TABLE account (
    name TEXT PRIMARY KEY, password TEXT NOT NULL, role TEXT NOT NULL, owners TEXT NOT NULL, namespaces TEXT NOT NULL,
    created BIGINT NOT NULL, seen BIGINT, disabled BIGINT NOT NULL
);
CREATE TABLE session (
    hash TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE, csrf TEXT NOT NULL,
    created BIGINT NOT NULL, used BIGINT NOT NULL, expires BIGINT NOT NULL
);
CREATE TABLE token (
    id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL, owners TEXT NOT NULL,
    namespaces TEXT NOT NULL, created_by TEXT NOT NULL, created BIGINT NOT NULL, expires BIGINT NOT NULL, used BIGINT
);
CREATE TABLE audit (
    id TEXT PRIMARY KEY, time BIGINT NOT NULL, created_by TEXT NOT NULL, origin TEXT NOT NULL, action TEXT NOT NULL,
    target TEXT NOT NULL, detail TEXT NOT NULL
);
CREATE INDEX audit_time ON audit (time, id);
CREATE TABLE day (
    day BIGINT PRIMARY KEY, critical BIGINT NOT NULL, high BIGINT NOT NULL, medium BIGINT NOT NULL, low BIGINT NOT NULL,
    alerts BIGINT NOT NULL, verified BIGINT NOT NULL
);
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE flow (
    source TEXT NOT NULL, target TEXT NOT NULL, target_kind TEXT NOT NULL, port BIGINT NOT NULL, protocol TEXT NOT NULL,
    hour BIGINT NOT NULL, many BIGINT NOT NULL, denied BIGINT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL,
    PRIMARY KEY (source, target, port, protocol, hour)
);
CREATE INDEX flow_hour ON flow (hour);
";

const CONFIGURATIONS: &str = "
CREATE TABLE configuration (
    version BIGINT PRIMARY KEY, name TEXT NOT NULL, created BIGINT NOT NULL, created_by TEXT NOT NULL, reason TEXT NOT NULL,
    nodes TEXT NOT NULL, withdrawn BIGINT, withdrawn_by TEXT, rules TEXT NOT NULL, policy TEXT NOT NULL, responses TEXT NOT NULL
);
CREATE TABLE configured (
    node TEXT PRIMARY KEY REFERENCES node (id) ON DELETE CASCADE, name TEXT NOT NULL, state TEXT NOT NULL, why TEXT NOT NULL,
    since BIGINT NOT NULL
);
";

/// Packages are looked for by name in all images, and counted: from the index alone.
const PACKAGES: &str = "
DROP INDEX package_name;
CREATE INDEX package_name ON package (name, kind, image);
";

const LOADED: &str = "
CREATE TABLE loaded (
    image TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE, workload TEXT NOT NULL, path TEXT NOT NULL, since BIGINT NOT NULL,
    PRIMARY KEY (image, workload, path)
);
CREATE TABLE loaded_finding (
    finding TEXT NOT NULL REFERENCES finding (id) ON DELETE CASCADE, image TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    workload TEXT NOT NULL, path TEXT NOT NULL, PRIMARY KEY (finding, image, workload)
);
CREATE INDEX loaded_finding_image ON loaded_finding (image, workload);
ALTER TABLE finding ADD COLUMN loaded BIGINT NOT NULL DEFAULT 0;
";

/// The order in which records came: each has the number that `arrival` counted when it changed last.
const SINKS: &str = "
CREATE TABLE arrival (one BIGINT PRIMARY KEY, number BIGINT NOT NULL);
INSERT INTO arrival (one, number) VALUES (1, 0);
ALTER TABLE alert ADD COLUMN arrived BIGINT NOT NULL DEFAULT 0;
ALTER TABLE incident ADD COLUMN arrived BIGINT NOT NULL DEFAULT 0;
ALTER TABLE audit ADD COLUMN arrived BIGINT NOT NULL DEFAULT 0;
CREATE INDEX alert_arrived ON alert (arrived);
CREATE INDEX incident_arrived ON incident (arrived);
CREATE INDEX audit_arrived ON audit (arrived);
CREATE TABLE sink (
    name TEXT PRIMARY KEY, target TEXT NOT NULL, place TEXT NOT NULL, records TEXT NOT NULL, least BIGINT NOT NULL,
    paused BIGINT NOT NULL, secret TEXT, created BIGINT NOT NULL, created_by TEXT NOT NULL, revision BIGINT NOT NULL DEFAULT 0,
    state_at BIGINT NOT NULL, events_at BIGINT NOT NULL, taken BIGINT, failing_since BIGINT, error TEXT,
    sent BIGINT NOT NULL DEFAULT 0, refused BIGINT NOT NULL DEFAULT 0, refusal TEXT, lost BIGINT NOT NULL DEFAULT 0
);
";

const PROVIDER: &str = "
ALTER TABLE account ADD COLUMN issuer TEXT;
ALTER TABLE account ADD COLUMN subject TEXT;
CREATE UNIQUE INDEX account_subject ON account (issuer, subject);
";

/// Registries that are looked into, and scans that others have sent.
const REGISTRIES: &str = "
CREATE TABLE registry (
    name TEXT PRIMARY KEY, url TEXT NOT NULL, account TEXT, secret TEXT, authority TEXT, repositories TEXT NOT NULL, tags TEXT NOT NULL,
    leave_out TEXT NOT NULL, newest BIGINT NOT NULL, minutes BIGINT NOT NULL, platform TEXT, paused BIGINT NOT NULL, hook TEXT,
    created BIGINT NOT NULL, created_by TEXT NOT NULL, polled BIGINT, due BIGINT NOT NULL, failed TEXT, told BIGINT NOT NULL DEFAULT 0, asked BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE registry_repository (
    registry TEXT NOT NULL REFERENCES registry (name) ON DELETE CASCADE, name TEXT NOT NULL, looked BIGINT NOT NULL,
    tags BIGINT NOT NULL, matched BIGINT NOT NULL, chosen BIGINT NOT NULL, failed TEXT, PRIMARY KEY (registry, name)
);
CREATE TABLE registry_tag (
    registry TEXT NOT NULL REFERENCES registry (name) ON DELETE CASCADE, repository TEXT NOT NULL, tag TEXT NOT NULL, name TEXT NOT NULL,
    digest TEXT NOT NULL, image TEXT REFERENCES image (id) ON DELETE SET NULL, since BIGINT NOT NULL, state TEXT NOT NULL, why TEXT,
    scanned BIGINT, tries BIGINT NOT NULL DEFAULT 0, again BIGINT, PRIMARY KEY (registry, repository, tag)
);
CREATE INDEX registry_tag_state ON registry_tag (state, since);
CREATE INDEX registry_tag_digest ON registry_tag (digest);
CREATE INDEX registry_tag_image ON registry_tag (image);
CREATE TABLE registry_look (
    registry TEXT NOT NULL REFERENCES registry (name) ON DELETE CASCADE, repository TEXT NOT NULL, tag TEXT NOT NULL, since BIGINT NOT NULL,
    PRIMARY KEY (registry, repository, tag)
);
CREATE TABLE sent_scan (
    id TEXT PRIMARY KEY, image TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE, time BIGINT NOT NULL, created_by TEXT NOT NULL,
    reference TEXT NOT NULL, facts TEXT NOT NULL
);
CREATE INDEX sent_scan_image ON sent_scan (image, time);
ALTER TABLE image ADD COLUMN sent BIGINT NOT NULL DEFAULT 0;
";

const MATCHED: &str = "
ALTER TABLE image ADD COLUMN matched TEXT;
ALTER TABLE report ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
CREATE TABLE known_as (
    ecosystem BIGINT NOT NULL, name TEXT NOT NULL, image TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    PRIMARY KEY (ecosystem, name, image)
);
CREATE INDEX known_as_image ON known_as (image);
";

const POLICIES: &str = "
CREATE TABLE policy (
    name TEXT NOT NULL, version BIGINT NOT NULL, text TEXT NOT NULL, created BIGINT NOT NULL, created_by TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (name, version)
);
";

/// Rules, their messages, and marks of what was taken: what is there already is nothing new.
const NOTIFICATIONS: &str = "
CREATE TABLE notify_mark (one BIGINT PRIMARY KEY, incidents BIGINT NOT NULL, taken BIGINT NOT NULL DEFAULT 0);
INSERT INTO notify_mark (one, incidents) SELECT 1, number FROM arrival WHERE one = 1;
CREATE TABLE notify_rule (
    name TEXT PRIMARY KEY, sink TEXT NOT NULL, rule TEXT NOT NULL, paused BIGINT NOT NULL, base TEXT NOT NULL,
    created BIGINT NOT NULL, created_by TEXT NOT NULL, engine TEXT NOT NULL DEFAULT '', gathered BIGINT NOT NULL DEFAULT 0, due BIGINT
);
CREATE TABLE notification (
    id TEXT PRIMARY KEY, rule TEXT NOT NULL, sink TEXT NOT NULL, owners TEXT NOT NULL, part TEXT NOT NULL, time BIGINT NOT NULL,
    severity BIGINT NOT NULL, title TEXT NOT NULL, items TEXT NOT NULL, more BIGINT NOT NULL, link TEXT NOT NULL, base TEXT NOT NULL,
    state TEXT NOT NULL, tries BIGINT NOT NULL DEFAULT 0, again BIGINT, sent BIGINT, error TEXT,
    refusals BIGINT NOT NULL DEFAULT 0, taken BIGINT NOT NULL DEFAULT 0, taken_by TEXT NOT NULL DEFAULT ''
);
CREATE TABLE sink_gone (name TEXT PRIMARY KEY);
CREATE INDEX notification_state ON notification (state, again);
CREATE INDEX notification_rule ON notification (rule, state);
CREATE INDEX notification_time ON notification (time, id);
ALTER TABLE finding ADD COLUMN noted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE finding ADD COLUMN noted_due BIGINT NOT NULL DEFAULT 0;
ALTER TABLE finding ADD COLUMN noted_for BIGINT NOT NULL DEFAULT 0;
UPDATE finding SET noted = CASE WHEN state IN ('open', 'planned', 'fixed', 'rolling-out', 'reopened') THEN 2 ELSE 1 END;
CREATE INDEX finding_noted ON finding (noted, state);
CREATE INDEX finding_due ON finding (due);
ALTER TABLE exception ADD COLUMN noted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN noted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sink ADD COLUMN noted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sink ADD COLUMN noted_lost BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sink ADD COLUMN noted_at BIGINT NOT NULL DEFAULT 0;
UPDATE sink SET noted_lost = refused + lost;
";

/// What a node tells of an incident is a part; what lists show is the whole of those that belong together. A row that has become a part of
/// another stays, so that sinks can be told. The node itself was counted among containers until here.
const STITCHED: &str = "
CREATE TABLE incident_part (
    id TEXT PRIMARY KEY, incident TEXT NOT NULL, node TEXT NOT NULL, kept BIGINT NOT NULL, title TEXT NOT NULL, severity BIGINT NOT NULL,
    began BIGINT NOT NULL, updated BIGINT NOT NULL, containers TEXT NOT NULL, tactics TEXT NOT NULL, techniques TEXT NOT NULL,
    on_host BIGINT NOT NULL, story TEXT NOT NULL, picture TEXT NOT NULL, owner TEXT, namespace TEXT, skew BIGINT, joinable BIGINT NOT NULL
);
INSERT INTO incident_part (id, incident, node, kept, title, severity, began, updated, containers, tactics, techniques, on_host, story, picture,
    owner, namespace, joinable)
    SELECT id, id, node, 0, title, severity, began, updated,
        REPLACE(REPLACE(REPLACE(containers, '\"the node\",', ''), ',\"the node\"', ''), '\"the node\"', ''), tactics, techniques,
        CASE WHEN containers LIKE '%\"the node\"%' THEN 1 ELSE 0 END, story, picture, owner, namespace, 0 FROM incident;
CREATE INDEX incident_part_incident ON incident_part (incident);
CREATE TABLE incident_end (
    part TEXT NOT NULL REFERENCES incident_part (id) ON DELETE CASCADE, node TEXT NOT NULL, way TEXT NOT NULL, client TEXT NOT NULL,
    server TEXT NOT NULL, time BIGINT NOT NULL, at BIGINT NOT NULL, program TEXT NOT NULL, container TEXT NOT NULL,
    PRIMARY KEY (part, way, client, server, time)
);
CREATE INDEX incident_end_client ON incident_end (client, way, at);
CREATE TABLE incident_link (
    cause TEXT NOT NULL, effect TEXT NOT NULL, client TEXT NOT NULL, server TEXT NOT NULL, accepted_by TEXT NOT NULL, sent BIGINT NOT NULL,
    accepted BIGINT NOT NULL, program TEXT NOT NULL, container TEXT NOT NULL, to_program TEXT NOT NULL, to_container TEXT NOT NULL,
    PRIMARY KEY (cause, effect, client, server)
);
CREATE INDEX incident_link_effect ON incident_link (effect);
CREATE TABLE incident_apart (
    one TEXT NOT NULL, other TEXT NOT NULL, created BIGINT NOT NULL, created_by TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (one, other)
);
ALTER TABLE incident ADD COLUMN nodes TEXT NOT NULL DEFAULT '[]';
ALTER TABLE incident ADD COLUMN on_host BIGINT NOT NULL DEFAULT 0;
ALTER TABLE incident ADD COLUMN joined TEXT;
UPDATE incident SET nodes = '[\"' || node || '\"]', containers = (SELECT part.containers FROM incident_part AS part WHERE part.id = incident.id),
    on_host = (SELECT part.on_host FROM incident_part AS part WHERE part.id = incident.id);
ALTER TABLE incident DROP COLUMN node;
ALTER TABLE incident DROP COLUMN story;
ALTER TABLE incident DROP COLUMN picture;
ALTER TABLE incident DROP COLUMN owner;
ALTER TABLE incident DROP COLUMN namespace;
CREATE TABLE container_address (
    address TEXT NOT NULL, node TEXT NOT NULL, container TEXT NOT NULL, PRIMARY KEY (address, node, container),
    FOREIGN KEY (node, container) REFERENCES container (node, id) ON DELETE CASCADE
);
CREATE INDEX container_address_container ON container_address (node, container);
";

/// Who was connected to from outside, and what can be reached by that.
const REACH: &str = "
CREATE TABLE entry (
    workload TEXT NOT NULL, port BIGINT NOT NULL, address TEXT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL,
    PRIMARY KEY (workload, port)
);
CREATE TABLE reach (workload TEXT PRIMARY KEY, path TEXT NOT NULL);
ALTER TABLE finding ADD COLUMN exposed BIGINT;
";

/// Hubs that share the database. Each has events of its own, so a sink has a place in those of each.
const HUBS: &str = "
CREATE TABLE hub (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, address TEXT NOT NULL, version TEXT NOT NULL, since BIGINT NOT NULL, seen BIGINT NOT NULL,
    ended BIGINT NOT NULL DEFAULT 0, leads BIGINT
);
ALTER TABLE node ADD COLUMN hub TEXT;
ALTER TABLE sink ADD COLUMN begun BIGINT NOT NULL DEFAULT 0;
CREATE INDEX node_hub ON node (hub);
CREATE TABLE sink_place (
    sink TEXT NOT NULL REFERENCES sink (name) ON DELETE CASCADE, hub TEXT NOT NULL, events_at BIGINT NOT NULL, PRIMARY KEY (sink, hub)
);
";

/// What a list of a hundred thousand findings or packages is answered from, without reading all of them.
const LARGE: &str = "
ALTER TABLE finding ADD COLUMN words TEXT NOT NULL DEFAULT '';
UPDATE finding SET words = LOWER(rule || '
' || title || '
' || place || '
' || repository);
CREATE INDEX finding_counts ON finding (state, severity, exception, due, since, owner);
CREATE INDEX finding_exploited ON finding (exploited, priority);
CREATE INDEX finding_loaded ON finding (loaded, priority);
CREATE TABLE package_count (kind TEXT NOT NULL, name TEXT NOT NULL, images BIGINT NOT NULL, PRIMARY KEY (kind, name));
INSERT INTO package_count (kind, name, images) SELECT kind, name, COUNT(DISTINCT image) FROM package GROUP BY kind, name;
";

/// Baselines are rolled out, too.
const BASELINES: &str = "
ALTER TABLE configuration ADD COLUMN baselines TEXT NOT NULL DEFAULT '';
";

/// Which node was asked to scan an image, and in which namespaces it runs.
const ASKED: &str = "
ALTER TABLE image ADD COLUMN asked_of TEXT;
ALTER TABLE image ADD COLUMN namespaces TEXT NOT NULL DEFAULT '[]';
CREATE INDEX image_asked_of ON image (asked_of);
";

/// By a hash of them, which names of an image are kept.
const KNOWN: &str = "
ALTER TABLE image ADD COLUMN known TEXT;
";

/// The number of the last step.
pub(super) const LATEST: usize = STEPS.len();

/// Brings the schema up to a step. A database that has later ones already is of a newer version, and is refused.
pub(super) async fn migrate(state: &State, up_to: usize) -> Result<()> {
    let blob = match state.kind {
        Kind::Sqlite => "BLOB",
        Kind::Postgres => "BYTEA",
    };
    let steps = STEPS[..up_to].iter().zip(1..).map(|((name, text), number)| {
        let text = AssertSqlSafe(text.replace("{blob}", blob)).into_sql_str();
        Migration::new(number, (*name).into(), MigrationType::Simple, text, false)
    });
    Migrator::with_migrations(steps.collect()).run(&state.pool).await?;
    Ok(())
}
