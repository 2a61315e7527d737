//! Images: their names, what a scan told of them, and where they run.

use super::{
    NewContainer, Paging, Result, Scope, State, StateError, Tx,
    findings::Found,
    list::{Key, List, containing},
    matched::version_of,
    sql::{Columns, Query, batch, q, word_of},
};
use gabion_api::rest::{
    AspectCoverage, Counts, CoverageState, Image, ImageDetail, ImageName, ImagePackage, Layer, Millis,
    Package, PackagePlace, Page,
};
use gabion_model::{Finding, ScanReport, Severity, Status};
use sqlx::any::AnyRow;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::Read,
};

/// A report is not larger, unpacked.
const MAX_REPORT: u64 = 256 << 20;
/// Bytes of the name of a package in lists and indexes, of which PostgreSQL takes rows of 2,704 bytes at most; the report has all of it.
pub(super) const MAX_NAME: usize = 1024;
/// Rows that one statement inserts.
const BATCH: usize = batch(9);

/// Which images.
#[derive(Clone, Debug, Default)]
pub struct ImageFilter {
    /// This is in the name or in the id.
    pub text: String,
    /// Something runs them.
    pub running: Option<bool>,
    /// How far they were looked at.
    pub coverage: Option<CoverageState>,
    /// A tag of this registry means them.
    pub registry: Option<String>,
}

const LIST: List = List {
    columns: "image.*",
    from: "image",
    id: "image.id",
    keys: &[
        Key { name: "urgency", column: "image.urgency", text: false },
        Key { name: "name", column: "image.name", text: true },
        Key { name: "running", column: "image.running", text: false },
        Key { name: "packages", column: "image.packages", text: false },
        Key { name: "size", column: "image.size", text: false },
        Key { name: "first_seen", column: "image.first_seen", text: false },
    ],
    down: true,
};

const PACKAGES: List = List {
    columns: "package.*",
    from: "package",
    id: "package.purl",
    keys: &[
        Key { name: "findings", column: "package.findings", text: false },
        Key { name: "name", column: "package.name", text: true },
        Key { name: "kind", column: "package.kind", text: true },
    ],
    down: true,
};

/// A report as it is kept.
#[derive(Clone, Debug)]
pub struct PackedReport {
    body: Vec<u8>,
    /// Which one of its image it is.
    pub revision: u64,
}

impl PackedReport {
    pub(super) fn read(row: &AnyRow) -> Result<Self> {
        Ok(Self { body: row.blob("body")?, revision: row.count("revision")? })
    }

    /// The report.
    pub fn unpack(&self) -> Result<ScanReport> {
        unpack(&self.body)
    }
}

pub(super) fn counts(row: &AnyRow) -> Result<Counts> {
    Ok(Counts {
        critical: row.count("critical")?,
        high: row.count("high")?,
        medium: row.count("medium")?,
        low: row.count("low")?,
    })
}

fn read(row: &AnyRow) -> Result<Image> {
    Ok(Image {
        id: row.text("id")?,
        name: row.text("name")?,
        manifest: row.maybe_text("manifest")?,
        os: row.maybe_text("os")?,
        platform: row.maybe_text("platform")?,
        created: row.maybe_int("created")?,
        first_seen: row.int("first_seen")?,
        scanned: row.maybe_int("scanned")?,
        failed: row.maybe_text("failed")?,
        size: row.count("size")?,
        packages: row.count("packages")?,
        open: counts(row)?,
        running: row.count("running")?,
        coverage: row.word("coverage")?,
        owner: row.maybe_text("owner")?,
    })
}

/// How far an aspect was looked at.
pub(super) fn state(status: &Status) -> CoverageState {
    match status {
        Status::Full { .. } => CoverageState::Full,
        Status::Partial { .. } => CoverageState::Partial,
        Status::NotEvaluated { .. } => CoverageState::NotEvaluated,
        Status::Unsupported { .. } => CoverageState::Unsupported,
        Status::Failed { .. } => CoverageState::Failed,
    }
}

