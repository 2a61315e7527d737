//! What a database does not take now, and what it never takes.

use super::{super::*, faults::noise, *};
use std::collections::BTreeSet;

#[test]
fn a_long_name_of_a_package_is_kept_and_a_report_that_never_fits_is_no_trouble_of_the_database() {
    on_both(|state| async move {
        let name = format!("{}é{}", noise(1_023), noise(9_000));
        let mut long =
            report("shop/web:1", 1, "3.0.1", vec![vulnerability("CVE-2024-1", &name, "1", Severity::High)]);
        long.packages.push(Package::new(PackageKind::Deb, name.clone(), "1", "dpkg"));
        let id = image_id(&long);
        state.keep_report(&id, "shop/web:1", &long, None, T0).await.expect("kept");
        state
            .keep_known_as(&id, &BTreeSet::from([(1, name.clone()), (1, "openssl".to_owned())]))
            .await
            .expect("kept");
        let packages = state.packages_of(&id, "", &ALL, &Paging::default()).await.expect("a page").items;
        let listed = packages.iter().find(|one| one.name != "openssl").expect("is there");
        assert!(name.starts_with(&listed.name) && listed.name.len() == 1_023, "{}", listed.name.len());
        assert_eq!(listed.open, 1, "what is found in it is counted");
        let whole = state.report(&id).await.expect("asked").expect("is there");
        assert_eq!(whole.packages[1].name, name);

        let never = report(
            "shop/web:1",
            1,
            "3.0.1",
            vec![vulnerability(&noise(10_000), "openssl", "1", Severity::High)],
        );
        let kept = state.keep_report(&id, "shop/web:1", &never, None, T0).await;
        // SQLite takes anything.
        if state.kind() == Kind::Postgres {
            let error = kept.expect_err("no index takes it");
            assert!(!error.is_away() && error.to_string().contains("index row"), "{error}");
        }
        state.pool.close().await;
        assert!(state.ping().await.expect_err("it is closed").is_away());
    });
}

#[test]
fn codes_of_databases_say_whether_the_same_may_do_later() {
    for passing in [
        "08006", "40P01", "53100", "57P01", "57P03", "25006", "25P03", "55P03", "5", "261", "13", "778", "14",
    ] {
        assert!(super::super::is_passing(passing), "{passing}");
    }
    for lasting in ["54000", "22021", "23505", "42P01", "1", "19", "1555", "2067", "20"] {
        assert!(!super::super::is_passing(lasting), "{lasting}");
    }
}
