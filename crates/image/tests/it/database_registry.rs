//! A database in Debian's `docker-registry`, with TLS and a login: pushed, fetched, changed.

use crate::{
    database::{World, deltas, versions},
    registry_tls::{TOOLS, start},
    support::{Heard, can_run, directory},
};
use gabion_image::source::{
    Reference, SourceError,
    auth::{Credentials, Keychain, Secret},
    database::push,
};

#[test]
fn a_database_goes_through_a_real_registry() {
    if !can_run("a_database_goes_through_a_real_registry", &TOOLS) {
        return;
    }
    let home = directory();
    let (_registry, host) = start(home.path());
    let mut world = World::new();
    world.options.authorities = vec![home.path().join("ca.crt")];
    let place = format!("oci://{host}/team/db:v1");
    let reference: Reference = format!("{host}/team/db:v1").parse().expect("a reference");
    let heard = Heard::default();

    world.publish(0);
    let error = push(&world.published(), &reference, &world.options, &heard).expect_err("no login");
    assert!(matches!(error, SourceError::Unauthorized { .. }), "{error}");
    let password = Secret::new("s3cret");
    world.options.keychain.given = Some(Credentials::Basic { user: "ann".to_owned(), password });
    let told = world.fails(&place);
    assert!(told.contains("does not have it"), "{told}");

    push(&world.published(), &reference, &world.options, &heard).expect("pushes");
    let (store, _) = world.update(&place).expect("updates");
    assert_eq!(versions(&store), ["0", "0"]);
    let (total, sent) = heard.bytes();
    assert!(total == sent && total > 2 << 20, "{sent} of {total}");

    world.publish(1);
    let digest = push(&world.published(), &reference, &world.options, &heard).expect("pushes");
    let (store, report) = world.update(&place).expect("updates");
    assert_eq!(versions(&store), ["1", "1"]);
    assert!(deltas(&report), "{report:?}");
    let before = heard.bytes();
    let again = push(&world.published(), &reference, &world.options, &heard).expect("pushes");
    assert_eq!((again, heard.bytes()), (digest, before), "all is there already");

    // By digest the same, and nothing that the tag does not name.
    let (_, report) = world.update(&format!("oci://{host}/team/db@{digest}")).expect("updates");
    assert!(report.unchanged());
    let other = digest.to_string().replace(|c: char| c.is_ascii_digit(), "0").replacen("sha000", "sha256", 1);
    assert!(world.fails(&format!("oci://{host}/team/db@{other}")).contains("does not have it"));
    world.options.keychain = Keychain::default();
    assert!(world.fails(&place).contains("refuses"));
}