/// `host:5000/a/b:tag@sha256:…` into `host:5000/a/b`.
pub fn repository(name: &str) -> &str {
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') && !repository.is_empty() => repository,
        _ => name,
    }
}

/// What findings that are about packages or places are called by: the same thing in another version of the image has the same one.
pub(super) fn place(finding: &Finding) -> (String, String) {
    match (&finding.vulnerability, finding.evidence.first()) {
        (Some(vulnerability), _) => {
            let decisive = vulnerability.matches.first();
            let package = decisive.map_or("", |decisive| decisive.package.as_str());
            let version = decisive.map_or("", |decisive| decisive.version.as_str());
            let kind = vulnerability.packages.first().map_or("", |package| package.kind.as_str());
            (format!("{kind}/{package}"), format!("{package} {version}").trim().to_owned())
        }
        (None, Some(evidence)) if finding.kind == gabion_model::FindingKind::Secret => {
            (evidence.place.clone(), evidence.place.clone())
        }
        (None, evidence) => {
            (String::new(), evidence.map_or_else(String::new, |evidence| evidence.place.clone()))
        }
    }
}

impl State {
    /// A container runs an image: it is there from now on.
    pub(super) async fn image_seen(&self, tx: Tx<'_>, container: &NewContainer, now: Millis) -> Result<()> {
        let name = if container.image_name.is_empty() { &container.image } else { &container.image_name };
        let manifest = Some(container.manifest.clone()).filter(|manifest| !manifest.is_empty());
        self.image_known(tx, &container.image, name, manifest, now).await
    }

