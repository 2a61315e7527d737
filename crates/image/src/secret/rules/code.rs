//! Where code lives and is built: hosts, CI, package registries, quality services.

use super::{super::checks, Rule, assigned};
use gabion_model::Severity::{Critical, High, Medium};

/// The setting stands alone on its line, or belongs to a registry (`//host/:`).
fn is_npmrc_line(candidate: &checks::Candidate<'_>) -> bool {
    let before = candidate.before();
    let is_registry = before.starts_with(b"//") && !before.contains(&b' ');
    (before.is_empty() || is_registry) && checks::entropy(candidate.secret()) >= 3.0
}

#[rustfmt::skip] // a table: three or four lines a rule
pub(super) const RULES: &[Rule] = &[
    Rule::new("github-pat", "GitHub personal access token", Critical,
        &["ghp_"], r"ghp_[0-9A-Za-z]{36}\b", "{checksum ghp_ 30}", "ghp_{36 alnum}")
        .when(checks::has_base62_checksum),
    Rule::new("github-oauth-token", "GitHub OAuth token", Critical,
        &["gho_"], r"gho_[0-9A-Za-z]{36}\b", "{checksum gho_ 30}", "gho_{36 alnum}")
        .when(checks::has_base62_checksum),
    Rule::new("github-user-token", "GitHub App user token", High,
        &["ghu_"], r"ghu_[0-9A-Za-z]{36}\b", "{checksum ghu_ 30}", "ghu_{36 alnum}")
        .when(checks::has_base62_checksum),
    Rule::new("github-app-token", "GitHub App installation token", High,
        &["ghs_"], r"ghs_[0-9A-Za-z]{36}\b", "{checksum ghs_ 30}", "ghs_{36 alnum}")
        .when(checks::has_base62_checksum),
    Rule::new("github-refresh-token", "GitHub App refresh token", High,
        &["ghr_"], r"ghr_[0-9A-Za-z]{76}\b", "{checksum ghr_ 70}", "ghr_{76 alnum}")
        .when(checks::has_base62_checksum),
    Rule::new("github-fine-grained-pat", "GitHub fine-grained personal access token", Critical,
        &["github_pat_"], r"github_pat_[0-9A-Za-z]{22}_[0-9A-Za-z]{59}\b", "github_pat_{22 alnum}_{59 alnum}", "github_pat_{22 alnum}"),
    Rule::new("gitlab-pat", "GitLab personal access token", Critical,
        &["glpat-"], r"glpat-[0-9A-Za-z_-]{20,}(?:\.[0-9a-z]{2}\.[0-9a-z]{9})?", "glpat-{20 alnum}", "glpat-{9 alnum}")
        .entropy(3.5),
    Rule::new("gitlab-deploy-token", "GitLab deploy token", High,
        &["gldt-"], r"gldt-[0-9A-Za-z_-]{20,}", "gldt-{20 alnum}", "gldt-{9 alnum}"),
    Rule::new("gitlab-runner-token", "GitLab runner authentication token", High,
        &["glrt-", "glrtr-"], r"glrtr?-(?:t[123]_)?[0-9A-Za-z_-]{20,}", "glrt-{20 alnum}", "glrt-{9 alnum}"),
    Rule::new("gitlab-runner-registration-token", "GitLab runner registration token", High,
        &["GR1348941"], r"GR1348941[0-9A-Za-z_-]{20}", "GR1348941{20 alnum}", "GR1348941{9 alnum}"),
    Rule::new("gitlab-trigger-token", "GitLab pipeline trigger token", High,
        &["glptt-"], r"glptt-[0-9a-zA-Z_-]{20,}", "glptt-{40 hex}", "glptt-{9 hex}"),
    Rule::new("gitlab-job-token", "GitLab CI job token", Medium,
        &["glcbt-"], r"glcbt-[0-9A-Za-z]{1,5}_[0-9A-Za-z_-]{20,}", "glcbt-64_{20 alnum}", "glcbt-64_{6 alnum}"),
    Rule::new("gitlab-agent-token", "GitLab agent for Kubernetes token", High,
        &["glagent-"], r"glagent-[0-9A-Za-z_-]{50,}", "glagent-{50 alnum}", "glagent-{9 alnum}"),
    Rule::new("gitlab-oauth-secret", "GitLab OAuth application secret", High,
        &["gloas-"], r"gloas-[0-9A-Za-z_-]{64}", "gloas-{64 alnum}", "gloas-{9 alnum}"),
    Rule::new("gitlab-feed-token", "GitLab feed token", Medium,
        &["glft-"], r"glft-(?:[0-9a-f]{64}-[0-9]+|[0-9A-Za-z_-]{20})", "glft-{20 alnum}", "glft-{9 alnum}"),
    Rule::new("gitlab-incoming-mail-token", "GitLab incoming mail token", Medium,
        &["glimt-"], r"glimt-[0-9A-Za-z_-]{25}", "glimt-{25 alnum}", "glimt-{9 alnum}"),
    Rule::new("gitlab-scim-token", "GitLab SCIM token", High,
        &["glsoat-"], r"glsoat-[0-9A-Za-z_-]{20,}", "glsoat-{20 alnum}", "glsoat-{9 alnum}"),
    Rule::new("gitlab-feature-flag-token", "GitLab feature flags client token", Medium,
        &["glffct-"], r"glffct-[0-9A-Za-z_-]{20,}", "glffct-{20 alnum}", "glffct-{9 alnum}"),
    Rule::new("bitbucket-app-password", "Bitbucket app password", High,
        &["ATBB"], r"ATBB[0-9A-Za-z]{32}\b", "ATBB{32 alnum}", "ATBB{9 alnum}")
        .entropy(3.5),
    Rule::new("bitbucket-access-token", "Bitbucket access token", High,
        &["ATCTT3xFfG"], r"ATCTT3xFfG[0-9A-Za-z+/=_-]{100,}", "ATCTT3xFfG{170 alnum}", "ATCTT3xFfG{20 alnum}"),
    Rule::new("atlassian-api-token", "Atlassian API token", High,
        &["ATATT3xFfG"], r"ATATT3xFfG[0-9A-Za-z+/=_-]{100,}", "ATATT3xFfG{180 alnum}", "ATATT3xFfG{20 alnum}"),
    Rule::new("trello-token", "Trello token", High,
        &["ATTA"], r"ATTA[0-9a-f]{72}\b", "ATTA{72 hex}", "ATTA{12 hex}"),
    Rule::new("sourcegraph-token", "Sourcegraph access token", High,
        &["sgp_"], r"sgp_(?:(?:[0-9a-f]{16}|local)_)?[0-9a-f]{40}\b", "sgp_{16 hex}_{40 hex}", "sgp_{16 hex}"),
    Rule::new("npm-token", "npm access token", Critical,
        &["npm_"], r"npm_[0-9A-Za-z]{36}\b", "{checksum npm_ 30}", "npm_{36 alnum}")
        .when(checks::has_base62_checksum),
    Rule::new("npmrc-auth", "Registry credential in an npm configuration", High,
        &["_authToken", ":_password", "_auth"],
        r#"(?::_password|_authToken|_auth)[ \t]*=[ \t]*"?([A-Za-z0-9+/=_.-]{16,})["\s]?"#,
        "//registry.acme.io/:_authToken={36 alnum}", "//registry.acme.io/:_authToken=${NPM_TOKEN}")
        .when(is_npmrc_line)
        .fix("Revoke the token, and mount .npmrc as a build secret (RUN --mount=type=secret)."),
    Rule::new("pypi-token", "PyPI upload token", Critical,
        &["pypi-AgEIcHlwaS5vcmc"], r"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}", "pypi-AgEIcHlwaS5vcmc{150 alnum}", "pypi-AgEIcHlwaS5vcmc{9 alnum}"),
    Rule::new("testpypi-token", "TestPyPI upload token", Medium,
        &["pypi-AgENdGVzdC5weXBpLm9yZw"], r"pypi-AgENdGVzdC5weXBpLm9yZw[A-Za-z0-9_-]{50,}", "pypi-AgENdGVzdC5weXBpLm9yZw{150 alnum}", "pypi-AgENdGVzdC5weXBpLm9yZw{9 alnum}"),
    Rule::new("rubygems-token", "RubyGems API key", Critical,
        &["rubygems_"], r"rubygems_[0-9a-f]{48}\b", "rubygems_{48 hex}", "rubygems_{12 hex}"),
    Rule::new("crates-io-token", "crates.io API token", Critical,
        &["cio"], r"cio[A-Za-z0-9]{32}\b", "cio{32 alnum}", "cio{12 alnum}")
        .entropy(3.8),
    Rule::new("nuget-api-key", "NuGet API key", Critical,
        &["oy2"], r"oy2[a-z0-9]{43}\b", "oy2{43 lower}", "oy2{12 lower}")
        .entropy(3.5),
    Rule::new("clojars-token", "Clojars deploy token", High,
        &["CLOJARS_"], r"CLOJARS_[a-z0-9]{60}\b", "CLOJARS_{60 lower}", "CLOJARS_{9 lower}"),
    Rule::new("packagist-token", "Private Packagist token", High,
        &["packagist_"], r"packagist_(?:ack|org|out|uut|oat|ort)_?[a-z]{0,4}_?[0-9a-f]{40,}\b", "packagist_out_{68 hex}", "packagist_version_{8 hex}"),
    Rule::new("docker-hub-pat", "Docker Hub personal access token", Critical,
        &["dckr_pat_"], r"dckr_pat_[A-Za-z0-9_-]{27}", "dckr_pat_{27 alnum}", "dckr_pat_{9 alnum}"),
    Rule::new("docker-hub-oat", "Docker Hub organisation access token", Critical,
        &["dckr_oat_"], r"dckr_oat_[A-Za-z0-9_-]{32}", "dckr_oat_{32 alnum}", "dckr_oat_{9 alnum}"),
    Rule::new("docker-config-auth", "Registry login in a Docker configuration", High,
        &["\"auth\""], r#""auth"\s{0,8}:\s{0,8}"([A-Za-z0-9+/]{8,}={0,2})""#,
        "{\"auths\": {\"registry.acme.io\": {\"auth\": \"{basic}\"}}}", "{\"auths\": {\"registry.acme.io\": {\"auth\": \"{20 alnum}\"}}}")
        .reach(3 << 10)
        .when(checks::is_basic_auth)
        .fix("Change the password, and pass the configuration as a build secret (RUN --mount=type=secret)."),
    Rule::new("artifactory-api-key", "Artifactory API key", High,
        &["AKCp"], r"AKCp[A-Za-z0-9]{69}\b", "AKCp{69 alnum}", "AKCp{12 alnum}"),
    Rule::new("artifactory-reference-token", "Artifactory reference token", High,
        &["cmVmdGtu"], r"cmVmdGtu[A-Za-z0-9]{56}\b", "cmVmdGtu{56 alnum}", "cmVmdGtu{12 alnum}"),
    Rule::new("sonar-token", "SonarQube token", High,
        &["sqp_", "squ_", "sqa_"], r"sq[pua]_[0-9a-f]{40}\b", "sqp_{40 hex}", "sqp_{12 hex}"),
    Rule::new("snyk-token", "Snyk API token", High,
        &["snyk"], assigned!("snyk[a-z_.-]{0,8}(?:token|key)", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
        "SNYK_TOKEN={uuid}", "SNYK_ORG={uuid}"),
    Rule::new("codecov-token", "Codecov upload token", Medium,
        &["codecov"], assigned!("codecov[a-z_.-]{0,8}token", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
        "CODECOV_TOKEN={uuid}", "CODECOV_FLAG={uuid}"),
    Rule::new("circleci-token", "CircleCI token", High,
        &["CCIPAT_", "CCIPRJ_"], r"CCIP(?:AT|RJ)_[A-Za-z0-9]{20,24}_[0-9a-f]{40}\b", "CCIPAT_{22 alnum}_{40 hex}", "CCIPAT_{9 alnum}"),
    Rule::new("travis-token", "Travis CI token", Medium,
        &["travis"], assigned!("travis[a-z_.-]{0,8}token", "[A-Za-z0-9_-]{20,24}"), "TRAVIS_API_TOKEN={22 alnum}", "TRAVIS_TAG={22 alnum}")
        .entropy(3.4),
    Rule::new("buildkite-token", "Buildkite access token", High,
        &["bkua_", "bkct_", "bkaj_"], r"bk(?:ua|ct|aj)_[A-Za-z0-9]{40,}\b", "bkua_{40 hex}", "bkua_{9 hex}"),
    Rule::new("jenkins-api-token", "Jenkins API token", High,
        &["jenkins"], assigned!("jenkins[a-z_.-]{0,12}(?:token|key|pass|auth)", "11[0-9a-f]{32}"), "JENKINS_API_TOKEN=11{32 hex}", "JENKINS_VERSION=11{3 hex}"),
    Rule::new("harness-token", "Harness access token", High,
        &["pat.", "sat."], r"[ps]at\.[A-Za-z0-9_-]{22}\.[0-9a-f]{24}\.[A-Za-z0-9]{20}\b", "pat.{22 alnum}.{24 hex}.{20 alnum}", "pat.{22 alnum}.x"),
    Rule::new("octopus-api-key", "Octopus Deploy API key", High,
        &["API-"], r"API-[A-Z0-9]{25,27}\b", "API-{26 upper}", "API-{9 upper}")
        .entropy(3.5),
    Rule::new("prefect-api-key", "Prefect API key", High,
        &["pnu_", "pnb_"], r"pn[ub]_[A-Za-z0-9]{36}\b", "pnu_{36 alnum}", "pnu_{9 alnum}"),
    Rule::new("dbt-token", "dbt Cloud token", High,
        &["dbtc_", "dbtu_"], r"dbt[cu]_[A-Za-z0-9_-]{40,44}", "dbtc_{40 alnum}", "dbtc_{9 alnum}"),
    Rule::new("postman-api-key", "Postman API key", High,
        &["PMAK-"], r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}\b", "PMAK-{24 hex}-{34 hex}", "PMAK-{24 hex}"),
    Rule::new("readme-api-key", "ReadMe API key", Medium,
        &["rdme_"], r"rdme_[a-z0-9]{70}\b", "rdme_{70 lower}", "rdme_{9 lower}"),
    Rule::new("expo-token", "Expo access token", High,
        &["expo_token", "expo_access_token"], assigned!("expo_(?:access_)?token", "[A-Za-z0-9_-]{40}"), "EXPO_TOKEN={40 alnum}", "EXPO_TOKEN={10 alnum}"),
];
