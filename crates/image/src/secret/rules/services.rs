//! Messaging, mail, monitoring, identity, and the rest of what is rented by the month.

use super::{
    super::checks::{self, Candidate},
    Rule, assigned,
};
use gabion_model::Severity::{Critical, High, Low, Medium};

/// A Meta token is longer than the runs of letters and digits in base64 mostly are, but not than all of them.
fn is_meta_token(candidate: &Candidate<'_>) -> bool {
    checks::stands_alone(candidate) && checks::entropy(candidate.secret()) >= 4.2
}

#[rustfmt::skip] // a table: three or four lines a rule
pub(super) const RULES: &[Rule] = &[
    // Messaging
    Rule::new("slack-bot-token", "Slack bot token", Critical,
        &["xoxb-"], r"xoxb-[0-9]{10,13}-[0-9A-Za-z-]{24,}", "xoxb-{12 digit}-{12 digit}-{24 alnum}", "xoxb-{12 digit}"),
    Rule::new("slack-user-token", "Slack user token", Critical,
        &["xoxp-", "xoxe-", "xoxe."], r"xox[pe](?:\.xox[bp])?-(?:[0-9]{1,13}-){1,4}[0-9A-Za-z]{24,}", "xoxp-{12 digit}-{12 digit}-{12 digit}-{32 hex}", "xoxp-{12 digit}"),
    Rule::new("slack-app-token", "Slack app-level token", High,
        &["xapp-"], r"xapp-\d-[A-Z0-9]{9,13}-\d{10,14}-[0-9a-f]{64}\b", "xapp-1-A{10 upper}-{13 digit}-{64 hex}", "xapp-1-{10 upper}"),
    Rule::new("slack-legacy-token", "Slack legacy token", High,
        &["xoxa-", "xoxr-", "xoxs-", "xoxo-"], r"xox[arso]-(?:\d-)?[0-9A-Za-z-]{20,}", "xoxa-2-{12 digit}-{40 alnum}", "xoxa-{9 digit}")
        .entropy(3.0),
    Rule::new("slack-webhook", "Slack webhook", High,
        &["hooks.slack.com/"], r"hooks\.slack\.com/((?:services|workflows|triggers)/[A-Z][A-Za-z0-9]{6,12}/[A-Za-z0-9]{8,20}/[A-Za-z0-9]{20,40})",
        "https://hooks.slack.com/services/T{10 upper}/B{10 upper}/{24 alnum}", "https://hooks.slack.com/services/T0/B0"),
    Rule::new("teams-webhook", "Microsoft Teams webhook", Medium,
        &["webhook.office.com/webhookb2/"], r"webhook\.office\.com/webhookb2/([0-9a-f-]{36}@[0-9a-f-]{36}/IncomingWebhook/[0-9a-f]{32}/[0-9a-f-]{36})",
        "https://acme.webhook.office.com/webhookb2/{uuid}@{uuid}/IncomingWebhook/{32 hex}/{uuid}", "https://acme.webhook.office.com/webhookb2/x"),
    Rule::new("discord-webhook", "Discord webhook", Medium,
        &["/api/webhooks/"], r"/api/webhooks/([0-9]{17,20}/[A-Za-z0-9_-]{60,})", "https://discord.com/api/webhooks/{18 digit}/{68 alnum}", "https://discord.com/api/webhooks/{18 digit}"),
    Rule::new("discord-bot-token", "Discord bot token", Critical,
        &["discord"], r#"(?i)discord[^\r\n]{0,60}?[ \t"'=:]((?-i:[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}))"#,
        "DISCORD_TOKEN=MTA{23 alnum}.{6 alnum}.{38 alnum}", "DISCORD_TOKEN=MTA{9 alnum}"),
    Rule::new("telegram-bot-token", "Telegram bot token", High,
        &[":AA"], r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}(?:[^A-Za-z0-9_-]|$)", "{10 digit}:AA{33 alnum}", "{10 digit}:AA{9 alnum}")
        .back(11)
        .entropy(3.5),
    Rule::new("twilio-api-key", "Twilio API key", High,
        &["twilio"], r#"(?i)twilio[^\r\n]{0,60}?[ \t"'=:,]((?-i:SK[0-9a-f]{32}))\b"#, "twilio_key = SK{32 hex}", "twilio_key = SK{12 hex}"),
    Rule::new("twilio-auth-token", "Twilio auth token", Critical,
        &["twilio"], assigned!("twilio[a-z_.-]{0,12}token", "[0-9a-f]{32}"), "TWILIO_AUTH_TOKEN={32 hex}", "TWILIO_ACCOUNT=AC{32 hex}"),
    Rule::new("intercom-access-token", "Intercom access token", High,
        &["dG9rO"], r"dG9rO[A-Za-z0-9+/]{54,56}={0,2}", "dG9rO{54 alnum}=", "dG9rO{9 alnum}")
        .entropy(3.8),
    Rule::new("line-channel-token", "LINE channel access token", High,
        &["line_channel"], assigned!("line_channel_(?:access_)?(?:token|secret)", "[A-Za-z0-9+/]{100,}={0,2}|[0-9a-f]{32}"), "LINE_CHANNEL_SECRET={32 hex}", "LINE_CHANNEL_ID={10 digit}"),
    Rule::new("zapier-webhook", "Zapier webhook", Low,
        &["hooks.zapier.com/"], r"hooks\.zapier\.com/(hooks/catch/[0-9]{5,12}/[a-z0-9]{5,12})", "https://hooks.zapier.com/hooks/catch/{8 digit}/{7 lower}", "https://hooks.zapier.com/hooks"),
    // Mail
    Rule::new("sendgrid-api-key", "SendGrid API key", Critical,
        &["SG."], r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}", "SG.{22 alnum}.{43 alnum}", "SG.{22 alnum}"),
    Rule::new("mailgun-api-key", "Mailgun API key", High,
        &["key-"], r"key-[0-9a-f]{32}\b", "key-{32 hex}", "key-{12 hex}")
        .entropy(3.0),
    Rule::new("mailgun-sending-key", "Mailgun sending key", High,
        &["mailgun"], assigned!("mailgun", "[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}"), "MAILGUN_API_KEY={32 hex}-{8 hex}-{8 hex}", "MAILGUN_DOMAIN={8 hex}"),
    Rule::new("mailchimp-api-key", "Mailchimp API key", High,
        &["-us1", "-us2", "-us3", "-us4", "-us5", "-us6", "-us7", "-us8", "-us9"], r"\b[0-9a-f]{32}-us[1-9][0-9]?\b", "{32 hex}-us14", "{12 hex}-us14")
        .back(33)
        .entropy(3.0),
    Rule::new("mandrill-api-key", "Mandrill API key", High,
        &["mandrill"], assigned!("mandrill[a-z_.-]{0,8}key", "(?:md-)?[A-Za-z0-9_-]{22}"), "MANDRILL_API_KEY=md-{22 alnum}", "MANDRILL_FROM={12 alnum}")
        .entropy(3.4),
    Rule::new("brevo-api-key", "Brevo API key", High,
        &["xkeysib-"], r"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}\b", "xkeysib-{64 hex}-{16 alnum}", "xkeysib-{12 hex}"),
    Rule::new("brevo-smtp-key", "Brevo SMTP key", High,
        &["xsmtpsib-"], r"xsmtpsib-[0-9a-f]{64}-[A-Za-z0-9]{16}\b", "xsmtpsib-{64 hex}-{16 alnum}", "xsmtpsib-{12 hex}"),
    Rule::new("resend-api-key", "Resend API key", High,
        &["resend"], assigned!("resend", "re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}"), "RESEND_API_KEY=re_{8 alnum}_{24 alnum}", "RESEND_API_KEY=re_{8 lower}")
        .entropy(3.8),
    Rule::new("postmark-token", "Postmark server token", High,
        &["postmark"], assigned!("postmark[a-z_.-]{0,12}(?:token|key)", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "POSTMARK_API_TOKEN={uuid}", "POSTMARK_STREAM={uuid}"),
    // Monitoring
    Rule::new("datadog-api-key", "Datadog API key", High,
        &["datadog", "dd_api_key", "dd-api-key", "ddog"], assigned!("(?:datadog|ddog|dd[_-]api[_-]key)", "[0-9a-f]{32}"), "DD_API_KEY={32 hex}", "DD_API_KEY={12 hex}")
        .entropy(3.0),
    Rule::new("datadog-app-key", "Datadog application key", High,
        &["dd_app_key", "dd-application-key", "datadog_app"], assigned!("(?:dd_app_key|dd-application-key|datadog_app)", "[0-9a-f]{40}"), "DD_APP_KEY={40 hex}", "DD_APP_KEY={12 hex}")
        .entropy(3.0),
    Rule::new("newrelic-user-key", "New Relic user key", High,
        &["NRAK-"], r"NRAK-[A-Z0-9]{27}\b", "NRAK-{27 upper}", "NRAK-{9 upper}"),
    Rule::new("newrelic-insert-key", "New Relic insert key", Medium,
        &["NRII-"], r"NRII-[A-Za-z0-9_-]{32}", "NRII-{32 alnum}", "NRII-{9 alnum}"),
    Rule::new("newrelic-license-key", "New Relic licence key", Medium,
        &["NRAL"], r"\b[0-9a-f]{36}NRAL\b", "{36 hex}NRAL", "{9 hex}NRAL")
        .back(37),
    Rule::new("sentry-org-token", "Sentry organisation token", High,
        &["sntrys_eyJ"], r"sntrys_eyJ[A-Za-z0-9+/=_-]{80,}", "sntrys_eyJ{150 alnum}_{43 alnum}", "sntrys_eyJ{9 alnum}"),
    Rule::new("sentry-user-token", "Sentry user token", High,
        &["sntryu_"], r"sntryu_[0-9a-f]{64}\b", "sntryu_{64 hex}", "sntryu_{9 hex}"),
    Rule::new("grafana-service-account-token", "Grafana service account token", High,
        &["glsa_"], r"glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}\b", "glsa_{32 alnum}_{8 hex}", "glsa_{9 alnum}"),
    Rule::new("grafana-cloud-token", "Grafana Cloud access policy token", High,
        &["glc_eyJ"], r"glc_eyJ[A-Za-z0-9+/]{60,}={0,2}", "glc_eyJ{120 alnum}=", "glc_eyJ{9 alnum}"),
    Rule::new("pagerduty-api-key", "PagerDuty API key", High,
        &["pagerduty", "pd_api_key"], assigned!("(?:pagerduty|pd)[a-z_.-]{0,8}(?:key|token)", "[uy]\\+[A-Za-z0-9_-]{18}|[A-Za-z0-9_-]{20}"), "PAGERDUTY_API_KEY=u+{18 alnum}", "PAGERDUTY_SERVICE={9 alnum}")
        .entropy(3.3),
    Rule::new("honeycomb-api-key", "Honeycomb ingest key", Medium,
        &["hcaik_", "hcxik_", "hcbik_"], r"hc[axb]ik_[A-Za-z0-9]{58}\b", "hcaik_{58 alnum}", "hcaik_{9 alnum}"),
    Rule::new("dynatrace-token", "Dynatrace API token", High,
        &["dt0c01.", "dt0s16.", "dt0s01."], r"dt0[cs](?:01|16)\.[A-Z0-9]{24}\.[A-Z0-9]{64}\b", "dt0c01.{24 upper}.{64 upper}", "dt0c01.{24 upper}"),
    Rule::new("splunk-hec-token", "Splunk HTTP event collector token", High,
        &["splunk"], assigned!("splunk[a-z_.-]{0,8}token", "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"), "SPLUNK_HEC_TOKEN={uuid}", "SPLUNK_INDEX={uuid}"),
    Rule::new("opsgenie-api-key", "Opsgenie API key", High,
        &["opsgenie"], assigned!("opsgenie[a-z_.-]{0,8}key", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "OPSGENIE_API_KEY={uuid}", "OPSGENIE_TEAM={uuid}"),
    Rule::new("posthog-personal-key", "PostHog personal API key", High,
        &["phx_"], r"phx_[A-Za-z0-9]{40,52}\b", "phx_{47 alnum}", "phx_{9 alnum}"),
    Rule::new("elastic-cloud-key", "Elastic Cloud API key", High,
        &["essu_"], r"essu_[A-Za-z0-9+/]{60,}={0,2}", "essu_{80 alnum}=", "essu_{9 alnum}"),
    Rule::new("elastic-api-key", "Elasticsearch API key", High,
        &["elastic"], assigned!("elastic(?:search)?[a-z_.-]{0,8}api_?key", "[A-Za-z0-9+/_-]{40,}={0,2}"), "ELASTIC_API_KEY={60 alnum}==", "ELASTIC_VERSION={12 alnum}")
        .entropy(4.0),
    Rule::new("confluent-secret", "Confluent Cloud API secret", Critical,
        &["confluent", "cflt"], assigned!("(?:confluent[a-z_.-]{0,12}secret|cflt)", "(?:cflt)?[A-Za-z0-9+/]{60,}"), "CONFLUENT_API_SECRET={64 alnum}", "CONFLUENT_VERSION={12 alnum}")
        .entropy(4.2),
    // Identity
    Rule::new("okta-api-token", "Okta API token", Critical,
        &["okta", "ssws"], r#"(?i)(?:okta|ssws)[^\r\n]{0,40}?[ \t"'=:]((?-i:00[A-Za-z0-9_-]{40}))(?:[^A-Za-z0-9_-]|$)"#, "OKTA_API_TOKEN=00{40 alnum}", "OKTA_DOMAIN=00{12 alnum}")
        .entropy(3.8),
    Rule::new("auth0-client-secret", "Auth0 client secret", High,
        &["auth0"], assigned!("auth0[a-z_.-]{0,12}secret", "[A-Za-z0-9_-]{64}"), "AUTH0_CLIENT_SECRET={64 alnum}", "AUTH0_CLIENT_ID={32 alnum}"),
    Rule::new("facebook-access-token", "Meta access token", High,
        &["EAA"], r"EAA[A-Z][A-Za-z0-9]{100,}\b", "EAAG{180 alnum}", "EAAG{20 alnum}")
        .when(is_meta_token),
    Rule::new("facebook-app-secret", "Meta app secret", High,
        &["facebook", "fb_app"], assigned!("(?:facebook|fb_app)[a-z_.-]{0,12}secret", "[0-9a-f]{32}"), "FACEBOOK_APP_SECRET={32 hex}", "FACEBOOK_APP_ID={15 digit}"),
    Rule::new("twitter-bearer-token", "X bearer token", High,
        &["twitter", "x_bearer"], r#"(?i)(?:twitter|x_bearer)[^\r\n]{0,60}?[ \t"'=:]((?-i:AAAAAAAAAAAAAAAAAAAAA[A-Za-z0-9%]{60,}))"#, "TWITTER_BEARER_TOKEN=AAAAAAAAAAAAAAAAAAAAA{80 alnum}", "TWITTER_BEARER_TOKEN=AAAA{9 alnum}"),
    Rule::new("twitter-api-secret", "X API secret", High,
        &["twitter"], assigned!("twitter[a-z_.-]{0,20}secret", "[A-Za-z0-9]{45,50}"), "TWITTER_API_SECRET={50 alnum}", "TWITTER_API_KEY={25 alnum}")
        .entropy(4.0),
    Rule::new("linkedin-client-secret", "LinkedIn client secret", High,
        &["linkedin"], assigned!("linkedin[a-z_.-]{0,12}secret", "(?:WPL_AP[01]\\.)?[A-Za-z0-9]{16}(?:\\.[A-Za-z0-9+/=]{6,8})?"), "LINKEDIN_CLIENT_SECRET={16 alnum}", "LINKEDIN_CLIENT_ID={14 alnum}")
        .entropy(3.0),
    Rule::new("twitch-client-secret", "Twitch client secret", Medium,
        &["twitch"], assigned!("twitch[a-z_.-]{0,12}(?:secret|token)", "[a-z0-9]{30}"), "TWITCH_CLIENT_SECRET={30 lower}", "TWITCH_CHANNEL={12 lower}"),
    // Work
    Rule::new("dropbox-access-token", "Dropbox access token", High,
        &["sl.u.", "sl.B", "sl.A"], r"sl\.(?:u\.)?[A-Za-z0-9_-]{130,}", "sl.u.{400 alnum}", "sl.u.{9 alnum}")
        .reach(2 << 10),
    Rule::new("airtable-pat", "Airtable personal access token", High,
        &["airtable"], r#"(?i)airtable[^\r\n]{0,60}?[ \t"'=:]((?-i:pat[A-Za-z0-9]{14}\.[0-9a-f]{64}))\b"#, "AIRTABLE_TOKEN=pat{14 alnum}.{64 hex}", "AIRTABLE_PATH=pat{14 alnum}.{9 hex}"),
    Rule::new("airtable-api-key", "Airtable API key", Medium,
        &["airtable"], assigned!("airtable", "key[A-Za-z0-9]{14}"), "AIRTABLE_API_KEY=key{14 alnum}", "AIRTABLE_BASE=app{14 alnum}"),
    Rule::new("asana-pat", "Asana personal access token", High,
        &["asana"], assigned!("asana", "[0-9]/[0-9]{14,18}(?:/[0-9]{14,18})?:[0-9a-f]{32}"), "ASANA_TOKEN=2/{16 digit}/{16 digit}:{32 hex}", "ASANA_PROJECT={16 digit}"),
    Rule::new("linear-api-key", "Linear API key", High,
        &["lin_api_", "lin_oauth_"], r"lin_(?:api_[A-Za-z0-9]{40}|oauth_[0-9a-f]{64})\b", "lin_api_{40 alnum}", "lin_api_{9 alnum}"),
    Rule::new("notion-token", "Notion integration token", High,
        &["ntn_", "secret_"], r"(?:ntn_[0-9]{11}[A-Za-z0-9]{35}|secret_[A-Za-z0-9]{43})\b", "ntn_{11 digit}{35 alnum}", "secret_{9 alnum}")
        .entropy(3.8),
    Rule::new("figma-token", "Figma access token", High,
        &["figd_", "figo_", "figu_"], r"fig[dou][hr]?_[A-Za-z0-9_-]{40}", "figd_{40 alnum}", "figd_{9 alnum}"),
    Rule::new("algolia-admin-key", "Algolia API key", Medium,
        &["algolia"], assigned!("algolia[a-z_.-]{0,12}(?:admin|write|api)[a-z_.-]{0,8}key", "[0-9a-f]{32}"), "ALGOLIA_ADMIN_API_KEY={32 hex}", "ALGOLIA_SEARCH_KEY={32 hex}"),
    Rule::new("contentful-pat", "Contentful management token", High,
        &["CFPAT-"], r"CFPAT-[A-Za-z0-9_-]{43}", "CFPAT-{43 alnum}", "CFPAT-{9 alnum}"),
    Rule::new("hubspot-token", "HubSpot private app token", High,
        &["pat-na", "pat-eu"], r"pat-(?:na|eu)[0-9]-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "pat-na1-{uuid}", "pat-na1-{9 hex}"),
    Rule::new("typeform-token", "Typeform token", Medium,
        &["tfp_"], r"tfp_[A-Za-z0-9_.=-]{40,62}", "tfp_{59 alnum}", "tfp_{9 alnum}"),
    Rule::new("clickup-token", "ClickUp API token", High,
        &["pk_"], r"pk_[0-9]{5,12}_[A-Z0-9]{32}\b", "pk_{8 digit}_{32 upper}", "pk_{8 digit}"),
    Rule::new("launchdarkly-key", "LaunchDarkly SDK or API key", Medium,
        &["sdk-", "api-"], r"(?:sdk|api)-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b", "sdk-{uuid}", "sdk-{8 hex}"),
    Rule::new("mapbox-secret-token", "Mapbox secret token", High,
        &["sk.eyJ"], r"sk\.eyJ[A-Za-z0-9_-]{50,}\.[A-Za-z0-9_-]{20,30}", "sk.eyJ{90 alnum}.{22 alnum}", "sk.eyJ{9 alnum}"),
    Rule::new("maxmind-license-key", "MaxMind licence key", Low,
        &["_mmk"], r"\b[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk\b", "{6 alnum}_{29 alnum}_mmk", "{6 alnum}_mmk")
        .back(38),
    Rule::new("adafruit-io-key", "Adafruit IO key", Medium,
        &["aio_"], r"aio_[A-Za-z0-9]{28}\b", "aio_{28 alnum}", "aio_{9 alnum}")
        .entropy(3.5),
    Rule::new("defined-networking-token", "Defined Networking token", High,
        &["dnkey-"], r"dnkey-[A-Z0-9]{26}-[A-Z0-9]{52}\b", "dnkey-{26 upper}-{52 upper}", "dnkey-{26 upper}"),
    Rule::new("frameio-token", "Frame.io token", Medium,
        &["fio-u-"], r"fio-u-[A-Za-z0-9_=-]{64}", "fio-u-{64 alnum}", "fio-u-{9 alnum}"),
    Rule::new("rapidapi-key", "RapidAPI key", Medium,
        &["msh"], r"\b[0-9a-f]{10}msh[0-9a-f]{15}p1[0-9a-f]{5}jsn[0-9a-f]{12}\b", "{10 hex}msh{15 hex}p1{5 hex}jsn{12 hex}", "{10 hex}msh{15 hex}")
        .back(11),
];