    pub(super) async fn image_known(
        &self,
        tx: Tx<'_>,
        id: &str,
        name: &str,
        manifest: Option<String>,
        now: Millis,
    ) -> Result<()> {
        // One without a name is no other's kin.
        let of = if name == id { id } else { repository(name) };
        q("INSERT INTO image (id, name, repository, manifest, first_seen) VALUES (?, ?, ?, ?, ?) \
           ON CONFLICT (id) DO UPDATE SET manifest = COALESCE(excluded.manifest, image.manifest)")
        .bind(id)
        .bind(name)
        .bind(of)
        .bind(manifest)
        .bind(now)
        .run(&mut *tx)
        .await?;
        if name == id {
            return Ok(());
        }
        // Who was known by its id only gets the name; a name that moves on to this image has named another until now.
        let named = q("UPDATE image SET name = ?, repository = ?, scanned = NULL, asked = NULL WHERE id = ? AND name = id")
            .bind(name)
            .bind(repository(name))
            .bind(id)
            .run(&mut *tx)
            .await?;
        if named > 0 {
            // What was found belongs to the name from now on: it is scanned again, which its node answers from its cache.
            q("DELETE FROM finding WHERE repository = ?").bind(id).run(&mut *tx).await?;
        }
        q("UPDATE image_name SET until = ? WHERE name = ? AND image <> ? AND until IS NULL")
            .bind(now)
            .bind(name)
            .bind(id)
            .run(&mut *tx)
            .await?;
        let known = q("SELECT name FROM image_name WHERE name = ? AND image = ? AND until IS NULL")
            .bind(name)
            .bind(id)
            .first(&mut *tx)
            .await?;
        if known.is_none() {
            q("INSERT INTO image_name (name, image, since) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
                .bind(name)
                .bind(id)
                .bind(now)
                .run(&mut *tx)
                .await?;
        }
        Ok(())
    }

    /// A scan of an image has ended with a report, evaluated against the database; `name` is what the image is called if the
    /// report does not say.
    pub async fn keep_report(
        &self,
        id: &str,
        name: &str,
        report: &ScanReport,
        owner: Option<&str>,
        now: Millis,
    ) -> Result<()> {
        let body = packed(report)?;
        let mut tx = self.begin().await?;
        let identity = report.target.image.as_ref();
        let manifest = identity.and_then(|identity| identity.manifest.as_ref()).map(ToString::to_string);
        let tags = identity.map(|identity| identity.tags.as_slice()).unwrap_or_default();
        let first = tags.first().map_or(name, String::as_str);
        self.image_known(&mut tx, id, first, manifest.clone(), now).await?;
        for tag in tags.iter().skip(1) {
            self.image_known(&mut tx, id, tag, manifest.clone(), now).await?;
        }
        let worst = report.coverage.worst().map_or(CoverageState::NotEvaluated, |(_, status)| state(status));
        let created = report.config.as_ref().and_then(|config| config.created);
        let owner = owner.map(str::to_owned);
        q("UPDATE image SET os = ?, platform = ?, created = ?, scanned = ?, failed = NULL, size = ?, packages = ?, coverage = ?, \
           owner = ?, matched = ? WHERE id = ?")
            .bind(report.os.as_ref().map(|os| os.name.clone()))
            .bind(identity.map(|identity| identity.platform.clone()))
            .bind(created.map(jiff::Timestamp::as_millisecond))
            .bind(now).bind(report.files.bytes).bind(report.packages.len() as u64).bind(word_of(worst)).bind(owner.clone())
            .bind(version_of(&report.database)).bind(id)
            .run(&mut *tx).await?;
        q("INSERT INTO report (image, time, body) VALUES (?, ?, ?) ON CONFLICT (image) DO UPDATE SET time = excluded.time, body = excluded.body, \
           revision = report.revision + 1")
            .bind(id).bind(now).bind(body).run(&mut *tx).await?;
        packages(&mut tx, id, report).await?;
        let row = q("SELECT repository FROM image WHERE id = ?").bind(id).one(&mut *tx).await?;
        let repository = row.text("repository")?;
        let found = Found { image: id, repository: &repository, known: &[], report, owner: owner.as_deref() };
        self.keep_findings(&mut tx, &[found], now).await?;
        self.mark_loaded(&mut tx, &[(id, report)]).await?;
        self.refresh_repository(&mut tx, &repository, now).await?;
        let workloads = running(&mut tx, [id]).await?;
        self.refresh_workloads(&mut tx, &workloads, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// A scan of an image has failed. What an earlier one told stays.
    pub async fn scan_failed(&self, id: &str, why: &str) -> Result<()> {
        q("UPDATE image SET failed = ?, coverage = CASE WHEN scanned IS NULL THEN 'failed' ELSE coverage END WHERE id = ?")
            .bind(why).bind(id).run(&self.pool).await.map(drop)
    }

    /// An image is to be scanned again; on which nodes that can be done, and by which target.
    pub async fn ask_scan(&self, id: &str, now: Millis) -> Result<Vec<(String, String)>> {
        if q("UPDATE image SET asked = ? WHERE id = ?").bind(now).bind(id).run(&self.pool).await? == 0 {
            return Err(absent(id));
        }
        let rows = q("SELECT node, target FROM container WHERE image = ? AND ended IS NULL AND target <> ''")
            .bind(id)
            .all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok((row.text("node")?, row.text("target")?))).collect()
    }

    /// The report of an image.
    pub async fn report(&self, id: &str) -> Result<Option<ScanReport>> {
        let row = q("SELECT body FROM report WHERE image = ?").bind(id).first(&self.pool).await?;
        row.map(|row| unpack(&row.blob("body")?)).transpose()
    }

    /// The report of an image, to be unpacked where time may be taken.
    pub async fn packed_report(&self, id: &str) -> Result<Option<PackedReport>> {
        let row = q("SELECT body, revision FROM report WHERE image = ?").bind(id).first(&self.pool).await?;
        row.as_ref().map(PackedReport::read).transpose()
    }

    pub(super) async fn report_in(&self, tx: Tx<'_>, id: &str) -> Result<Option<ScanReport>> {
        let row = q("SELECT body FROM report WHERE image = ?").bind(id).first(tx).await?;
        row.map(|row| unpack(&row.blob("body")?)).transpose()
    }

    /// What an image is called.
    pub async fn image_name(&self, id: &str) -> Result<Option<String>> {
        let row = q("SELECT name FROM image WHERE id = ?").bind(id).first(&self.pool).await?;
        row.map(|row| row.text("name")).transpose()
    }

    /// Images.
    pub async fn images(&self, wanted: &ImageFilter, scope: &Scope, paging: &Paging) -> Result<Page<Image>> {
        let filter = |mut query: Query| {
            if !wanted.text.is_empty() {
                let pattern = containing(&wanted.text);
                query = query
                    .push(" AND (LOWER(image.name) LIKE LOWER(?) ESCAPE '!' OR image.id LIKE LOWER(?) ESCAPE '!' OR LOWER(COALESCE(image.owner, '')) LIKE LOWER(?) ESCAPE '!')")
                    .bind(&pattern).bind(&pattern).bind(pattern);
            }
            query = match wanted.running {
                Some(true) => query.push(" AND image.running > 0"),
                Some(false) => query.push(" AND image.running = 0"),
                None => query,
            };
            if let Some(coverage) = wanted.coverage {
                query = query.push(" AND image.coverage = ?").bind(word_of(coverage));
            }
            if let Some(registry) = &wanted.registry {
                query = query
                    .push(" AND image.id IN (SELECT image FROM registry_tag WHERE image IS NOT NULL AND registry = ?)")
                    .bind(registry);
            }
            scope.limit(query, "image.owner", None)
        };
        self.page(LIST, paging, filter, read).await
    }

    /// One image.
    pub async fn image(&self, id: &str, scope: &Scope) -> Result<ImageDetail> {
        let query = scope.limit(q("SELECT * FROM image WHERE id = ?").bind(id), "image.owner", None);
        let row = query.first(&self.pool).await?.ok_or_else(|| absent(id))?;
        let image = read(&row)?;
        let rows = q("SELECT name, since, until FROM image_name WHERE image = ? ORDER BY since DESC, name")
            .bind(id)
            .all(&self.pool)
            .await?;
        let names = rows.iter().map(|row| {
            Ok(ImageName {
                name: row.text("name")?,
                since: row.int("since")?,
                until: row.maybe_int("until")?,
            })
        });
        let mut detail = ImageDetail {
            image,
            names: names.collect::<Result<_>>()?,
            layers: Vec::new(),
            user: String::new(),
            command: Vec::new(),
            ports: Vec::new(),
            labels: BTreeMap::new(),
            aspects: Vec::new(),
            containers: self.containers_of("image", id, true).await?,
            registries: self.places_of(id).await?,
            sent: self.sent_scans(id).await?,
        };
        if let Some(report) = self.report(id).await? {
            detail.layers = layers(&report);
            if let Some(config) = report.config {
                detail.user = config.user;
                detail.command = config.entrypoint.into_iter().chain(config.cmd).collect();
                detail.ports = config.exposed_ports;
                detail.labels = config.labels;
            }
            let aspect = |(aspect, status): (&gabion_model::Aspect, &Status)| AspectCoverage {
                aspect: aspect.as_str().to_owned(),
                state: state(status),
                reasons: status.reasons().into_iter().map(std::borrow::Cow::into_owned).collect(),
            };
            detail.aspects = report.coverage.iter().map(aspect).collect();
        }
        Ok(detail)
    }

    /// Packages of an image.
    pub async fn packages_of(
        &self,
        id: &str,
        text: &str,
        scope: &Scope,
        paging: &Paging,
    ) -> Result<Page<ImagePackage>> {
        self.image_in_scope(id, scope).await?;
        let filter = |query: Query| {
            let query = query.push(" AND package.image = ?").bind(id);
            if text.is_empty() {
                return query;
            }
            query.push(" AND LOWER(package.name) LIKE LOWER(?) ESCAPE '!'").bind(containing(text))
        };
        self.page(PACKAGES, paging, filter, |row| {
            Ok(ImagePackage {
                kind: row.text("kind")?,
                name: row.text("name")?,
                version: row.text("version")?,
                purl: row.text("purl")?,
                layer: row.maybe_int("layer")?.and_then(|layer| u32::try_from(layer).ok()),
                path: row.maybe_text("path")?,
                open: row.count("findings")?,
            })
        })
        .await
    }

    /// An image that may be told of.
    pub async fn image_in_scope(&self, id: &str, scope: &Scope) -> Result<()> {
        let query = scope.limit(q("SELECT id FROM image WHERE id = ?").bind(id), "image.owner", None);
        query.first(&self.pool).await?.map(drop).ok_or_else(|| absent(id))
    }

    /// Packages by name, wherever they are: at most so many.
    pub async fn packages(&self, text: &str, most: u64, scope: &Scope) -> Result<Vec<Package>> {
        let query = if scope.is_all() {
            q("SELECT kind, name, images AS many FROM package_count WHERE LOWER(name) LIKE LOWER(?) ESCAPE '!'")
                .bind(containing(text))
        } else {
            // All of it is in one index, in this order.
            let query = q("SELECT kind, name, COUNT(DISTINCT image) AS many FROM package WHERE LOWER(name) LIKE LOWER(?) ESCAPE '!'")
                .bind(containing(text))
                .push(" AND image IN (SELECT id FROM image WHERE 1 = 1");
            scope.limit(query, "image.owner", None).push(") GROUP BY name, kind")
        };
        let rows = query
            .push(" ORDER BY many DESC, name, kind LIMIT ?")
            .bind(most.min(1000))
            .all(&self.pool)
            .await?;
        let package = |row: &AnyRow| {
            Ok(Package {
                kind: row.text("kind")?,
                name: row.text("name")?,
                versions: Vec::new(),
                images: row.count("many")?,
                places: Vec::new(),
            })
        };
        rows.iter().map(package).collect()
    }

    /// Where a package is.
    pub async fn package(&self, kind: &str, name: &str, scope: &Scope) -> Result<Package> {
        let query = q("SELECT package.version AS version, image.id AS id, image.name AS image_name, image.running AS running FROM package \
             JOIN image ON image.id = package.image WHERE package.kind = ? AND package.name = ?").bind(kind).bind(name);
        let query = scope.limit(query, "image.owner", None);
        let rows = query.push(" ORDER BY image.running DESC, image.name LIMIT 1000").all(&self.pool).await?;
        let place = |row: &AnyRow| {
            Ok(PackagePlace {
                image: row.text("id")?,
                image_name: row.text("image_name")?,
                version: row.text("version")?,
                running: row.count("running")?,
            })
        };
        let places: Vec<PackagePlace> = rows.iter().map(place).collect::<Result<_>>()?;
        if places.is_empty() {
            return Err(StateError::Absent { what: "package", id: format!("{kind}/{name}") });
        }
        let versions: BTreeSet<_> = places.iter().map(|place| place.version.clone()).collect();
        let images: BTreeSet<_> = places.iter().map(|place| &place.image).collect();
        Ok(Package {
            kind: kind.to_owned(),
            name: name.to_owned(),
            images: images.len() as u64,
            versions: versions.into_iter().collect(),
            places,
        })
    }
}

/// Workloads that run one of these images.
pub(super) async fn running<'a>(
    tx: Tx<'_>,
    images: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeSet<String>> {
    let query = q("SELECT DISTINCT workload FROM container WHERE ended IS NULL AND image IN ").list(images);
    query.all(tx).await?.iter().map(|row| row.text("workload")).collect()
}

pub(super) fn absent(id: &str) -> StateError {
    StateError::Absent { what: "image", id: id.to_owned() }
}

/// A report as it is kept.
pub(super) fn packed(report: &ScanReport) -> Result<Vec<u8>> {
    let json = serde_json::to_vec(report).map_err(|error| StateError::Row(error.to_string()))?;
    zstd::encode_all(json.as_slice(), 3).map_err(|error| StateError::Row(error.to_string()))
}

fn unpack(body: &[u8]) -> Result<ScanReport> {
    let row = |error: std::io::Error| StateError::Row(error.to_string());
    let mut bytes = Vec::new();
    gabion_caps::unzstd(body, "a report", MAX_REPORT).map_err(row)?.read_to_end(&mut bytes).map_err(row)?;
    serde_json::from_slice(&bytes).map_err(|error| StateError::Row(error.to_string()))
}

/// The name of a package as lists have it.
fn listed(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME)]
}

