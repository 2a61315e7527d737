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
const WORK: &str = "GABION_TEST_STORE_WORK";

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

/// The process that is killed: it updates if there is a server, else it builds, adds or removes.
#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn child() {
    let Some(client) = env::var_os(CLIENT).map(PathBuf::from) else {
        return;
    };
    let Some(server) = env::var_os(SERVER) else {
        match env::var(WORK).unwrap().as_str() {
            "add" => add(&client, &["npm"], 1).unwrap(),
            "remove" => Change::begin(&client).unwrap().remove(&["npm"], now()).unwrap(),
            _ => build(&client, &NAMES, 1).unwrap(),
        };
        return;
    };
    let key = env::var(PUBLIC).unwrap().parse().unwrap();
    let upstream =
        Upstream { chunks: &mut Directory(server.into()), name: "a test", key: &key, allow_older: false };
    Change::begin(&client).unwrap().update(upstream, now(), &mut |_| {}).unwrap();
}

/// Kills a child before its first step, its second, and so on, until one comes to its end. Afterwards there are the versions
/// that were `before`, or those of `after`.
fn kill_at_every_step(
    client: &Path,
    server: Option<&Path>,
    work: &str,
    [before, after]: [&str; 2],
    restore: impl Fn(),
) {
    let mut seen = Vec::new();
    for steps in 0.. {
        restore();
        let status = Command::new(env::current_exe().unwrap())
            .args(["store::tests::killed::child", "--exact", "--ignored", "--quiet"])
            .env(CLIENT, client)
            .envs(server.map(|server| (SERVER, server)))
            .env(PUBLIC, &KEY.1)
            .env(STEPS, steps.to_string())
            .env(WORK, work)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        match Store::open(client) {
            Ok(store) => {
                assert!(store.verify().all(|(_, verified)| verified.is_ok()));
                seen.push(versions(&store).concat());
            }
            Err(StoreError::Absent(_)) => seen.push("absent".to_owned()),
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
    let switched = seen.iter().position(|versions| versions != before).unwrap_or(seen.len());
    assert!(switched > 2 && seen[switched..].iter().all(|versions| versions == after), "{seen:?}");
    assert_eq!(seen.last().unwrap(), after);
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
    kill_at_every_step(&world.client, Some(&world.server), "update", ["000", "111"], || {
        restore(Some(&old), &world.client);
    });
}

#[test]
fn a_first_update() {
    let (world, _) = world();
    kill_at_every_step(&world.client, Some(&world.server), "update", ["absent", "111"], || {
        restore(None, &world.client);
    });
}

/// Two versions of a database that is built here: the first, and what becomes of it.
fn work(work: &str, after: &str) {
    let root = TempDir::new().unwrap();
    let (old, client) = (root.path().join("old"), root.path().join("client"));
    build(&old, &NAMES, 0).unwrap();
    kill_at_every_step(&client, None, work, ["000", after], || restore(Some(&old), &client));
    assert_eq!(leftovers(&client), 0);
}

#[test]
fn a_build() {
    work("build", "111");
}

#[test]
fn an_addition() {
    work("add", "001");
}

#[test]
fn a_removal() {
    work("remove", "00");
}
