//! `kill -9` in the middle of an update, at many moments: afterwards there is the old version or the new one, whole.

use super::*;
use rustix::process::{Signal, getpid, kill_process};
use std::{
    env,
    process::Command,
    thread,
    time::{Duration, Instant},
};

const DIR: &str = "GABION_TEST_KILLED_DIR";
const SERVER: &str = "GABION_TEST_KILLED_SERVER";
const PUBLIC: &str = "GABION_TEST_KILLED_KEY";
const AFTER: &str = "GABION_TEST_KILLED_AFTER";

/// The process that is killed: by itself, at a moment that its parent chose.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn child() {
    let (Some(dir), Some(server)) = (env::var_os(DIR), env::var_os(SERVER)) else {
        return;
    };
    let number: u64 = env::var(AFTER).unwrap().parse().unwrap();
    let key: PublicKey = env::var(PUBLIC).unwrap().parse().unwrap();
    let target = PathBuf::from(dir).join("test.seg");
    let mut chunks = Directory(server.into());
    let manifest = fetch_manifest(&mut chunks, &key, expected()).unwrap();
    let have = Segment::open(&target).ok();
    let start = Instant::now();
    thread::spawn(move || {
        while start.elapsed() < Duration::from_micros(number) {
            std::hint::spin_loop();
        }
        kill_process(getpid(), Signal::KILL).unwrap();
    });
    update(have.as_ref(), &manifest, "test", &mut chunks, &target).unwrap();
}

#[test]
fn whenever_it_is_killed_there_is_the_old_version_or_the_new_one() {
    let (server, dir) = (Server::new(), TempDir::new().unwrap());
    let old = build(&dir.path().join("old"), &many_rows(20_000, 0), None);
    let new = build(&dir.path().join("new"), &many_rows(20_000, 1), Some(&old));
    server.publish(&old);
    server.publish(&new);
    let home = TempDir::new().unwrap();
    let target = home.path().join("test.seg");
    let put = |from: &str| {
        let beside = home.path().join("put");
        fs::copy(dir.path().join(from), &beside).unwrap();
        fs::rename(beside, &target).unwrap();
    };
    put("old");
    let start = Instant::now();
    let have = Segment::open(&target).unwrap();
    server.update(Some(&have), &target).unwrap();
    let usual = start.elapsed();

    let (mut unchanged, mut updated) = (0, 0);
    for round in 0..60u32 {
        // Every third time there is nothing to begin with, so that all of it is fetched.
        let begin = if round % 3 == 2 { None } else { Some("old") };
        match begin {
            Some(name) => put(name),
            None => drop(fs::remove_file(&target)),
        }
        let after = usual.as_micros() as u64 * u64::from(round) / 50;
        let status = Command::new(env::current_exe().unwrap())
            .args(["transfer::tests::killed::child", "--exact", "--ignored", "--quiet"])
            .envs([(DIR, home.path()), (SERVER, server.0.path())])
            .envs([(PUBLIC, KEY.1.clone()), (AFTER, after.to_string())])
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        let now = match Segment::open(&target) {
            Ok(segment) => segment,
            Err(error) => {
                assert!(begin.is_none() && !target.exists(), "{error}");
                unchanged += 1;
                continue;
            }
        };
        now.verify().unwrap();
        if now.root() == new.root() {
            updated += 1;
        } else {
            assert_eq!(now.root(), old.root());
            assert!(!status.success());
            unchanged += 1;
        }
    }
    assert!(unchanged > 0 && updated > 0, "{unchanged} {updated}");
    // What the killed ones left is no obstacle, and does not stay.
    put("old");
    let have = Segment::open(&target).unwrap();
    server.update(Some(&have), &target).unwrap();
    assert!(same(&target, &dir.path().join("new")));
    assert_eq!(fs::read_dir(&home).unwrap().count(), 1);
}