/// How many findings there are about each package: kind, name as lists have it, version.
pub(super) fn findings_by_package(of: &[Finding]) -> HashMap<(&str, &str, &str), u64> {
    let mut findings: HashMap<(&str, &str, &str), u64> = HashMap::new();
    for finding in of {
        for package in finding.vulnerability.iter().flat_map(|vulnerability| &vulnerability.packages) {
            let key = (package.kind.as_str(), listed(&package.name), package.version.as_str());
            *findings.entry(key).or_default() += 1;
        }
    }
    findings
}

async fn packages(tx: Tx<'_>, id: &str, report: &ScanReport) -> Result<()> {
    let findings = findings_by_package(&report.findings);
    q("UPDATE package_count SET images = images - 1 WHERE (kind, name) IN (SELECT DISTINCT kind, name FROM package WHERE image = ?)")
        .bind(id)
        .run(&mut *tx)
        .await?;
    q("DELETE FROM package WHERE image = ?").bind(id).run(&mut *tx).await?;
    for (batch, chunk) in report.packages.chunks(BATCH).enumerate() {
        let mut query = q(
            "INSERT INTO package (image, number, kind, name, version, purl, layer, path, findings) VALUES ",
        )
        .rows("(?, ?, ?, ?, ?, ?, ?, ?, ?)", chunk.len());
        for (index, package) in chunk.iter().enumerate() {
            let name = listed(&package.name);
            let open = findings.get(&(package.kind.as_str(), name, &package.version)).copied().unwrap_or(0);
            query = query
                .bind(id)
                .bind((batch * BATCH + index) as u64)
                .bind(package.kind.as_str())
                .bind(name)
                .bind(&package.version)
                .bind(package.purl(report.os.as_ref()))
                .bind(package.layer.map(i64::from))
                .bind(package.locations.first().map(|location| location.path.clone()))
                .bind(open);
        }
        query.run(&mut *tx).await?;
    }
    q("INSERT INTO package_count (kind, name, images) SELECT DISTINCT kind, name, 1 FROM package WHERE image = ? \
       ON CONFLICT (kind, name) DO UPDATE SET images = package_count.images + 1")
        .bind(id)
        .run(&mut *tx)
        .await?;
    q("DELETE FROM package_count WHERE images <= 0").run(&mut *tx).await?;
    Ok(())
}

