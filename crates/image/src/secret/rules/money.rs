//! Payments, shops, parcels.

use super::{
    super::checks::{self, Candidate},
    Rule, assigned,
};
use gabion_model::Severity::{Critical, High, Low, Medium};

/// Without its newer prefix a token looks like a line of a certificate; the name must be near.
fn is_square(candidate: &Candidate<'_>) -> bool {
    let is_told = candidate.secret().starts_with(b"sq0") || candidate.is_near(&[b"square"]);
    is_told && checks::entropy(candidate.secret()) >= 3.5
}

#[rustfmt::skip] // a table: three or four lines a rule
pub(super) const RULES: &[Rule] = &[
    Rule::new("stripe-secret-key", "Stripe secret key", Critical,
        &["sk_live_"], r"sk_live_[0-9A-Za-z]{24,}\b", "sk_{= live}_{99 alnum}", "sk_{= live}_{9 alnum}"),
    Rule::new("stripe-restricted-key", "Stripe restricted key", High,
        &["rk_live_"], r"rk_live_[0-9A-Za-z]{24,}\b", "rk_{= live}_{99 alnum}", "rk_{= live}_{9 alnum}"),
    Rule::new("stripe-test-key", "Stripe test key", Low,
        &["sk_test_", "rk_test_"], r"[sr]k_test_[0-9A-Za-z]{24,}\b", "sk_{= test}_{99 alnum}", "sk_{= test}_{9 alnum}"),
    Rule::new("stripe-webhook-secret", "Webhook signing secret", High,
        &["whsec_"], r"whsec_[0-9A-Za-z+/]{32,}={0,2}", "whsec_{32 alnum}", "whsec_{9 alnum}"),
    Rule::new("square-access-token", "Square access token", Critical,
        &["sq0atp-", "EAAAE", "EAAAl"], r"(?:sq0atp-[0-9A-Za-z_-]{22}|EAAA[El][0-9A-Za-z_-]{59}\b)", "sq0atp-{22 alnum}", "sq0atp-{9 alnum}")
        .when(is_square),
    Rule::new("square-oauth-secret", "Square OAuth secret", Critical,
        &["sq0csp-"], r"sq0csp-[0-9A-Za-z_-]{43}", "sq0csp-{43 alnum}", "sq0csp-{9 alnum}"),
    Rule::new("braintree-access-token", "Braintree access token", Critical,
        &["access_token$production$"], r"access_token\$production\$[0-9a-z]{16}\$[0-9a-f]{32}\b", "access_token$production${16 lower}${32 hex}", "access_token$production${9 lower}"),
    Rule::new("paypal-client-secret", "PayPal client secret", High,
        &["paypal"], assigned!("paypal[a-z_.-]{0,10}(?:secret|token)", "E[A-Za-z0-9_-]{79}"), "PAYPAL_CLIENT_SECRET=E{79 alnum}", "PAYPAL_MODE={12 alnum}"),
    Rule::new("shopify-access-token", "Shopify access token", Critical,
        &["shpat_", "shpca_", "shppa_"], r"shp(?:at|ca|pa)_[0-9a-fA-F]{32}\b", "shpat_{32 hex}", "shpat_{12 hex}"),
    Rule::new("shopify-shared-secret", "Shopify shared secret", High,
        &["shpss_"], r"shpss_[0-9a-fA-F]{32}\b", "shpss_{32 hex}", "shpss_{12 hex}"),
    Rule::new("plaid-access-token", "Plaid access token", Critical,
        &["access-production-"], r"access-production-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "access-production-{uuid}", "access-production-{12 hex}"),
    Rule::new("flutterwave-secret-key", "Flutterwave secret key", High,
        &["FLWSECK"], r"FLWSECK(?:_TEST)?-[0-9a-hA-H]{12,40}-X\b", "FLWSECK-{32 hex}-X", "FLWSECK-X"),
    Rule::new("mollie-api-key", "Mollie API key", High,
        &["mollie"], assigned!("mollie[a-z_.-]{0,8}key", "live_[A-Za-z0-9]{30,60}"), "MOLLIE_API_KEY=live_{30 alnum}", "MOLLIE_API_KEY=test"),
    Rule::new("razorpay-key", "Razorpay key", Medium,
        &["rzp_live_"], r"rzp_live_[A-Za-z0-9]{14}\b", "rzp_live_{14 alnum}", "rzp_live_{5 alnum}"),
    Rule::new("easypost-api-key", "EasyPost API key", High,
        &["EZAK"], r"EZAK[A-Za-z0-9]{54}\b", "EZAK{54 alnum}", "EZAK{9 alnum}"),
    Rule::new("shippo-token", "Shippo API token", High,
        &["shippo_live_"], r"shippo_live_[0-9a-f]{40}\b", "shippo_live_{40 hex}", "shippo_live_{9 hex}"),
    Rule::new("duffel-token", "Duffel API token", High,
        &["duffel_live_"], r"duffel_live_[A-Za-z0-9_=-]{43}", "duffel_live_{43 alnum}", "duffel_live_{9 alnum}"),
    Rule::new("adyen-api-key", "Adyen API key", High,
        &["AQE"], r"AQE[a-z][A-Za-z0-9+/]{30,}={0,2}-[A-Za-z0-9+/]{30,}={0,2}-[A-Za-z0-9]{8,24}", "AQEh{80 alnum}-{44 alnum}=-{16 alnum}", "AQEh{12 alnum}"),
];
