//! Clouds, their infrastructure tools, and secret stores.

use super::{
    super::checks::{self, Candidate},
    Rule, assigned,
};
use gabion_model::Severity::{Critical, High, Low, Medium};

/// Shared access signatures carry their version and expiry beside the signature.
fn is_sas(candidate: &Candidate<'_>) -> bool {
    candidate.is_near(&[b"sv=20"]) && candidate.is_near(&[b"se=20"])
}

/// A key id and 40 characters of base64: not a key of the documentation, not a digest in hexadecimal.
fn is_aws_key_pair(candidate: &Candidate<'_>) -> bool {
    let secret = candidate.secret();
    let (id, key) = (&secret[..20], &secret[secret.len() - 40..]);
    checks::entropy(id) >= 3.0 && checks::entropy(key) >= 4.2
}

#[rustfmt::skip] // a table: three or four lines a rule
pub(super) const RULES: &[Rule] = &[
    Rule::new("aws-access-key-pair", "AWS access key id with its secret access key", Critical,
        &["AKIA", "ASIA", "ABIA", "ACCA"], r#"((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}[\s,:;|="']{1,8}[A-Za-z0-9+/]{40})(?:[^A-Za-z0-9+/=]|$)"#,
        "AKIA{16 base32},{40 base64}", "AKIA{9 base32},{40 base64}")
        .when(is_aws_key_pair)
        .fix("Deactivate the key in IAM, then give the workload a role instead of a key."),
    Rule::new("aws-access-key-id", "AWS access key id without its secret access key", Medium,
        &["AKIA", "ASIA", "ABIA", "ACCA"], r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
        "AKIA{16 base32}", "AKIA{9 base32}")
        .entropy(3.0)
        .half_of("aws-access-key-pair", &["aws-access-key-pair", "aws-secret-access-key"])
        .fix("Alone it opens nothing, and in a presigned URL it is public; but its secret is seldom far: look for it. Deactivate \
            the key in IAM if it is in use, then give the workload a role instead of a key."),
    Rule::new("aws-secret-access-key", "AWS secret access key", Critical,
        &["secret_access_key", "secretaccesskey", "aws_secret", "secret-access-key"],
        assigned!(r"(?:aws_secret|secret[_-]?access[_-]?key)", "[A-Za-z0-9+/]{40}"),
        "aws_secret_access_key = {40 base64}", "aws_secret_access_key = {30 base64}")
        .entropy(4.2)
        .fix("Deactivate the key in IAM, then give the workload a role instead of a key."),
    Rule::new("aws-session-token", "AWS session token", Medium,
        &["session_token", "sessiontoken", "security_token"],
        assigned!(r"(?:session_?token|security_token)", "[A-Za-z0-9+/]{100,}={0,2}"),
        "AWS_SESSION_TOKEN={240 base64}", "AWS_SESSION_TOKEN={40 base64}")
        .entropy(4.5),
    Rule::new("aws-bedrock-api-key", "Amazon Bedrock API key", Critical,
        &["ABSKQmVkcm9ja0FQSUtleS", "bedrock-api-key-"],
        r"(?:ABSKQmVkcm9ja0FQSUtleS[A-Za-z0-9+/]{80,}={0,2}|bedrock-api-key-[A-Za-z0-9+/]{60,}={0,2})",
        "ABSKQmVkcm9ja0FQSUtleS{110 base64}", "bedrock-api-key-rotation"),
    Rule::new("aws-mws-auth-token", "Amazon Marketplace Web Service token", High,
        &["amzn.mws."], r"amzn\.mws\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
        "amzn.mws.{uuid}", "amzn.mws.{12 hex}"),
    Rule::new("gcp-service-account-key", "Google Cloud service account key", Critical,
        &["\"private_key_id\""],
        r#""private_key_id"\s*:\s*"[0-9a-f]{40}"\s*,\s*"private_key"\s*:\s*"(-----BEGIN PRIVATE KEY-----[A-Za-z0-9+/=\\]{100,}-----END PRIVATE KEY-----)"#,
        "{\"type\": \"service_account\", \"private_key_id\": \"{40 hex}\", \"private_key\": \"-----BEGIN {= PRIVATE} KEY-----\\n{1600 base64}\\n-----END {= PRIVATE} KEY-----\\n\"",
        "{\"type\": \"service_account\", \"private_key_id\": \"{40 hex}\", \"private_key\": \"\"}")
        .reach(6 << 10)
        .fix("Delete the key in IAM, then use workload identity instead of a key file."),
    Rule::new("gcp-api-key", "Google API key", High,
        &["AIza"], r"AIza[0-9A-Za-z_-]{35}(?:[^0-9A-Za-z_-]|$)", "AIza{35 alnum}", "AIza{20 alnum}")
        .entropy(3.5),
    Rule::new("google-oauth-client-secret", "Google OAuth client secret", High,
        &["GOCSPX-"], r"GOCSPX-[0-9A-Za-z_-]{28}", "GOCSPX-{28 alnum}", "GOCSPX-{10 alnum}"),
    Rule::new("google-oauth-access-token", "Google OAuth access token", Medium,
        &["ya29."], r"ya29\.[0-9A-Za-z_-]{60,}", "ya29.{120 alnum}", "ya29.{12 alnum}"),
    Rule::new("google-oauth-refresh-token", "Google OAuth refresh token", High,
        &["1//0"], r"1//0[0-9a-z][0-9A-Za-z_-]{60,}", "1//0g{96 alnum}", "1//0{12 alnum}")
        .entropy(4.0),
    Rule::new("firebase-cloud-messaging-key", "Firebase Cloud Messaging server key", High,
        &[":APA91b"], r"\b[A-Za-z0-9_-]{11}:APA91b[A-Za-z0-9_-]{134}", "AAAA{7 alnum}:APA91b{134 alnum}", "x:APA91b{20 alnum}")
        .back(12),
    Rule::new("azure-storage-account-key", "Azure storage account key", Critical,
        &["AccountKey="], r"AccountKey=([A-Za-z0-9+/]{86}==)", "AccountName=acme;AccountKey={86 base64}==;", "AccountKey={20 base64}=="),
    Rule::new("azure-shared-access-key", "Azure Service Bus, Event Hubs or IoT Hub access key", High,
        &["SharedAccessKey="], r"SharedAccessKey=([A-Za-z0-9+/]{43}=)", "SharedAccessKeyName=root;SharedAccessKey={43 base64}=", "SharedAccessKey={10 base64}="),
    Rule::new("azure-sas-signature", "Azure shared access signature", Medium,
        &["&sig=", "?sig="], r"[?&]sig=([A-Za-z0-9%+/]{43,}(?:%3[dD]|=))",
        "https://acme.blob.core.windows.net/c/b?sv=2024-11-04&se=2030-01-01T00%3A00Z&sp=r&sig={43 alnum}%3D",
        "https://acme.net/c?v=1&sig={43 alnum}%3D")
        .when(is_sas),
    Rule::new("azure-client-secret", "Microsoft Entra application secret", Critical,
        &["7Q~", "8Q~"], r"(?:^|[^A-Za-z0-9_.~-])([A-Za-z0-9_.~-]{3}[78]Q~[A-Za-z0-9_.~-]{31,34})(?:[^A-Za-z0-9_.~-]|$)",
        "AZURE_CLIENT_SECRET={3 alnum}8Q~{34 alnum}", "{3 alnum}8Q~{12 alnum}")
        .back(5),
    Rule::new("azure-devops-token", "Azure DevOps personal access token", High,
        &["AZDO"], r"\b[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}\b", "{76 alnum}AZDO{4 alnum}", "{20 alnum}AZDO{4 alnum}")
        .back(77),
    Rule::new("azure-container-registry-key", "Azure Container Registry password", High,
        &["+ACR"], r"\b[A-Za-z0-9+/]{42}\+ACR[A-D][A-Za-z0-9+/]{5}\b", "{42 alnum}+ACRA{5 alnum}", "{12 alnum}+ACRA{5 alnum}")
        .back(43),
    Rule::new("azure-function-key", "Azure Functions key", High,
        &["AzFu"], r"\b[A-Za-z0-9_-]{44}AzFu[A-Za-z0-9_-]{5}[AQgw]==", "{44 alnum}AzFu{5 alnum}Q==", "{10 alnum}AzFu{5 alnum}Q==")
        .back(45),
    Rule::new("azure-search-key", "Azure AI Search key", High,
        &["AzSe"], r"\b[A-Za-z0-9]{42}AzSe[A-D][A-Za-z0-9]{5}\b", "{42 alnum}AzSeB{5 alnum}", "{42 alnum}AzSeZ{5 alnum}")
        .back(43),
    Rule::new("azure-cosmos-key", "Azure Cosmos DB key", Critical,
        &["ACDb"], r"\b[A-Za-z0-9+/]{76}ACDb[A-Za-z0-9+/]{5}[AQgw]==", "{76 alnum}ACDb{5 alnum}g==", "{16 alnum}ACDb{5 alnum}g==")
        .back(77),
    Rule::new("azure-ai-key", "Azure AI services key", High,
        &["JQQJ99"], r"\b[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{26}\b", "{52 alnum}JQQJ99{26 alnum}", "{52 alnum}JQQJ99{6 alnum}")
        .back(53),
    Rule::new("digitalocean-token", "DigitalOcean personal access token", Critical,
        &["dop_v1_"], r"dop_v1_[0-9a-f]{64}\b", "dop_v1_{64 hex}", "dop_v1_{32 hex}"),
    Rule::new("digitalocean-oauth-token", "DigitalOcean OAuth token", High,
        &["doo_v1_"], r"doo_v1_[0-9a-f]{64}\b", "doo_v1_{64 hex}", "doo_v1_{32 hex}"),
    Rule::new("digitalocean-refresh-token", "DigitalOcean refresh token", High,
        &["dor_v1_"], r"dor_v1_[0-9a-f]{64}\b", "dor_v1_{64 hex}", "dor_v1_{32 hex}"),
    Rule::new("linode-token", "Linode API token", High,
        &["linode"], assigned!("linode", "[0-9a-f]{64}"), "LINODE_TOKEN={64 hex}", "linode_image_id={20 hex}"),
    Rule::new("hetzner-token", "Hetzner Cloud API token", High,
        &["hcloud", "hetzner"], assigned!("(?:hcloud|hetzner)", "[A-Za-z0-9]{64}"), "HCLOUD_TOKEN={64 alnum}", "hcloud_version={16 alnum}")
        .entropy(4.0),
    Rule::new("vultr-api-key", "Vultr API key", High,
        &["vultr"], assigned!("vultr", "[A-Z0-9]{36}"), "VULTR_API_KEY={36 upper}", "vultr_region: ewr"),
    Rule::new("scaleway-secret-key", "Scaleway secret key", High,
        &["scw_secret", "scaleway"],
        assigned!("(?:scw_secret|scaleway)", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
        "SCW_SECRET_KEY={uuid}", "SCW_SECRET_KEY={12 hex}"),
    Rule::new("alibaba-access-key-id", "Alibaba Cloud access key id", High,
        &["LTAI"], r"LTAI[A-Za-z0-9]{12,26}\b", "LTAI5t{18 alnum}", "LTAI{4 alnum}")
        .entropy(3.3),
    Rule::new("tencent-secret-id", "Tencent Cloud secret id", High,
        &["AKID"], r"AKID[A-Za-z0-9]{32}\b", "AKID{32 alnum}", "AKID{12 alnum}")
        .entropy(3.8),
    Rule::new("yandex-api-key", "Yandex Cloud API key", High,
        &["AQVN"], r"AQVN[A-Za-z0-9_-]{35,38}\b", "AQVN{36 alnum}", "AQVN{12 alnum}")
        .entropy(3.8),
    Rule::new("ibm-cloud-api-key", "IBM Cloud API key", High,
        &["ibmcloud", "ibm_cloud", "bluemix"], assigned!("(?:ibm_?cloud|bluemix)", "[A-Za-z0-9_-]{44}"),
        "IBMCLOUD_API_KEY={44 alnum}", "ibmcloud_region={12 alnum}")
        .entropy(4.0),
    Rule::new("heroku-api-key", "Heroku API key", High,
        &["HRKU-"], r"HRKU-[0-9A-Za-z_-]{36,}", "HRKU-AA{58 alnum}", "HRKU-{10 alnum}"),
    Rule::new("heroku-api-key-legacy", "Heroku API key", High,
        &["heroku"], assigned!("heroku[a-z_.-]{0,8}(?:key|token)", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
        "HEROKU_API_KEY={uuid}", "HEROKU_APP_ID={uuid}"),
    Rule::new("cloudflare-token", "Cloudflare API token", Critical,
        &["cfut_", "cfat_"], r"cf[ua]t_[A-Za-z0-9_-]{40}[0-9a-f]{8}\b", "cfut_{40 alnum}{8 hex}", "cfut_{12 alnum}"),
    Rule::new("cloudflare-global-key", "Cloudflare global API key", Critical,
        &["cfk_"], r"cfk_[A-Za-z0-9_-]{40}[0-9a-f]{8}\b", "cfk_{40 alnum}{8 hex}", "cfk_{12 alnum}"),
    Rule::new("cloudflare-token-legacy", "Cloudflare API token", High,
        &["cloudflare", "cf_api"], assigned!("(?:cloudflare|cf_api)", "[A-Za-z0-9_-]{40}|[0-9a-f]{37}"),
        "CLOUDFLARE_API_TOKEN={40 alnum}", "cloudflare_zone={10 alnum}")
        .entropy(3.5),
    Rule::new("cloudflare-origin-ca-key", "Cloudflare Origin CA key", High,
        &["v1.0-"], r"v1\.0-[0-9a-f]{24}-[0-9a-f]{146}\b", "v1.0-{24 hex}-{146 hex}", "v1.0-{24 hex}"),
    Rule::new("fastly-token", "Fastly API token", High,
        &["fastly"], assigned!("fastly", "[A-Za-z0-9_-]{32}"), "FASTLY_API_TOKEN={32 alnum}", "fastly_service={12 alnum}")
        .entropy(3.9),
    Rule::new("akamai-edgegrid-token", "Akamai EdgeGrid token", High,
        &["akab-"], r"akab-[a-z0-9]{16}-[a-z0-9]{16}\b", "client_token = akab-{16 lower}-{16 lower}", "akab-{6 lower}"),
    Rule::new("netlify-token", "Netlify access token", High,
        &["nfp_"], r"nfp_[A-Za-z0-9]{36}\b", "nfp_{36 alnum}", "nfp_{9 alnum}"),
    Rule::new("vercel-token", "Vercel token", High,
        &["vercel"], assigned!("vercel[a-z_.-]{0,8}token", "[A-Za-z0-9]{24}"), "VERCEL_TOKEN={24 alnum}", "VERCEL_ORG_ID={24 alnum}")
        .entropy(3.5),
    Rule::new("fly-token", "Fly.io access token", High,
        &["fo1_", "fm1r_", "fm1a_", "fm2_"], r"(?:fo1_[A-Za-z0-9_-]{43}|fm(?:1[ra]|2)_[A-Za-z0-9+/]{80,}={0,3})", "FlyV1 fm2_{200 base64}", "fm2_{10 alnum}"),
    Rule::new("supabase-token", "Supabase access token", High,
        &["sbp_"], r"sbp_[0-9a-f]{40}\b", "sbp_{40 hex}", "sbp_{10 hex}"),
    Rule::new("supabase-secret-key", "Supabase secret key", Critical,
        &["sb_secret_"], r"sb_secret_[A-Za-z0-9_-]{22}_[A-Za-z0-9_-]{8}", "sb_secret_{22 alnum}_{8 alnum}", "sb_secret_name"),
    Rule::new("planetscale-token", "PlanetScale service token", High,
        &["pscale_tkn_", "pscale_oauth_"], r"pscale_(?:tkn|oauth)_[A-Za-z0-9=_.-]{32,}", "pscale_tkn_{43 alnum}", "pscale_tkn_{9 alnum}"),
    Rule::new("planetscale-password", "PlanetScale database password", Critical,
        &["pscale_pw_"], r"pscale_pw_[A-Za-z0-9=_.-]{32,}", "pscale_pw_{43 alnum}", "pscale_pw_{9 alnum}"),
    Rule::new("neon-api-key", "Neon API key", High,
        &["napi_"], r"napi_[a-z0-9]{64}\b", "napi_{64 lower}", "napi_{9 lower}"),
    Rule::new("aiven-password", "Aiven service password", Critical,
        &["AVNS_"], r"AVNS_[A-Za-z0-9_-]{19}", "AVNS_{19 alnum}", "AVNS_{6 alnum}"),
    Rule::new("databricks-token", "Databricks access token", Critical,
        &["dapi"], r"dapi[0-9a-f]{32}(?:-[0-9])?\b", "dapi{32 hex}", "dapi{12 hex}"),
    Rule::new("terraform-cloud-token", "HCP Terraform token", Critical,
        &[".atlasv1."], r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,}", "{14 alnum}.atlasv1.{67 alnum}", "x.atlasv1.{10 alnum}")
        .back(15),
    Rule::new("vault-service-token", "Vault service token", Critical,
        &["hvs."], r"hvs\.[A-Za-z0-9_-]{24,}", "hvs.{95 alnum}", "hvs.{9 alnum}")
        .entropy(3.5),
    Rule::new("vault-batch-token", "Vault batch token", High,
        &["hvb."], r"hvb\.[A-Za-z0-9_-]{100,}", "hvb.{150 alnum}", "hvb.{9 alnum}"),
    Rule::new("vault-recovery-token", "Vault recovery token", Critical,
        &["hvr."], r"hvr\.[A-Za-z0-9_-]{24,}", "hvr.{95 alnum}", "hvr.{9 alnum}")
        .entropy(3.5),
    Rule::new("vault-token-legacy", "Vault token", High,
        &["vault_token", "vault-token"], assigned!("vault[_-]token", r"s\.[A-Za-z0-9]{24}"), "VAULT_TOKEN=s.{24 alnum}", "VAULT_TOKEN=s.{9 alnum}"),
    Rule::new("consul-token", "Consul ACL token", High,
        &["consul_http_token", "consul_token", "nomad_token"],
        assigned!("(?:consul_http|consul|nomad)_token", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
        "CONSUL_HTTP_TOKEN={uuid}", "CONSUL_HTTP_TOKEN={12 hex}"),
    Rule::new("pulumi-token", "Pulumi access token", High,
        &["pul-"], r"pul-[0-9a-f]{40}\b", "pul-{40 hex}", "pul-{12 hex}"),
    Rule::new("doppler-token", "Doppler token", Critical,
        &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."],
        r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}\b", "dp.pt.{43 alnum}", "dp.pt.{9 alnum}"),
    Rule::new("onepassword-service-token", "1Password service account token", Critical,
        &["ops_eyJ"], r"ops_eyJ[A-Za-z0-9_-]{200,}={0,2}", "ops_eyJ{400 alnum}", "ops_eyJ{20 alnum}"),
    Rule::new("onepassword-secret-key", "1Password secret key", Critical,
        &["A3-"], r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}\b",
        "A3-{6 upper}-{6 upper}-{5 upper}-{5 upper}-{5 upper}-{5 upper}", "A3-{6 upper}-{6 upper}")
        .entropy(3.5),
    Rule::new("infracost-api-key", "Infracost API key", Medium,
        &["ico-"], r"ico-[A-Za-z0-9]{32}\b", "ico-{32 alnum}", "ico-{9 alnum}")
        .entropy(3.5),
    Rule::new("localstack-token", "LocalStack auth token", Low,
        &["localstack"], assigned!("localstack[a-z_.-]{0,8}token", "ls-[A-Za-z0-9]{8}-[A-Za-z0-9]{4}-[A-Za-z0-9]{4}-[A-Za-z0-9]{4}-[A-Za-z0-9]{12}"),
        "LOCALSTACK_AUTH_TOKEN=ls-{4 alpha}{4 digit}-{4 alnum}-{4 alnum}-{4 alnum}-{12 alnum}", "LOCALSTACK_HOST=ls-{6 alnum}"),
    Rule::new("openshift-token", "OpenShift access token", Critical,
        &["sha256~"], r"sha256~[A-Za-z0-9_-]{43}", "sha256~{43 alnum}", "sha256~{20 alnum}"),
    Rule::new("kubernetes-bootstrap-token", "Kubernetes bootstrap token", High,
        &["kubeadm join", "token-id"], r#"kubeadm join[^\r\n]+--token[= ]([a-z0-9]{6}\.[a-z0-9]{16})\b|token-id"?: *"?[a-z0-9]{6}"?,?\s{1,40}"?token-secret"?: *"?([a-z0-9]{16})\b"#,
        "kubeadm join 10.0.0.1:6443 --token {6 lower}.{16 lower} --discovery-token-unsafe-skip-ca-verification", "kubeadm join 10.0.0.1:6443 --token TOKEN"),
    Rule::new("kubeconfig-client-key", "Kubernetes client key", Critical,
        &["client-key-data"], r#"client-key-data"?:\s{1,4}"?([A-Za-z0-9+/]{200,}={0,2})"#,
        "    client-key-data: LS0tLS1CRUdJTi{1200 base64}=", "    client-key-data: {20 base64}")
        .reach(10 << 10)
        .fix("Revoke the client certificate (rotate the CA if need be), and mount the kubeconfig at run time."),
    Rule::new("tailscale-key", "Tailscale key", Critical,
        &["tskey-"], r"tskey-(?:api|auth|client|scim|webhook)-[A-Za-z0-9]{8,20}-[A-Za-z0-9]{20,40}\b", "tskey-auth-{17 alnum}-{32 alnum}", "tskey-auth-{5 alnum}"),
    Rule::new("ngrok-authtoken", "ngrok authtoken", High,
        &["ngrok"], r#"(?i)ngrok[^\r\n]*?[ \t"'=:]((?-i:[0-9][A-Za-z0-9]{24,28}_[0-9A-Za-z]{16,24}))\b"#, "NGROK_AUTHTOKEN=2{26 alnum}_{21 alnum}", "ngrok version 3_{4 digit}"),
    Rule::new("age-secret-key", "age secret key", Critical,
        &["AGE-SECRET-KEY-"], r"AGE-SECRET-KEY-(?:PQ-)?1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}\b", "AGE-SECRET-KEY-1{58 bech32}", "AGE-SECRET-KEY-1{9 bech32}"),
    Rule::new("mongodb-atlas-client-secret", "MongoDB Atlas service account secret", Critical,
        &["mdb_sa_sk_"], r"mdb_sa_sk_[A-Za-z0-9_-]{40}", "mdb_sa_sk_{40 alnum}", "mdb_sa_sk_{9 alnum}"),
];