fn layers(report: &ScanReport) -> Vec<Layer> {
    let mut layers: Vec<Layer> = report
        .layers
        .iter()
        .map(|layer| Layer {
            diff_id: layer.diff_id.to_string(),
            size: layer.content_size,
            created_by: layer.created_by.clone(),
            open: Counts::default(),
            packages: 0,
        })
        .collect();
    for package in &report.packages {
        if let Some(layer) = package.layer.and_then(|layer| layers.get_mut(layer as usize)) {
            layer.packages += 1;
        }
    }
    for finding in report.findings.iter().filter(|finding| finding.suppressed.is_none()) {
        let layer = finding.evidence.iter().find_map(|evidence| evidence.layer);
        if let Some(layer) = layer.and_then(|layer| layers.get_mut(layer as usize)) {
            layer.open.add(severity(finding.severity), 1);
        }
    }
    layers
}

/// A severity as the API has it.
pub fn severity(severity: Severity) -> gabion_api::rest::Severity {
    use gabion_api::rest::Severity as Told;
    match severity {
        Severity::Unknown => Told::Unknown,
        Severity::Info => Told::Info,
        Severity::Low => Told::Low,
        Severity::Medium => Told::Medium,
        Severity::High => Told::High,
        Severity::Critical => Told::Critical,
    }
}
