//! `kill -9` before each change of the disk in turn: afterwards there is the old database or the new one, whole.

use super::*;
use rustix::process::{Signal, getpid, kill_process};
use std::{
    env,
    process::{Command, Stdio},
    sync::atomic::AtomicU64,
};

const CLIENT: &str = "GABION_TEST_STORE_CLIENT";
const SERVER: &str = "GABION_TEST_STORE_SERVER";
const PUBLIC: &str = "GABION_TEST_STORE_KEY";
const STEPS: &str = "GABION_TEST_STORE_STEPS";

/// Ends this process, if its parent wants that after as many steps as it has taken.
pub(crate) fn step() {
    static LEFT: LazyLock<Option<AtomicU64>> =
        LazyLock::new(|| Some(AtomicU64::new(env::var(STEPS).ok()?.parse().ok()?)));
    if let Some(left) = &*LEFT
        && left.fetch_sub(1, Relaxed) == 0
    {
        kill_process(getpid(), Signal::KILL).unwrap();
    }
}

/// The process that is killed: it updates if there is a server, else it builds.
#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn child() {
    let Some(client) = env::var_os(CLIENT).map(PathBuf::from) else {
        return;
    };
    let Some(server) = env::var_os(SERVER) else {
        build(&client, &NAMES, 1).unwrap();
        return;
    };
    let key = env::var(PUBLIC).unwrap().parse().unwrap();
    let upstream =
        Upstream { chunks: &mut Directory(server.into()), name: "a test", key: &key, allow_older: false };
    Change::begin(&client).unwrap().update(upstream, now(), &mut |_| {}).unwrap();
}

/// Kills a child before its first step, its second, and so on, until one comes to its end.
fn kill_at_every_step(client: &Path, server: Option<&Path>, restore: impl Fn()) {
    let mut seen = Vec::new();
    for steps in 0.. {
        restore();
        let status = Command::new(env::current_exe().unwrap())
            .args(["store::tests::killed::child", "--exact", "--ignored", "--quiet"])
            .env(CLIENT, client)
            .envs(server.map(|server| (SERVER, server)))
            .env(PUBLIC, &KEY.1)
            .env(STEPS, steps.to_string())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        match Store::open(client) {
            Ok(store) => {
                assert!(store.verify().all(|(_, verified)| verified.is_ok()));
                let versions = versions(&store);
                assert_eq!(versions, vec![versions[0].clone(); 3], "after {steps} steps");
                seen.push(versions[0].clone());
            }
            Err(StoreError::Absent(_)) => seen.push(String::new()),
            Err(error) => panic!("after {steps} steps: {error}"),
        }
        if status.success() {
            break;
        }
        // What the killed one left is no obstacle, and does not stay.
        if steps % 4 == 0
            && let Some(server) = server
        {
            let key = KEY.1.parse().unwrap();
            let chunks = &mut Directory(server.to_owned());
            let upstream = Upstream { chunks, name: "a test", key: &key, allow_older: false };
            Change::begin(client).unwrap().update(upstream, now(), &mut |_| {}).unwrap();
            assert_eq!(leftovers(client), 0, "after {steps} steps");
        }
    }
    assert!(seen.len() > 12, "{seen:?}");
    assert!(seen.is_sorted(), "{seen:?}");
    assert_eq!(seen.last().unwrap(), "1");
}

/// Two versions on a server, and a client that has the first.
fn world() -> (World, PathBuf) {
    let world = World::new();
    world.publish(&NAMES, 0);
    world.update().unwrap();
    world.publish(&NAMES, 1);
    let old = world.client.with_extension("old");
    fs::rename(&world.client, &old).unwrap();
    (world, old)
}

fn restore(old: Option<&Path>, client: &Path) {
    drop(fs::remove_dir_all(client));
    let Some(old) = old else {
        return;
    };
    fs::create_dir_all(client.join("segments")).unwrap();
    fs::copy(old.join("current.json"), client.join("current.json")).unwrap();
    for entry in fs::read_dir(old.join("segments")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), client.join("segments").join(entry.file_name())).unwrap();
    }
}

#[test]
fn an_update_by_deltas() {
    let (world, old) = world();
    kill_at_every_step(&world.client, Some(&world.server), || restore(Some(&old), &world.client));
}

#[test]
fn a_first_update() {
    let (world, _) = world();
    kill_at_every_step(&world.client, Some(&world.server), || restore(None, &world.client));
}

#[test]
fn a_build() {
    let (world, old) = world();
    kill_at_every_step(&world.client, None, || restore(Some(&old), &world.client));
    assert_eq!(leftovers(&world.client), 0);
}
